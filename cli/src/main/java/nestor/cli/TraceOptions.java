package nestor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import nestor.trace.GuestErrors;
import nestor.trace.JsonLinesSink;
import nestor.trace.PcapSink;
import nestor.trace.PerfettoSink;
import nestor.trace.TextSink;
import nestor.trace.TraceFile;
import nestor.trace.TraceOutput;
import nestor.trace.TraceRegistry;
import nestor.trace.TraceSink;
import nestor.trace.Tracing;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code nestor run} that trace what models do, in QEMU's spelling. */
final class TraceOptions {
    private static final String GUEST_ERRORS = "guest_errors";
    private static final String TRACE = "trace:";
    private static final Set<String> PROPERTIES =
            Set.of("enable", "events", "file", "jsonl", "perfetto", "pcap", "limit");

    @Option(
            names = {"-trace", "--trace"},
            paramLabel = "GLOB[,file=F]",
            description = {
                "Trace points to record, to standard error or to file=F (text), jsonl=F, perfetto=F; pcap=F records PCIe"
                        + " packets for Wireshark; limit=SIZE of each file (1G); events=FILE names points line by line. '-trace help' lists them."
            })
    private List<String> traces = new ArrayList<>();

    @Option(
            names = "-d",
            paramLabel = "ITEM,…",
            description =
                    "Log items: guest_errors (the guest breaks a specification) or trace:GLOB.")
    private @Nullable String items;

    @Option(
            names = "-D",
            paramLabel = "FILE",
            description = "Where -d logs, and -trace without a file; standard error by default.")
    private @Nullable String logFile;

    private final TraceRegistry registry = TraceRegistry.ofProgram();

    /** What the options ask for. */
    private static final class Plan {
        final List<String> patterns = new ArrayList<>();
        final List<Function<TraceOutput, TraceSink>> kinds = new ArrayList<>();
        final List<Path> files = new ArrayList<>();
        OptionalLong limitBytes = OptionalLong.empty();
        final List<Path> packets = new ArrayList<>();
        boolean guestErrors;

        void file(Optional<String> name, Function<TraceOutput, TraceSink> kind)
                throws CommandException {
            if (name.isPresent()) {
                files.add(MachineOptions.path("-trace", name.get()));
                kinds.add(kind);
            }
        }
    }

    /** The list that {@code -trace help} prints, if it was asked for. */
    Optional<String> help() {
        return traces.contains("help") || traces.contains("?")
                ? Optional.of(String.join("\n", registry.names()) + "\n")
                : Optional.empty();
    }

    /** Opens the files and switches the points on; before the machine is made. */
    Tracing open(Log log) throws CommandException, IOException {
        Plan plan = new Plan();
        for (String text : traces) {
            trace(plan, OptionList.parse("-trace", text, "enable"));
        }
        if (items != null) {
            for (String item : items.split(",", -1)) {
                item(plan, item);
            }
        }
        List<TraceSink> sinks = new ArrayList<>();
        for (int file = 0; file < plan.files.size(); file++) {
            sinks.add(plan.kinds.get(file).apply(create(plan.files.get(file), plan, log)));
        }
        List<GuestErrors> guestErrors = new ArrayList<>();
        if (sinks.isEmpty() || plan.guestErrors) {
            TraceOutput output = log(plan, log);
            if (sinks.isEmpty()) {
                sinks.add(new TextSink(output));
            }
            if (plan.guestErrors) {
                guestErrors.add(new GuestErrors(output));
            }
        }
        Tracing tracing = new Tracing(registry, sinks, log::info);
        for (String pattern : plan.patterns) {
            boolean off = pattern.startsWith("-");
            tracing.set(off ? pattern.substring(1) : pattern, !off);
        }
        guestErrors.forEach(errors -> tracing.watch(errors, GuestErrors.POINTS));
        for (Path path : plan.packets) {
            tracing.watch(new PcapSink(create(path, plan, log)), PcapSink.POINTS);
            Path folder = Optional.ofNullable(path.toAbsolutePath().getParent()).orElse(path);
            Path script = PcapSink.dissector(folder);
            log.info("trace: tshark -X lua_script:%s -r %s".formatted(script, path));
        }
        return tracing;
    }

    private void trace(Plan plan, OptionList list) throws CommandException, IOException {
        if (!list.head().isEmpty()) {
            pattern(plan, "-trace", list.head());
        }
        Optional<String> events = list.take("events");
        if (events.isPresent()) {
            for (String line : Files.readAllLines(MachineOptions.path("-trace", events.get()))) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    pattern(plan, "-trace events=" + events.get(), line.strip());
                }
            }
        }
        plan.file(list.take("file"), TextSink::new);
        plan.file(list.take("jsonl"), JsonLinesSink::new);
        plan.file(list.take("perfetto"), PerfettoSink::new);
        Optional<String> packets = list.take("pcap");
        if (packets.isPresent()) {
            plan.packets.add(MachineOptions.path("-trace", packets.get()));
        }
        Optional<String> limit = list.take("limit");
        if (limit.isPresent()) {
            plan.limitBytes = OptionalLong.of(SizeParser.parse("-trace limit", limit.get(), 'B'));
        }
        list.expectEmpty(PROPERTIES);
    }

    /** A line of a list may begin with a minus, which switches off. */
    private void pattern(Plan plan, String option, String pattern) throws CommandException {
        String glob = pattern.startsWith("-") ? pattern.substring(1) : pattern;
        if (registry.matching(glob).isEmpty()) {
            throw CommandException.usage(
                    "%s: there is no trace point '%s'; '-trace help' lists them"
                            .formatted(option, glob));
        }
        plan.patterns.add(pattern);
    }

    private void item(Plan plan, String item) throws CommandException {
        if (item.equals(GUEST_ERRORS)) {
            plan.guestErrors = true;
        } else if (item.startsWith(TRACE)) {
            pattern(plan, "-d", item.substring(TRACE.length()));
        } else {
            throw CommandException.usage(
                    "-d: unknown item '%s'; known: guest_errors, trace:GLOB".formatted(item));
        }
    }

    private TraceOutput log(Plan plan, Log log) throws CommandException, IOException {
        return logFile == null
                ? TraceOutput.to(log.stream())
                : create(MachineOptions.path("-D", logFile), plan, log);
    }

    private static TraceOutput create(Path path, Plan plan, Log log) throws IOException {
        return TraceFile.create(
                path, plan.limitBytes.orElse(TraceFile.DEFAULT_LIMIT_BYTES), log::info);
    }
}
