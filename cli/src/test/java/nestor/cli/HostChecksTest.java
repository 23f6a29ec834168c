package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.atc.AtcStatistics;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.guest.GuestProfile;
import nestor.machine.MachineOutcome;
import nestor.machine.SmmuIdentification;
import nestor.virtio.iommu.VirtioIommuStatistics;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the host finds out about a guest that says one thing and did another. */
final class HostChecksTest {
    private static final Preset PRESET = new Preset(GuestProfile.SMMUV3);
    private static final SmmuIdentification SMMU =
            new SmmuIdentification(0x084d_749bL, 0x018c_6510L, 0x534, 0x0080_0075L);

    @TempDir Path folder;
    private Path disk;
    private final GuestRequests requests = new GuestRequests(Map.of(), _ -> "");
    private Map<String, AtcStatistics> atc = Map.of();
    private Optional<VirtioIommuStatistics> virtioIommu = Optional.empty();
    private Boots boots = new Boots();

    @BeforeEach
    void disk() throws IOException {
        disk = Files.write(folder.resolve("disk.img"), new byte[4096]);
    }

    @AfterEach
    void close() {
        requests.close();
    }

    private static PresetRun named(String run) {
        return PRESET.runs().stream().filter(r -> r.name().equals(run)).findFirst().orElseThrow();
    }

    private List<String> failed(PresetRun run, Result... guest) throws IOException {
        Evidence evidence =
                new Evidence(
                        disk,
                        disk,
                        List.of(),
                        new MachineOutcome.PoweredOff(),
                        new Evidence.Registers(List.of(SMMU), atc, virtioIommu),
                        requests,
                        boots);
        return HostChecks.run(PRESET, run, List.of(guest), evidence).stream()
                .filter(result -> result.outcome() == Outcome.FAILED)
                .map(Result::name)
                .toList();
    }

    private static Result guest(String check, String... diagnostics) {
        return new Result(1, check, Outcome.PASSED, "", List.of(diagnostics));
    }

    private static Result probed(String features) {
        return guest(
                "smmu-probed",
                "release=6.12.107",
                "log=arm-smmu-v3 1.smmuv3: ias 48-bit, oas 48-bit (features " + features + ")",
                "log=arm-smmu-v3 1.smmuv3: allocated 4096 entries for cmdq",
                "log=arm-smmu-v3 1.smmuv3: allocated 4096 entries for evtq",
                "log=arm-smmu-v3 1.smmuv3: allocated 4096 entries for priq");
    }

    private static AtcStatistics counted(long hits, long requests, long invalidations) {
        return new AtcStatistics(hits, requests, 0, requests, 0, 0, 0, 0, invalidations, 0);
    }

    @Test
    void aDriverThatSeesAnotherSmmuThanThereIsIsNoticed() throws IOException {
        PresetRun run = PresetRun.named("a", "", List.of("smmu-probed")).build();

        assertThat(failed(run, probed("0x00688ff7"))).isEmpty();
        assertThat(failed(run, probed("0x00688ff6")))
                .containsExactly("driver-logs-what-the-registers-say");
        assertThat(failed(run)).containsExactly("driver-logs-what-the-registers-say");
    }

    @Test
    void aVirtioIommuThatWasAskedForSomethingElseIsNoticed() throws IOException {
        PresetRun run = PresetRun.named("a", "", List.of("viommu-counters")).build();
        String[] said = {"maps=0", "unmaps=0", "invalidations=7", "page_requests=4"};

        virtioIommu = Optional.of(new VirtioIommuStatistics(2, 0, 0, 9, 4, 1));
        assertThat(failed(run, guest("viommu-counters", said))).isEmpty();
        assertThat(failed(run)).containsExactly("driver-and-device-count-the-same-requests");
        virtioIommu = Optional.of(new VirtioIommuStatistics(2, 1, 0, 9, 4, 1));
        assertThat(failed(run, guest("viommu-counters", said)))
                .containsExactly("driver-and-device-count-the-same-requests");
        virtioIommu = Optional.of(new VirtioIommuStatistics(2, 0, 0, 6, 4, 1));
        assertThat(failed(run, guest("viommu-counters", said)))
                .containsExactly("driver-and-device-count-the-same-requests");
    }

