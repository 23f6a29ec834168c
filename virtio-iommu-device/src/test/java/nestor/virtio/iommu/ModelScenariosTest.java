package nestor.virtio.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import nestor.testkit.ModelDriver;
import nestor.testkit.ModelScenarios;
import nestor.testkit.OracleScenarios;
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
    /**
     * A profile with one kind of tables.
     *
     * @param untold scenarios whose outcome drivers are not told there
     * @param reason why
     */
    private record Way(TableProfile profile, TableKind kind, Set<String> untold, String reason) {
        Way(TableProfile profile, TableKind kind) {
            this(profile, kind, Set.of(), "");
        }

        DynamicTest test(String name, Consumer<ModelDriver> scenario) {
            return DynamicTest.dynamicTest(
                    "%s, %s: %s".formatted(profile.title(), kind, name),
                    () -> {
                        Assumptions.assumeFalse(untold.contains(name), reason);
                        scenario.accept(new TableDriver(profile, kind));
                    });
        }
    }

    private static final List<Way> WAYS =
            List.of(
                    new Way(TableProfile.NESTOR, TableKind.ARM_SMMUV3),
                    new Way(TableProfile.NESTOR, TableKind.VTD_FIRST_STAGE),
                    new Way(TableProfile.RFC2021, TableKind.ARM_SMMUV3),
                    new Way(
                            TableProfile.HW,
                            TableKind.ARM_SMMUV3,
                            Set.of("aPageIsRequestedAndGranted", "whatIsReadOnlyIsNotWritten"),
                            "no page requests; a report does not tell a missing page from a"
                                    + " missing right"),
                    new Way(
                            TableProfile.RFC2023,
                            TableKind.VTD_FIRST_STAGE,
                            Set.of(
                                    "aPageIsRequestedAndGranted",
                                    "whatIsReadOnlyIsNotWritten",
                                    "whatIsNotMappedIsAFault",
                                    "aPasidThatIsNotBoundIsAFault",
                                    "anUnmappedPageIsGone",
                                    "anUnboundPasidIsGone"),
                            "no page requests; a report has no PASID"));

    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        Map<String, Consumer<ModelDriver>> all = ModelScenarios.all();
        return WAYS.stream()
                .flatMap(way ->
                        all.entrySet().stream()
                                .map(each -> way.test(each.getKey(), each.getValue())));
    }

    /** An INVALIDATE of the IOTLB alone is what there is none of. */
    @TestFactory
    Stream<DynamicTest> theOracleIsRight() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("ModelScenariosTest: -Dnestor.seed=" + seed);
        return WAYS.stream()
                .filter(way -> way.profile == TableProfile.NESTOR)
                .flatMap(way ->
                        OracleScenarios.all().entrySet().stream()
                                .filter(each ->
                                        !each.getKey().equals("aForgottenAtcInvalidationIsBlamed"))
                                .map(each ->
                                        way.test(
                                                each.getKey(),
                                                driver -> each.getValue().accept(driver, seed))));
    }

    @Test
    void whatCannotBeToldIsOfTheScenariosThereAre() {
        for (Way way : WAYS) {
            assertThat(ModelScenarios.all().keySet()).containsAll(way.untold);
        }
    }

    @Test
    void profilesWithoutPageRequestsOfferNone() {
        for (Way way : WAYS) {
            boolean offered = way.profile.negotiated(way.profile.offered()).pageRequest();
            assertThat(way.untold.contains("aPageIsRequestedAndGranted")).isNotEqualTo(offered);
        }
    }
}
