package nestor.control.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import nestor.machine.IommuState;
import nestor.virtio.VirtqueueState;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class QueueGaugeTest {
    private final SequencedMap<String, Long> registers = new LinkedHashMap<>();

    private QueueGauge gauge(String driver, String name) {
        IommuState state =
                new IommuState("iommu0", driver, true, _ -> true, registers, new LinkedHashMap<>());
        return QueueGauge.of(state).stream()
                .filter(gauge -> gauge.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    @DisplayName("IHI 0070 §3.5.1: the wrap bit tells a full queue from an empty one")
    void theWrapBitTellsFullFromEmpty() {
        registers.put("CR0", 0x8L);
        registers.put("CMDQ_BASE", 4L);
        registers.put("CMDQ_PROD", 0x12L);
        registers.put("CMDQ_CONS", 0x02L);
        assertThat(gauge("arm-smmuv3", "CMDQ"))
                .isEqualTo(new QueueGauge("CMDQ", true, 16, 2, 2, 16, ""));
        registers.put("CMDQ_CONS", 0x12L);
        assertThat(gauge("arm-smmuv3", "CMDQ"))
                .isEqualTo(new QueueGauge("CMDQ", true, 16, 2, 2, 0, ""));
    }

    @Test
    @DisplayName("IHI 0070 §7.1: a stopped Command queue is named with its error")
    void aStoppedCommandQueueIsNamedWithItsError() {
        registers.put("CMDQ_BASE", 4L);
        registers.put("CMDQ_CONS", 1L << 24);
        registers.put("GERROR", 1L);
        assertThat(gauge("arm-smmuv3", "CMDQ").error()).isEqualTo("CERROR_ILL");
        registers.put("GERRORN", 1L);
        assertThat(gauge("arm-smmuv3", "CMDQ").error()).isEmpty();
    }

    @Test
    @DisplayName("IHI 0070 §7.4: an overflow lasts until software has acknowledged it")
    void anEventQueueOverflowLastsUntilItIsAcknowledged() {
        registers.put("CR0", 0x4L);
        registers.put("EVENTQ_BASE", 3L);
        registers.put("EVENTQ_PROD", 0x8000_0008L);
        registers.put("EVENTQ_CONS", 0L);
        assertThat(gauge("arm-smmuv3", "EVENTQ"))
                .isEqualTo(new QueueGauge("EVENTQ", true, 8, 0, 0, 8, "overflow"));
        registers.put("EVENTQ_CONS", 0x8000_0000L);
        assertThat(gauge("arm-smmuv3", "EVENTQ").error()).isEmpty();
    }

    @Test
    void indicesThatMakeNoSenseStayWithinTheQueue() {
        registers.put("CMDQ_BASE", -1L);
        registers.put("CMDQ_PROD", -1L);
        registers.put("CMDQ_CONS", 1L);
        QueueGauge gauge = gauge("arm-smmuv3", "CMDQ");
        assertThat(gauge.waiting()).isBetween(0L, gauge.entries());
    }

    @Test
    @DisplayName("VT-d §11.4.9: head and tail are byte offsets, of 16- or 32-byte descriptors")
    void vtdQueuesAreCountedInDescriptors() {
        registers.put("GSTS_REG", 1L << 26);
        registers.put("IQA_REG", 0x1000L | 1);
        registers.put("IQH_REG", 0x1ff0L);
        registers.put("IQT_REG", 0x20L);
        assertThat(gauge("intel-iommu", "IQ"))
                .isEqualTo(new QueueGauge("IQ", true, 512, 2, 511, 3, ""));
        registers.put("IQA_REG", 0x1000L | 1 << 11 | 1);
        registers.put("IQH_REG", 0x1fe0L);
        assertThat(gauge("intel-iommu", "IQ"))
                .isEqualTo(new QueueGauge("IQ", true, 256, 1, 255, 2, ""));
    }

    @Test
    @DisplayName("virtio 1.3 §2.7: indices count on beyond the ring's size, in 16 bits")
    void virtqueuesWrapAtSixteenBits() {
        assertThat(QueueGauge.of(new VirtqueueState(1, 256, 3, 0xfffe)))
                .isEqualTo(new QueueGauge("virtqueue 1", true, 256, 3, 254, 5, ""));
        assertThat(QueueGauge.of(new VirtqueueState(0, 0, 0, 0)).enabled()).isFalse();
    }

    @Test
    @DisplayName("VT-d §11.4.11.4: PRO is a page request queue that overflowed")
    void aPageRequestOverflowIsTold() {
        registers.put("PQA_REG", 0x2000L);
        registers.put("PQH_REG", 0L);
        registers.put("PQT_REG", 0xfe0L);
        registers.put("PRS_REG", 2L);
        assertThat(gauge("intel-iommu", "PRQ"))
                .isEqualTo(new QueueGauge("PRQ", true, 128, 127, 0, 127, "PRO: overflow"));
    }
}