    @Test
    void sharedMemoryWithoutPageRequestsIsNoticed() throws IOException {
        PresetRun run = PresetRun.named("a", "", List.of("sva-write-untouched")).build();

        assertThat(failed(run)).isEmpty(); // behind an SMMU
        virtioIommu = Optional.of(new VirtioIommuStatistics(2, 0, 0, 9, 64, 1));
        assertThat(failed(run)).isEmpty();
        virtioIommu = Optional.of(new VirtioIommuStatistics(2, 0, 0, 9, 0, 0));
        assertThat(failed(run)).containsExactly("page-requests-answered");
        virtioIommu = Optional.of(new VirtioIommuStatistics(2, 0, 0, 9, 64, 0));
        assertThat(failed(run)).containsExactly("page-requests-answered");
    }

    @Test
    void anAtcThatHearsOfNoInvalidationIsNoticed() throws IOException {
        PresetRun ats =
                PresetRun.named("a", "", List.of("ats-enabled"))
                        .diskProperties(Map.of(GuestTest.READ_DISK, "ats=on"))
                        .build();

        atc = Map.of("disk", counted(100, 50, 50));
        assertThat(failed(ats)).isEmpty();
        atc = Map.of("disk", counted(100, 50, 0));
        assertThat(failed(ats)).containsExactly("atc-of-disk");
        atc = Map.of("disk", counted(0, 50, 50));
        assertThat(failed(ats)).containsExactly("atc-of-disk");
        atc = Map.of();
        assertThat(failed(ats)).containsExactly("every-disk-has-an-atc");
    }

    @Test
    void rebootsThatDidNotComeAndDisksThatReadOtherwiseAreNoticed() throws IOException {
        PresetRun run = PresetRun.named("a", "", List.of()).reboots().build();
        String zeros = "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7";

        boots.accept("boot 1 of 2 offset=0 bytes=4096 sha256=" + zeros);
        assertThat(failed(run)).containsExactly("every-boot-came");
        boots.accept("boot 2 of 2 offset=0 bytes=4096 sha256=" + zeros);
        assertThat(failed(run)).isEmpty();

        boots = new Boots();
        boots.accept("boot 1 of 2 offset=0 bytes=4096 sha256=" + zeros);
        boots.accept("boot 1 of 2 offset=0 bytes=4096 sha256=beef");
        assertThat(failed(run)).containsExactly("boot-1");
        assertThat(failed(PresetRun.named("a", "", List.of()).build())).isEmpty();
    }

    @Test
    void memoryThatEveryBootLeavesBehindIsNoticed() {
        List<Boots.Boot> flat = new ArrayList<>();
        List<Boots.Boot> growing = new ArrayList<>();
        List<Boots.Boot> growingOutside = new ArrayList<>();
        for (int i = 1; i <= 21; i++) {
            flat.add(boot(i, 30 << 20, 160 << 20));
            growing.add(boot(i, (30 + i) << 20, 160 << 20));
            growingOutside.add(boot(i, 30 << 20, (160 + 3 * i) << 20));
        }

        assertThat(HostChecks.isBounded(flat)).isTrue();
        assertThat(HostChecks.isBounded(growing)).isFalse();
        assertThat(HostChecks.isBounded(growingOutside)).isFalse();
        assertThat(HostChecks.isBounded(List.of())).isFalse();
    }

    private static Boots.Boot boot(int number, long heapBytes, long anonymousBytes) {
        return new Boots.Boot(number, 21, 0, 4096, "", heapBytes, anonymousBytes);
    }

    @Test
    void requestsAndReportLinesAreToldApart() {
        StringBuilder seen = new StringBuilder();
        GuestLines lines =
                new GuestLines(
                        requests,
                        TestReport.JSON,
                        new PrintStream(
                                PrintStream.nullOutputStream(), true, StandardCharsets.UTF_8));
        lines.accept("nestor: request plug");
        lines.accept("nestor: boot 1 of 2 offset=0 bytes=4096 sha256=ab");
        lines.accept("ok 1 first");
        lines.complete(List.of("first", "second"))
                .forEach(r -> seen.append(r.name()).append(' ').append(r.outcome()).append(';'));

        assertThat(requests.asked()).containsExactly("plug");
        assertThat(lines.boots().list()).hasSize(1);
        assertThat(seen).hasToString("first PASSED;second FAILED;");
    }

    @Test
    void eachRunOfThePresetHasANameOfItsOwnAndAtLeastOneCheck() {
        assertThat(PRESET.runs()).extracting(PresetRun::name).doesNotHaveDuplicates();
        assertThat(PRESET.runs()).allSatisfy(run -> assertThat(run.checks()).isNotEmpty());
        assertThat(named("reboot").reboots()).isTrue();
        assertThat(named("hotplug").requests()).containsOnlyKeys("plug", "unplug");
    }
}
