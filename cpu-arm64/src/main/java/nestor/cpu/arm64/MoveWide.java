package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;

/** Move wide (immediate), and whatever else only writes a constant (§C4.1.92). */
final class MoveWide {
    private MoveWide() {}

    /** MOVN, MOVZ, MOVK. */
    static Op decode(int instruction) {
        boolean wide = bit(instruction, 31);
        int shift = 16 * bits(instruction, 22, 21);
        if (!wide && shift >= 32) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        long width = wide ? -1 : WORD;
        long immediate = (long) bits(instruction, 20, 5) << shift;
        return switch (bits(instruction, 30, 29)) {
            case 0b00 -> new MoveConstant(d, ~immediate & width);
            case 0b10 -> new MoveConstant(d, immediate);
            case 0b11 -> new MoveKeep(d, ~(0xffffL << shift) & width, immediate);
            default -> Undefined.OP;
        };
    }

    static final class MoveConstant extends Op {
        private final int d;
        private final long value;

        MoveConstant(int d, long value) {
            this.d = d;
            this.value = value;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = value;
        }
    }

    static final class MoveKeep extends Op {
        private final int d;
        private final long keep;
        private final long value;

        MoveKeep(int d, long keep, long value) {
            this.d = d;
            this.keep = keep;
            this.value = value;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[d] & keep | value;
        }
    }
}
