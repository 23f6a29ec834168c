package nestor.vtd.command;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommu.IovaRange;
import nestor.pci.Requester;
import nestor.vmm.register.BitField;

/**
 * A descriptor of the invalidation queue, decoded once (§6.5.2). Whether the unit has the feature
 * that it belongs to is for the queue's owner to judge.
 */
public sealed interface InvalidationDescriptor {
    /** Granularities of context-cache and IOTLB invalidations. */
    int GLOBAL = 1;

    int DOMAIN = 2;

    /** Of the context cache. */
    int DEVICE = 3;

    /** Of the IOTLB. */
    int PAGE = 3;

    /** Granularities of PASID-cache invalidations. */
    int PASID_CACHE_DOMAIN = 0;

    int PASID_CACHE_PASID = 1;
    int PASID_CACHE_GLOBAL = 3;

    /** §6.5.2.1. */
    record ContextCache(int granularity, int did, int sid, int functionMask)
            implements InvalidationDescriptor {}

    /**
     * §6.5.2.3.
     *
     * @param addressMask AM
     * @param range for {@link #PAGE} only
     */
    record Iotlb(int granularity, int did, int addressMask, IovaRange range)
            implements InvalidationDescriptor {}

    /**
     * §6.5.2.5.
     *
     * @param iova aligned to the size
     * @param sizeLog2 12..64
     */
    record DeviceTlb(int sid, long iova, int sizeLog2) implements InvalidationDescriptor {}

    /** §6.5.2.7. */
    record InterruptEntryCache(boolean global, int index, int indexMask)
            implements InvalidationDescriptor {}

    /**
     * §6.5.2.8.
     *
     * @param interrupt IF
     * @param statusWrite SW
     * @param fence FN
     * @param pageRequestDrain PD
     */
    record Wait(
            boolean interrupt,
            boolean statusWrite,
            boolean fence,
            boolean pageRequestDrain,
            int statusData,
            long statusAddress)
            implements InvalidationDescriptor {}

    /**
     * §6.5.2.4.
     *
     * @param range for {@link #PAGE}; everything for {@link #DOMAIN}, which here is the PASID
     */
    record PasidIotlb(int did, int pasid, IovaRange range, boolean leafOnly)
            implements InvalidationDescriptor {}

    /** §6.5.2.2. */
    record PasidCache(int granularity, int did, int pasid) implements InvalidationDescriptor {}

    /**
     * §6.5.2.6.
     *
     * @param iova aligned to the size
     * @param sizeLog2 12..64
     */
    record PasidDeviceTlb(int sid, int pasid, boolean global, long iova, int sizeLog2)
            implements InvalidationDescriptor {}

    /**
     * §7.7.1.
     *
     * @param pasid or {@link Requester#NO_PASID}
     * @param privateData whether the two upper quadwords may hold something
     */
    record PageGroupResponse(int rid, int pasid, int prgIndex, int code, boolean privateData)
            implements InvalidationDescriptor {}

    /** What no unit takes. */
    record Invalid(QueueError error) implements InvalidationDescriptor {}

    /** Fields in the order of quadword and bit. */
    final class Fields {
        static final BitField TYPE_LOW = bits(3, 0);
        static final BitField TYPE_HIGH = bits(11, 9);

        static final BitField G = bits(5, 4);
        static final BitField DID = bits(31, 16);
        static final BitField SID = bits(47, 32);
        static final BitField FM = bits(49, 48);

        static final BitField IEC_G = bit(4);
        static final BitField IM = bits(31, 27);
        static final BitField IIDX = bits(47, 32);

        static final BitField IF = bit(4);
        static final BitField SW = bit(5);
        static final BitField FN = bit(6);
        static final BitField PD = bit(7);
        static final BitField STATUS_DATA = bits(63, 32);

        static final BitField PASID = bits(51, 32);
        static final BitField PASID_SID = bits(31, 16);

        static final BitField PASID_PRESENT = bit(4);
        static final BitField PRIVATE_DATA = bit(5);
        static final BitField CODE = bits(15, 12);
        static final BitField RID = bits(31, 16);

