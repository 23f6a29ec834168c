package nestor.control.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import nestor.machine.IommuState;
import nestor.virtio.VirtqueueState;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource(
            delimiter = '|',
            value = {
                // IHI 0070, §3.5.1: the wrap bit tells a full queue from an empty one
                "CMDQ | CR0=8 CMDQ_BASE=4 CMDQ_PROD=12 CMDQ_CONS=2 | true | 16 | 2 | 2 | 16 | ''",
                "CMDQ | CR0=8 CMDQ_BASE=4 CMDQ_PROD=12 CMDQ_CONS=12 | true | 16 | 2 | 2 | 0 | ''",
                // §7.1: a stopped Command queue is named with its error, until that is acknowledged
                "CMDQ | CMDQ_BASE=4 CMDQ_CONS=1000000 GERROR=1 | false | 16 | 0 | 0 | 0"
                        + " | CERROR_ILL",
                "CMDQ | CMDQ_BASE=4 CMDQ_CONS=1000000 GERROR=1 GERRORN=1 | false | 16 | 0 | 0 | 0"
                        + " | ''",
                // §7.4: an overflow lasts until software has acknowledged it
                "EVENTQ | CR0=4 EVENTQ_BASE=3 EVENTQ_PROD=80000008 EVENTQ_CONS=0 | true | 8 | 0"
                        + " | 0 | 8 | overflow",
                "EVENTQ | CR0=4 EVENTQ_BASE=3 EVENTQ_PROD=80000008 EVENTQ_CONS=80000000 | true"
                        + " | 8 | 0 | 0 | 8 | ''",
                // VT-d, §11.4.9: head and tail are byte offsets, of 16- or 32-byte descriptors
                "IQ | GSTS_REG=4000000 IQA_REG=1001 IQH_REG=1ff0 IQT_REG=20 | true | 512 | 2 | 511"
                        + " | 3 | ''",
                "IQ | GSTS_REG=4000000 IQA_REG=1801 IQH_REG=1fe0 IQT_REG=20 | true | 256 | 1 | 255"
                        + " | 2 | ''",
                // §11.4.11.4: PRO is a page request queue that overflowed
                "PRQ | PQA_REG=2000 PQH_REG=0 PQT_REG=fe0 PRS_REG=2 | true | 128 | 127 | 0 | 127"
                        + " | PRO: overflow",
            })
    void registersTellHowFullAQueueIs(
            String queue,
            String values,
            boolean enabled,
            long entries,
            long producer,
            long consumer,
            long waiting,
            String error) {
        for (String value : values.split(" ", -1)) {
            String[] pair = value.split("=", -1);
            registers.put(pair[0], Long.parseLong(pair[1], 16));
        }
        String driver = values.contains("_REG=") ? "intel-iommu" : "arm-smmuv3";
        assertThat(gauge(driver, queue))
                .isEqualTo(
                        new QueueGauge(
                                queue, enabled, entries, producer, consumer, waiting, error));
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
    @DisplayName("virtio 1.3 §2.7: indices count on beyond the ring's size, in 16 bits")
    void virtqueuesWrapAtSixteenBits() {
        assertThat(QueueGauge.of(new VirtqueueState(1, 256, 3, 0xfffe)))
                .isEqualTo(new QueueGauge("virtqueue 1", true, 256, 3, 254, 5, ""));
        assertThat(QueueGauge.of(new VirtqueueState(0, 0, 0, 0)).enabled()).isFalse();
    }
}
