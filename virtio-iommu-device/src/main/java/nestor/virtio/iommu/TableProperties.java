package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.virtio.iommu.table.TableKind;
import nestor.virtio.iommu.table.TableOptions;
import nestor.vmm.register.BitField;

/** The properties that tell a driver what its tables may look like, by profile. */
final class TableProperties {
    /** Bytes that all of them take in the profile with most. */
    static final int MAX_BYTES = 112;

    private static final int PAGE_SIZE_MASK = 2;
    private static final int INPUT_RANGE = 3;
    private static final int OUTPUT_SIZE = 4;
    private static final int PASID_SIZE = 5;
    private static final int PAGE_TABLE_FORMAT = 6;
    private static final int PASID_TABLE_FORMAT = 7;
    private static final int HW_ARM_SMMUV3 = 2;

    /** With headers. */
    private static final int FORMAT_BYTES = 16;

    private static final int VTD_FORMAT_BYTES = 24;

    /** Of an Arm page table: HW_ACCESS, HW_DIRTY, HPD. */
    private static final int ARM_FLAGS = 1 | 1 << 1 | 1 << 3;

    /** VT-d's Capability Register (§11.4.2). */
    private static final class Cap {
        static final BitField MGAW = bits(21, 16);
        static final BitField FS1GP = bit(56);
        static final BitField FS5LP = bit(60);
    }

    /** VT-d's Extended Capability Register (§11.4.3). */
    private static final class Ecap {
        static final BitField C = bit(0);
        static final BitField SRS = bit(31);
        static final BitField PSS = bits(39, 35);
        static final BitField PASID = bit(40);
        static final BitField SMTS = bit(43);
        static final BitField FSTS = bit(47);
        static final BitField SMPWCS = bit(48);
    }

    /** An SMMUv3's identification registers (IHI 0070, §6.3.1 to §6.3.6). */
    private static final class Idr {
        static final BitField IDR0_S1P = bit(1);
        static final BitField IDR0_TTF = bits(3, 2);
        static final BitField IDR0_COHACC = bit(4);
        static final BitField IDR0_HTTU = bits(7, 6);
        static final BitField IDR0_ATS = bit(10);
        static final BitField IDR0_ASID16 = bit(12);
        static final BitField IDR0_CD2L = bit(19);
        static final BitField IDR0_TTENDIAN = bits(22, 21);
        static final BitField IDR0_STALL_MODEL = bits(25, 24);
        static final BitField IDR0_TERM_MODEL = bit(26);
        static final BitField IDR1_SIDSIZE = bits(5, 0);
        static final BitField IDR1_SSIDSIZE = bits(10, 6);
        static final BitField IDR3_HAD = bit(2);
        static final BitField IDR5_OAS = bits(2, 0);
        static final BitField IDR5_GRANULES = bits(6, 4);
    }

    private TableProperties() {}

    /** Appends those of {@code profile}. */
    static void addTo(
            Properties list, TableProfile profile, TableOptions tables, VirtioIommuConfig config) {
        switch (profile) {
            case NONE -> {}
            case HW -> addIdentification(list, tables);
            case RFC2021, RFC2023, NESTOR -> {
                addSizes(list, tables, config);
                for (TableKind kind : profile.kinds()) {
                    addFormat(list, kind, tables);
                }
            }
        }
    }

    private static void addSizes(Properties list, TableOptions tables, VirtioIommuConfig config) {
        int mask = list.add(PAGE_SIZE_MASK, 16);
        list.bytes().putQuad(mask + 8, config.pageSizeMask());
        int input = list.add(INPUT_RANGE, 24);
        list.bytes()
                .putQuad(input + 8, config.inputRange().first())
                .putQuad(input + 16, config.inputRange().last());
        int output = list.add(OUTPUT_SIZE, 8);
        list.bytes().putByte(output + 4, tables.outputBits());
        int pasid = list.add(PASID_SIZE, 8);
        list.bytes().putByte(pasid + 4, tables.pasidBits());
    }

    private static void addFormat(Properties list, TableKind kind, TableOptions tables) {
        switch (kind) {
            case ARM_LPAE -> {
                int at = list.add(PAGE_TABLE_FORMAT, FORMAT_BYTES);
                list.bytes()
                        .putHalf(at + 4, TableLayout.ARM_LPAE)
                        .putHalf(at + 6, TableOptions.ASID_BITS)
                        .putWord(at + 8, ARM_FLAGS);
            }
            case ARM_SMMUV3 -> {
                int at = list.add(PASID_TABLE_FORMAT, FORMAT_BYTES);
                list.bytes()
                        .putHalf(at + 4, TableLayout.ARM_SMMUV3)
                        .putHalf(at + 6, TableOptions.ASID_BITS);
            }
            case VTD_FIRST_STAGE -> {
                int at = list.add(PAGE_TABLE_FORMAT, VTD_FORMAT_BYTES);
                list.bytes()
                        .putHalf(at + 4, TableLayout.VTD_FIRST_STAGE)
                        .putQuad(at + 8, capability(tables))
                        .putQuad(at + 16, extendedCapability(tables));
            }
        }
    }

    private static long capability(TableOptions tables) {
        return Cap.MGAW.set(Cap.FS1GP.mask() | Cap.FS5LP.mask(), tables.outputBits() - 1);
    }

    private static long extendedCapability(TableOptions tables) {
        long flags =
                Ecap.C.mask()
                        | Ecap.SRS.mask()
                        | Ecap.PASID.mask()
                        | Ecap.SMTS.mask()
                        | Ecap.FSTS.mask()
                        | Ecap.SMPWCS.mask();
        return Ecap.PSS.set(flags, tables.pasidBits() - 1);
    }

    private static void addIdentification(Properties list, TableOptions tables) {
        long idr0 =
                Idr.IDR0_S1P.mask()
                        | Idr.IDR0_COHACC.mask()
                        | Idr.IDR0_ATS.mask()
                        | Idr.IDR0_ASID16.mask()
                        | Idr.IDR0_CD2L.mask()
                        | Idr.IDR0_TERM_MODEL.mask();
        idr0 = Idr.IDR0_TTF.set(idr0, 2); // AArch64
        idr0 = Idr.IDR0_HTTU.set(idr0, 2); // access flag and dirty state
        idr0 = Idr.IDR0_TTENDIAN.set(idr0, 2); // little-endian
        idr0 = Idr.IDR0_STALL_MODEL.set(idr0, 1); // terminate only
        long idr1 = Idr.IDR1_SSIDSIZE.set(Idr.IDR1_SIDSIZE.set(0, 16), tables.pasidBits());
        int oas =
                switch (tables.outputBits()) {
                    case 48 -> 5;
                    case 44, 45, 46, 47 -> 4;
                    case 42, 43 -> 3;
                    case 40, 41 -> 2;
                    case 36, 37, 38, 39 -> 1;
                    default -> 0;
                };
        int at = list.add(HW_ARM_SMMUV3, 56);
        list.bytes()
                .putQuad(at + 8, idr0)
                .putQuad(at + 16, idr1)
                .putQuad(at + 32, Idr.IDR3_HAD.mask())
                .putQuad(at + 48, Idr.IDR5_OAS.set(Idr.IDR5_GRANULES.mask(), oas));
    }
}
