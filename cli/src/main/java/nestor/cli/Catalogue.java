package nestor.cli;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import nestor.guest.GuestProfile;

/**
 * Published defects of Linux around IOMMUs, each with two of Debian's kernels: one that has it, and
 * one that has it no more. A page of {@code docs/catalogue} tells of each.
 *
 * @param id what {@code --catalogue} calls it
 * @param about one line
 * @param affected the release that has it, as {@link PresetRun#kernelRelease} takes it
 * @param fixed a release that does not
 * @param devices besides the preset's, in QEMU's spelling
 */
record Catalogue(String id, String about, String affected, String fixed, List<String> devices) {
    /** Whose machine the kernels are booted on. */
    static final GuestProfile PROFILE = GuestProfile.VTD_DSA;

    private static final String EXPECTED = "nestor.catalogue=";
    private static final String PRESENT = "present";
    private static final String UNIT =
            "intel-iommu,scalable-mode=on,fsts=on,svm=on,device-iotlb=on,";

    private static final List<Catalogue> ALL =
            List.of(
                    new Catalogue(
                            "idxd-remove",
                            "the driver of the DSA drops its device twice when it leaves",
                            "6.16.3",
                            "6.16.12",
                            List.of()),
                    new Catalogue(
                            "idxd-workqueue",
                            "the driver of the DSA leaves a thread behind each time it leaves",
                            "6.16.12",
                            "7.3.4",
                            List.of()),
                    new Catalogue(
                            "sva-without-pri",
                            "VT-d: no process can be bound where page requests are not supported",
                            "6.16.3",
                            "7.3.4",
                            List.of(UNIT + "pri=off")),
                    new Catalogue(
                            "prs-without-pds",
                            "VT-d: page requests are enabled that cannot be drained",
                            "6.16.3",
                            "7.3.4",
                            List.of(UNIT + "pri=on,pds=off")));

    Catalogue {
        devices = List.copyOf(devices);
    }

    static Catalogue of(String origin, String id) throws CommandException {
        Optional<Catalogue> found = ALL.stream().filter(entry -> entry.id.equals(id)).findFirst();
        return found.orElseThrow(() ->
                CommandException.usage(
                        "%s: unknown defect '%s'; known: %s"
                                .formatted(
                                        origin,
                                        id,
                                        ALL.stream()
                                                .map(Catalogue::id)
                                                .collect(Collectors.joining(", ")))));
    }

    /** One line for each entry. */
    static String list() {
        int width = ALL.stream().mapToInt(entry -> entry.id.length()).max().orElse(0);
        String line = "%-" + width + "s  %s (%s, not %s)\n";
        return ALL.stream()
                .map(entry -> line.formatted(entry.id, entry.about, entry.affected, entry.fixed))
                .collect(Collectors.joining());
    }

    /** The kernel that has the defect, then the one that does not; each check can fail. */
    List<PresetRun> runs() {
        return List.of(run("affected", affected, PRESENT), run("fixed", fixed, "absent"));
    }

    /** Whether the guest's kernel is not expected to be sound when its checks are over. */
    static boolean breaks(PresetRun run) {
        return run.arguments().contains(EXPECTED + PRESENT);
    }

    private PresetRun run(String name, String release, String expected) {
        return PresetRun.named(name, about, List.of("catalogue-" + id))
                .kernelRelease(release)
                .arguments(DsaRuns.arguments(EXPECTED + expected))
                .devices(devices.toArray(String[]::new))
                .build();
    }
}
