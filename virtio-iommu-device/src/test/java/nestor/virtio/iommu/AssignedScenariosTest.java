package nestor.virtio.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Supplier;
import java.util.stream.Stream;
import nestor.testkit.AssignedScenarios;
import nestor.virtio.iommu.table.TableKind;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What must hold of every model with a function of the host's, on tables of both kinds. */
class AssignedScenariosTest {
    private static Stream<TableKind> kinds() {
        return Stream.of(TableKind.ARM_SMMUV3, TableKind.VTD_FIRST_STAGE);
    }

    private static Supplier<TableGuest> guests(TableKind kind) {
        return () -> new TableGuest(kind);
    }

    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        return kinds().flatMap(kind ->
                AssignedScenarios.all(guests(kind)).entrySet().stream()
                        .map(scenario ->
                                DynamicTest.dynamicTest(
                                        kind + ": " + scenario.getKey(),
                                        () -> scenario.getValue().run())));
    }

    @TestFactory
    Stream<DynamicTest> everyScenarioHoldsWhicheverHostCallFails() {
        return kinds().flatMap(kind ->
                AssignedScenarios.failing(guests(kind)).entrySet().stream()
                        .map(scenario ->
                                DynamicTest.dynamicTest(
                                        kind + ": " + scenario.getKey(),
                                        () -> assertThat(scenario.getValue().get()).isPositive())));
    }
}
