package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Our own files of the guest: its first process and its checks, by their path in the initramfs. */
final class GuestFiles {
    private static final String RESOURCES = "initramfs/";
    private static final String[] SCRIPTS = {
        "catalogue.sh", "idxd.sh", "lib.sh", "reboots", "run-checks"
    };
    private static final String[] CHECKS = {
        "ats-enabled",
        "catalogue",
        "console",
        "dsa",
        "dsa-runner",
        "dsa-test",
        "disk-discard",
        "disk-read",
        "disk-write",
        "domain-live",
        "edu-dma",
        "hotplug",
        "idxd-configured",
        "idxd-log",
        "idxd-probed",
        "idxd-removed",
        "iobench",
        "iommu-probed",
        "kernel-log",
        "kernel-warnings",
        "kunit",
        "lazy-flush",
        "msi",
        "no-iommu",
        "power-button",
        "rng",
        "smmu-probed",
        "sva",
        "testdev-dma",
        "viommu-counters",
        "viommu-tables",
        "vtd-probed"
    };

    /** The source files of each program. */
    private static final Map<String, List<String>> PROGRAMS =
            Map.of(
                    "dsa",
                    List.of(
                            "check_fault.c",
                            "check_mapping.c",
                            "check_process.c",
                            "dsa.h",
                            "main.c",
                            "queue.c",
                            "support.c"),
                    "sva",
                    List.of(
                            "check_engine.c",
                            "check_mapping.c",
                            "check_memory.c",
                            "check_process.c",
                            "function.c",
                            "main.c",
                            "support.c",
                            "sva.h",
                            "svm_demo.c",
                            "test_engine.c"));

    /** What each of them has besides, in {@code lab/process}. */
    private static final List<String> SHARED = List.of("process.c", "process.h");

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

    /** Whether there is a file for a check, alone or with something to check. */
    static boolean isCheck(String name) {
        return Stream.of(CHECKS).anyMatch(file -> name.equals(file) || name.startsWith(file + "-"));
    }

    /** The sources of one of our own programs, by file name. */
    static Map<String, byte[]> sources(String program) throws IOException {
        Map<String, byte[]> sources = new TreeMap<>();
        for (String file : PROGRAMS.getOrDefault(program, List.of())) {
            sources.put(file, resource("lab/" + program + "/" + file));
        }
        if (sources.isEmpty()) {
            throw new IllegalArgumentException("there is no program " + program);
        }
        for (String file : SHARED) {
            sources.put(file, resource("lab/process/" + file));
        }
        return sources;
    }

    private static byte[] read(String name) throws IOException {
        return resource(RESOURCES + name);
    }

    /** A file of ours, by its path among the resources. */
    static byte[] resource(String name) throws IOException {
        try (InputStream stream = GuestFiles.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new IllegalStateException("resource " + name + " is missing");
            }
            return stream.readAllBytes();
        }
    }
}
