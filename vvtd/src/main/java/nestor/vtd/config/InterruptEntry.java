package nestor.vtd.config;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** An interrupt remapping table entry of either format (§9.10, §9.11), decoded once. */
public sealed interface InterruptEntry {
    /** Size of an entry. */
    int BYTES = 16;

    /** What both formats begin and end with. */
    record Head(
            boolean present,
            boolean faultProcessingDisabled,
            int sid,
            int sourceQualifier,
            int sourceValidation) {}

    Head head();

    /** Whether every reserved bit is zero, and no field has a reserved value. */
    boolean isLegal();

    /**
     * §9.10.
     *
     * @param logicalDestination DM
     * @param redirectionHint RH
     * @param levelTriggered TM
     * @param deliveryMode DLM
     * @param vector V
     * @param destination DST: an x2APIC ID, or an xAPIC ID in bits 15:8
     */
    record Remapped(
            Head head,
            boolean logicalDestination,
            boolean redirectionHint,
            boolean levelTriggered,
            int deliveryMode,
            int vector,
            int destination,
            boolean reservedZero)
            implements InterruptEntry {
        /** Of an xAPIC ID, everything but bits 15:8. */
        private static final BitField XAPIC_ID = bits(15, 8);

        @Override
        public boolean isLegal() {
            return reservedZero && deliveryMode != 3 && deliveryMode != 6;
        }

        /** Whether the destination has bits where xAPIC IDs have none. */
        public boolean isExtended() {
            return (Integer.toUnsignedLong(destination) & ~XAPIC_ID.mask()) != 0;
        }

        /** The APIC ID. */
        public int apicId(boolean extended) {
            return extended ? destination : XAPIC_ID.getInt(Integer.toUnsignedLong(destination));
        }
    }

    /**
     * §9.11.
     *
     * @param urgent URG
     * @param vector of the virtual interrupt
     * @param descriptor PDA, an address
     */
    record Posted(Head head, boolean urgent, int vector, long descriptor, boolean reservedZero)
            implements InterruptEntry {
        @Override
        public boolean isLegal() {
            return reservedZero;
        }
    }

    /** Fields in the order of quadword and bit. */
    final class Fields {
        static final BitField P = bit(0);
        static final BitField FPD = bit(1);
        static final BitField DM = bit(2);
        static final BitField RH = bit(3);
        static final BitField TM = bit(4);
        static final BitField DLM = bits(7, 5);
        static final BitField IM = bit(15);
        static final BitField V = bits(23, 16);
        static final BitField DST = bits(63, 32);
        static final BitField REMAPPED_RESERVED_LOW = bits(14, 12);
        static final BitField REMAPPED_RESERVED_HIGH = bits(31, 24);

        static final BitField URG = bit(14);
        static final BitField PDA_LOW = bits(63, 38);
        static final BitField POSTED_RESERVED_LOW = bits(7, 2);
        static final BitField POSTED_RESERVED_MIDDLE = bits(13, 12);
        static final BitField POSTED_RESERVED_HIGH = bits(37, 24);

        /** Quadword 1. */
        static final BitField SID = bits(15, 0);

        static final BitField SQ = bits(17, 16);
        static final BitField SVT = bits(19, 18);
        static final BitField REMAPPED_RESERVED_1 = bits(63, 20);
        static final BitField POSTED_RESERVED_1 = bits(31, 20);
        static final BitField PDA_HIGH = bits(63, 32);

        private Fields() {}
    }

    /** SVT: no validation. */
    int SVT_NONE = 0;

    /** SVT: the source is SID, but for what SQ masks. */
    int SVT_SOURCE = 1;

    /** SVT: the source's bus lies between the two bytes of SID. */
    int SVT_BUS = 2;

    /** From an entry's quadwords; total. */
    static InterruptEntry decode(long qw0, long qw1) {
        Head head =
                new Head(
                        Fields.P.isSet(qw0),
                        Fields.FPD.isSet(qw0),
                        Fields.SID.getInt(qw1),
                        Fields.SQ.getInt(qw1),
                        Fields.SVT.getInt(qw1));
        if (Fields.IM.isSet(qw0)) {
            long pda =
                    Fields.PDA_HIGH.getInPlace(qw1)
                            | Fields.PDA_LOW.getInPlace(qw0) >>> Integer.SIZE;
            return new Posted(
                    head,
                    Fields.URG.isSet(qw0),
                    Fields.V.getInt(qw0),
                    pda,
                    !Fields.POSTED_RESERVED_LOW.isSet(qw0)
                            && !Fields.POSTED_RESERVED_MIDDLE.isSet(qw0)
                            && !Fields.POSTED_RESERVED_HIGH.isSet(qw0)
                            && !Fields.POSTED_RESERVED_1.isSet(qw1));
        }
        return new Remapped(
                head,
                Fields.DM.isSet(qw0),
                Fields.RH.isSet(qw0),
                Fields.TM.isSet(qw0),
                Fields.DLM.getInt(qw0),
                Fields.V.getInt(qw0),
                (int) Fields.DST.get(qw0),
                !Fields.REMAPPED_RESERVED_LOW.isSet(qw0)
                        && !Fields.REMAPPED_RESERVED_HIGH.isSet(qw0)
                        && !Fields.REMAPPED_RESERVED_1.isSet(qw1));
    }
}
