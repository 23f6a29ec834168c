package nestor.cpu.arm64;

/** Fields of an instruction word, {@code <hi:lo>} as the encoding diagrams of §C4.1 write them. */
final class Encoding {
    /** What the upper half of a W register's write is cut with. */
    static final long WORD = 0xffff_ffffL;

    private Encoding() {}

    /** Field {@code <hi:lo>}, of at most 31 bits, unsigned. */
    static int bits(int instruction, int hi, int lo) {
        return instruction >>> lo & (1 << (hi - lo + 1)) - 1;
    }

    /** Field {@code <hi:lo>}, sign-extended. */
    static long signed(int instruction, int hi, int lo) {
        return (long) instruction << (63 - hi) >> (63 - hi + lo);
    }

    /** Whether bit {@code n} is set. */
    static boolean bit(int instruction, int n) {
        return (instruction >>> n & 1) != 0;
    }

    /** Index in {@link Arm64Cpu#x} of the source register at {@code lo}, 31 = ZR. */
    static int source(int instruction, int lo) {
        return instruction >>> lo & 31;
    }

    /** Index of the destination register at {@code lo}, 31 = ZR: writes go to the sink. */
    static int destination(int instruction, int lo) {
        int register = instruction >>> lo & 31;
        return register == 31 ? Arm64Cpu.SINK : register;
    }

    /** Index of the base or destination register at {@code lo}, 31 = SP. */
    static int registerOrSp(int instruction, int lo) {
        int register = instruction >>> lo & 31;
        return register == 31 ? Arm64Cpu.SP : register;
    }

    /** {@code n} ones, 0..64. */
    static long ones(int n) {
        return n == 0 ? 0 : -1L >>> (64 - n);
    }
}
