package nestor.cpu.arm64;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against an Armv8.0 processor with AdvSIMD, whose cryptographic extension we do not have. */
class SimdDifferentialTest {
    private static final String MODEL = "cortex-a57";

    /** Encoding groups of §C4.1.96; {@code x} is any bit, spaces do not count. */
    enum Group {
        THREE_SAME("0 x x 01110 xx 1 xxxxx xxxxx 1 xxxxxxxxxx"),
        THREE_SAME_FP("0 x x 01110 xx 1 xxxxx 11xxx 1 xxxxxxxxxx"),
        THREE_DIFFERENT("0 x x 01110 xx 1 xxxxx xxxx 00 xxxxxxxxxx"),
        TWO_REGISTER("0 x x 01110 xx 10000 xxxxx 10 xxxxxxxxxx"),
        ACROSS("0 x x 01110 xx 11000 xxxxx 10 xxxxxxxxxx"),
        UNALLOCATED_MISCELLANEOUS("0 x x 01110 xx 1xxxx xxxxx 10 xxxxxxxxxx"),
        COPY("0 x x 01110 000 xxxxx 0 xxxx 1 xxxxxxxxxx"),
        TABLE_AND_EXTRACT("0 x x 01110 xx 0 xxxxx x xxxx x xxxxxxxxxx"),
        TABLE("0 x 0 01110 00 0 xxxxx 0 xx x 00 xxxxxxxxxx"),
        PERMUTE("0 x 0 01110 xx 0 xxxxx 0 xxx 10 xxxxxxxxxx"),
        EXTRACT("0 x 1 01110 00 0 xxxxx 0 xxxx 0 xxxxxxxxxx"),
        MODIFIED_IMMEDIATE("0 x x 01111 00000 xxx xxxx x 1 xxxxxxxxxx"),
        SHIFT_IMMEDIATE("0 x x 01111 0xxxx xxx xxxxx 1 xxxxxxxxxx"),
        BY_ELEMENT("0 x x 01111 xx xx xxxx xxxx x 0 xxxxxxxxxx"),
        SCALAR_THREE_SAME("01 x 11110 xx 1 xxxxx xxxxx 1 xxxxxxxxxx"),
        SCALAR_THREE_DIFFERENT("01 x 11110 xx 1 xxxxx xxxx 00 xxxxxxxxxx"),
        SCALAR_TWO_REGISTER("01 x 11110 xx 10000 xxxxx 10 xxxxxxxxxx"),
        SCALAR_PAIRWISE("01 x 11110 xx 11000 xxxxx 10 xxxxxxxxxx"),
        SCALAR_COPY("01 x 11110 000 xxxxx 0 xxxx 1 xxxxxxxxxx"),
        SCALAR_BIT_21_CLEAR("01 x 11110 xx 0 xxxxx x xxxx x xxxxxxxxxx"),
        SCALAR_SHIFT_IMMEDIATE("01 x 11111 0xxxx xxx xxxxx 1 xxxxxxxxxx"),
        SCALAR_BY_ELEMENT("01 x 11111 xx xx xxxx xxxx x 0 xxxxxxxxxx"),
        FP_TO_FIXED("x 0 0 11110 0x 0 xx xxx xxxxxx xxxxxxxxxx"),
        FP_TO_INTEGER("x 0 0 11110 xx 1 xx xxx 000000 xxxxxxxxxx"),
        FP_ONE_SOURCE("0 0 0 11110 xx 1 00xxxx 10000 xxxxxxxxxx"),
        FP_TWO_SOURCE("0 0 0 11110 0x 1 xxxxx xxxx 10 xxxxxxxxxx"),
        FP_THREE_SOURCE("0 0 0 11111 0x x xxxxx x xxxxx xxxxxxxxxx"),
        FP_COMPARE("0 0 0 11110 0x 1 xxxxx 00 1000 xxxxx xx 000"),
        FP_CONDITIONAL("0 0 0 11110 0x 1 xxxxx xxxx x1 xxxxxxxxxx"),
        FP_IMMEDIATE("0 0 0 11110 0x 1 xxxxxxxx 100 00000 xxxxx"),
        FP_ANY("x x x 1111x xxxxxxxxxxxxxxxxxxxxxxxx"),
        ANY("0 x x 0111x xxxxxxxxxxxxxxxxxxxxxxxx");

        private final int fixed;
        private final int free;

        Group(String pattern) {
            String bits = pattern.replace(" ", "");
            if (bits.length() != 32) {
                throw new IllegalArgumentException(name());
            }
            fixed = Integer.parseUnsignedInt(bits.replace('x', '0'), 2);
            free = Integer.parseUnsignedInt(bits.replace('1', '0').replace('x', '1'), 2);
        }

        int word(int random) {
            return fixed | random & free;
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("§C7.2: every word of a group computes, or is undefined, as on the processor")
    void wordsOfAGroupDoAsOnTheProcessor(Group group) {
        QemuOracle oracle = Differential.oracle(MODEL);
        Differential.compare(
                group.name(),
                oracle,
                test -> {
                    FpOperands.fill(test);
                    int word = group.word(test.random().nextInt());
                    while (cryptographic(word)) {
                        word = group.word(test.random().nextInt());
                    }
                    test.emit(word);
                });
    }

    /** AES, SHA and the 64-bit PMULL (§C4.1.96). */
    private static boolean cryptographic(int word) {
        boolean aes = (word & 0xff3e_0c00) == 0x4e28_0800;
        boolean threeSha = (word & 0xff20_8c00) == 0x5e00_0000;
        boolean twoSha = (word & 0xff3e_0c00) == 0x5e28_0800;
        boolean multiply = (word & 0xbfe0_fc00) == 0x0ee0_e000;
        return aes || threeSha || twoSha || multiply;
    }
}
