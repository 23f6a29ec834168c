package nestor.virtio.iommu.table;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Optional;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.format.Tcr;
import nestor.iommu.host.Stage1;
import nestor.pci.Requester;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;

/** The tables that a driver attaches, as its request describes them. */
public sealed interface TableDescriptor {
    /** Why tables are refused. */
    enum Flaw {
        /** A field has a value without meaning. */
        INVALID,
        /** A number is larger than what the device said it can do. */
        RANGE,
        /** The tables are not in memory, or not aligned. */
        FAULT
    }

    /** Bytes of the smallest page of tables. */
    long PAGE_BYTES = 4096;

    TableKind kind();

    /** What is wrong with it; empty if nothing is. */
    Optional<Flaw> flaw(TableOptions options, GuestMemory memory);

    /** The PASID whose requests use it; {@link Requester#NO_PASID} for a function as a whole. */
    default int pasid() {
        return Requester.NO_PASID;
    }

    /** What a host needs to know to walk it; empty if it takes more than the guest's memory. */
    Optional<Stage1> stage1();

    /**
     * A table of Context descriptors (IHI 0070, §5.2).
     *
     * @param s1Fmt S1Fmt
     * @param s1Dss S1DSS: {@link #DSS_TERMINATE}, {@link #DSS_BYPASS} or {@link #DSS_SSID0}
     * @param s1ContextPtr S1ContextPtr, an address
     * @param s1CdMax S1CDMax, unsigned
     */
    record ContextTable(int s1Fmt, int s1Dss, long s1ContextPtr, int s1CdMax)
            implements TableDescriptor {
        public static final int DSS_TERMINATE = 0;
        public static final int DSS_BYPASS = 1;
        public static final int DSS_SSID0 = 2;

        private static final int LAST_S1FMT = 2;
        private static final long STAGE1_TRANSLATES = 5;

        /** A stream table entry, doublewords 0 and 1. */
        private static final BitField V = bit(0);

        private static final BitField CONFIG = bits(3, 1);
        private static final BitField S1FMT = bits(5, 4);
        private static final BitField S1CONTEXTPTR = bits(51, 6);
        private static final BitField S1CDMAX = bits(63, 59);
        private static final BitField S1DSS = bits(1, 0);

        /** Of a stream table entry whose stage 1 translates; empty for any other. */
        public static Optional<ContextTable> ofEntry(long ste0, long ste1) {
            return V.isSet(ste0) && CONFIG.get(ste0) == STAGE1_TRANSLATES
                    ? Optional.of(
                            new ContextTable(
                                    S1FMT.getInt(ste0),
                                    S1DSS.getInt(ste1),
                                    S1CONTEXTPTR.getInPlace(ste0),
                                    S1CDMAX.getInt(ste0)))
                    : Optional.empty();
        }

        @Override
        public TableKind kind() {
            return TableKind.ARM_SMMUV3;
        }

        @Override
        public Optional<Flaw> flaw(TableOptions options, GuestMemory memory) {
            if (s1Fmt < 0 || s1Fmt > LAST_S1FMT || s1Dss < 0 || s1Dss > DSS_SSID0) {
                return Optional.of(Flaw.INVALID);
            }
            if (Integer.compareUnsigned(s1CdMax, options.pasidBits()) > 0) {
                return Optional.of(Flaw.RANGE);
            }
            return isInMemory(memory, s1ContextPtr, ContextDescriptor.BYTES)
                    ? Optional.empty()
                    : Optional.of(Flaw.FAULT);
        }

        /** Where its descriptors lie. */
        ContextTableFormat format() {
            return new ContextTableFormat(s1ContextPtr, s1Fmt, s1CdMax);
        }

        @Override
        public Optional<Stage1> stage1() {
            long ste0 = CONFIG.set(V.mask(), STAGE1_TRANSLATES);
            ste0 = S1FMT.set(ste0, s1Fmt) | S1CONTEXTPTR.getInPlace(s1ContextPtr);
            return Optional.of(new Stage1.SmmuV3(S1CDMAX.set(ste0, s1CdMax), S1DSS.set(0, s1Dss)));
        }
    }

    /**
     * One table of the lower range, VMSAv8-64 stage 1.
     *
     * @param asid 16 bits
     * @param tcr TCR_EL1
     * @param ttbr TTBR0_EL1's address
     * @param mair MAIR_EL1
     */
    record ArmStage1(int asid, long tcr, long ttbr, long mair) implements TableDescriptor {
        @Override
        public TableKind kind() {
            return TableKind.ARM_LPAE;
        }

        @Override
        public Optional<Flaw> flaw(TableOptions options, GuestMemory memory) {
            ContextDescriptor context = context();
            if (new Tcr(tcr).hasUnknownBits() || !context.range1().disabled()) {
                return Optional.of(Flaw.INVALID);
            }
            if (ttbr >>> options.outputBits() != 0) {
                return Optional.of(Flaw.RANGE);
            }
            if (!context.hasLegalRanges(options.outputBits())) {
                return Optional.of(Flaw.INVALID);
            }
            return isInMemory(memory, ttbr, PAGE_BYTES)
                    ? Optional.empty()
                    : Optional.of(Flaw.FAULT);
        }

        /** The same as a Context descriptor. */
        ContextDescriptor context() {
            return new Tcr(tcr).contextDescriptor(asid, ttbr, 0, mair);
        }

        /** A host wants a Context descriptor in the guest's memory, where there is none. */
        @Override
        public Optional<Stage1> stage1() {
            return Optional.empty();
        }
    }

    /**
     * One first-stage table (VT-d, §3.6).
     *
     * @param rawPasid the PASID whose requests use it; 0 for requests without one
     * @param tableGpa FSPTPTR
     * @param flags those of {@link Stage1.VtdFirstStage}
     * @param inputBits 48 or 57: 4 or 5 levels
     */
    record FirstStage(int rawPasid, long tableGpa, long flags, int inputBits)
            implements TableDescriptor {
        static final int FOUR_LEVELS = 48;
        static final int FIVE_LEVELS = 57;

        private static final long KNOWN_FLAGS =
                Stage1.VtdFirstStage.SUPERVISOR_REQUESTS | Stage1.VtdFirstStage.WRITE_PROTECT;

        @Override
        public TableKind kind() {
            return TableKind.VTD_FIRST_STAGE;
        }

        @Override
        public int pasid() {
            return rawPasid == 0 ? Requester.NO_PASID : rawPasid;
        }

        @Override
        public Optional<Flaw> flaw(TableOptions options, GuestMemory memory) {
            if ((flags & ~KNOWN_FLAGS) != 0) {
                return Optional.of(Flaw.INVALID);
            }
            if (!options.hasPasid(rawPasid)
                    || inputBits != FOUR_LEVELS && inputBits != FIVE_LEVELS
                    || tableGpa >>> options.outputBits() != 0) {
                return Optional.of(Flaw.RANGE);
            }
            return isInMemory(memory, tableGpa, PAGE_BYTES)
                    ? Optional.empty()
                    : Optional.of(Flaw.FAULT);
        }

        boolean isSet(long flag) {
            return (flags & flag) != 0;
        }

        @Override
        public Optional<Stage1> stage1() {
            return Optional.of(new Stage1.VtdFirstStage(tableGpa, inputBits, flags));
        }
    }

    /** Whether {@code sizeBytes} at {@code gpa} are RAM, and {@code gpa} a multiple of them. */
    private static boolean isInMemory(GuestMemory memory, long gpa, long sizeBytes) {
        return (gpa & sizeBytes - 1) == 0 && memory.contains(gpa, sizeBytes);
    }
}
