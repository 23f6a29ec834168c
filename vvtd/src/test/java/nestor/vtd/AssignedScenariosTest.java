package nestor.vtd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import nestor.testkit.AssignedScenarios;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What must hold of every model with a function of the host's, on VT-d. */
class AssignedScenariosTest {
    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        return AssignedScenarios.all(VtdGuest::new).entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(), () -> scenario.getValue().run()));
    }

    @TestFactory
    Stream<DynamicTest> everyScenarioHoldsWhicheverHostCallFails() {
        return AssignedScenarios.failing(VtdGuest::new).entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(),
                                () -> assertThat(scenario.getValue().get()).isPositive()));
    }
}
