package nestor.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.machine.MachineOutcome;

/**
 * What only the host can say: whether the guest's view of its disks, its IOMMU and its end is the
 * truth.
 */
final class HostChecks {
    private static final int CHUNK_BYTES = 1 << 16;

    private final List<Result> results = new ArrayList<>();
    private final List<Result> guest;

    private HostChecks(List<Result> guest) {
        this.guest = guest;
    }

    /**
     * Runs them all.
     *
     * @param readDisk what the guest read
     * @param writtenDisk what the guest wrote
     */
    static List<Result> run(
            Preset preset,
            PresetRun run,
            List<Result> guest,
            Path readDisk,
            Path writtenDisk,
            KernelLog log,
            MachineOutcome outcome)
            throws IOException {
        HostChecks checks = new HostChecks(guest);
        if (run.checks().contains("disk-read")) {
            checks.diskRead(readDisk);
        }
        if (run.checks().contains("disk-write")) {
            checks.diskWritten(writtenDisk);
        }
        if (preset.hasVirtioIommu() && run.checks().contains("edu-dma")) {
            checks.faultsLogged(log.faults());
        }
        checks.add(
                "clean-power-off",
                outcome instanceof MachineOutcome.PoweredOff,
                List.of("outcome=" + outcome));
        return checks.results;
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
