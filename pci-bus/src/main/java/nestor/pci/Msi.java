package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The MSI capability with 64-bit address and per-vector masking (PCIe Base §7.7.1). Any thread may
 * signal; the lock guards the pending bits and is never held while a message is written.
 */
final class Msi {
    private static final int SIZE_BYTES = 0x18;
    private static final int UNMASKED_SIZE_BYTES = 0x0e;
    private static final int MAX_VECTORS = 32;

    private static final BitField ENABLE = bit(0);
    private static final BitField MULTIPLE_MESSAGE_CAPABLE = bits(3, 1);
    private static final BitField MULTIPLE_MESSAGE_ENABLE = bits(6, 4);
    private static final BitField ADDRESS_64 = bit(7);
    private static final BitField PER_VECTOR_MASKING = bit(8);

    private static final Register ADDRESS =
            readWrite("Message Address", 0x04, 4, 0xffff_fffcL, "§7.7.1.3");
    private static final Register UPPER_ADDRESS =
            readWrite("Message Upper Address", 0x08, 4, 0xffff_ffffL, "§7.7.1.4");
    private static final Register DATA = readWrite("Message Data", 0x0c, 2, 0xffff, "§7.7.1.5");
    private static final Register PENDING = readOnly("Pending Bits", 0x14, 4, 0, "§7.7.1.8");

    private final Object lock = new Object();
    private final MessageWriter writer;
    private final int capableLog2;
    private final Register control;
    private final Register mask;
    private final Masking masking;
    private final Capability capability;
    private int pending;

    /** Whether the capability has mask and pending bits. */
    enum Masking {
        PER_VECTOR,
        NONE
    }

    /**
     * @param vectors a power of two, 1..32
     */
    Msi(int vectors, Masking masking, MessageWriter writer) {
        if (Integer.bitCount(vectors) != 1 || vectors > MAX_VECTORS) {
            throw new IllegalArgumentException("MSI has 1, 2, 4 .. 32 vectors, not " + vectors);
        }
        this.writer = writer;
        this.capableLog2 = Integer.numberOfTrailingZeros(vectors);
        long fixed = MULTIPLE_MESSAGE_CAPABLE.set(0, capableLog2);
        this.control =
                readWrite(
                                "Message Control",
                                0x02,
                                2,
                                ENABLE.mask() | MULTIPLE_MESSAGE_ENABLE.mask(),
                                "§7.7.1.2")
                        .withReset(ADDRESS_64.setAll(fixed) | maskingBit(masking));
        this.mask = readWrite("Mask Bits", 0x10, 4, -1L >>> (64 - vectors), "§7.7.1.7");
        this.masking = masking;
        this.capability =
                switch (masking) {
                    case NONE ->
                            new Capability(
                                    Capability.MSI,
                                    UNMASKED_SIZE_BYTES,
                                    List.of(control, ADDRESS, UPPER_ADDRESS, DATA));
                    case PER_VECTOR ->
                            new Capability(
                                            Capability.MSI,
                                            SIZE_BYTES,
                                            List.of(
                                                    control,
                                                    ADDRESS,
                                                    UPPER_ADDRESS,
                                                    DATA,
                                                    mask,
                                                    PENDING))
                                    .onRead(PENDING, this::pendingBits)
                                    .onWrite(control, _ -> deliverPending())
                                    .onWrite(mask, _ -> deliverPending());
                };
    }

    private static long maskingBit(Masking masking) {
        return masking == Masking.PER_VECTOR ? PER_VECTOR_MASKING.mask() : 0;
    }

    private int masked() {
        return masking == Masking.PER_VECTOR ? (int) capability.get(mask) : 0;
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

    /** Sends the message of {@code vector}, folded onto the vectors that software has granted. */
    void signal(int vector) {
        int granted;
        synchronized (lock) {
            long controlNow = capability.get(control);
            if (!ENABLE.isSet(controlNow)) {
                return;
            }
            granted = vector & (granted(controlNow) - 1);
            if ((masked() & bit(granted).mask()) != 0) {
                pending |= 1 << granted;
                return;
            }
        }
        send(granted);
    }

    void reset() {
        synchronized (lock) {
            pending = 0;
        }
    }

    private int granted(long controlNow) {
        return 1 << Math.min(MULTIPLE_MESSAGE_ENABLE.getInt(controlNow), capableLog2);
    }

    private long pendingBits() {
        synchronized (lock) {
            return Integer.toUnsignedLong(pending);
        }
    }

    private void deliverPending() {
        int ready;
        synchronized (lock) {
            if (!ENABLE.isSet(capability.get(control))) {
                return;
            }
            ready = pending & ~masked();
            pending &= ~ready;
        }
        for (; ready != 0; ready &= ready - 1) {
            send(Integer.numberOfTrailingZeros(ready));
        }
    }

    private void send(int vector) {
        long address = capability.get(ADDRESS) | capability.get(UPPER_ADDRESS) << 32;
        int vectorBits = granted(capability.get(control)) - 1;
        int data = (int) capability.get(DATA) & ~vectorBits | vector & vectorBits;
        writer.write(address, data);
    }
}
