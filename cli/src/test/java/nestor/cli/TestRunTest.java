package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.machine.MachineOutcome;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class TestRunTest {
    private static final Result PASSED = new Result(1, "a", Outcome.PASSED, "", List.of("x=<1>"));
    private static final Result FAILED = new Result(2, "b", Outcome.FAILED, "", List.of());
    private static final Result SKIPPED = new Result(3, "c", Outcome.SKIPPED, "none", List.of());

    @Test
    void theExitCodeIsThatOfTheWorstThingThatHappened() {
        MachineOutcome off = new MachineOutcome.PoweredOff();
        MachineOutcome bug = new MachineOutcome.Failed(new IllegalStateException());

        assertThat(run(ending(off, false, false, 0), PASSED, SKIPPED).exitCode()).isZero();
        assertThat(run(ending(off, false, false, 0), PASSED, FAILED).exitCode()).isEqualTo(1);
        assertThat(run(ending(off, true, false, 0), FAILED).exitCode()).isEqualTo(3);
        assertThat(run(ending(off, false, true, 0), FAILED).exitCode()).isEqualTo(124);
        assertThat(run(ending(off, true, true, 0), FAILED).exitCode()).isEqualTo(3);
        assertThat(run(ending(bug, true, false, 0), FAILED).exitCode()).isEqualTo(70);
        assertThat(run(ending(off, true, true, 15), FAILED).exitCode()).isEqualTo(143);
        assertThat(ending(off, false, true, 0).exitCode(ExitCode.TIMEOUT)).isEqualTo(5);
    }

    @Test
    void severalRunsFailAsTheWorstOfThem() {
        MachineOutcome off = new MachineOutcome.PoweredOff();
        TestRun good = run(ending(off, false, false, 0), PASSED);
        TestRun bad = run(ending(off, false, false, 0), FAILED);
        TestRun panicked = run(ending(off, true, false, 0), PASSED);

        assertThat(TestRun.exitCode(List.of(good, good))).isZero();
        assertThat(TestRun.exitCode(List.of(bad, good))).isEqualTo(1);
        assertThat(TestRun.exitCode(List.of(bad, panicked, good))).isEqualTo(3);
        assertThat(run(ending(off, false, false, 0)).passed())
                .describedAs("a guest that reported nothing")
                .isFalse();
    }

    @Test
    @DisplayName("Linux ktap.rst, nested tests: each level two more columns, its plan first")
    void ktapNestsRunsThenGuestAndHost() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        TestRun run =
                new TestRun(
                        "strict",
                        "t",
                        List.of(PASSED),
                        List.of(FAILED),
                        ending(new MachineOutcome.PoweredOff(), false, false, 0));
        TestReport.KTAP.begin(out, 1);
        TestReport.KTAP.beginRun(out, "strict");
        TestReport.KTAP.guestLine(out, "KTAP version 1");
        TestReport.KTAP.guestLine(out, "1..1");
        TestReport.KTAP.guestLine(out, "ok 1 a");
        TestReport.KTAP.endRun(out, 1, run);
        TestReport.KTAP.end(out, List.of(run));

        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .isEqualTo(
                        """
                        KTAP version 1
                        1..1
                          KTAP version 1
                          # Subtest: strict
                          1..2
                            KTAP version 1
                            1..1
                            ok 1 a
                          ok 1 guest
                            KTAP version 1
                            1..1
                            not ok 2 b
                          not ok 2 host
                        not ok 1 strict
                        """);
    }

    @Test
    void junitEscapesWhatAGuestSays() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        TestReport.JUNIT.end(
                new PrintStream(bytes, true, StandardCharsets.UTF_8),
                List.of(
                        run(
                                ending(new MachineOutcome.PoweredOff(), false, false, 0),
                                PASSED,
                                SKIPPED)));

        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .contains("<testsuite name=\"run.guest\" tests=\"2\"")
                .contains("<system-out>x=&lt;1&gt;</system-out>", "<skipped message=\"none\"/>");
        assertThat(TestReport.xml("\u001b[1m\u0000\ud800")).isEqualTo("?[1m??");
    }

    @Test
    void aRunAboutAnotherKernelThanTheUsersIsLeftOutUnlessNamed() throws CommandException {
        PresetRun plain = PresetRun.named("plain", "", List.of()).build();
        PresetRun newest =
                PresetRun.named("newest", "", List.of()).kernelRelease("backports").build();
        List<PresetRun> runs = List.of(plain, newest);

        assertThat(PresetRuns.choose(runs, List.of(), false, Optional.empty()))
                .containsExactly(plain, newest);
        assertThat(PresetRuns.choose(runs, List.of(), false, Optional.of("stable")))
                .containsExactly(plain);
        assertThat(PresetRuns.choose(runs, List.of(), false, Optional.of("backports")))
                .containsExactly(plain, newest);
        assertThat(PresetRuns.choose(runs, List.of(), true, Optional.empty()))
                .containsExactly(plain);
        assertThat(PresetRuns.choose(runs, List.of("newest"), false, Optional.of("stable")))
                .containsExactly(newest);
    }

    private static TestRun run(VirtualMachine.Ending ending, Result... results) {
        return new TestRun("run", "title", List.of(results), List.of(), ending);
    }

    private static VirtualMachine.Ending ending(
            MachineOutcome outcome, boolean panicked, boolean timedOut, int signal) {
        return new VirtualMachine.Ending(
                outcome,
                panicked,
                timedOut,
                signal == 0 ? OptionalInt.empty() : OptionalInt.of(signal),
                1_000_000,
                Duration.ofSeconds(2));
    }
}
