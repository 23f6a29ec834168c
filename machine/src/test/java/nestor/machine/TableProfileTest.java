package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.machine.virt.MemoryMap;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciHost;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The property {@code table-profile} of {@code virtio-iommu-pci}. */
class TableProfileTest {
    private static void plug(Map<String, String> properties) throws ConfigException {
        GuestMemory memory = GuestMemory.anonymous(MemoryMap.RAM, 1 << 20);
        var host =
                new PciHost(
                        MemoryMap.PCI,
                        memory,
                        new MmioBus(),
                        new MsiDoorbell(MemoryMap.ITS, 4, (_, _, _) -> {}));
        List<Throwable> escaped = new ArrayList<>();
        var devices =
                new PciDevices(
                        host,
                        memory,
                        new ManualClock(),
                        Map.of(),
                        List.of(),
                        Optional.empty(),
                        AssignedDevices.none(),
                        (_, cause) -> escaped.add(cause));
        devices.plug(PciPlan.of(List.of(new DeviceConfig("virtio-iommu-pci", properties))));
        assertThat(escaped).isEmpty();
    }

    @Test
    @DisplayName("docs/virtio-iommu.md: every profile by its name, and none by default")
    void everyProfileIsKnown() throws ConfigException {
        plug(Map.of());
        for (String profile : List.of("none", "rfc2021", "rfc2023", "hw", "nestor")) {
            plug(Map.of("table-profile", profile));
        }
        assertThatThrownBy(() -> plug(Map.of("table-profile", "rfc2020")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("one of none, rfc2021, rfc2023, hw, nestor");
    }

    @Test
    void reservedRegionsLeaveRoomForTheOtherProperties() throws ConfigException {
        Map<String, String> properties = new HashMap<>(Map.of("table-profile", "nestor"));
        for (int i = 0; i < 16; i++) {
            properties.put(
                    "reserved-regions." + i, "0x%x:0x%x:0".formatted(i << 12, (i << 12) + 0xfff));
        }
        plug(properties);
        properties.put("reserved-regions.16", "0x10000:0x10fff:0");
        assertThatThrownBy(() -> plug(properties))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("at most 16 reserved regions");
        properties.put("table-profile", "none");
        plug(properties);
    }
}
