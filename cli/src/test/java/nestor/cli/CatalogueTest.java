package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.guest.GuestProfile;
import nestor.machine.MachineOutcome;
import org.junit.jupiter.api.Test;

/** What {@code --catalogue} boots, and what it makes of how the guest ends. */
final class CatalogueTest {
    @Test
    void eachDefectIsLookedForInAKernelThatHasItAndInOneThatHasNot() throws CommandException {
        for (String id : ids()) {
            List<PresetRun> runs = Catalogue.of("--catalogue", id).runs();

            assertThat(runs).extracting(PresetRun::name).containsExactly("affected", "fixed");
            assertThat(runs.getFirst().arguments()).contains("nestor.catalogue=present");
            assertThat(runs.getLast().arguments()).contains("nestor.catalogue=absent");
            assertThat(runs.getFirst().kernelRelease())
                    .isNotEqualTo(runs.getLast().kernelRelease());
            assertThat(runs.getFirst().devices())
                    .describedAs("the same machine")
                    .isEqualTo(runs.getLast().devices());
            assertThat(runs)
                    .allSatisfy(run -> assertThat(run.checks()).containsExactly("catalogue-" + id));
        }
    }

    @Test
    void eachDefectHasAPage() {
        Path pages = Path.of("").toAbsolutePath().resolveSibling("docs/catalogue");
        assertThat(ids())
                .isNotEmpty()
                .allSatisfy(id -> {
                    Path page = pages.resolve(id + ".md");
                    assertThat(page).exists();
                    assertThat(Files.readString(page)).contains("./nestor test --catalogue " + id);
                    assertThat(Files.readString(pages.resolve("README.md")))
                            .contains("(" + id + ".md)");
                });
    }

    @Test
    void aKernelThatWasBrokenMustResetAndAnotherMustPowerOff() throws Exception {
        List<PresetRun> runs = Catalogue.of("--catalogue", ids().getFirst()).runs();

        assertThat(ending(runs.getFirst(), new MachineOutcome.ResetRequested()))
                .isEqualTo("reset-of-a-broken-kernel PASSED");
        assertThat(ending(runs.getFirst(), new MachineOutcome.Stopped()))
                .isEqualTo("reset-of-a-broken-kernel FAILED");
        assertThat(ending(runs.getLast(), new MachineOutcome.PoweredOff()))
                .isEqualTo("clean-power-off PASSED");
        assertThat(ending(runs.getLast(), new MachineOutcome.ResetRequested()))
                .isEqualTo("clean-power-off FAILED");
    }

    private static String ending(PresetRun run, MachineOutcome outcome) throws Exception {
        GuestRequests requests = new GuestRequests(run.requests(), _ -> "");
        try (requests) {
            Evidence evidence =
                    new Evidence(
                            Path.of("none"),
                            Path.of("none"),
                            List.of(),
                            outcome,
                            Evidence.Registers.NONE,
                            requests,
                            new Boots());
            Result guest = new Result(1, run.checks().getFirst(), Outcome.PASSED, "", List.of());
            Result host =
                    HostChecks.run(new Preset(GuestProfile.VTD_DSA), run, List.of(guest), evidence)
                            .getLast();
            return host.name() + " " + host.outcome();
        }
    }

    private static List<String> ids() {
        return Catalogue.list().lines().map(line -> line.split(" ", 2)[0]).toList();
    }
}
