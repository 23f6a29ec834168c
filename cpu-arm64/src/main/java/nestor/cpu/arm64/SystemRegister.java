package nestor.cpu.arm64;

import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One system register, as data: how MRS and MSR reach it from each Exception level, and what they
 * do.
 *
 * @param encoding {@code op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2}
 * @param slot index in {@link Arm64Cpu#system} if reading is no more than that, else -1
 * @param writeMask the bits MSR changes if writing is a store to {@code slot} without effects, else
 *     0
 * @param reader null: MRS is UNDEFINED
 * @param writer null: MSR is UNDEFINED
 * @param userRead EL0 may read it, unless {@code userTrap} holds
 * @param userTrap whether an access that EL0 may make in principle is trapped now (EC 0x18)
 */
record SystemRegister(
        String name,
        int encoding,
        int slot,
        long writeMask,
        @Nullable Reader reader,
        @Nullable Writer writer,
        boolean userRead,
        boolean userWrite,
        Predicate<Arm64Cpu> userTrap) {
    /** MRS. */
    @FunctionalInterface
    interface Reader {
        long read(Arm64Cpu cpu);
    }

    /** MSR. */
    @FunctionalInterface
    interface Writer {
        void write(Arm64Cpu cpu, long value);
    }

    private static boolean noTrap(Arm64Cpu cpu) {
        return false;
    }

    /** The encoding number of an instruction's operands, as {@link SystemRegisterPort} has it. */
    static int encoding(int op0, int op1, int crn, int crm, int op2) {
        return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
    }

    /** Reads as a fixed value; MSR is UNDEFINED. EL1 only. */
    static SystemRegister constant(String name, int encoding, long value) {
        return new SystemRegister(
                name, encoding, -1, 0, _ -> value, null, false, false, SystemRegister::noTrap);
    }

    /** Reads as zero, ignores writes. EL1 only. */
    static SystemRegister ignored(String name, int encoding) {
        return new SystemRegister(
                name, encoding, -1, 0, _ -> 0, (_, _) -> {}, false, false, SystemRegister::noTrap);
    }

    /** Plain storage; MSR changes the bits of {@code writeMask}. EL1 only. */
    static SystemRegister stored(String name, int encoding, int slot, long writeMask) {
        return new SystemRegister(
                name,
                encoding,
                slot,
                writeMask,
                cpu -> cpu.system[slot],
                (cpu, value) -> cpu.system[slot] = value & writeMask,
                false,
                false,
                SystemRegister::noTrap);
    }

    /** Storage whose writes have an effect, after the store. EL1 only. */
    static SystemRegister stored(
            String name, int encoding, int slot, long writeMask, Writer effect) {
        return new SystemRegister(
                name,
                encoding,
                slot,
                0,
                cpu -> cpu.system[slot],
                (cpu, value) -> {
                    long before = cpu.system[slot];
                    long after = value & writeMask;
                    cpu.system[slot] = after;
                    if (before != after) {
                        effect.write(cpu, before);
                    }
                },
                false,
                false,
                SystemRegister::noTrap);
    }

    /** Computed; a null reader or writer makes that direction UNDEFINED. EL1 only. */
    static SystemRegister computed(
            String name, int encoding, @Nullable Reader reader, @Nullable Writer writer) {
        return new SystemRegister(
                name, encoding, -1, 0, reader, writer, false, false, SystemRegister::noTrap);
    }

    /** As this, and EL0 may read it unless {@code trap} holds. */
    SystemRegister readableAtEl0(Predicate<Arm64Cpu> trap) {
        return new SystemRegister(
                name, encoding, slot, writeMask, reader, writer, true, false, trap);
    }

    /** As this, and EL0 may read and write it unless {@code trap} holds. */
    SystemRegister accessibleAtEl0(Predicate<Arm64Cpu> trap) {
        return new SystemRegister(
                name, encoding, slot, writeMask, reader, writer, true, true, trap);
    }

    /** As this, never trapped at EL0. */
    SystemRegister readableAtEl0() {
        return readableAtEl0(SystemRegister::noTrap);
    }

    SystemRegister accessibleAtEl0() {
        return accessibleAtEl0(SystemRegister::noTrap);
    }
}
