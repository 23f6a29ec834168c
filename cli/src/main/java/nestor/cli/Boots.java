package nestor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The boots of a guest that reboots, as it reports them: what it read from its disk, and how much
 * memory this process held then, all garbage gone.
 */
final class Boots {
    /**
     * One boot.
     *
     * @param number from 1
     * @param of how many there are to be
     * @param heapBytes of live objects
     * @param anonymousBytes resident, the guest's memory not included; 0 if the host does not say
     */
    record Boot(
            int number,
            int of,
            long offset,
            long bytes,
            String sha256,
            long heapBytes,
            long anonymousBytes) {}

    private static final int MAX_BOOTS = 1_000;
    private static final Pattern LINE =
            Pattern.compile(
                    "boot (\\d{1,4}) of (\\d{1,4}) offset=(\\d{1,12}) bytes=(\\d{1,9}) sha256=(\\w+)");
    private static final Pattern ANONYMOUS = Pattern.compile("RssAnon:\\s+(\\d+) kB");
    private static final Path STATUS = Path.of("/proc/self/status");

    private final List<Boot> boots = new ArrayList<>();

    /** Reads a line of the guest's, without what marks it as one for the host. */
    synchronized void accept(String line) {
        Matcher boot = LINE.matcher(line);
        if (boot.matches() && boots.size() < MAX_BOOTS) {
            System.gc();
            Runtime java = Runtime.getRuntime();
            boots.add(
                    new Boot(
                            Integer.parseInt(boot.group(1)),
                            Integer.parseInt(boot.group(2)),
                            Long.parseLong(boot.group(3)),
                            Long.parseLong(boot.group(4)),
                            boot.group(5),
                            java.totalMemory() - java.freeMemory(),
                            anonymousBytes()));
        }
    }

    synchronized List<Boot> list() {
        return List.copyOf(boots);
    }

    /** From proc(5). */
    private static long anonymousBytes() {
        try {
            return Files.readAllLines(STATUS).stream()
                    .map(ANONYMOUS::matcher)
                    .filter(Matcher::matches)
                    .mapToLong(line -> Long.parseLong(line.group(1)) << 10)
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            return 0; // no such file on this host
        }
    }
}
