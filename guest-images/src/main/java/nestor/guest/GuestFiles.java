package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Our own files of the guest: its first process and its checks, by their path in the initramfs. */
final class GuestFiles {
    private static final String RESOURCES = "initramfs/";
    private static final String[] SCRIPTS = {"lib.sh", "reboots", "run-checks"};
    private static final String[] CHECKS = {
        "ats-enabled",
        "console",
        "disk-discard",
        "disk-read",
        "disk-write",
        "edu-dma",
        "hotplug",
        "iobench",
        "iommu-probed",
        "lazy-flush",
        "msi",
        "no-iommu",
        "rng",
        "smmu-probed",
        "testdev-dma"
    };

    private GuestFiles() {}

    static Map<String, byte[]> all() throws IOException {
        Map<String, byte[]> files = new TreeMap<>();
        files.put("init", read("init"));
        for (String name : SCRIPTS) {
            files.put("nestor/" + name, read(name));
        }
        for (String name : CHECKS) {
            files.put("nestor/checks/" + name, read("checks/" + name));
        }
        return files;
    }

    /** Whether there is a check of this name. */
    static boolean isCheck(String name) {
        return Stream.of(CHECKS).anyMatch(name::equals);
    }

    private static byte[] read(String name) throws IOException {
        try (InputStream stream = GuestFiles.class.getResourceAsStream(RESOURCES + name)) {
            if (stream == null) {
                throw new IllegalStateException("resource " + name + " is missing");
            }
            return stream.readAllBytes();
        }
    }
}
