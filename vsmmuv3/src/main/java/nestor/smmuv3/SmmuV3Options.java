package nestor.smmuv3;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommu.AtcInvalidator;
import nestor.vmm.register.BitField;

/**
 * What an SMMU is built with; what its identification registers say (IHI 0070, §6.3.1 to §6.3.6).
 *
 * @param stage1 S1P
 * @param stage2 S2P
 * @param sidBits SIDSIZE, 1..16: stream IDs are Requester IDs
 * @param ssidBits SSIDSIZE, 0..20
 * @param outputBits OAS: 32, 36, 40, 42, 44 or 48
 * @param hardwareUpdates HTTU: 0 none, 1 access flag, 2 access flag and dirty state
 * @param ats ATS
 * @param pri PRI, which needs ATS
 * @param rangeInvalidation RIL
 * @param splitStageAts NS1ATS clear: EATS = 2 is there
 * @param stall STALL_MODEL = 0, stall and terminate; else 1, terminate only
 * @param event SEV
 * @param fetch how configuration structures are read
 * @param atcTimeoutNanos from an ATC invalidation to CERROR_ATC_INV_SYNC, if it is not answered
 */
public record SmmuV3Options(
        boolean stage1,
        boolean stage2,
        int sidBits,
        int ssidBits,
        int outputBits,
        int hardwareUpdates,
        boolean ats,
        boolean pri,
        boolean rangeInvalidation,
        boolean splitStageAts,
        boolean stall,
        boolean event,
        StructureFetch fetch,
        long atcTimeoutNanos) {
    /** STALL_MAX: stalled transactions that software has not answered. */
    static final int STALL_MAX = 128;

    /** Log2 of the largest queues: 4096 entries. */
    static final int QUEUE_LOG2 = 12;

    /** Requester IDs. */
    private static final int SID_BITS = 16;

    private static final int[] OUTPUT_BITS = {32, 36, 40, 42, 44, 48};

    public SmmuV3Options {
        if (!stage1 && !stage2) {
            throw new IllegalArgumentException("an SMMU translates at stage 1, stage 2 or both");
        }
        if (sidBits < 1 || sidBits > 16 || ssidBits < 0 || ssidBits > 20) {
            throw new IllegalArgumentException("no such widths of stream and substream IDs");
        }
        if (hardwareUpdates < 0 || hardwareUpdates > 2) {
            throw new IllegalArgumentException("HTTU is 0, 1 or 2");
        }
        if (atcTimeoutNanos <= 0) {
            throw new IllegalArgumentException("no time for ATC invalidations");
        }
        if (pri && !ats) {
            throw new IllegalArgumentException("PRI needs ATS");
        }
        outputSizeCode(outputBits);
    }

    /** Everything there is, read as {@link StructureFetch#atomic64} does. */
    public static SmmuV3Options whole() {
        return new Builder().build();
    }

    /** Starts with everything there is. */
    public static Builder builder() {
        return new Builder();
    }

    /** Both stages, 48 bits, 20-bit substreams, ATS, PRI, stalls …, unless told otherwise. */
    public static final class Builder {
        private boolean stage1 = true;
        private boolean stage2 = true;
        private int ssidBits = 20;
        private int outputBits = 48;
        private int hardwareUpdates = 2;
        private boolean ats = true;
        private boolean pri = true;
        private boolean rangeInvalidation = true;
        private boolean splitStageAts = true;
        private boolean stall = true;
        private boolean event = true;
        private StructureFetch fetch = StructureFetch.atomic64();
        private long atcTimeoutNanos = AtcInvalidator.TIMEOUT_NANOS;

        private Builder() {}

        /** S1P, S2P: at least one. */
        public Builder stages(boolean first, boolean second) {
            stage1 = first;
            stage2 = second;
            return this;
        }

        /** SSIDSIZE. */
        public Builder ssidBits(int bits) {
            ssidBits = bits;
            return this;
        }

        /** OAS. */
        public Builder outputBits(int bits) {
            outputBits = bits;
            return this;
        }

        /** HTTU. */
        public Builder hardwareUpdates(int httu) {
            hardwareUpdates = httu;
            return this;
        }

        /** ATS; without it there is no PRI and no split-stage ATS either. */
        public Builder ats(boolean there) {
            ats = there;
            return this;
        }

        /** PRI. */
        public Builder pri(boolean there) {
            pri = there;
            return this;
        }

        /** RIL. */
        public Builder rangeInvalidation(boolean there) {
            rangeInvalidation = there;
            return this;
        }

        /** Not NS1ATS. */
        public Builder splitStageAts(boolean there) {
            splitStageAts = there;
            return this;
        }

        /** STALL_MODEL. */
        public Builder stall(boolean there) {
            stall = there;
            return this;
        }

        /** SEV. */
        public Builder event(boolean there) {
            event = there;
            return this;
        }

        /** How structures are read. */
        public Builder fetch(StructureFetch how) {
            fetch = how;
            return this;
        }

        /** How long an endpoint may take for an ATC invalidation. */
        public Builder atcTimeout(long nanos) {
            atcTimeoutNanos = nanos;
            return this;
        }

        /**
         * The options.
         *
         * @throws IllegalArgumentException if there is no such SMMU
         */
        public SmmuV3Options build() {
            return new SmmuV3Options(
                    stage1,
                    stage2,
                    SID_BITS,
                    ssidBits,
                    outputBits,
                    hardwareUpdates,
                    ats,
                    pri && ats,
                    rangeInvalidation,
                    splitStageAts && ats && stage1 && stage2,
                    stall,
                    event,
                    fetch,
                    atcTimeoutNanos);
        }
    }

    /** The same, with structures read in another way. */
    SmmuV3Options withFetch(StructureFetch how) {
        return new SmmuV3Options(
                stage1,
                stage2,
                sidBits,
                ssidBits,
                outputBits,
                hardwareUpdates,
                ats,
                pri,
                rangeInvalidation,
                splitStageAts,
                stall,
                event,
                how,
                atcTimeoutNanos);
    }

    private static int outputSizeCode(int bits) {
        for (int code = 0; code < OUTPUT_BITS.length; code++) {
            if (OUTPUT_BITS[code] == bits) {
                return code;
            }
        }
        throw new IllegalArgumentException("no such output size: " + bits);
    }

    /** Input size of stage 2, which is the largest intermediate address (§3.4). */
    public int intermediateBits() {
        return outputBits;
    }

    /** SMMU_IDR0. */
    private static final class Idr0 {
        static final BitField S2P = bit(0);
        static final BitField S1P = bit(1);
        static final BitField TTF = bits(3, 2);
        static final BitField COHACC = bit(4);
        static final BitField HTTU = bits(7, 6);
        static final BitField ATS = bit(10);
        static final BitField NS1ATS = bit(11);
        static final BitField ASID16 = bit(12);
        static final BitField MSI = bit(13);
        static final BitField SEV = bit(14);
        static final BitField PRI = bit(16);
        static final BitField VMID16 = bit(18);
        static final BitField CD2L = bit(19);
        static final BitField TTENDIAN = bits(22, 21);
        static final BitField STALL_MODEL = bits(25, 24);
        static final BitField ST_LEVEL = bits(28, 27);

        static final int AARCH64 = 2;
        static final int LITTLE_ENDIAN = 2;
        static final int STALL_AND_TERMINATE = 0;
        static final int TERMINATE_ONLY = 1;
        static final int TWO_LEVEL = 1;
    }

    /** SMMU_IDR1. */
    private static final class Idr1 {
        static final BitField SIDSIZE = bits(5, 0);
        static final BitField SSIDSIZE = bits(10, 6);
        static final BitField PRIQS = bits(15, 11);
        static final BitField EVENTQS = bits(20, 16);
        static final BitField CMDQS = bits(25, 21);
    }

    /** SMMU_IDR3. */
    private static final class Idr3 {
        static final BitField HAD = bit(2);
        static final BitField XNX = bit(4);
        static final BitField PPS = bit(5);
        static final BitField FWB = bit(8);
        static final BitField RIL = bit(10);
    }

    /** SMMU_IDR5. */
    private static final class Idr5 {
        static final BitField OAS = bits(2, 0);
        static final BitField GRAN4K = bit(4);
        static final BitField GRAN16K = bit(5);
        static final BitField GRAN64K = bit(6);
        static final BitField STALL_MAX = bits(31, 16);
    }

    long idr0() {
        long value = flag(Idr0.S2P, stage2) | flag(Idr0.S1P, stage1);
        value = Idr0.TTF.set(value, Idr0.AARCH64);
        value |= Idr0.COHACC.mask();
        value = Idr0.HTTU.set(value, hardwareUpdates);
        value |= flag(Idr0.ATS, ats);
        value |= flag(Idr0.NS1ATS, ats && stage1 && stage2 && !splitStageAts);
        value |= Idr0.ASID16.mask() | Idr0.MSI.mask() | flag(Idr0.PRI, pri);
        value |= flag(Idr0.VMID16, stage2) | flag(Idr0.CD2L, ssidBits > 0);
        value = Idr0.TTENDIAN.set(value, Idr0.LITTLE_ENDIAN);
        value |= flag(Idr0.SEV, event);
        value = Idr0.STALL_MODEL.set(value, stall ? Idr0.STALL_AND_TERMINATE : Idr0.TERMINATE_ONLY);
        return Idr0.ST_LEVEL.set(value, Idr0.TWO_LEVEL);
    }

    long idr1() {
        long value = Idr1.SIDSIZE.set(0, sidBits);
        value = Idr1.SSIDSIZE.set(value, ssidBits);
        value = Idr1.PRIQS.set(value, pri ? QUEUE_LOG2 : 0);
        value = Idr1.EVENTQS.set(value, QUEUE_LOG2);
        return Idr1.CMDQS.set(value, QUEUE_LOG2);
    }

    long idr3() {
        return flag(Idr3.HAD, stage1)
                | flag(Idr3.XNX, stage2)
                | flag(Idr3.PPS, pri)
                | flag(Idr3.FWB, stage2)
                | flag(Idr3.RIL, rangeInvalidation);
    }

    long idr5() {
        return Idr5.OAS.set(0, outputSizeCode(outputBits))
                | Idr5.GRAN4K.mask()
                | Idr5.GRAN16K.mask()
                | Idr5.GRAN64K.mask()
                | Idr5.STALL_MAX.set(0, stall ? STALL_MAX : 0);
    }

    private static long flag(BitField field, boolean set) {
        return set ? field.mask() : 0;
    }
}
