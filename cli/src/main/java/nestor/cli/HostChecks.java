package nestor.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nestor.atc.AtcStatistics;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.machine.MachineOutcome;
import nestor.machine.SmmuIdentification;
import nestor.virtio.iommu.VirtioIommuStatistics;

/**
 * What only the host can say: whether the guest's view of its disks, its IOMMU and its end is the
 * truth.
 */
final class HostChecks {
    private static final int CHUNK_BYTES = 1 << 16;

    /** A disk of 8 MiB in requests of 64 KiB, each of them unmapped. */
    private static final long MIN_INVALIDATIONS = 16;

    private static final int WARM_BOOTS = 3;
    private static final long HEAP_GROWTH_BYTES = 8L << 20;
    private static final long ANONYMOUS_GROWTH_BYTES = 16L << 20;

    private final List<Result> results = new ArrayList<>();
    private final List<Result> guest;

    private HostChecks(List<Result> guest) {
        this.guest = guest;
    }

    /** Runs those that the run gives reason for. */
    static List<Result> run(Preset preset, PresetRun run, List<Result> guest, Evidence evidence)
            throws IOException {
        HostChecks checks = new HostChecks(guest);
        if (run.checks().contains("smmu-probed")) {
            checks.smmuLog(evidence.registers().smmus());
        }
        if (run.checks().contains("disk-read")) {
            checks.diskRead(evidence.readDisk());
        }
        if (run.checks().contains("disk-write")) {
            checks.diskWritten(evidence.writtenDisk());
        }
        if (preset.hasVirtioIommu() && run.checks().contains("edu-dma")) {
            checks.faultsLogged(evidence.faults());
        }
        if (run.checks().contains("ats-enabled")) {
            evidence.registers().atc().forEach(checks::atcUsed);
            checks.add(
                    "every-disk-has-an-atc",
                    evidence.registers().atc().size() == run.diskProperties().size(),
                    List.of("devices=" + evidence.registers().atc().keySet()));
        }
        if (run.checks().contains("viommu-counters")) {
            evidence.registers().virtioIommu().ifPresent(checks::requestsCounted);
        }
        if (run.checks().stream().anyMatch(check -> check.startsWith("sva-"))) {
            evidence.registers().virtioIommu().ifPresent(checks::pageRequestsAnswered);
        }
        if (run.checks().contains("hotplug")) {
            checks.hotDiskRead(evidence.readDisk());
        }
        if (!run.requests().isEmpty()) {
            checks.requestsServed(evidence.requests());
        }
        if (run.reboots()) {
            checks.boots(evidence.boots().list(), evidence.readDisk());
        }
        if (Catalogue.breaks(run)) {
            checks.add(
                    "reset-of-a-broken-kernel",
                    evidence.outcome() instanceof MachineOutcome.ResetRequested,
                    List.of("outcome=" + evidence.outcome()));
            return checks.results;
        }
        checks.add(
                "clean-power-off",
                evidence.outcome() instanceof MachineOutcome.PoweredOff,
                List.of("outcome=" + evidence.outcome()));
        return checks.results;
    }

    /** The driver's log says what the registers advertise, no more and no less. */
    private void smmuLog(List<SmmuIdentification> smmus) {
        String release = value("smmu-probed", "release");
        List<String> logged = values("smmu-probed", "log");
        List<String> diagnostics = new ArrayList<>();
        boolean right = !smmus.isEmpty();
        for (SmmuIdentification id : smmus) {
            diagnostics.add(
                    "IDR0=0x%08x IDR1=0x%08x IDR3=0x%08x IDR5=0x%08x"
                            .formatted(id.idr0(), id.idr1(), id.idr3(), id.idr5()));
            for (String line : SmmuFeatures.log(id, release)) {
                boolean said = logged.stream().anyMatch(l -> l.endsWith(" " + line));
                diagnostics.add((said ? "logged=" : "missing=") + line);
                right &= said;
            }
        }
        add("driver-logs-what-the-registers-say", right, diagnostics);
    }

    /**
     * DMA went by translated requests, and what the driver unmapped was invalidated in the device.
     */
    private void atcUsed(String device, AtcStatistics atc) {
        add(
                "atc-of-" + device,
                atc.hits() > 0
                        && atc.requests() > 0
                        && atc.rangeInvalidations() >= MIN_INVALIDATIONS,
                List.of(
                        "translation_requests=" + atc.requests(),
                        "accesses_by_cached_translations=" + atc.hits(),
                        "range_invalidations=" + atc.rangeInvalidations(),
                        "function_invalidations=" + atc.functionInvalidations(),
                        "completions_overtaken=" + atc.staleDrops()));
    }

    /** The driver and the device agree on what was asked for. */
    private void requestsCounted(VirtioIommuStatistics iommu) {
        Map<String, Long> counted = new LinkedHashMap<>();
        counted.put("maps", iommu.maps());
        counted.put("unmaps", iommu.unmaps());
        counted.put("invalidations", iommu.invalidations());
        counted.put("page_requests", iommu.pageRequests());
        List<String> diagnostics = new ArrayList<>();
        boolean right = true;
        for (Map.Entry<String, Long> entry : counted.entrySet()) {
            String said = value("viommu-counters", entry.getKey());
            diagnostics.add(entry.getKey() + "=" + entry.getValue() + " driver=" + said);
            // Disks may be at work while the driver's numbers are read, and after that.
            right &= said.matches("\\d{1,15}") && Long.parseLong(said) <= entry.getValue();
            right &= entry.getValue() == 0 || !said.equals("0");
        }
        add("driver-and-device-count-the-same-requests", right, diagnostics);
    }

