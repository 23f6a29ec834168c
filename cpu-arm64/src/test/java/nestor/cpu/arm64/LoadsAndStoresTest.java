package nestor.cpu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("§C4.1.88: loads and stores do what the oracle does")
class LoadsAndStoresTest {
    private static final int POST_INDEX = 0b01;

    /** Neither authority has memory there, nor 64 KiB around. */
    private static final long UNMAPPED = 0x4000_0000_0000L;

    @Test
    void unsignedOffset() {
        Differential.compare(
                "unsigned offset",
                test -> {
                    int word = test.word("xx111001 xxxxxxxx xxxxxxxx xxxxxxxx");
                    long offset = (long) (word >>> 10 & 0xfff) << (word >>> 30);
                    base(test, word, test.scratchVa(8, 1) - offset);
                });
    }

    @Test
    void signedOffsetPreAndPostIndexAndUnprivileged() {
        Differential.compare(
                "signed offset",
                test -> {
                    int word = test.word("xx111000 xx0xxxxx xxxxxxxx xxxxxxxx");
                    int offset = word << 11 >> 23;
                    boolean post = (word >>> 10 & 3) == POST_INDEX;
                    base(test, word, test.scratchVa(8, 1) - (post ? 0 : offset));
                });
    }

    @Test
    void registerOffset() {
        Differential.compare(
                "register offset",
                test -> {
                    int n = test.bits(5);
                    int m = test.registerOtherThan(n);
                    int word = test.word("xx111000 xx1xxxxx xxxx10xx xxxxxxxx");
                    word = word & ~(31 << 16 | 31 << 5) | m << 16 | n << 5;
                    int left = (word >>> 12 & 1) * (word >>> 30);
                    long index = test.xOrZr(m);
                    long offset =
                            switch (word >>> 13 & 7) {
                                case 0b010 -> index & 0xffff_ffffL;
                                case 0b110 -> (int) index;
                                default -> index;
                            };
                    base(test, word, test.scratchVa(8, 1) - (offset << left));
                });
    }

    @Test
    void literal() {
        Differential.compare(
                "literal",
                test -> {
                    int word = test.word("xx011000 00000000 00000000 000xxxxx");
                    int words = (int) (test.literalVa() - test.instructionVa()) >> 2;
                    test.emit(word | words + test.bits(1) << 5);
                });
    }

