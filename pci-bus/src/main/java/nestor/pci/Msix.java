package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.Arrays;
import java.util.List;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The MSI-X capability, its table and its Pending Bit Array (PCIe Base §7.7.2). Any thread may
 * signal; the lock guards table and pending bits and is never held while a message is written.
 *
 * <p>A vector that is signalled while it or the whole function is masked becomes pending, and is
 * sent once when it is unmasked. While MSI-X is disabled, signals are lost: the function has no
 * other interrupt.
 */
final class Msix {
    static final int ENTRY_BYTES = 16;

    private static final int SIZE_BYTES = 12;
    private static final int MAX_VECTORS = 2048;

    private static final BitField TABLE_SIZE = bits(10, 0);
    private static final BitField FUNCTION_MASK = bit(14);
    private static final BitField ENABLE = bit(15);

    /** Low bits of the table and PBA offset registers: the BAR Indicator Register. */
    private static final BitField BIR = bits(2, 0);

    /** The dwords of a table entry. */
    private static final int ENTRY_DWORDS = 4;

    private static final int ADDRESS = 0;
    private static final int UPPER_ADDRESS = 1;
    private static final int DATA = 2;
    private static final int VECTOR_CONTROL = 3;

    private static final int VECTOR_MASK = 1;

    private final Object lock = new Object();
    private final MessageWriter writer;
    private final Layout layout;
    private final Register control;
    private final Capability capability;
    private final int[] table;
    private final long[] pending;

    /**
     * Where table and Pending Bit Array lie.
     *
     * @param vectors 1..2048
     * @param bar index of the BAR that holds both
     * @param tableOffset in the BAR, a multiple of 8
     * @param pbaOffset in the BAR, a multiple of 8
     */
    record Layout(int vectors, int bar, int tableOffset, int pbaOffset) {
        Layout {
            if (vectors < 1 || vectors > MAX_VECTORS) {
                throw new IllegalArgumentException("MSI-X has 1..2048 vectors, not " + vectors);
            }
            if (((tableOffset | pbaOffset) & 7) != 0 || (tableOffset | pbaOffset) < 0) {
                throw new IllegalArgumentException("MSI-X table and PBA are 8-byte aligned");
            }
        }

        int tableBytes() {
            return vectors * ENTRY_BYTES;
        }

        int pbaBytes() {
            return (vectors + 63) / 64 * 8;
        }
    }

    Msix(Layout layout, MessageWriter writer) {
        this.layout = layout;
        this.writer = writer;
        this.table = new int[layout.vectors() * ENTRY_DWORDS];
        this.pending = new long[(layout.vectors() + 63) / 64];
        this.control =
                readWrite(
                                "Message Control",
                                0x02,
                                2,
                                FUNCTION_MASK.mask() | ENABLE.mask(),
                                "§7.7.2.2")
                        .withReset(TABLE_SIZE.set(0, layout.vectors() - 1));
        this.capability =
                new Capability(
                                Capability.MSIX,
                                SIZE_BYTES,
                                List.of(
                                        control,
                                        readOnly(
                                                "Table Offset/BIR",
                                                0x04,
                                                4,
                                                BIR.set(layout.tableOffset(), layout.bar()),
                                                "§7.7.2.3"),
                                        readOnly(
                                                "PBA Offset/BIR",
                                                0x08,
                                                4,
                                                BIR.set(layout.pbaOffset(), layout.bar()),
                                                "§7.7.2.4")))
                        .onWrite(control, _ -> deliverPending());
        reset();
    }

    Layout layout() {
        return layout;
    }

    boolean enabled() {
        return ENABLE.isSet(capability.get(control));
    }

    void onControl(Runnable effect) {
        capability.onWrite(
                control,
                _ -> {
                    effect.run();
                    deliverPending();
                });
    }

    Capability capability() {
        return capability;
    }

    MmioRegion tableRegion() {
        return new Table();
    }

    MmioRegion pbaRegion() {
        return new PendingBits();
    }

    /** Sends or pends the message of {@code vector}; one the table does not have is ignored. */
    void signal(int vector) {
        if (vector < 0 || vector >= layout.vectors()) {
            return;
        }
        long address;
        int data;
        synchronized (lock) {
            long controlNow = capability.get(control);
            if (!ENABLE.isSet(controlNow)) {
                return;
            }
            if (FUNCTION_MASK.isSet(controlNow) || isMasked(vector)) {
                pending[vector >>> 6] |= 1L << vector;
                return;
            }
            address = address(vector);
            data = dword(vector, DATA);
        }
        writer.write(address, data);
    }

    /** Every vector masked, none pending. */
    void reset() {
        synchronized (lock) {
            Arrays.fill(table, 0);
            Arrays.fill(pending, 0);
            for (int vector = 0; vector < layout.vectors(); vector++) {
                table[vector * ENTRY_DWORDS + VECTOR_CONTROL] = VECTOR_MASK;
            }
        }
    }

    private void deliverPending() {
        for (int vector = 0; vector < layout.vectors(); vector++) {
            deliverPending(vector);
        }
    }

    private void deliverPending(int vector) {
        long address;
        int data;
        synchronized (lock) {
            long controlNow = capability.get(control);
            if ((pending[vector >>> 6] & 1L << vector) == 0
                    || !ENABLE.isSet(controlNow)
                    || FUNCTION_MASK.isSet(controlNow)
                    || isMasked(vector)) {
                return;
            }
            pending[vector >>> 6] &= ~(1L << vector);
            address = address(vector);
            data = dword(vector, DATA);
        }
        writer.write(address, data);
    }

    private boolean isMasked(int vector) {
        return (dword(vector, VECTOR_CONTROL) & VECTOR_MASK) != 0;
    }

    private long address(int vector) {
        return (long) dword(vector, UPPER_ADDRESS) << 32
                | Integer.toUnsignedLong(dword(vector, ADDRESS));
    }

    private int dword(int vector, int index) {
        return table[vector * ENTRY_DWORDS + index];
    }

    private void setDword(int index, int value) {
        table[index] =
                switch (index % ENTRY_DWORDS) {
                    case ADDRESS -> value & ~3;
                    case VECTOR_CONTROL -> value & VECTOR_MASK;
                    default -> value;
                };
    }

    /** The table in its BAR, in dwords and quadwords. */
    private final class Table implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            int index = (int) (offset >>> 2);
            synchronized (lock) {
                long low = Integer.toUnsignedLong(table[index]);
                return sizeBytes == 8 ? low | (long) table[index + 1] << 32 : low;
            }
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            int index = (int) (offset >>> 2);
            synchronized (lock) {
                setDword(index, (int) value);
                if (sizeBytes == 8) {
                    setDword(index + 1, (int) (value >>> 32));
                }
            }
            deliverPending(index / ENTRY_DWORDS);
        }

        @Override
        public int minAccessBytes() {
            return 4;
        }
    }

    /** The Pending Bit Array in its BAR: read-only. */
    private final class PendingBits implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            synchronized (lock) {
                return pending[(int) (offset >>> 3)] >>> (8 * (int) (offset & 7));
            }
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {}

        @Override
        public int minAccessBytes() {
            return 4;
        }
    }
}
