package nestor.hostsim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ServiceLoader;
import java.util.stream.Stream;
import nestor.hostsuite.HostSuite;
import nestor.iommufd.HostSystem;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The suite on a simulation of its own for each check; with {@code -Dnestor.host=linux} on the
 * {@link HostSystem} which a {@link ServiceLoader} finds.
 */
class HostSuiteTest {
    @TestFactory
    @DisplayName("the host does as Linux 7.3 does")
    Stream<DynamicTest> theHostDoesAsLinuxDoes() {
        String host = System.getProperty("nestor.host", "simulation");
        return HostSuite.cases().stream()
                .map(each -> DynamicTest.dynamicTest(each.name(), () -> each.run(system(host))));
    }

    @TestFactory
    @DisplayName("an assigned function is translated as Linux 7.3 and an SMMUv3 do")
    Stream<DynamicTest> anAssignedFunctionIsTranslatedAsByLinux() {
        return HostSuite.assigned().stream()
                .map(each -> DynamicTest.dynamicTest(each.name(), () -> each.run(assigning())));
    }

    private static HostSystem assigning() {
        var host = new SimulatedHost();
        host.smmuV3().function("/dev/vfio/devices/vfio0", () -> new StoringFunction().function());
        return host;
    }

    private static HostSystem system(String name) {
        return switch (name) {
            case "simulation" -> new SimulatedHost();
            case "linux" -> ServiceLoader.load(HostSystem.class).findFirst().orElseThrow();
            default -> throw new IllegalArgumentException("nestor.host=" + name);
        };
    }

    @Test
    void theSuiteHasMoreThanAHundredAndFiftyChecksWithNamesOfTheirOwn() {
        assertThat(HostSuite.cases()).hasSizeGreaterThan(150);
        assertThat(HostSuite.cases()).extracting(HostSuite.Case::name).doesNotHaveDuplicates();
    }
}
