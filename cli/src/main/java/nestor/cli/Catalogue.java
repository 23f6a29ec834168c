package nestor.cli;

import java.util.List;
import java.util.Map;
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
 * @param profile whose machine the kernels are booted on
 * @param witness who sees it
 * @param devices besides the preset's, in QEMU's spelling
 * @param disk properties of the disk that is read
 */
record Catalogue(
        String id,
        String about,
        String affected,
        String fixed,
        GuestProfile profile,
        Witness witness,
        List<String> devices,
        String disk) {
    /** Who tells whether the defect is there. */
    enum Witness {
        /** The guest's own check. */
        GUEST,
        /** The oracle, by reports of translations that the kernel left in an ATC. */
        ORACLE
    }

    private static final String CHECK = "catalogue-";
    private static final String EXPECTED = "nestor.catalogue=";
    private static final String PRESENT = "present";
    private static final String UNIT =
            "intel-iommu,scalable-mode=on,fsts=on,svm=on,device-iotlb=on,";

    private static final List<Catalogue> ALL =
            List.of(
                    dsa(
                            "idxd-remove",
                            "the driver of the DSA drops its device twice when it leaves",
                            "6.16.3",
                            "6.16.12",
                            List.of()),
                    dsa(
                            "idxd-workqueue",
                            "the driver of the DSA leaves a thread behind each time it leaves",
                            "6.16.12",
                            "7.3.4",
                            List.of()),
                    dsa(
                            "sva-without-pri",
                            "VT-d: no process can be bound where page requests are not supported",
                            "6.16.3",
                            "7.3.4",
                            List.of(UNIT + "pri=off")),
                    dsa(
                            "prs-without-pds",
                            "VT-d: page requests are enabled that cannot be drained",
                            "6.16.3",
                            "7.3.4",
                            List.of(UNIT + "pri=on,pds=off")),
                    new Catalogue(
                            "atc-lost-in-group",
                            "SMMUv3: a device in the group of its port keeps stale translations",
                            "stable",
                            "backports",
                            GuestProfile.SMMUV3,
                            Witness.ORACLE,
                            List.of("pcie-root-port,id=rp1,disable-acs=on"),
                            "bus=rp1,ats=on"));

    private static Catalogue dsa(
            String id, String about, String affected, String fixed, List<String> devices) {
        return new Catalogue(
                id, about, affected, fixed, GuestProfile.VTD_DSA, Witness.GUEST, devices, "");
    }

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

    /** Whether it is for the oracle to say if the defect is there. */
    static boolean needsOracle(PresetRun run) {
        return ALL.stream()
                .filter(entry -> entry.witness == Witness.ORACLE)
                .anyMatch(entry -> run.checks().contains(CHECK + entry.id));
    }

    private PresetRun run(String name, String release, String expected) {
        String word = EXPECTED + expected;
        return PresetRun.named(name, about, List.of(CHECK + id))
                .kernelRelease(release)
                .arguments(
                        profile.equals(GuestProfile.VTD_DSA)
                                ? DsaRuns.arguments(word)
                                : SmmuRuns.arguments(word))
                .devices(devices.toArray(String[]::new))
                .diskProperties(Map.of(GuestTest.READ_DISK, disk))
                .build();
    }
}
