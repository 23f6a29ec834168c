package nestor.iommu.host;

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
    record SmmuV3(long ste0, long ste1) implements Stage1 {}
}
