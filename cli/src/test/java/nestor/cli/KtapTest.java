package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.cli.Ktap.Outcome;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class KtapTest {
    @Test
    @DisplayName("KTAP, Test case result lines: each outcome, with what was said before it")
    void resultsCarryTheirDiagnostics() {
        Ktap ktap =
                read(
                        """
                        KTAP version 1
                        1..4
                        # device=vda
                        # sha256=abc=
                        ok 1 disk-read
                        # failed: no disk
                        not ok 2 disk-write
                        ok 3 disk-discard # SKIP no discard
                        ok 4 - edu-dma
                        """);

        assertThat(ktap.isComplete()).isTrue();
        assertThat(ktap.results())
                .extracting(Ktap.Result::name)
                .containsExactly("disk-read", "disk-write", "disk-discard", "edu-dma");
        assertThat(ktap.results())
                .extracting(Ktap.Result::outcome)
                .containsExactly(Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED);
        assertThat(ktap.results().getFirst().values())
                .containsEntry("device", "vda")
                .containsEntry("sha256", "abc=");
        assertThat(ktap.results().get(1).diagnostics()).containsExactly("failed: no disk");
        assertThat(ktap.results().get(2).directive()).isEqualTo("no discard");
    }

    @Test
    @DisplayName("KTAP, Directives: TODO and XFAIL are expected failures")
    void anExpectedFailureIsNone() {
        Ktap ktap = read("not ok 1 a # TODO later\nnot ok 2 b # XFAIL known\n");

        assertThat(ktap.results())
                .extracting(Ktap.Result::outcome)
                .containsExactly(Outcome.PASSED, Outcome.PASSED);
    }

    @Test
    @DisplayName("KTAP, Unknown lines: passed over")
    void aKernelMessageInTheReportIsPassedOver() {
        Ktap ktap = read("KTAP version 1\n1..1\n[   1.0] usb: ok\nok\nnotok 1\nok 1 a\n");

        assertThat(ktap.results()).hasSize(1);
    }

    @Test
    void areportThatBreaksOffIsNotComplete() {
        assertThat(read("KTAP version 1\n1..2\nok 1 a\n").isComplete()).isFalse();
        assertThat(read("ok 1 a\n").isComplete()).isFalse();
    }

    @Test
    void aGuestThatReportsForEverIsBounded() {
        Ktap ktap = new Ktap();
        for (int i = 0; i < 100_000; i++) {
            ktap.accept("# x");
            ktap.accept("ok 1 a");
        }

        assertThat(ktap.results()).hasSize(10_000);
    }

    private static Ktap read(String text) {
        Ktap ktap = new Ktap();
        List.of(text.split("\n")).forEach(ktap::accept);
        return ktap;
    }
}
