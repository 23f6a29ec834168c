package nestor.cli;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** Benchmark results as Markdown: medians, extremes, and the ratio Nestor / QEMU. */
final class BenchTable {
    private final StringBuilder text = new StringBuilder();
    private final Duel.Score score;

    private BenchTable(Duel.Score score, String title) {
        this.score = score;
        text.append(title).append("\n\n| | Nestor | QEMU | Nestor / QEMU |\n|---|---|---|---|\n");
    }

    static String boot(Duel.Score score, String title) {
        BenchTable table = new BenchTable(score, title);
        table.row("wall to marker, s", Duel.Round::markerSeconds);
        table.row("wall to power-off, s", Duel.Round::offSeconds);
        table.own("instructions, M", round -> round.instructions() / 1e6);
        table.own("MIPS from the machine's start", Duel.Round::mips);
        table.own("MIPS from the program's start", Duel.Round::mipsOfWall);
        return table.text.toString();
    }

    static String disk(Duel.Score score, String title) {
        BenchTable table = new BenchTable(score, title);
        table.row("4 KiB reads per s, the first 4000", value("iops_first"));
        table.row("4 KiB reads per s, 20,000 more", value("iops"));
        table.row("1 MiB reads, MiB/s, once over the disk", value("mib_per_s_first"));
        table.row("1 MiB reads, MiB/s, once more", value("mib_per_s"));
        table.own("MIPS", Duel.Round::mips);
        return table.text.toString();
    }

    /** A value that the guest printed, 0 where it did not. */
    private static ToDoubleFunction<Duel.Round> value(String name) {
        return round -> round.values().getOrDefault(name, 0.0);
    }

    private void row(String name, ToDoubleFunction<Duel.Round> value) {
        double ratio = median(score.nestor(), value) / median(score.opponent(), value);
        line(
                name,
                cell(score.nestor(), value),
                cell(score.opponent(), value),
                String.format(Locale.ROOT, "%.2f", ratio));
    }

    private void own(String name, ToDoubleFunction<Duel.Round> value) {
        line(name, cell(score.nestor(), value), "", "");
    }

    private void line(String... cells) {
        text.append("| ").append(String.join(" | ", cells)).append(" |\n");
    }

    private static String cell(List<Duel.Round> rounds, ToDoubleFunction<Duel.Round> value) {
        double[] sorted = sorted(rounds, value);
        return String.format(
                Locale.ROOT,
                "%.2f (%.2f–%.2f)",
                median(rounds, value),
                sorted[0],
                sorted[sorted.length - 1]);
    }

    static double median(List<Duel.Round> rounds, ToDoubleFunction<Duel.Round> value) {
        double[] sorted = sorted(rounds, value);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static double[] sorted(List<Duel.Round> rounds, ToDoubleFunction<Duel.Round> value) {
        return rounds.stream().mapToDouble(value).sorted().toArray();
    }
}
