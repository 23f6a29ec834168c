package nestor.vmm.register;

import java.util.List;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;
import nestor.vmm.mmio.MmioRegion;
import org.jspecify.annotations.Nullable;

/**
 * The registers of one frame, with their values, as an MMIO region. A table, checked when it is
 * built.
 *
 * <p>The file's lock is a leaf: it guards the values only, and side effects run after it is
 * released, on the accessing thread, with the register's new value. An access reaches the register
 * that contains its first byte; a 64-bit register takes two 32-bit halves, and its effect runs
 * after each. Offsets without a register read as zero and ignore writes (RES0).
 */
public final class RegisterFile implements MmioRegion {
    private static final class Slot {
        final Register register;
        long value;
        @Nullable LongConsumer onWrite;
        @Nullable LongSupplier onRead;

        Slot(Register register) {
            this.register = register;
            this.value = register.reset();
        }
    }

    private final Object lock = new Object();
    private final @Nullable Slot[] byByte;
    private final List<Register> registers;
    private final int minAccessBytes;

    /**
     * @param frameBytes size of the frame
     * @param minAccessBytes narrowest access the bus delivers: 1, 2 or 4
     * @throws IllegalArgumentException if two registers overlap or one lies outside the frame
     */
    public RegisterFile(int frameBytes, int minAccessBytes, List<Register> registers) {
        this.byByte = new @Nullable Slot[frameBytes];
        this.registers = List.copyOf(registers);
        this.minAccessBytes = minAccessBytes;
        for (Register register : registers) {
            Slot slot = new Slot(register);
            for (int i = 0; i < register.sizeBytes(); i++) {
                int at = Math.toIntExact(register.offset()) + i;
                if (at >= frameBytes || byByte[at] != null) {
                    throw new IllegalArgumentException(
                            register.name() + " overlaps another register or the frame's end");
                }
                byByte[at] = slot;
            }
        }
    }

    /** The table, in the order given. */
    public List<Register> registers() {
        return registers;
    }

    /** Runs {@code effect} with the whole new value after each guest write to {@code register}. */
    public RegisterFile onWrite(Register register, LongConsumer effect) {
        slot(register).onWrite = effect;
        return this;
    }

    /** Guest reads of {@code register} take {@code source}'s value instead of the stored one. */
    public RegisterFile onRead(Register register, LongSupplier source) {
        slot(register).onRead = source;
        return this;
    }

    /** The stored value, whole. */
    public long get(Register register) {
        synchronized (lock) {
            return slot(register).value;
        }
    }

    /** The device itself sets the stored value: no masks, no side effect. */
    public void set(Register register, long value) {
        synchronized (lock) {
            slot(register).value = value;
        }
    }

    /** The device itself replaces the stored value by a function of it, atomically. */
    public void update(Register register, LongUnaryOperator change) {
        getAndUpdate(register, change);
    }

    /**
     * As {@link #update}.
     *
     * @return the value before; the guest wrote nothing in between
     */
    public long getAndUpdate(Register register, LongUnaryOperator change) {
        synchronized (lock) {
            Slot slot = slot(register);
            long before = slot.value;
            slot.value = change.applyAsLong(before);
            return before;
        }
    }

    /** Every register back to its reset value, without side effects. */
    public void reset() {
        synchronized (lock) {
            for (Register register : registers) {
                slot(register).value = register.reset();
            }
        }
    }

    @Override
    public int minAccessBytes() {
        return minAccessBytes;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        Slot slot = at(offset);
        if (slot == null) {
            return 0;
        }
        LongSupplier source = slot.onRead;
        long value;
        if (source != null) {
            value = source.getAsLong();
        } else {
            synchronized (lock) {
                value = slot.value;
            }
        }
        long part = value >>> shift(slot, offset);
        int end = (int) (slot.register.offset() + slot.register.sizeBytes() - offset);
        if (sizeBytes > end) { // the rest comes from the next register
            long own = part & ones(end);
            return own | (read(offset + end, sizeBytes - end) << (8 * end));
        }
        return part & ones(sizeBytes);
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        Slot slot = at(offset);
        if (slot == null) {
            return;
        }
        Register register = slot.register;
        int shift = shift(slot, offset);
        int end = (int) (register.offset() + register.sizeBytes() - offset);
        int ownBytes = Math.min(sizeBytes, end);
        long lanes = ones(ownBytes) << shift;
        long placed = (value << shift) & lanes;
        long now;
        synchronized (lock) {
            long replaced = register.writeMask() & lanes;
            now = (slot.value & ~replaced) | (placed & replaced);
            now &= ~(placed & register.w1cMask());
            slot.value = now;
        }
        LongConsumer effect = slot.onWrite;
        if (effect != null) {
            effect.accept(now);
        }
        if (sizeBytes > end) {
            write(offset + end, sizeBytes - end, value >>> (8 * end));
        }
    }

    private @Nullable Slot at(long offset) {
        return offset < 0 || offset >= byByte.length ? null : byByte[(int) offset];
    }

    private Slot slot(Register register) {
        Slot slot = at(register.offset());
        if (slot == null || !slot.register.equals(register)) {
            throw new IllegalArgumentException("not a register of this file: " + register.name());
        }
        return slot;
    }

    private static int shift(Slot slot, long offset) {
        return 8 * (int) (offset - slot.register.offset());
    }

    private static long ones(int bytes) {
        return bytes >= 8 ? -1L : (1L << (8 * bytes)) - 1;
    }
}
