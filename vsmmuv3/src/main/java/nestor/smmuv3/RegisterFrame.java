package nestor.smmuv3;

import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import nestor.smmuv3.Registers.Gbpa;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * The register pages as software sees them: writes to some registers count only while what they
 * configure is off (IHI 0070, §6.3), and to SMMU_GBPA only with UPDATE set. Any thread.
 */
final class RegisterFrame implements MmioRegion {
    private static final int WORD_BYTES = 4;

    private final RegisterFile registers;
    private final Map<Long, BooleanSupplier> guards = new HashMap<>();

    /** The bits of CR1 that no write changes now. */
    private LongSupplier lockedOfCr1 = () -> 0;

    RegisterFrame(RegisterFile registers) {
        this.registers = registers;
    }

    /** Writes to {@code register} are ignored while {@code writable} says no. */
    void guard(Register register, BooleanSupplier writable) {
        for (long word = 0; word < register.sizeBytes(); word += WORD_BYTES) {
            guards.put(register.offset() + word, writable);
        }
    }

    /** Writes to CR1 leave the bits that {@code locked} gives as they are. */
    void guardCr1(LongSupplier locked) {
        lockedOfCr1 = locked;
    }

    @Override
    public int minAccessBytes() {
        return WORD_BYTES;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        long value = registers.read(offset, sizeBytes);
        SmmuTrace.registerRead(offset, sizeBytes, value);
        return value;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        SmmuTrace.registerWritten(offset, sizeBytes, value);
        if (sizeBytes == WORD_BYTES) {
            writeWord(offset, value);
        } else if (isWritable(offset)
                && isWritable(offset + WORD_BYTES)
                && !holds(offset, Registers.GBPA)
                && !holds(offset, Registers.CR1)) {
            registers.write(offset, sizeBytes, value);
        } else {
            writeWord(offset, value);
            writeWord(offset + WORD_BYTES, value >>> Integer.SIZE);
        }
    }

    /** Whether the 8 bytes at {@code offset} hold a register with rules of its own. */
    private static boolean holds(long offset, Register register) {
        return (offset & -Long.BYTES) == (register.offset() & -Long.BYTES);
    }

    private void writeWord(long offset, long value) {
        if (offset == Registers.GBPA.offset()) {
            if (Gbpa.UPDATE.isSet(value)) {
                registers.write(offset, WORD_BYTES, Gbpa.UPDATE.clear(value));
            }
        } else if (offset == Registers.CR1.offset()) {
            long locked = lockedOfCr1.getAsLong();
            long kept = registers.get(Registers.CR1) & locked;
            registers.write(offset, WORD_BYTES, kept | value & ~locked);
        } else if (isWritable(offset)) {
            registers.write(offset, WORD_BYTES, value);
        }
    }

    private boolean isWritable(long offset) {
        BooleanSupplier guard = guards.get(offset);
        return guard == null || guard.getAsBoolean();
    }
}
