package nestor.iommu.host;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** What the host needs to know of a guest's stage 1. */
public sealed interface Stage1 {
    /**
     * The first stage of one PASID-table entry (IOMMU_HWPT_DATA_VTD_S1).
     *
     * @param tableGpa FSPTPTR
     * @param inputBits 48 or 57
     * @param flags {@link #SUPERVISOR_REQUESTS}, {@link #EXTENDED_ACCESSED}, {@link #WRITE_PROTECT}
     *     or'ed
     */
    record VtdFirstStage(long tableGpa, int inputBits, long flags) implements Stage1 {
        /** SRE. */
        public static final long SUPERVISOR_REQUESTS = 1;

        /** EAFE. */
        public static final long EXTENDED_ACCESSED = 1 << 1;

        /** WPE. */
        public static final long WRITE_PROTECT = 1 << 2;
    }

    /**
     * A stream with its table of Context descriptors, which hardware reads by itself
     * (IOMMU_HWPT_DATA_ARM_SMMUV3).
     *
     * @param ste0 doubleword 0 of the guest's STE: V, Config, S1Fmt, S1ContextPtr, S1CDMax only
     * @param ste1 doubleword 1: S1DSS, S1CIR, S1COR, S1CSH, S1STALLD, EATS only
     */
    record SmmuV3(long ste0, long ste1) implements Stage1 {
        private static final BitField V = bit(0);
        private static final BitField CONFIG = bits(3, 1);
        private static final BitField S1FMT = bits(5, 4);
        private static final BitField S1CONTEXTPTR = bits(51, 6);
        private static final BitField S1CDMAX = bits(63, 59);
        private static final BitField S1DSS = bits(1, 0);
        private static final BitField S1CIR = bits(3, 2);
        private static final BitField S1COR = bits(5, 4);
        private static final BitField S1CSH = bits(7, 6);
        private static final BitField S1STALLD = bit(27);
        private static final BitField EATS = bits(29, 28);
        private static final long WORD0 =
                V.mask() | CONFIG.mask() | S1FMT.mask() | S1CONTEXTPTR.mask() | S1CDMAX.mask();
        private static final long WORD1 =
                S1DSS.mask()
                        | S1CIR.mask()
                        | S1COR.mask()
                        | S1CSH.mask()
                        | S1STALLD.mask()
                        | EATS.mask();

        /**
         * What a host takes of a guest's STE: the fields named above, and no others.
         *
         * @param ats whether EATS means something
         */
        public static SmmuV3 of(long ste0, long ste1, boolean ats) {
            return new SmmuV3(ste0 & WORD0, ste1 & (ats ? WORD1 : WORD1 & ~EATS.mask()));
        }
    }
}