        /** Quadword 1. */
        static final BitField AM = bits(5, 0);

        static final BitField IH = bit(6);
        static final BitField ADDR = bits(63, 12);
        static final BitField DEVICE_S = bit(0);
        static final BitField PASID_DEVICE_G = bit(0);
        static final BitField PASID_DEVICE_S = bit(11);
        static final BitField STATUS_ADDRESS = bits(63, 2);
        static final BitField PRG_INDEX = bits(11, 3);

        private Fields() {}
    }

    /**
     * Reserved bits of quadwords 0 and 1, by type. LPIG in type 9, DR and DW in type 2 mean nothing
     * here, but are let through, because drivers set them. PFSID is reserved: ECAP.DIT is clear.
     */
    final class Reserved {
        private static final long[] QW0 = {
            0,
            or(bits(63, 50), bits(15, 12), bits(8, 6)),
            or(bits(63, 32), bits(15, 12), bit(8)),
            or(bits(63, 48), bits(31, 21), bits(15, 12), bits(8, 4)),
            or(bits(63, 48), bits(26, 12), bits(8, 5)),
            or(bits(31, 12), bit(8)),
            or(bits(63, 52), bits(15, 12), bits(8, 6)),
            or(bits(63, 52), bits(15, 12), bits(8, 6)),
            or(bits(63, 52), bits(15, 12)),
            or(bits(63, 52), bits(8, 6)),
        };

        private static final long[] QW1 = {
            0,
            -1L,
            or(bits(11, 7)),
            or(bits(11, 1)),
            -1L,
            or(bits(1, 0)),
            or(bits(11, 7)),
            -1L,
            or(bits(10, 1)),
            or(bits(63, 12), bits(1, 0)),
        };

        private Reserved() {}

        private static long or(BitField... fields) {
            long mask = 0;
            for (BitField field : fields) {
                mask |= field.mask();
            }
            return mask;
        }
    }

    /** The page response is the last type. */
    int TYPES = 10;

    /**
     * From a descriptor's quadwords; total.
     *
     * @param upper quadwords 2 and 3 or'ed; 0 for 128-bit descriptors
     */
    static InvalidationDescriptor decode(long qw0, long qw1, long upper) {
        int type = Fields.TYPE_LOW.getInt(qw0);
        if (Fields.TYPE_HIGH.isSet(qw0) || type == 0 || type >= TYPES) {
            return new Invalid(QueueError.INVALID_TYPE);
        }
        boolean privateData = type == 9 && Fields.PRIVATE_DATA.isSet(qw0);
        if ((qw0 & Reserved.QW0[type]) != 0
                || (qw1 & Reserved.QW1[type]) != 0
                || upper != 0 && !privateData) {
            return new Invalid(QueueError.RESERVED_FIELD);
        }
        InvalidationDescriptor decoded =
                switch (type) {
                    case 1 -> contextCache(qw0);
                    case 2 -> iotlb(qw0, qw1);
                    case 3 -> deviceTlb(qw0, qw1);
                    case 4 -> interruptEntryCache(qw0);
                    case 5 -> waitDescriptor(qw0, qw1);
                    case 6 -> pasidIotlb(qw0, qw1);
                    case 7 ->
                            new PasidCache(
                                    Fields.G.getInt(qw0),
                                    Fields.DID.getInt(qw0),
                                    Fields.PASID.getInt(qw0));
                    case 8 -> pasidDeviceTlb(qw0, qw1);
                    default -> pageGroupResponse(qw0, qw1, privateData);
                };
        return hasKnownGranularity(decoded) ? decoded : new Invalid(QueueError.RESERVED_FIELD);
    }

    private static boolean hasKnownGranularity(InvalidationDescriptor decoded) {
        return switch (decoded) {
            case ContextCache(int granularity, _, _, _) -> granularity != 0;
            case Iotlb(int granularity, _, _, _) -> granularity != 0;
            case PasidCache(int granularity, _, _) -> granularity != 2;
            case Wait(boolean interrupt, boolean status, boolean fence, _, _, _) ->
                    interrupt || status || fence;
            case DeviceTlb _,
                    InterruptEntryCache _,
                    PasidIotlb _,
                    PasidDeviceTlb _,
                    PageGroupResponse _,
                    Invalid _ ->
                    true;
        };
    }

