package nestor.cli;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import nestor.guest.GuestProfile;

/** The runs of each preset, and which of them a user asks for. */
final class PresetRuns {
    private PresetRuns() {}

    /** All runs of a preset; the first is the one that {@code --exec} uses. */
    static List<PresetRun> of(GuestProfile profile) {
        if (profile.equals(GuestProfile.SMMUV3)) {
            return SmmuRuns.all();
        }
        if (profile.equals(GuestProfile.VTD)) {
            return VtdGuestRuns.all();
        }
        if (profile.equals(GuestProfile.VTD_DSA)) {
            return DsaRuns.all();
        }
        if (profile.equals(GuestProfile.VTD_SVA)) {
            return List.of(VtdGuestRuns.shared());
        }
        if (profile.equals(GuestProfile.VIRTIO_IOMMU_SVA)) {
            return VirtioIommuTableRuns.all();
        }
        return List.of(
                PresetRun.named(profile.name(), "the preset's checks", profile.checks()).build());
    }

    /**
     * The chosen ones, in the preset's order.
     *
     * @param names none for all; then a run about another kernel than the user's is left out
     * @param userKernel whether the user brings a kernel
     * @param userRelease the release the user names
     */
    static List<PresetRun> choose(
            List<PresetRun> runs,
            List<String> names,
            boolean userKernel,
            Optional<String> userRelease)
            throws CommandException {
        Set<String> known =
                runs.stream()
                        .map(PresetRun::name)
                        .collect(Collectors.toCollection(LinkedHashSet::new));
        for (String name : names) {
            if (!known.contains(name)) {
                throw CommandException.usage(
                        "--run: the preset has no run '%s'; known: %s"
                                .formatted(name, String.join(", ", known)));
            }
        }
        List<PresetRun> chosen = new ArrayList<>();
        for (PresetRun run : runs) {
            boolean another =
                    run.kernelRelease().isPresent()
                            && (userKernel
                                    || userRelease.isPresent()
                                            && !userRelease.equals(run.kernelRelease()));
            if (names.isEmpty() ? !another : names.contains(run.name())) {
                chosen.add(run);
            }
        }
        return chosen;
    }

    /** One line for each run. */
    static String list(List<PresetRun> runs) {
        int width = runs.stream().mapToInt(run -> run.name().length()).max().orElse(0);
        return runs.stream()
                .map(run -> ("%-" + width + "s  %s\n").formatted(run.name(), run.about()))
                .collect(Collectors.joining());
    }
}
