package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;

/**
 * A fault report (§5.13.6.9).
 *
 * @param reason why the access failed
 * @param endpoint that made it
 * @param address it was made to
 * @param access {@link Translation#READ}, {@link Translation#WRITE} or'ed
 */
record Fault(Reason reason, int endpoint, long address, int access) {
    static final int BYTES = 24;

    /** VIRTIO_IOMMU_FAULT_R_*. */
    enum Reason {
        UNKNOWN(0),
        /** The endpoint is attached to no domain. */
        DOMAIN(1),
        /** The address is not mapped, or not for this access. */
        MAPPING(2);

        private final int value;

        Reason(int value) {
            this.value = value;
        }
    }

    private static final BitField READ = bit(0);
    private static final BitField WRITE = bit(1);
    private static final BitField ADDRESS = bit(8);

    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    int flags() {
        long flags = ADDRESS.mask();
        if ((access & (Translation.READ | Translation.EXECUTE)) != 0) {
            flags = READ.setAll(flags);
        }
        if ((access & Translation.WRITE) != 0) {
            flags = WRITE.setAll(flags);
        }
        return (int) flags;
    }

    /** Writes all {@link #BYTES} of {@code report}. */
    void encode(MemorySegment report) {
        report.set(INT, 0, reason.value);
        report.set(INT, 4, flags());
        report.set(INT, 8, endpoint);
        report.set(INT, 12, 0);
        report.set(LONG, 16, address);
    }
}
