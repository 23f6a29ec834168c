package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import nestor.pci.ChaosKey;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code chaos=} of a device, and what users get wrong about it. */
class ChaosPlanTest {
    private static DeviceOptions device(String... properties) throws ConfigException {
        Map<String, String> given = new LinkedHashMap<>();
        for (String property : properties) {
            String[] pair = property.split("=", 2);
            given.put(pair[0], pair[1]);
        }
        return DeviceOptions.of(new DeviceConfig("svm-demo", given));
    }

    private static ChaosPlan read(String... properties) throws ConfigException {
        return ChaosPlan.of(device(properties), ChaosKey.Side.FUNCTION).orElseThrow();
    }

    @Test
    void keysAreJoinedByPlusSigns() throws ConfigException {
        ChaosPlan plan = read("chaos=prq=dup+devtlb=slow", "chaos-seed=7");

        assertThat(plan.keys())
                .containsExactlyInAnyOrder(ChaosKey.PRQ_DUPLICATE, ChaosKey.DEVTLB_SLOW);
        assertThat(plan.seed()).isEqualTo(7);
        assertThat(plan).hasToString("chaos=devtlb=slow+prq=dup,chaos-seed=7");
    }

    @Test
    void aSeedThatNobodyGaveIsShownAsADeviceTakesIt() throws ConfigException {
        ChaosPlan plan = read("chaos=devtlb=slow");
        assertThat(read(plan.toString().split(","))).isEqualTo(plan);
    }

    @Test
    void everyKeyIsReadAsItIsWritten() throws ConfigException {
        for (ChaosKey key : ChaosKey.values()) {
            assertThat(ChaosPlan.keys("", key.title())).containsExactly(key);
            assertThat(key.help()).matches("erratum: .*|.*(PCIe|VT-d|IHI 0070|virtio).* §.*");
        }
    }

    @Test
    void aVirtioIommuHasKeysOfItsOwn() throws ConfigException {
        DeviceOptions late =
                DeviceOptions.of(
                        new DeviceConfig(
                                "virtio-iommu-pci", Map.of("chaos", "inv=slow+evtq=full")));
        assertThat(ChaosPlan.of(late, ChaosKey.Side.VIRTIO_IOMMU).orElseThrow().keys())
                .containsExactlyInAnyOrder(ChaosKey.INVALIDATION_SLOW, ChaosKey.EVENT_QUEUE_FULL);
        DeviceOptions lossy =
                DeviceOptions.of(
                        new DeviceConfig("virtio-iommu-pci", Map.of("chaos", "inv=timeout")));
        assertThatThrownBy(() -> ChaosPlan.of(lossy, ChaosKey.Side.VIRTIO_IOMMU))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("'inv=timeout': unknown key");
    }

    @Test
    void withoutTheKeysDevicesBehave() throws ConfigException {
        assertThat(ChaosPlan.of(device(), ChaosKey.Side.FUNCTION)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "chaos=devtlb=slw, did you mean devtlb=slow",
        "chaos=devtlb=slow+, '': unknown key",
        "chaos=fetch=torn, 'fetch=torn': unknown key",
        "chaos-seed=7, without chaos=",
    })
    void mistakesAreNamedInOneLine(String property, String message) {
        assertThatThrownBy(() -> read(property))
                .isInstanceOf(ConfigException.class)
                .hasMessageStartingWith("-device svm-demo: ")
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }
}
