package nestor.smmuv3;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import nestor.testkit.AssignedScenarios;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What must hold of every model with a function of the host's, on SMMUv3. */
class AssignedScenariosTest {
    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        return AssignedScenarios.all(SmmuGuest::new).entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(), () -> scenario.getValue().run()));
    }

    @TestFactory
    Stream<DynamicTest> everyScenarioHoldsWhicheverHostCallFails() {
        return AssignedScenarios.failing(SmmuGuest::new).entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(),
                                () -> assertThat(scenario.getValue().get()).isPositive()));
    }
}
