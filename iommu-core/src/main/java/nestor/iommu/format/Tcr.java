package nestor.iommu.format;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * TCR_EL1 as a control word of tables that have no Context descriptor (DDI 0487, §D19.2): the same
 * facts at other bits.
 *
 * @param word as the register holds it
 */
public record Tcr(long word) {
    private static final BitField T0SZ = bits(5, 0);
    private static final BitField EPD0 = bit(7);
    private static final BitField IRGN0 = bits(9, 8);
    private static final BitField ORGN0 = bits(11, 10);
    private static final BitField SH0 = bits(13, 12);
    private static final BitField TG0 = bits(15, 14);
    private static final BitField T1SZ = bits(21, 16);
    private static final BitField EPD1 = bit(23);
    private static final BitField IRGN1 = bits(25, 24);
    private static final BitField ORGN1 = bits(27, 26);
    private static final BitField SH1 = bits(29, 28);
    private static final BitField TG1 = bits(31, 30);
    private static final BitField IPS = bits(34, 32);
    private static final BitField AS = bit(36);
    private static final BitField TBI0 = bit(37);
    private static final BitField TBI1 = bit(38);
    private static final BitField HA = bit(39);
    private static final BitField HD = bit(40);
    private static final BitField HPD0 = bit(41);
    private static final BitField HPD1 = bit(42);

    /** HWU059 to HWU162: bits 59 to 62 of descriptors are software's, and are so here anyway. */
    private static final BitField HWU = bits(50, 43);

    private static final long KNOWN =
            T0SZ.mask()
                    | EPD0.mask()
                    | bits(15, 8).mask()
                    | bits(31, 16).mask()
                    | IPS.mask()
                    | bits(42, 36).mask()
                    | HWU.mask();

    /** Whether a bit is set that is reserved, or whose feature (NFD, E0PD, DS …) is not there. */
    public boolean hasUnknownBits() {
        return (word & ~KNOWN) != 0;
    }

    /**
     * The Context descriptor that says the same, and that faults are recorded and abort.
     *
     * @param asid 8 bits count unless AS is set
     * @param ttb0 base of the lower range's tables
     * @param ttb1 base of the upper range's
     */
    public ContextDescriptor contextDescriptor(int asid, long ttb0, long ttb1, long mair) {
        int tag = AS.isSet(word) ? asid & 0xffff : asid & 0xff;
        return new ContextDescriptor(
                new ContextDescriptor.Range(
                        T0SZ.getInt(word),
                        ContextDescriptor.granule0(TG0.getInt(word)),
                        IRGN0.getInt(word),
                        ORGN0.getInt(word),
                        SH0.getInt(word),
                        EPD0.isSet(word),
                        TBI0.isSet(word),
                        HPD0.isSet(word),
                        false,
                        ttb0),
                new ContextDescriptor.Range(
                        T1SZ.getInt(word),
                        ContextDescriptor.granule1(TG1.getInt(word)),
                        IRGN1.getInt(word),
                        ORGN1.getInt(word),
                        SH1.getInt(word),
                        EPD1.isSet(word),
                        TBI1.isSet(word),
                        HPD1.isSet(word),
                        false,
                        ttb1),
                false,
                true,
                IPS.getInt(word),
                false,
                false,
                false,
                false,
                true,
                HD.isSet(word),
                HA.isSet(word),
                false,
                false,
                true,
                true,
                true,
                tag,
                mair);
    }
}
