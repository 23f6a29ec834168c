package nestor.machine;

import nestor.vmm.mmio.MmioRegion;

/**
 * What an SMMUv3 says of itself to software (IHI 0070, §6.3.1, §6.3.2, §6.3.4, §6.3.6).
 *
 * @param idr0 SMMU_IDR0
 * @param idr1 SMMU_IDR1
 * @param idr3 SMMU_IDR3
 * @param idr5 SMMU_IDR5
 */
public record SmmuIdentification(long idr0, long idr1, long idr3, long idr5) {
    private static final long IDR0 = 0x0;
    private static final long IDR1 = 0x4;
    private static final long IDR3 = 0xc;
    private static final long IDR5 = 0x14;

    /** Reads the registers as software does. */
    static SmmuIdentification read(MmioRegion registers) {
        return new SmmuIdentification(
                registers.read(IDR0, Integer.BYTES),
                registers.read(IDR1, Integer.BYTES),
                registers.read(IDR3, Integer.BYTES),
                registers.read(IDR5, Integer.BYTES));
    }
}
