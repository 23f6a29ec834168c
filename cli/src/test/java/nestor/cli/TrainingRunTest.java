package nestor.cli;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** What is rehearsed for the ahead-of-time cache starts, answers and ends. */
@Timeout(60)
final class TrainingRunTest {
    @ParameterizedTest
    @FieldSource("nestor.cli.TrainingRun#REHEARSED")
    void eachRehearsedMachineAnswersAndEnds(String machine) {
        assertThatCode(() -> TrainingRun.rehearse(machine)).doesNotThrowAnyException();
    }

    @Test
    void aMachineThatDoesNotStartIsNoRehearsal() {
        assertThatThrownBy(() -> TrainingRun.rehearse("-M pdp11"))
                .isInstanceOf(CommandException.class);
    }
}
