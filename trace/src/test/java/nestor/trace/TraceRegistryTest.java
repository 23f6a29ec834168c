package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import jdk.jfr.Name;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceRegistryTest {
    @Name("vtd_fault")
    static final class Fault extends TracePoint {}

    @Name("vtd_inv_desc")
    static final class Descriptor extends TracePoint {}

    private static final TracePoints VTD = () -> List.of(Fault.class, Descriptor.class);
    private final TraceRegistry registry = new TraceRegistry(List.of(VTD));

    @Test
    void namesAreThoseOfTheEvents() {
        assertThat(registry.names()).containsExactly("vtd_fault", "vtd_inv_desc");
    }

    @ParameterizedTest
    @CsvSource({
        "*, 2",
        "vtd_*, 2",
        "vtd_f*, 1",
        "*_desc, 1",
        "*t*d*, 2",
        "vtd_faul?, 1",
        "vtd_fault, 1",
        "vtd_faul, 0",
        "vtd_fault?, 0",
        "'', 0",
        "pci_*, 0"
    })
    void aStarStandsForAnything(String glob, int matches) {
        assertThat(registry.matching(glob)).hasSize(matches);
    }
}