    private static ContextCache contextCache(long qw0) {
        return new ContextCache(
                Fields.G.getInt(qw0),
                Fields.DID.getInt(qw0),
                Fields.SID.getInt(qw0),
                Fields.FM.getInt(qw0));
    }

    private static Iotlb iotlb(long qw0, long qw1) {
        return new Iotlb(
                Fields.G.getInt(qw0), Fields.DID.getInt(qw0), Fields.AM.getInt(qw1), range(qw1));
    }

    /** 2^AM pages at an address that is aligned down to them. */
    private static IovaRange range(long qw1) {
        return pages(Fields.ADDR.getInPlace(qw1), Fields.AM.getInt(qw1));
    }

    /** The 2^mask pages around {@code address}; masks of 52 and more cover every address. */
    static IovaRange pages(long address, int mask) {
        return IovaRange.block(address, Math.min(12 + mask, Long.SIZE));
    }

    private static DeviceTlb deviceTlb(long qw0, long qw1) {
        int sizeLog2 = deviceTlbSize(qw1, Fields.DEVICE_S.isSet(qw1));
        return new DeviceTlb(Fields.SID.getInt(qw0), deviceTlbBase(qw1, sizeLog2), sizeLog2);
    }

    /**
     * With S, ones from address bit 12 upward double 8 KiB that many times. All of them, and all
     * but bit 63, are the whole address space.
     */
    private static int deviceTlbSize(long qw1, boolean s) {
        if (!s) {
            return 12;
        }
        int ones = Long.numberOfTrailingZeros(~(qw1 >> 12));
        return Math.min(13 + ones, Long.SIZE);
    }

    private static long deviceTlbBase(long qw1, int sizeLog2) {
        return sizeLog2 == Long.SIZE ? 0 : qw1 & -1L << sizeLog2;
    }

    private static InterruptEntryCache interruptEntryCache(long qw0) {
        return new InterruptEntryCache(
                !Fields.IEC_G.isSet(qw0), Fields.IIDX.getInt(qw0), Fields.IM.getInt(qw0));
    }

    private static Wait waitDescriptor(long qw0, long qw1) {
        return new Wait(
                Fields.IF.isSet(qw0),
                Fields.SW.isSet(qw0),
                Fields.FN.isSet(qw0),
                Fields.PD.isSet(qw0),
                (int) Fields.STATUS_DATA.get(qw0),
                Fields.STATUS_ADDRESS.getInPlace(qw1));
    }

    private static InvalidationDescriptor pasidIotlb(long qw0, long qw1) {
        int granularity = Fields.G.getInt(qw0);
        if (granularity < 2) {
            return new Invalid(QueueError.RESERVED_FIELD);
        }
        return new PasidIotlb(
                Fields.DID.getInt(qw0),
                Fields.PASID.getInt(qw0),
                granularity == PAGE ? range(qw1) : IovaRange.ALL,
                granularity == PAGE && Fields.IH.isSet(qw1));
    }

    private static PasidDeviceTlb pasidDeviceTlb(long qw0, long qw1) {
        int sizeLog2 = deviceTlbSize(qw1, Fields.PASID_DEVICE_S.isSet(qw1));
        return new PasidDeviceTlb(
                Fields.PASID_SID.getInt(qw0),
                Fields.PASID.getInt(qw0),
                Fields.PASID_DEVICE_G.isSet(qw1),
                deviceTlbBase(qw1, sizeLog2),
                sizeLog2);
    }

    private static PageGroupResponse pageGroupResponse(long qw0, long qw1, boolean privateData) {
        return new PageGroupResponse(
                Fields.RID.getInt(qw0),
                Fields.PASID_PRESENT.isSet(qw0) ? Fields.PASID.getInt(qw0) : Requester.NO_PASID,
                Fields.PRG_INDEX.getInt(qw1),
                Fields.CODE.getInt(qw0),
                privateData);
    }
}
