package nestor.virtio.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import nestor.testkit.ModelDriver;
import nestor.testkit.ModelScenarios;
import nestor.virtio.iommu.table.TableKind;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What must hold of every IOMMU model, on each profile with each kind of tables for PASIDs. MAP and
 * UNMAP know no PASIDs, so that the profile without tables has none of it.
 */
class ModelScenariosTest {
    /** Profiles, tables, and which scenarios cannot be told there, and why. */
    private enum Way {
        NESTOR_CONTEXTS(TableProfile.NESTOR, TableKind.ARM_SMMUV3, "", Set.of()),
        NESTOR_FIRST_STAGE(TableProfile.NESTOR, TableKind.VTD_FIRST_STAGE, "", Set.of()),
        RFC2021(TableProfile.RFC2021, TableKind.ARM_SMMUV3, "", Set.of()),
        HW(
                TableProfile.HW,
                TableKind.ARM_SMMUV3,
                "no page requests; a report does not tell a missing page from a missing right",
                Set.of("aPageIsRequestedAndGranted", "whatIsReadOnlyIsNotWritten")),
        RFC2023(
                TableProfile.RFC2023,
                TableKind.VTD_FIRST_STAGE,
                "no page requests; a report has no PASID",
                Set.of(
                        "aPageIsRequestedAndGranted",
                        "whatIsReadOnlyIsNotWritten",
                        "whatIsNotMappedIsAFault",
                        "aPasidThatIsNotBoundIsAFault",
                        "anUnmappedPageIsGone",
                        "anUnboundPasidIsGone"));

        final TableProfile profile;
        final TableKind kind;
        final String reason;
        final Set<String> untold;

        Way(TableProfile profile, TableKind kind, String reason, Set<String> untold) {
            this.profile = profile;
            this.kind = kind;
            this.reason = reason;
            this.untold = untold;
        }

        DynamicTest test(String name, Consumer<ModelDriver> scenario) {
            return DynamicTest.dynamicTest(
                    "%s: %s".formatted(this, name),
                    () -> {
                        Assumptions.assumeFalse(untold.contains(name), reason);
                        scenario.accept(new TableDriver(profile, kind));
                    });
        }
    }

    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        Map<String, Consumer<ModelDriver>> all = ModelScenarios.all();
        return Arrays.stream(Way.values())
                .flatMap(way ->
                        all.entrySet().stream()
                                .map(each -> way.test(each.getKey(), each.getValue())));
    }

    @Test
    void whatCannotBeToldIsOfTheScenariosThereAre() {
        for (Way way : Way.values()) {
            assertThat(ModelScenarios.all().keySet()).containsAll(way.untold);
        }
    }

    @Test
    void profilesWithoutPageRequestsOfferNone() {
        for (Way way : Way.values()) {
            boolean offered =
                    way.profile.negotiated(way.profile.offered()).pageRequest();
            assertThat(way.untold.contains("aPageIsRequestedAndGranted")).isNotEqualTo(offered);
        }
    }
}