    @Test
    void pairs() {
        Differential.compare(
                "pairs",
                test -> {
                    int word = test.word("xx10100x xxxxxxxx xxxxxxxx xxxxxxxx");
                    if (word >>> 30 == 0b01) {
                        word |= 1 << 22; // LDPSW; without L: FEAT_MTE
                    }
                    long offset = (long) (word << 10 >> 25) << (word < 0 ? 3 : 2);
                    boolean post = (word >>> 23 & 3) == POST_INDEX;
                    base(test, word, test.scratchVa(16, 1) - (post ? 0 : offset));
                });
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "LDAR and STLR,    xx001000 1x0xxxxx 1xxxxxxx xxxxxxxx",
        "LDXR,             xx001000 010xxxxx xxxxxxxx xxxxxxxx",
        "LDXP,             1x001000 011xxxxx xxxxxxxx xxxxxxxx",
        "CAS,              xx001000 1x1xxxxx x11111xx xxxxxxxx",
        "CASP,             0x001000 0x1xxxx0 x11111xx xxxxxxx0",
        "atomic operation, xx111000 xx1xxxxx 0xxx00xx xxxxxxxx",
        "SWP,              xx111000 xx1xxxxx 100000xx xxxxxxxx",
    })
    void alignedAccess(String group, String diagram) {
        Differential.compare(
                group,
                test -> {
                    int word = test.word(diagram);
                    long va = test.scratchVa(16, 16);
                    boolean succeed = test.random().nextBoolean();
                    if (succeed) { // what CAS compares with is what is there
                        ByteBuffer scratch =
                                ByteBuffer.wrap(test.before.scratch).order(ByteOrder.LITTLE_ENDIAN);
                        int at = (int) (va - test.scratchVa());
                        int s = word >>> 16 & 31;
                        int elementBytes = group.equals("CASP") && word >>> 30 == 0 ? 4 : 8;
                        setX(test, s, load(scratch, at, elementBytes));
                        setX(test, s + 1, load(scratch, at + elementBytes, elementBytes));
                    }
                    base(test, word, va);
                });
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("§D1.3.4: an access that faults changes no register")
    @CsvSource({
        "unsigned offset,  xx111001 xxxxxxxx xxxxxxxx xxxxxxxx",
        "signed offset,    xx111000 xx0xxxxx xxxxxxxx xxxxxxxx",
        "register offset,  xx111000 xx1xxxxx x1xx10xx xxxxxxxx",
        "pair of W,        0010100x xxxxxxxx xxxxxxxx xxxxxxxx",
        "pair of X,        1010100x xxxxxxxx xxxxxxxx xxxxxxxx",
        "LDPSW,            0110100x x1xxxxxx xxxxxxxx xxxxxxxx",
        "LDAR and STLR,    xx001000 1x0xxxxx 1xxxxxxx xxxxxxxx",
        "LDXR,             xx001000 010xxxxx xxxxxxxx xxxxxxxx",
        "LDXP,             1x001000 011xxxxx xxxxxxxx xxxxxxxx",
        "CAS,              xx001000 1x1xxxxx x11111xx xxxxxxxx",
        "CASP,             0x001000 0x1xxxx0 x11111xx xxxxxxx0",
        "atomic operation, xx111000 xx1xxxxx 0xxx00xx xxxxxxxx",
    })
    void faultsArePrecise(String group, String diagram) {
        Differential.compare(
                group,
                test -> {
                    Arrays.fill(test.before.x, UNMAPPED);
                    base(test, test.word(diagram), UNMAPPED);
                });
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("§D1.3.4: a load of which only the second half faults changes no register")
    @CsvSource({
        "LDP,              10101001 01000000 0xxxxxxx xxxxxxxx, 8",
        "LDP post-index,   10101000 11xxxxxx xxxxxxxx xxxxxxxx, 8",
        "LDP of W,         00101001 01000000 0xxxxxxx xxxxxxxx, 4",
        "LDPSW post-index, 01101000 11xxxxxx xxxxxxxx xxxxxxxx, 4",
        "LDR post-index,   11111000 010xxxxx xxxx01xx xxxxxxxx, 4",
    })
    void faultsOfTheSecondHalfArePrecise(String group, String diagram, int mappedBytes) {
        long end = QemuOracle.BASE + QemuOracle.IMAGE_BYTES;
        Differential.compare(group, test -> base(test, test.word(diagram), end - mappedBytes));
    }

    private static long load(ByteBuffer scratch, int at, int bytes) {
        return bytes == 4 ? scratch.getInt(at) : scratch.getLong(at);
    }

    private static void setX(TestCase test, int n, long value) {
        if (n < 31) {
            test.before.x[n] = value;
        }
    }

    @Test
    @DisplayName("§B2.12: an exclusive store succeeds after its load unless memory changed between")
    void exclusivePairOfInstructions() {
        Differential.compare("LDXR, STR, STXR", test -> exclusives(test, false));
        Differential.compare("LDXP, STR, STXP", test -> exclusives(test, true));
    }

    private static void exclusives(TestCase test, boolean pair) {
        int n = test.bits(5);
        int t = test.registerOtherThan(n);
        int u = test.registerOtherThan(n, t);
        int s = test.registerOtherThan(n, t, u);
        int size = test.bits(pair ? 1 : 2) << 30;
        int registers = u << 10 | n << 5 | t;
        int load = size | (pair ? 0x887f0000 : 0x085f0000) | test.bits(1) << 15;
        int store = size | (pair ? 0x88200000 : 0x08000000) | test.bits(1) << 15;
        if (test.random().nextInt(4) > 0) {
            test.emit(load | registers);
        }
        if (test.random().nextBoolean()) {
            test.emit(0x39000000 | n << 5 | test.bits(5)); // STRB
        }
        test.emit(store | s << 16 | registers);
        if (test.random().nextBoolean()) {
            test.emit(store | s << 16 | registers);
        }
        test.setXOrSp(n, test.scratchVa(16, 16));
    }

    /** Sets the base register and emits the word; without write-back, any base will do. */
    private static void base(TestCase test, int word, long base) {
        test.setXOrSp(word >>> 5 & 31, base);
        test.emit(word);
    }

    @Test
    @DisplayName("what is unallocated in Armv8.0 is UNDEFINED")
    void sameWordsAreUndefined() {
        compareUndefined(
                "cortex-a57",
                test -> {
                    int word = test.word("xxxx100x xxxxxxxx xxxxxxxx xxxxxxxx");
                    while (isLse(word)) {
                        word = test.word("xxxx100x xxxxxxxx xxxxxxxx xxxxxxxx");
                    }
                    test.emit(word);
                });
    }

    @ParameterizedTest
    @DisplayName("what is unallocated in FEAT_LSE is UNDEFINED")
    @CsvSource({
        "xx111000 xx1xxxxx xxxx00xx xxxxxxxx",
        "xx001000 1x1xxxxx xxxxxxxx xxxxxxxx",
        "xx001000 1x1xxxxx x11111xx xxxxxxxx",
        "0x001000 0x1xxxxx xxxxxxxx xxxxxxxx",
        "0x001000 0x1xxxxx x11111xx xxxxxxxx",
    })
    void sameAtomicsAreUndefined(String diagram) {
        compareUndefined(
                "max",
                test -> {
                    int word = test.word(diagram);
                    while ((word & 0x3fe0fc00) == 0x38a0c000) { // LDAPR: FEAT_LRCPC
                        word = test.word(diagram);
                    }
                    test.emit(word);
                });
    }

    private static boolean isLse(int word) {
        return (word & 0x3f200c00) == 0x38200000
                || (word & 0x3fa00000) == 0x08a00000
                || (word & 0xbfa00000) == 0x08200000;
    }

    /** Nothing is mapped where the base registers point: a signal other than SIGILL is defined. */
    private static void compareUndefined(String model, Consumer<TestCase> generator) {
        SplittableRandom random = new SplittableRandom(Differential.seed());
        QemuOracle oracle = Differential.oracle(model);
        for (int done = 0; done < Differential.casesPerGroup(); done += QemuOracle.BATCH) {
            List<TestCase> cases = new ArrayList<>();
            for (int i = 0; i < QemuOracle.BATCH; i++) {
                TestCase test = new TestCase(random, i);
                Arrays.fill(test.before.x, UNMAPPED);
                test.before.sp = UNMAPPED;
                generator.accept(test);
                cases.add(test);
            }
            List<MachineState> expected = oracle.run(cases);
            for (int i = 0; i < cases.size(); i++) {
                TestCase test = cases.get(i);
                boolean defined = Decoder.decode(test.instructions[0], 0) != Undefined.OP;
                assertThat(defined)
                        .as("%s is defined", test)
                        .isEqualTo(
                                expected.get(i).exit
                                        != MachineState.EXIT_SIGNAL + MachineState.SIGILL);
            }
        }
    }
}
