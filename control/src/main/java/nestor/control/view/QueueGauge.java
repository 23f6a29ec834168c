package nestor.control.view;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import nestor.machine.IommuState;
import nestor.virtio.VirtqueueState;
import nestor.vmm.register.BitField;

/**
 * How full a queue in guest memory is, as its registers say at one moment.
 *
 * @param name as the specification abbreviates it
 * @param enabled whether the IOMMU serves it
 * @param entries it has room for
 * @param producer index of the next entry that is written
 * @param consumer index of the next entry that is read
 * @param waiting entries that have been written and not read
 * @param error what has gone wrong and has not been acknowledged; empty if nothing
 */
record QueueGauge(
        String name,
        boolean enabled,
        long entries,
        long producer,
        long consumer,
        long waiting,
        String error) {
    /** IHI 0070, §6.3.9, §6.3.26-§6.3.33, §7.1. */
    private static final class Smmu {
        static final BitField PRIQEN = bit(1);
        static final BitField EVENTQEN = bit(2);
        static final BitField CMDQEN = bit(3);
        static final BitField LOG2SIZE = bits(4, 0);
        static final BitField CMDQ_ERR = bits(30, 24);
        static final BitField OVERFLOW = bit(31);
        static final BitField GERROR_CMDQ = bit(0);

        /** An index has 19 bits at most, and one more that tells how often it has wrapped. */
        static final int MAX_LOG2SIZE = 19;

        static final List<String> ERRORS =
                List.of("CERROR_NONE", "CERROR_ILL", "CERROR_ABT", "CERROR_ATC_INV_SYNC");

        private Smmu() {}
    }

    /** Intel VT-d, §11.4.4.2, §11.4.7.1, §11.4.9, §11.4.11. */
    private static final class Vtd {
        static final BitField QIES = bit(26);
        static final BitField IQE = bit(4);
        static final BitField ICE = bit(5);
        static final BitField ITE = bit(6);
        static final BitField WIDE = bit(11);
        static final BitField SIZE = bits(2, 0);
        static final BitField OVERFLOW = bit(1);
        static final int SMALL_LOG2 = 4;
        static final int WIDE_LOG2 = 5;
        static final int PAGE_LOG2 = 12;

        private Vtd() {}
    }

    /** Those of an IOMMU; none of one whose queues are virtqueues. */
    static List<QueueGauge> of(IommuState state) {
        return switch (state.driver()) {
            case "arm-smmuv3" -> smmu(state.registers());
            case "intel-iommu" -> vtd(state.registers());
            default -> List.of();
        };
    }

    /** A virtqueue (virtio 1.3, §2.7): the driver produces, the device gives back. */
    static QueueGauge of(VirtqueueState queue) {
        int size = Math.max(1, queue.size());
        return new QueueGauge(
                "virtqueue " + queue.index(),
                queue.size() > 0,
                queue.size(),
                queue.available() % size,
                queue.used() % size,
                queue.waiting(),
                "");
    }

    private static List<QueueGauge> smmu(SequencedMap<String, Long> registers) {
        List<QueueGauge> gauges = new ArrayList<>();
        long control = value(registers, "CR0");
        long gerror = value(registers, "GERROR") ^ value(registers, "GERRORN");
        int reason = Smmu.CMDQ_ERR.getInt(value(registers, "CMDQ_CONS"));
        String stopped = reason < Smmu.ERRORS.size() ? Smmu.ERRORS.get(reason) : "CERROR " + reason;
        gauges.add(
                smmu(
                        registers,
                        "CMDQ",
                        Smmu.CMDQEN.isSet(control),
                        Smmu.GERROR_CMDQ.isSet(gerror) ? stopped : ""));
        for (String name : List.of("EVENTQ", "PRIQ")) {
            long producer = value(registers, name + "_PROD");
            long consumer = value(registers, name + "_CONS");
            if (registers.containsKey(name + "_PROD")) {
                BitField enable = name.equals("PRIQ") ? Smmu.PRIQEN : Smmu.EVENTQEN;
                boolean overflow = Smmu.OVERFLOW.isSet(producer ^ consumer);
                gauges.add(
                        smmu(registers, name, enable.isSet(control), overflow ? "overflow" : ""));
            }
        }
        return gauges;
    }

    private static QueueGauge smmu(
            SequencedMap<String, Long> registers, String name, boolean enabled, String error) {
        int log2 =
                Math.min(Smmu.LOG2SIZE.getInt(value(registers, name + "_BASE")), Smmu.MAX_LOG2SIZE);
        long producer = value(registers, name + "_PROD");
        long consumer = value(registers, name + "_CONS");
        long indices = (1L << log2) - 1;
        long wrapped = (2L << log2) - 1;
        return new QueueGauge(
                name,
                enabled,
                1L << log2,
                producer & indices,
                consumer & indices,
                // Software may write what makes no sense.
                Math.min(producer - consumer & wrapped, 1L << log2),
                error);
    }

    private static List<QueueGauge> vtd(SequencedMap<String, Long> registers) {
        long status = value(registers, "FSTS_REG");
        String error =
                Vtd.IQE.isSet(status)
                        ? "IQE: the queue has stopped"
                        : Vtd.ITE.isSet(status)
                                ? "ITE: a device-TLB has not answered"
                                : Vtd.ICE.isSet(status) ? "ICE: an unexpected completion" : "";
        long address = value(registers, "IQA_REG");
        boolean wide = Vtd.WIDE.isSet(address);
        List<QueueGauge> gauges = new ArrayList<>();
        gauges.add(
                vtd(
                        "IQ",
                        Vtd.QIES.isSet(value(registers, "GSTS_REG")),
                        address,
                        wide ? Vtd.WIDE_LOG2 : Vtd.SMALL_LOG2,
                        value(registers, "IQT_REG"),
                        value(registers, "IQH_REG"),
                        error));
        boolean overflow = Vtd.OVERFLOW.isSet(value(registers, "PRS_REG"));
        gauges.add(
                vtd(
                        "PRQ",
                        value(registers, "PQA_REG") != 0,
                        value(registers, "PQA_REG"),
                        Vtd.WIDE_LOG2,
                        value(registers, "PQT_REG"),
                        value(registers, "PQH_REG"),
                        overflow ? "PRO: overflow" : ""));
        return gauges;
    }

    private static QueueGauge vtd(
            String name,
            boolean enabled,
            long address,
            int entryLog2,
            long tail,
            long head,
            String error) {
        int bytesLog2 = Vtd.PAGE_LOG2 + Vtd.SIZE.getInt(address);
        long mask = (1L << bytesLog2) - 1;
        return new QueueGauge(
                name,
                enabled,
                1L << bytesLog2 - entryLog2,
                (tail & mask) >>> entryLog2,
                (head & mask) >>> entryLog2,
                (tail - head & mask) >>> entryLog2,
                error);
    }

    private static long value(SequencedMap<String, Long> registers, String name) {
        return registers.getOrDefault(name, 0L);
    }
}
