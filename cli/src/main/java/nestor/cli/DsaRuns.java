package nestor.cli;

import java.util.List;
import java.util.stream.Stream;
import nestor.guest.GuestProfile;

/** What Debian's driver, tools and test program do with a DSA behind VT-d. */
final class DsaRuns {
    /**
     * The unit comes up in scalable mode by itself. Each check has its time, as some start a
     * hundred programs and more.
     */
    private static final String[] ARGUMENTS = {
        "quiet",
        "cryptomgr.notests",
        "initcall_blacklist=jent_mod_init",
        "intel_iommu=on",
        "nestor.timeout=1500"
    };

    private DsaRuns() {}

    /** The kernel's command line of a machine with a DSA. */
    static String[] arguments(String... more) {
        return Stream.of(ARGUMENTS, more).flatMap(Stream::of).toArray(String[]::new);
    }

    static List<PresetRun> all() {
        return List.of(
                PresetRun.named(
                                "svm",
                                "processes share their memory with work queues; faults are page requests",
                                GuestProfile.VTD_DSA.checks())
                        .arguments(ARGUMENTS)
                        .build(),
                PresetRun.named(
                                "runner",
                                "all of dsa_user_test_runner.sh, as the distribution has it",
                                List.of(
                                        "vtd-probed",
                                        "idxd-probed",
                                        "dsa-runner",
                                        "idxd-removed",
                                        "idxd-log",
                                        "kernel-log"))
                        .arguments(ARGUMENTS)
                        .build());
    }
}
