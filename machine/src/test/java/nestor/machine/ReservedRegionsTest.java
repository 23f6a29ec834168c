package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.iommu.IovaRange;
import nestor.virtio.iommu.ReservedRegion;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReservedRegionsTest {
    private static List<ReservedRegion> regions(String... properties) throws ConfigException {
        Map<String, String> given = new LinkedHashMap<>();
        for (String property : properties) {
            String[] pair = property.split("=", 2);
            given.put(pair[0], pair[1]);
        }
        return ReservedRegions.of(
                DeviceOptions.of(new DeviceConfig("virtio-iommu-pci", given)),
                4096,
                Optional.empty());
    }

    @Test
    void noneUnlessGiven() throws ConfigException {
        assertThat(regions()).isEmpty();
    }

    @Test
    void theBoardsOwnRegionGivesWayToTheUsers() throws ConfigException {
        IovaRange messages = new IovaRange(0xfee0_0000L, 0xfeef_ffffL);
        DeviceOptions none = DeviceOptions.of(new DeviceConfig("virtio-iommu-pci", Map.of()));
        assertThat(ReservedRegions.of(none, 4096, Optional.of(messages)))
                .containsExactly(new ReservedRegion(ReservedRegion.Subtype.MSI, messages));
        DeviceOptions own =
                DeviceOptions.of(
                        new DeviceConfig(
                                "virtio-iommu-pci",
                                Map.of("reserved-regions.0", "fee00000:fee00fff:1")));
        assertThat(ReservedRegions.of(own, 4096, Optional.of(messages))).hasSize(1);
    }

    @Test
    void bothSpellingsAreInOrderOfTheirIndex() throws ConfigException {
        assertThat(
                        regions(
                                "reserved-regions.10=0x0:0xfff:0",
                                "reserved-regions[2]=8000000:80fffff:1",
                                "len-reserved-regions=2"))
                .containsExactly(
                        new ReservedRegion(
                                ReservedRegion.Subtype.MSI, new IovaRange(0x800_0000, 0x80f_ffff)),
                        new ReservedRegion(
                                ReservedRegion.Subtype.RESERVED, new IovaRange(0, 0xfff)));
    }

    @Test
    void theTopOfTheAddressSpaceCanBeReserved() throws ConfigException {
        assertThat(regions("reserved-regions.0=0xfffffffffffff000:0xffffffffffffffff:0"))
                .hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "reserved-regions.0=0x2000:0x1fff:0 | low is above high",
                "reserved-regions.0=0x1000:0x1ffe:0 | not made of whole pages of 4096 bytes",
                "reserved-regions.0=0:0xffffffffffffffff:0 | nothing is left to map",
                "len-reserved-regions=1 | 0 regions are given",
            })
    void wrongRegionsAreNamed(String property, String message) {
        assertThatThrownBy(() -> regions(property))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void regionsAreApartAndNotTooMany() {
        assertThatThrownBy(() ->
                        regions(
                                "reserved-regions.0=0:0x1fff:0",
                                "reserved-regions.1=0x1000:0x1fff:1"))
                .hasMessageContaining("reserved-regions.1='0x1000:0x1fff:1': overlaps");
        String[] many = new String[22];
        for (int i = 0; i < many.length; i++) {
            many[i] = "reserved-regions.%d=%x000:%xfff:0".formatted(i, i, i);
        }
        assertThatThrownBy(() -> regions(many)).hasMessageContaining("at most 21 regions");
    }
}
