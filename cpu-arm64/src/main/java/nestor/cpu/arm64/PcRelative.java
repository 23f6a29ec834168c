package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.signed;

/** PC-relative addressing (§C4.1.92). */
final class PcRelative {
    private PcRelative() {}

    /** ADR, ADRP. */
    static Op decode(int instruction, int offset) {
        long immediate = signed(instruction, 23, 5) << 2 | bits(instruction, 30, 29);
        int d = destination(instruction, 0);
        return instruction < 0
                ? new Adrp(d, offset, immediate << 12)
                : new Adr(d, offset + immediate);
    }

    static final class Adr extends Op {
        private final int d;
        private final long delta;

        Adr(int d, long delta) {
            this.d = d;
            this.delta = delta;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.pc + delta;
        }
    }

    static final class Adrp extends Op {
        private final int d;
        private final int offset;
        private final long delta;

        Adrp(int d, int offset, long delta) {
            this.d = d;
            this.offset = offset;
            this.delta = delta;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.pc + offset & -0x1000) + delta;
        }
    }
}
