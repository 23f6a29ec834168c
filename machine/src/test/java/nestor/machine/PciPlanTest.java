package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PciPlanTest {
    private static PciPlan plan(String... devices) throws ConfigException {
        List<DeviceConfig> configs = new ArrayList<>();
        for (String device : devices) {
            String[] parts = device.split(",", -1);
            Map<String, String> properties = new LinkedHashMap<>();
            for (int i = 1; i < parts.length; i++) {
                String[] pair = parts[i].split("=", 2);
                properties.put(pair[0], pair[1]);
            }
            configs.add(new DeviceConfig(parts[0], properties));
        }
        return PciPlan.of(configs);
    }

    @Test
    void devicesTakeFreeSlotsInOrderAroundFixedOnes() throws ConfigException {
        PciPlan plan = plan("edu", "virtio-rng-pci,addr=2", "edu,addr=1.1", "edu");
        assertThat(plan.placements())
                .extracting(place -> place.slot() + "." + place.function())
                .containsExactly("3.0", "2.0", "1.1", "4.0");
    }

    @Test
    void rootPortsComeFirstAndGiveABus() throws ConfigException {
        PciPlan plan = plan("edu,bus=rp,id=e", "pcie-root-port,id=rp,slot=1,chassis=1");
        assertThat(plan.placements())
                .extracting(PciPlan.Placement::name)
                .containsExactly("rp", "e");
        assertThat(plan.placements().get(1).slot()).isZero();
    }

    @Test
    void consolesFindTheirControllers() throws ConfigException {
        PciPlan plan =
                plan(
                        "virtio-serial-pci,id=a",
                        "virtio-serial-pci,id=b",
                        "virtconsole,chardev=y,bus=b.0",
                        "virtconsole,chardev=x");
        assertThat(plan.consoles())
                .extractingByKey(0)
                .extracting(console -> console.text("chardev"))
                .isEqualTo("x");
        assertThat(plan.consoles())
                .extractingByKey(1)
                .extracting(console -> console.text("chardev"))
                .isEqualTo("y");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "virtio-blk | -device virtio-blk: unknown device; did you mean virtio-blk-pci?",
                "frobnicator | unknown device; known: virtio-blk-pci, virtio-rng-pci",
                "edu,dmamask=1 | unknown property 'dmamask'; did you mean dma_mask?",
                "edu,dma_mask=much | dma_mask='much': must be a number",
                "edu,dma_mask=9999999999999999999999 | must be a number",
                "virtio-rng-pci,iommu_platform=maybe | must be on or off",
                "virtio-iommu-pci,granule=8k | must be one of 4k, 16k, 64k, host",
                "virtio-iommu-pci,reserved-regions.0=1:2 | must be low:high:type",
                "virtio-iommu-pci,reserved-regions.0=0:fff:2 | must be low:high:type",
                "virtio-iommu-pci,reserved-regionz.0=0:fff:0 | unknown property",
                "edu,addr=20 | addr='20': slots are 0 to 1f",
                "edu,addr=1.9 | must be a slot",
                "edu,romfile=x | must be empty",
                "edu,bus=pcie.1 | bus='pcie.1': no such bus; pcie.0",
                "virtio-serial-pci | needs a virtconsole",
                "virtconsole,chardev=x | no free virtio-serial-pci",
                "virtconsole,chardev=x,bus=q.0 | no such bus",
            })
    void wrongDevicesAreNamed(String device, String message) {
        assertThatThrownBy(() -> plan(device))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message)
                .hasMessageStartingWith("-device ");
    }

    @Test
    void placesAndIdsAreGivenOnce() {
        assertThatThrownBy(() -> plan("edu,addr=3", "edu,addr=3")).hasMessageContaining("taken");
        assertThatThrownBy(() -> plan("edu,id=a", "edu,id=a")).hasMessageContaining("another");
        assertThatThrownBy(() -> plan("virtio-iommu-pci", "virtio-iommu-pci"))
                .hasMessageContaining("one IOMMU");
        assertThatThrownBy(() -> plan("pcie-root-port,id=r", "virtio-iommu-pci,bus=r"))
                .hasMessageContaining("pcie.0 only");
        assertThatThrownBy(() -> plan("pcie-root-port,id=r", "edu,bus=r", "edu,bus=r"))
                .hasMessageContaining("no free slot on bus r");
    }

    @Test
    void everyDefaultPassesItsOwnCheck() throws ConfigException {
        for (DeviceType type : Machine.catalog().types()) {
            for (DeviceProperty property : type.properties()) {
                if (!property.defaultValue().isEmpty()) {
                    Map<String, String> only = Map.of(property.name(), property.defaultValue());
                    DeviceOptions.of(new DeviceConfig(type.driver(), only));
                }
            }
        }
    }
}
