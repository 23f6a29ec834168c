package nestor.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import nestor.iommu.oracle.StaleTranslationOracle;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --oracle}, of {@code run} and {@code test}. */
final class OracleOptions {
    private static final String OPTION = "--oracle";
    private static final String ON = "on";
    private static final Set<String> PROPERTIES = new TreeSet<>(Set.of("window", "json"));
    private static final long MAX_WINDOW_MILLIS = 3_600_000;

    @Option(
            names = OPTION,
            arity = "0..1",
            fallbackValue = ON,
            paramLabel = "window=MS,json=FILE",
            description = {
                "Report translations that a cache may still use because the guest left out an invalidation (docs/oracle.md);"
                        + " window=MS of guest time a driver may take (2000), json=FILE takes the reports as well."
            })
    private @Nullable String oracle;

    /** What the option says. */
    private record Wish(long windowNanos, Optional<Path> json) {}

    boolean given() {
        return oracle != null;
    }

    /** Whether it says something that can be; before anything is fetched. */
    void check() throws CommandException {
        wish();
    }

    /**
     * For one machine.
     *
     * @param run name of the run, of several
     */
    Optional<OracleWatch> open(Log log, String run) throws CommandException {
        return wish().map(wish -> new OracleWatch(log, run, wish.windowNanos, wish.json));
    }

    /** {@link #open}, as {@code --oracle} alone asks if nothing does. */
    OracleWatch openAnyway(Log log, String run) throws CommandException {
        return open(log, run)
                .orElseGet(() ->
                        new OracleWatch(
                                log, run, StaleTranslationOracle.WINDOW_NANOS, Optional.empty()));
    }

    private Optional<Wish> wish() throws CommandException {
        if (oracle == null) {
            return Optional.empty();
        }
        OptionList list = OptionList.parse(OPTION, oracle.equals(ON) ? "" : oracle, "state");
        if (!list.head().isEmpty()) {
            throw CommandException.usage(
                    "%s %s: must be window=MS,json=FILE or nothing".formatted(OPTION, oracle));
        }
        long window = window(list.take("window"));
        Optional<String> file = list.take("json");
        list.expectEmpty(PROPERTIES);
        return Optional.of(
                new Wish(
                        window,
                        file.isPresent()
                                ? Optional.of(MachineOptions.path(OPTION, file.get()))
                                : Optional.empty()));
    }

    private static long window(Optional<String> text) throws CommandException {
        if (text.isEmpty()) {
            return StaleTranslationOracle.WINDOW_NANOS;
        }
        OptionalLong millis = millis(text.get());
        if (millis.isEmpty()) {
            throw CommandException.usage(
                    "%s: window=%s: must be 1 to %d milliseconds"
                            .formatted(OPTION, text.get(), MAX_WINDOW_MILLIS));
        }
        return TimeUnit.MILLISECONDS.toNanos(millis.getAsLong());
    }

    private static OptionalLong millis(String text) {
        if (!text.matches("[0-9]{1,7}")) {
            return OptionalLong.empty();
        }
        long millis = Long.parseLong(text);
        return millis < 1 || millis > MAX_WINDOW_MILLIS
                ? OptionalLong.empty()
                : OptionalLong.of(millis);
    }
}
