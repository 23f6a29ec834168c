package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.registerOrSp;
import static nestor.cpu.arm64.Encoding.source;

import org.jspecify.annotations.Nullable;

/**
 * Add and subtract: immediate (§C4.1.92), shifted register, extended register, with carry
 * (§C4.1.94). Bit 31 is sf, bit 30 op (subtract), bit 29 S (set flags).
 */
final class AddSubtract {
    private AddSubtract() {}

    /** ADD, ADDS, SUB, SUBS (immediate). */
    static Op immediate(int instruction) {
        long immediate = (long) bits(instruction, 21, 10) << (bit(instruction, 22) ? 12 : 0);
        int n = registerOrSp(instruction, 5);
        int d = bit(instruction, 29) ? destination(instruction, 0) : registerOrSp(instruction, 0);
        return switch (bits(instruction, 31, 29)) {
            case 0b000 -> new AddImmediate32(d, n, immediate);
            case 0b001 -> new AddsImmediate32(d, n, immediate);
            case 0b010 -> new AddImmediate32(d, n, -immediate);
            case 0b011 -> new SubsImmediate32(d, n, immediate);
            case 0b100 -> new AddImmediate64(d, n, immediate);
            case 0b101 -> new AddsImmediate64(d, n, immediate);
            case 0b110 -> new AddImmediate64(d, n, -immediate);
            default -> new SubsImmediate64(d, n, immediate);
        };
    }

    /** ADD, ADDS, SUB, SUBS (shifted register). */
    static Op shiftedRegister(int instruction) {
        int type = bits(instruction, 23, 22);
        int amount = bits(instruction, 15, 10);
        int width = bit(instruction, 31) ? 64 : 32;
        if (type == 0b11 || amount >= width) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        int operation = bits(instruction, 31, 29);
        if (amount == 0) {
            return unshifted(operation, d, n, m);
        }
        if (operation == 0b100 && type == 0) {
            return new AddLeftShifted64(d, n, m, amount);
        }
        Shift shift = Shift.of(type, amount, width);
        return switch (operation) {
            case 0b000 -> new AddShifted32(d, n, m, shift);
            case 0b001 -> new AddsShifted32(d, n, m, shift);
            case 0b010 -> new SubShifted32(d, n, m, shift);
            case 0b011 -> new SubsShifted32(d, n, m, shift);
            case 0b100 -> new AddShifted64(d, n, m, shift);
            case 0b101 -> new AddsShifted64(d, n, m, shift);
            case 0b110 -> new SubShifted64(d, n, m, shift);
            default -> new SubsShifted64(d, n, m, shift);
        };
    }

    private static Op unshifted(int operation, int d, int n, int m) {
        return switch (operation) {
            case 0b000 -> new AddRegister32(d, n, m);
            case 0b001 -> new AddsRegister32(d, n, m);
            case 0b010 -> new SubRegister32(d, n, m);
            case 0b011 -> new SubsRegister32(d, n, m);
            case 0b100 -> new AddRegister64(d, n, m);
            case 0b101 -> new AddsRegister64(d, n, m);
            case 0b110 -> new SubRegister64(d, n, m);
            default -> new SubsRegister64(d, n, m);
        };
    }

    /** ADD, ADDS, SUB, SUBS (extended register). */
    static Op extendedRegister(int instruction) {
        int amount = bits(instruction, 12, 10);
        if (bits(instruction, 23, 22) != 0 || amount > 4) {
            return Undefined.OP;
        }
        Extension extension = Extension.of(bits(instruction, 15, 13), amount);
        int n = registerOrSp(instruction, 5);
        int m = source(instruction, 16);
        int d = bit(instruction, 29) ? destination(instruction, 0) : registerOrSp(instruction, 0);
        return switch (bits(instruction, 31, 29)) {
            case 0b000 -> new AddExtended(d, n, m, extension, WORD);
            case 0b001 -> new AddsExtended32(d, n, m, extension);
            case 0b010 -> new SubExtended(d, n, m, extension, WORD);
            case 0b011 -> new SubsExtended32(d, n, m, extension);
            case 0b100 -> new AddExtended(d, n, m, extension, -1);
            case 0b101 -> new AddsExtended64(d, n, m, extension);
            case 0b110 -> new SubExtended(d, n, m, extension, -1);
            default -> new SubsExtended64(d, n, m, extension);
        };
    }

