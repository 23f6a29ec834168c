package nestor.smmuv3;

import java.util.function.BooleanSupplier;
import nestor.smmuv3.Registers.Queue;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * A queue that the SMMU produces into: Event queue and PRI queue (IHI 0070, §3.5, §7.4, §8.2). Its
 * indices live in the registers, where software can see and set them. Any thread.
 */
final class OutputQueue {
    /** What became of a record. */
    enum Outcome {
        /** Written, behind others. */
        WRITTEN,
        /** Written to a queue that was empty: time for an interrupt. */
        WRITTEN_FIRST,
        /** No room, now or since an overflow that is not acknowledged yet. */
        OVERFLOWED,
        /** Nothing backs the queue's memory. */
        ABORTED,
        /** The queue is off. */
        OFF;

        /** Whether the record is in the queue. */
        boolean isWritten() {
            return this == WRITTEN || this == WRITTEN_FIRST;
        }
    }

    private final GuestMemory memory;
    private final RegisterFile registers;
    private final Register base;
    private final Register prod;
    private final Register cons;
    private final BooleanSupplier enabled;
    private final boolean closedByOverflow;
    private final Object lock = new Object();

    /**
     * @param enabled whether records may be written: the queue is on, and no abort unacknowledged
     * @param closedByOverflow whether an overflow keeps the queue closed until it is acknowledged
     */
    OutputQueue(
            GuestMemory memory,
            RegisterFile registers,
            Register base,
            Register prod,
            Register cons,
            BooleanSupplier enabled,
            boolean closedByOverflow) {
        this.memory = memory;
        this.registers = registers;
        this.base = base;
        this.prod = prod;
        this.cons = cons;
        this.enabled = enabled;
        this.closedByOverflow = closedByOverflow;
    }

    /** Whether software has not taken all records yet. */
    boolean isEmpty() {
        int log2 = log2Size();
        return index(registers.get(prod), log2) == index(registers.get(cons), log2);
    }

    private int log2Size() {
        return Math.min(Queue.LOG2SIZE.getInt(registers.get(base)), SmmuV3Options.QUEUE_LOG2);
    }

    /** Index with its wrap bit. */
    private static long index(long value, int log2) {
        return value & (2L << log2) - 1;
    }

    /** Appends a record of 8-byte words, or notes that one was lost. */
    Outcome write(long... words) {
        return write(true, words);
    }

    /** Appends a record of 8-byte words that, if there is no room, is not lost. */
    Outcome offer(long... words) {
        return write(false, words);
    }

    private Outcome write(boolean losing, long... words) {
        synchronized (lock) {
            if (!enabled.getAsBoolean()) {
                return Outcome.OFF;
            }
            int log2 = log2Size();
            long produced = registers.get(prod);
            long consumed = registers.get(cons);
            boolean unacknowledged =
                    Queue.OVERFLOW.isSet(produced) != Queue.OVERFLOW.isSet(consumed);
            long head = index(produced, log2);
            long tail = index(consumed, log2);
            boolean full = (head ^ tail) == 1L << log2;
            if (full || unacknowledged && closedByOverflow) {
                if (losing && !unacknowledged) {
                    registers.set(prod, produced ^ Queue.OVERFLOW.mask());
                }
                return Outcome.OVERFLOWED;
            }
            long address =
                    Queue.ADDR.getInPlace(registers.get(base))
                            & -((long) words.length * Long.BYTES << log2);
            address += (head & (1L << log2) - 1) * words.length * Long.BYTES;
            try {
                for (int i = 0; i < words.length; i++) {
                    memory.setLongLe(address + (long) i * Long.BYTES, words[i]);
                }
            } catch (GuestAccessException e) {
                return Outcome.ABORTED;
            }
            long next = head + 1 & (2L << log2) - 1;
            registers.set(prod, produced & Queue.OVERFLOW.mask() | next);
            // Software that has emptied the queue meanwhile may have looked at PROD already.
            boolean first = index(registers.get(cons), log2) == head;
            return first ? Outcome.WRITTEN_FIRST : Outcome.WRITTEN;
        }
    }
}
