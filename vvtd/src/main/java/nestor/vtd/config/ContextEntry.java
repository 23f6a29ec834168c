package nestor.vtd.config;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.iommu.walk.StructureLayout;
import nestor.vmm.register.BitField;

/** A context entry of either mode (§9.3, §9.4), decoded once. */
public sealed interface ContextEntry {
    /** P. */
    boolean present();

    /** FPD. */
    boolean faultProcessingDisabled();

    /** Whether every reserved bit is zero, but for those of absent features. */
    boolean reservedZero();

    /** Whether translation and translated requests are let through: TT = 1, or DTE. */
    boolean deviceTlb();

    /** Whether page requests are taken: PRE. */
    boolean pageRequests();

    /**
     * §9.3, legacy mode: 16 bytes.
     *
     * @param translationType TT
     * @param secondStagePointer SSPTPTR, an address
     * @param addressWidth AW
     * @param domainId DID
     */
    record Legacy(
            boolean present,
            boolean faultProcessingDisabled,
            int translationType,
            long secondStagePointer,
            int addressWidth,
            int domainId,
            boolean reservedZero)
            implements ContextEntry {
        /** TT: untranslated requests only. */
        public static final int UNTRANSLATED = 0;

        /** TT: translation and translated requests too. */
        public static final int DEVICE_TLB = 1;

        /** TT: untranslated requests pass. */
        public static final int PASS_THROUGH = 2;

        @Override
        public boolean deviceTlb() {
            return translationType == DEVICE_TLB;
        }

        @Override
        public boolean pageRequests() {
            return false;
        }

        /** Levels of the second stage, 3 to 5; 0 if AW has no meaning. */
        int levels() {
            return addressWidth >= 1 && addressWidth <= 3 ? addressWidth + 2 : 0;
        }
    }

    /**
     * §9.4, scalable mode: 32 bytes.
     *
     * @param deviceTlb DTE
     * @param pasidEnabled PASIDE
     * @param pageRequests PRE
     * @param directorySize PDTS
     * @param directoryPointer PASIDDIRPTR, an address
     * @param ridPasid RID_PASID
     */
    record Scalable(
            boolean present,
            boolean faultProcessingDisabled,
            boolean deviceTlb,
            boolean pasidEnabled,
            boolean pageRequests,
            int directorySize,
            long directoryPointer,
            int ridPasid,
            boolean reservedZero)
            implements ContextEntry {
        /** One more than the largest PASID that the directory has an entry for. */
        public int pasids() {
            return 1 << directorySize + 13;
        }
    }

    /** Size of a legacy-mode entry. */
    int LEGACY_BYTES = 16;

    /** Size of a scalable-mode entry. */
    int SCALABLE_BYTES = 32;

    /** Fields in the order of quadword and bit. */
    final class Fields {
        static final BitField P = bit(0);
        static final BitField FPD = bit(1);
        static final BitField POINTER = bits(63, 12);

        static final BitField TT = bits(3, 2);
        static final BitField LEGACY_RESERVED_0 = bits(11, 4);
        static final BitField AW = bits(2, 0);
        static final BitField IGNORED = bits(6, 3);
        static final BitField LEGACY_RESERVED_7 = bit(7);
        static final BitField DID = bits(23, 8);
        static final BitField LEGACY_RESERVED_1 = bits(63, 24);

        static final BitField DTE = bit(2);
        static final BitField PASIDE = bit(3);
        static final BitField PRE = bit(4);
        static final BitField SCALABLE_RESERVED_0 = bits(8, 5);
        static final BitField PDTS = bits(11, 9);
        static final BitField RID_PASID = bits(19, 0);

        /** With RID_PRIV, bit 20, which is reserved without ECAP.RPRIVS. */
        static final BitField SCALABLE_RESERVED_1 = bits(63, 20);

        private Fields() {}
    }

    /** The fields of a legacy-mode entry by name. */
    StructureLayout LEGACY_LAYOUT =
            new StructureLayout(
                    "context entry",
                    "VT-d, §9.3",
                    2,
                    List.of(
                            field("P", 0, Fields.P),
                            field("FPD", 0, Fields.FPD),
                            field("TT", 0, Fields.TT),
                            address("SSPTPTR", 0, Fields.POINTER),
                            field("AW", 1, Fields.AW),
                            field("IGN", 1, Fields.IGNORED),
                            field("DID", 1, Fields.DID)));

    /** The fields of a scalable-mode entry by name. */
    StructureLayout SCALABLE_LAYOUT =
            new StructureLayout(
                    "scalable-mode context entry",
                    "VT-d, §9.4",
                    4,
                    List.of(
                            field("P", 0, Fields.P),
                            field("FPD", 0, Fields.FPD),
                            field("DTE", 0, Fields.DTE),
                            field("PASIDE", 0, Fields.PASIDE),
                            field("PRE", 0, Fields.PRE),
                            field("PDTS", 0, Fields.PDTS),
                            address("PASIDDIRPTR", 0, Fields.POINTER),
                            field("RID_PASID", 1, Fields.RID_PASID)));

    /** From the two quadwords of a legacy-mode entry; total. */
    static Legacy legacy(long qw0, long qw1) {
        return new Legacy(
                Fields.P.isSet(qw0),
                Fields.FPD.isSet(qw0),
                Fields.TT.getInt(qw0),
                Fields.POINTER.getInPlace(qw0),
                Fields.AW.getInt(qw1),
                Fields.DID.getInt(qw1),
                !Fields.LEGACY_RESERVED_0.isSet(qw0)
                        && !Fields.LEGACY_RESERVED_7.isSet(qw1)
                        && !Fields.LEGACY_RESERVED_1.isSet(qw1));
    }

    /**
     * From the quadwords of a scalable-mode entry; total.
     *
     * @param rest quadwords 2 and 3 or'ed, all reserved
     */
    static Scalable scalable(long qw0, long qw1, long rest) {
        return new Scalable(
                Fields.P.isSet(qw0),
                Fields.FPD.isSet(qw0),
                Fields.DTE.isSet(qw0),
                Fields.PASIDE.isSet(qw0),
                Fields.PRE.isSet(qw0),
                Fields.PDTS.getInt(qw0),
                Fields.POINTER.getInPlace(qw0),
                Fields.RID_PASID.getInt(qw1),
                !Fields.SCALABLE_RESERVED_0.isSet(qw0)
                        && !Fields.SCALABLE_RESERVED_1.isSet(qw1)
                        && rest == 0);
    }
}
