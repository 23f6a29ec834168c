package nestor.hostsuite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import nestor.iommufd.Errno;
import nestor.iommufd.HostSystem;
import org.junit.jupiter.api.Test;

class ReportTest {
    private final HostSystem system = mock(HostSystem.class);

    private String report(List<HostSuite.Case> cases) {
        var bytes = new ByteArrayOutputStream();
        Main.report(cases, system, new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aCheckThatFailsSaysWhyAndTheNextOneRuns() {
        when(system.open(HostSystem.IOMMU)).thenReturn(-Errno.ENOENT);
        List<HostSuite.Case> two = HostSuite.cases().subList(0, 2);

        assertThat(report(two))
                .startsWith(
                        "KTAP version 1\n1..2\n# open(/dev/iommu): expected a number not below 0")
                .contains("\nnot ok 1 " + two.get(0).name() + "\n")
                .endsWith("\nnot ok 2 " + two.get(1).name() + "\n");
    }

    @Test
    void whatIsLeftOutOnALinuxIsACheckAndSaysWhy() {
        var names = HostSuite.cases().stream().map(HostSuite.Case::name).toList();
        assertThat(names).containsAll(LinuxDifferences.checks());
        List<HostSuite.Case> left =
                HostSuite.cases().stream()
                        .filter(each -> LinuxDifferences.checks().contains(each.name()))
                        .toList();

        assertThat(report(left)).doesNotContain("not ok").contains("ok 1 pasid/", " # SKIP the ");
    }

    @Test
    void anExpectationThatDoesNotHoldNamesBothNumbers() {
        assertThatThrownBy(() -> Expectation.assertThat(-22).describedAs("map").isZero())
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("map: expected 0, got -22");
    }
}
