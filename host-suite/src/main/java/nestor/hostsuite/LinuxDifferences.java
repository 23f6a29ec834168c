package nestor.hostsuite;

import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What the suite leaves out on a Linux, and why. */
final class LinuxDifferences {
    private static final Map<String, String> REASONS =
            Map.of(
                    "pasid/aDeviceThatGoesLeavesItsPasids",
                    "the test module does not detach PASIDs of a device that goes: the kernel warns"
                            + " and keeps the device");

    private LinuxDifferences() {}

    /** All that are left out. */
    static Set<String> checks() {
        return REASONS.keySet();
    }

    /** Why a check is left out; empty if it is not. */
    static Optional<String> reason(String check) {
        return Optional.ofNullable(REASONS.get(check));
    }
}