    /** Faults of shared memory came as page requests over the event queue, and had answers. */
    private void pageRequestsAnswered(VirtioIommuStatistics iommu) {
        add(
                "page-requests-answered",
                iommu.pageRequests() > 0
                        && iommu.pageResponses() > 0
                        && iommu.pageResponses() <= iommu.pageRequests(),
                List.of(
                        "page_requests=" + iommu.pageRequests(),
                        "page_responses=" + iommu.pageResponses()));
    }

    private void hotDiskRead(Path disk) throws IOException {
        String bytes = value("hotplug", "bytes");
        String seen = value("hotplug", "sha256");
        String host = bytes.matches("\\d{1,9}") ? sha256(disk, 0, Long.parseLong(bytes)) : "";
        add("hot-disk-equals-host", host.equals(seen), List.of("host=" + host, "guest=" + seen));
    }

    private void requestsServed(GuestRequests requests) {
        List<String> diagnostics = new ArrayList<>(requests.errors());
        diagnostics.addFirst("requests=" + requests.asked().size());
        add(
                "requests-served",
                requests.errors().isEmpty() && !requests.asked().isEmpty(),
                diagnostics);
    }

    private void boots(List<Boots.Boot> boots, Path disk) throws IOException {
        for (Boots.Boot boot : boots) {
            String host = sha256(disk, boot.offset(), boot.bytes());
            boolean right = boot.number() == boots.indexOf(boot) + 1 && boot.bytes() > 0;
            add(
                    "boot-" + boot.number(),
                    right && host.equals(boot.sha256()),
                    List.of(
                            "offset=" + boot.offset(),
                            "bytes=" + boot.bytes(),
                            "host=" + host,
                            "guest=" + boot.sha256(),
                            "heap=" + boot.heapBytes(),
                            "anonymous=" + boot.anonymousBytes()));
        }
        int promised = boots.isEmpty() ? 1 : boots.getFirst().of();
        add(
                "every-boot-came",
                boots.size() == promised && promised > 1,
                List.of("boots=" + boots.size(), "promised=" + promised));
        add(
                "memory-does-not-grow",
                isBounded(boots),
                List.of(
                        "heap_growth_limit=" + HEAP_GROWTH_BYTES,
                        "anonymous_growth_limit=" + ANONYMOUS_GROWTH_BYTES));
    }

    /** The first boots warm this process up: they compile what the later ones run. */
    static boolean isBounded(List<Boots.Boot> boots) {
        if (boots.isEmpty()) {
            return false;
        }
        Boots.Boot warm = boots.get(Math.min(WARM_BOOTS, boots.size()) - 1);
        Boots.Boot last = boots.getLast();
        return last.heapBytes() - warm.heapBytes() <= HEAP_GROWTH_BYTES
                && last.anonymousBytes() - warm.anonymousBytes() <= ANONYMOUS_GROWTH_BYTES;
    }

    private void diskRead(Path disk) throws IOException {
        String host = sha256(disk, 0, Files.size(disk));
        String seen = value("disk-read", "sha256");
        add("disk-read-equals-host", host.equals(seen), List.of("host=" + host, "guest=" + seen));
    }

    private void diskWritten(Path disk) throws IOException {
        String name = "disk-written-equals-guest";
        String offset = value("disk-write", "offset");
        String bytes = value("disk-write", "bytes");
        String seen = value("disk-write", "sha256");
        if (!offset.matches("\\d{1,15}") || !bytes.matches("\\d{1,15}")) {
            add(name, false, List.of("the guest reported no area"));
            return;
        }
        String host = sha256(disk, Long.parseLong(offset), Long.parseLong(bytes));
        boolean wrote = !bytes.equals("0");
        add(
                name,
                wrote && host.equals(seen),
                List.of("offset=" + offset, "bytes=" + bytes, "host=" + host, "guest=" + seen));
    }

    /** The refused DMA of {@code edu} is on the kernel's own console, with endpoint and address. */
    private void faultsLogged(List<String> faults) {
        List<String> diagnostics = new ArrayList<>();
        faults.stream().limit(4).forEach(diagnostics::add);
        boolean unchanged = !value("edu-dma", "unchanged").isEmpty();
        diagnostics.add("unchanged=" + value("edu-dma", "unchanged"));
        add("fault-logged-and-no-byte-moved", faults.size() >= 2 && unchanged, diagnostics);
    }

    private void add(String name, boolean passed, List<String> diagnostics) {
        results.add(
                new Result(
                        results.size() + 1,
                        name,
                        passed ? Outcome.PASSED : Outcome.FAILED,
                        "",
                        diagnostics));
    }

    private String value(String check, String key) {
        return guest.stream()
                .filter(result -> result.name().equals(check))
                .map(Result::values)
                .map((Map<String, String> values) -> values.getOrDefault(key, ""))
                .findFirst()
                .orElse("");
    }

    /** All values of a key that comes several times. */
    private List<String> values(String check, String key) {
        return guest.stream()
                .filter(result -> result.name().equals(check))
                .flatMap(result -> result.diagnostics().stream())
                .filter(line -> line.startsWith(key + "="))
                .map(line -> line.substring(key.length() + 1))
                .toList();
    }

    private static String sha256(Path file, long offset, long bytes) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        byte[] chunk = new byte[CHUNK_BYTES];
        try (InputStream in = Files.newInputStream(file)) {
            in.skipNBytes(Math.min(offset, Files.size(file)));
            long left = bytes;
            int count;
            while (left > 0 && (count = in.read(chunk, 0, (int) Math.min(CHUNK_BYTES, left))) > 0) {
                digest.update(chunk, 0, count);
                left -= count;
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
