package nestor.cpu.arm64;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Loads and stores of SIMD&FP registers against an Armv8.0 processor. */
class SimdMemoryDifferentialTest {
    private static final int LARGEST_ACCESS = 64;

    private final QemuOracle oracle = Differential.oracle("cortex-a57");

    @Test
    @DisplayName("§C4.1.94: load/store register, unsigned immediate")
    void unsignedImmediate() {
        Differential.compare(
                "unsigned immediate",
                oracle,
                test -> {
                    int word = 0x3d00_0000 | test.random().nextInt() & 0xc0ff_ffff;
                    int sizeLog2 = word >>> 30 | word >>> 21 & 4;
                    int offset = (word >>> 10 & 0xfff) << Math.min(sizeLog2, 4);
                    emit(test, word, offset);
                });
    }

    @Test
    @DisplayName("§C4.1.94: load/store register, unscaled, post- and pre-indexed")
    void indexed() {
        Differential.compare(
                "indexed",
                oracle,
                test -> {
                    int word = 0x3c00_0000 | test.random().nextInt() & 0xc0df_ffff;
                    boolean post = (word >>> 10 & 3) == 1;
                    emit(test, word, post ? 0 : word << 11 >> 23);
                });
    }

    @Test
    @DisplayName("§C4.1.94: load/store register, register offset")
    void registerOffset() {
        Differential.compare(
                "register offset",
                oracle,
                test -> {
                    int word = 0x3c20_0800 | test.random().nextInt() & 0xc0df_f3ff;
                    int n = word >>> 5 & 31;
                    int m = word >>> 16 & 31;
                    if (n == m && n != 31) {
                        word ^= 1 << 16;
                        m ^= 1;
                    }
                    int index = test.random().nextInt(-100, 100);
                    if (m != 31) {
                        test.before.x[m] = index;
                    }
                    int option = word >>> 13 & 7;
                    long extended = option == 2 ? index & 0xffff_ffffL : index;
                    int sizeLog2 = word >>> 30 | word >>> 21 & 4;
                    int shift = (word & 1 << 12) != 0 ? sizeLog2 : 0;
                    emit(test, word, m == 31 ? 0 : extended << shift);
                });
    }

    @Test
    @DisplayName("§C4.1.94: load register, literal")
    void literal() {
        Differential.compare(
                "literal",
                oracle,
                test -> {
                    int words = (int) (test.literalVa() - test.instructionVa()) >> 2;
                    int word = 0x1c00_0000 | test.random().nextInt() & 0xc000_001f;
                    test.emit(word | (words & 0x7ffff) << 5);
                });
    }

    @Test
    @DisplayName("§C4.1.94: load/store pair")
    void pair() {
        Differential.compare(
                "pair",
                oracle,
                test -> {
                    int word = 0x2c00_0000 | test.random().nextInt() & 0xc1ff_ffff;
                    if ((word & 31) == (word >>> 10 & 31)) {
                        word ^= 1; // a load of the same register twice is unpredictable
                    }
                    boolean post = (word >>> 23 & 3) == 1;
                    int sizeLog2 = 2 + (word >>> 30);
                    emit(test, word, post ? 0 : word << 10 >> 25 << sizeLog2);
                });
    }

    @Test
    @DisplayName("§C4.1.94: LD1-LD4, ST1-ST4, multiple structures")
    void multipleStructures() {
        Differential.compare(
                "multiple structures",
                oracle,
                test -> {
                    int word = 0x0c00_0000 | test.random().nextInt() & 0x40ff_ffff;
                    emit(test, structure(test, word), 0);
                });
    }

    @Test
    @DisplayName("§C4.1.94: LD1-LD4, ST1-ST4, single structure, and LD1R-LD4R")
    void singleStructure() {
        Differential.compare(
                "single structure",
                oracle,
                test -> {
                    int word = 0x0d00_0000 | test.random().nextInt() & 0x40ff_ffff;
                    emit(test, structure(test, word), 0);
                });
    }

    @Test
    @DisplayName("§C4.1: what is not allocated among them is undefined")
    void anyWord() {
        Differential.compare(
                "any",
                oracle,
                test -> {
                    int word = 0x0c00_0000 | test.random().nextInt() & 0xf1ff_ffff;
                    Op op = Decoder.decode(word, 0);
                    test.emit(op == Undefined.OP ? word : 0);
                });
    }

    /** Bits 20:16 must be zero without post-index: most often they are. */
    private static int structure(TestCase test, int word) {
        boolean postIndex = (word & 1 << 23) != 0;
        return postIndex || test.random().nextInt(8) == 0 ? word : word & ~(31 << 16);
    }

    /** Lets the base register point into the scratch memory less {@code offset}. */
    private static void emit(TestCase test, int word, long offset) {
        FpOperands.fill(test);
        test.setXOrSp(word >>> 5 & 31, test.scratchVa(LARGEST_ACCESS, 1) - offset);
        test.emit(word);
    }
}
