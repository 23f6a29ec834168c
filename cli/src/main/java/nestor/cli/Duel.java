package nestor.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Two programs that boot the same guest, run in turns so that a busy host disturbs both alike. */
final class Duel {
    private static final long LIMIT_SECONDS = 900;
    private static final Pattern VALUE = Pattern.compile("# (\\w+)=([0-9.]+)");
    private static final Pattern RETIRED =
            Pattern.compile("nestor: ([0-9,]+) instructions retired in [0-9.]+ s, ([0-9.]+) MIPS");

    /**
     * One run.
     *
     * @param values what the guest reported ({@code # key=number}), and for Nestor {@code
     *     instructions} and {@code mips}
     */
    record Round(double markerSeconds, double offSeconds, Map<String, Double> values) {
        double instructions() {
            return values.getOrDefault("instructions", 0.0);
        }

        /** Per second of the machine's run. */
        double mips() {
            return values.getOrDefault("mips", 0.0);
        }

        /** Per second of the whole process, the start of the Java machine included. */
        double mipsOfWall() {
            return instructions() / 1e6 / offSeconds;
        }
    }

    /** All runs of both. */
    record Score(List<Round> nestor, List<Round> opponent) {}

    private final Log log;
    private final List<String> nestor;
    private final List<String> opponent;
    private final String marker;

    Duel(Log log, List<String> nestor, List<String> opponent, String marker) {
        this.log = log;
        this.nestor = nestor;
        this.opponent = opponent;
        this.marker = marker;
    }

    Score fight(int runs) throws IOException, CommandException {
        Score score = new Score(new ArrayList<>(), new ArrayList<>());
        for (int i = 1; i <= runs; i++) {
            score.opponent.add(round("qemu", i, opponent));
            score.nestor.add(round("nestor", i, nestor));
        }
        return score;
    }

    private Round round(String name, int number, List<String> command)
            throws IOException, CommandException {
        log.detail(String.join(" ", command));
        long began = System.nanoTime();
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                        .start();
        Thread deadline = Thread.ofPlatform().daemon().start(() -> expire(process));
        Map<String, Double> values = new TreeMap<>();
        List<String> tail = new ArrayList<>();
        double markerSeconds = Double.NaN;
        try (BufferedReader lines =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            String line;
            while ((line = lines.readLine()) != null) {
                if (Double.isNaN(markerSeconds) && line.contains(marker)) {
                    markerSeconds = seconds(began);
                }
                collect(line, values);
                tail.add(line);
                if (tail.size() > 20) {
                    tail.removeFirst();
                }
            }
            int code = process.waitFor();
            double offSeconds = seconds(began);
            if (code != 0 || Double.isNaN(markerSeconds)) {
                tail.forEach(last -> log.detail(name + ": " + last));
                throw CommandException.failed(
                        "%s, run %d: ended with code %d %s the marker; its last line: %s"
                                .formatted(
                                        name,
                                        number,
                                        code,
                                        Double.isNaN(markerSeconds) ? "before" : "after",
                                        tail.isEmpty() ? "none" : tail.getLast()));
            }
            log.info(
                    "%s, run %d: marker %.2f s, off %.2f s %s"
                            .formatted(name, number, markerSeconds, offSeconds, values));
            return new Round(markerSeconds, offSeconds, values);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            process.destroyForcibly();
            deadline.interrupt();
        }
    }

    private static void collect(String line, Map<String, Double> values) {
        Matcher value = VALUE.matcher(line.strip());
        if (value.matches()) {
            values.put(value.group(1), Double.valueOf(value.group(2)));
        }
        Matcher retired = RETIRED.matcher(line.strip());
        if (retired.matches()) {
            values.put("instructions", Double.valueOf(retired.group(1).replace(",", "")));
            values.put("mips", Double.valueOf(retired.group(2)));
        }
    }

    private static void expire(Process process) {
        try {
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            // The run has ended.
        }
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }
}