    /** ADC, ADCS, SBC, SBCS; {@code a - b - !C} is {@code a + ~b + C}. */
    static Op withCarry(int instruction) {
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        long invert = bit(instruction, 30) ? -1 : 0;
        if (bit(instruction, 29)) {
            return bit(instruction, 31)
                    ? new AddsWithCarry64(d, n, m, invert)
                    : new AddsWithCarry32(d, n, m, invert);
        }
        return new AddWithCarry(d, n, m, invert, bit(instruction, 31) ? -1 : WORD);
    }

    static final class AddImmediate64 extends Op {
        private final int d;
        private final int n;
        private final long immediate;

        AddImmediate64(int d, int n, long immediate) {
            this.d = d;
            this.n = n;
            this.immediate = immediate;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] + immediate;
        }
    }

    static final class AddImmediate32 extends Op {
        private final int d;
        private final int n;
        private final long immediate;

        AddImmediate32(int d, int n, long immediate) {
            this.d = d;
            this.n = n;
            this.immediate = immediate;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] + immediate & WORD;
        }
    }

    static final class AddsImmediate64 extends Op {
        private final int d;
        private final int n;
        private final long immediate;

        AddsImmediate64(int d, int n, long immediate) {
            this.d = d;
            this.n = n;
            this.immediate = immediate;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long result = a + immediate;
            cpu.nzcv = Flags.ofAdd(a, immediate, result);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.AddsImmediate64(d, n, immediate, branch)
                    : null;
        }
    }

    static final class AddsImmediate32 extends Op {
        private final int d;
        private final int n;
        private final long immediate;

        AddsImmediate32(int d, int n, long immediate) {
            this.d = d;
            this.n = n;
            this.immediate = immediate << 32;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long result = a + immediate;
            cpu.nzcv = Flags.ofAdd(a, immediate, result);
            cpu.x[d] = result >>> 32;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.AddsImmediate32(d, n, immediate, branch)
                    : null;
        }
    }

    static final class SubsImmediate64 extends Op {
        private final int d;
        private final int n;
        private final long immediate;

        SubsImmediate64(int d, int n, long immediate) {
            this.d = d;
            this.n = n;
            this.immediate = immediate;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long result = a - immediate;
            cpu.nzcv = Flags.ofSubtract(a, immediate, result);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.SubsImmediate64(d, n, immediate, branch)
                    : null;
        }
    }

    static final class SubsImmediate32 extends Op {
        private final int d;
        private final int n;
        private final long immediate;

        SubsImmediate32(int d, int n, long immediate) {
            this.d = d;
            this.n = n;
            this.immediate = immediate << 32;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long result = a - immediate;
            cpu.nzcv = Flags.ofSubtract(a, immediate, result);
            cpu.x[d] = result >>> 32;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.SubsImmediate32(d, n, immediate, branch)
                    : null;
        }
    }

    static final class AddRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AddRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] + cpu.x[m];
        }
    }

    static final class AddRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AddRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] + cpu.x[m] & WORD;
        }
    }

    static final class SubRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        SubRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] - cpu.x[m];
        }
    }

    static final class SubRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        SubRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] - cpu.x[m] & WORD;
        }
    }

    static final class AddsRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AddsRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m];
            long result = a + b;
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result;
        }
    }

    static final class AddsRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AddsRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = cpu.x[m] << 32;
            long result = a + b;
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result >>> 32;
        }
    }

    static final class SubsRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        SubsRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m];
            long result = a - b;
            cpu.nzcv = Flags.ofSubtract(a, b, result);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.SubsRegister64(d, n, m, branch)
                    : null;
        }
    }

    static final class SubsRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        SubsRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = cpu.x[m] << 32;
            long result = a - b;
            cpu.nzcv = Flags.ofSubtract(a, b, result);
            cpu.x[d] = result >>> 32;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.SubsRegister32(d, n, m, branch)
                    : null;
        }
    }

    static final class AddLeftShifted64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int amount;

        AddLeftShifted64(int d, int n, int m, int amount) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.amount = amount;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] + (cpu.x[m] << amount);
        }
    }

    static final class AddShifted64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        AddShifted64(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[m];
            cpu.x[d] = cpu.x[n] + (Long.rotateRight(v, rotation) & mask | v >> 63 & sign);
        }
    }

    static final class AddShifted32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        AddShifted32(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[m];
            cpu.x[d] = cpu.x[n] + (Integer.rotateRight(v, rotation) & mask | v >> 31 & sign) & WORD;
        }
    }

    static final class SubShifted64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        SubShifted64(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[m];
            cpu.x[d] = cpu.x[n] - (Long.rotateRight(v, rotation) & mask | v >> 63 & sign);
        }
    }

    static final class SubShifted32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        SubShifted32(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[m];
            cpu.x[d] = cpu.x[n] - (Integer.rotateRight(v, rotation) & mask | v >> 31 & sign) & WORD;
        }
    }

    static final class AddsShifted64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        AddsShifted64(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long v = cpu.x[m];
            long b = Long.rotateRight(v, rotation) & mask | v >> 63 & sign;
            long result = a + b;
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result;
        }
    }

    static final class AddsShifted32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        AddsShifted32(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            int v = (int) cpu.x[m];
            long b = (Integer.rotateRight(v, rotation) & mask | v >> 31 & sign) << 32;
            long result = a + b;
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result >>> 32;
        }
    }

    static final class SubsShifted64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        SubsShifted64(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long v = cpu.x[m];
            long b = Long.rotateRight(v, rotation) & mask | v >> 63 & sign;
            long result = a - b;
            cpu.nzcv = Flags.ofSubtract(a, b, result);
            cpu.x[d] = result;
        }
    }

    static final class SubsShifted32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;

        SubsShifted32(int d, int n, int m, Shift shift) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            int v = (int) cpu.x[m];
            long b = (Integer.rotateRight(v, rotation) & mask | v >> 31 & sign) << 32;
            long result = a - b;
            cpu.nzcv = Flags.ofSubtract(a, b, result);
            cpu.x[d] = result >>> 32;
        }
    }

    static final class AddExtended extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long keep;
        private final long sign;
        private final int left;
        private final long width;

        AddExtended(int d, int n, int m, Extension extension, long width) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.keep = extension.keep();
            this.sign = extension.sign();
            this.left = extension.left();
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] + ((cpu.x[m] & keep ^ sign) - sign << left) & width;
        }
    }

    static final class SubExtended extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long keep;
        private final long sign;
        private final int left;
        private final long width;

        SubExtended(int d, int n, int m, Extension extension, long width) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.keep = extension.keep();
            this.sign = extension.sign();
            this.left = extension.left();
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] - ((cpu.x[m] & keep ^ sign) - sign << left) & width;
        }
    }

    static final class AddsExtended64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long keep;
        private final long sign;
        private final int left;

        AddsExtended64(int d, int n, int m, Extension extension) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.keep = extension.keep();
            this.sign = extension.sign();
            this.left = extension.left();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = (cpu.x[m] & keep ^ sign) - sign << left;
            long result = a + b;
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result;
        }
    }

    static final class AddsExtended32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long keep;
        private final long sign;
        private final int left;

        AddsExtended32(int d, int n, int m, Extension extension) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.keep = extension.keep();
            this.sign = extension.sign();
            this.left = extension.left();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = ((cpu.x[m] & keep ^ sign) - sign << left) << 32;
            long result = a + b;
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result >>> 32;
        }
    }

    static final class SubsExtended64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long keep;
        private final long sign;
        private final int left;

        SubsExtended64(int d, int n, int m, Extension extension) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.keep = extension.keep();
            this.sign = extension.sign();
            this.left = extension.left();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = (cpu.x[m] & keep ^ sign) - sign << left;
            long result = a - b;
            cpu.nzcv = Flags.ofSubtract(a, b, result);
            cpu.x[d] = result;
        }
    }

    static final class SubsExtended32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long keep;
        private final long sign;
        private final int left;

        SubsExtended32(int d, int n, int m, Extension extension) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.keep = extension.keep();
            this.sign = extension.sign();
            this.left = extension.left();
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = ((cpu.x[m] & keep ^ sign) - sign << left) << 32;
            long result = a - b;
            cpu.nzcv = Flags.ofSubtract(a, b, result);
            cpu.x[d] = result >>> 32;
        }
    }

    static final class AddWithCarry extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long invert;
        private final long width;

        AddWithCarry(int d, int n, int m, long invert, long width) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.invert = invert;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int carry = cpu.nzcv >>> 1 & 1;
            cpu.x[d] = cpu.x[n] + (cpu.x[m] ^ invert) + carry & width;
        }
    }

    static final class AddsWithCarry64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long invert;

        AddsWithCarry64(int d, int n, int m, long invert) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.invert = invert;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m] ^ invert;
            long result = a + b + (cpu.nzcv >>> 1 & 1);
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result;
        }
    }

    static final class AddsWithCarry32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final long invert;

        AddsWithCarry32(int d, int n, int m, long invert) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.invert = invert;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = (cpu.x[m] ^ invert) << 32;
            long result = a + b + ((cpu.nzcv >>> 1 & 1L) << 32);
            cpu.nzcv = Flags.ofAdd(a, b, result);
            cpu.x[d] = result >>> 32;
        }
    }
}
