package nestor.hostsuite;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import nestor.iommufd.HostSystem;

/** The suite as a program, on the {@link HostSystem} of this machine, reported by KTAP. */
public final class Main {
    private static final int MAX_FRAMES = 6;

    private Main() {}

    /**
     * Runs all checks.
     *
     * @param arguments the file that the report goes to, for example {@code /dev/hvc0}; then {@code
     *     assigned} if there is a function for those checks
     */
    public static void main(String[] arguments) throws IOException {
        try (FileOutputStream file = new FileOutputStream(arguments[0]);
                PrintStream out = new PrintStream(file, true, StandardCharsets.UTF_8)) {
            HostSystem system = ServiceLoader.load(HostSystem.class).findFirst().orElseThrow();
            List<HostSuite.Case> cases = new ArrayList<>(HostSuite.cases());
            if (arguments.length > 1 && arguments[1].equals("assigned")) {
                cases.addAll(HostSuite.assigned());
            }
            report(cases, system, out);
        }
    }

    /** Runs checks, one after the other, and prints KTAP version 1. */
    static void report(List<HostSuite.Case> cases, HostSystem system, PrintStream out) {
        out.print("KTAP version 1\n1.." + cases.size() + "\n");
        int number = 0;
        for (HostSuite.Case each : cases) {
            number++;
            Optional<String> reason = LinuxDifferences.reason(each.name());
            if (reason.isPresent()) {
                out.print("ok " + number + " " + each.name() + " # SKIP " + reason.get() + "\n");
            } else {
                out.print(result(each, system, number));
            }
        }
    }

    private static String result(HostSuite.Case each, HostSystem system, int number) {
        try {
            each.run(system);
            return "ok " + number + " " + each.name() + "\n";
        } catch (AssertionError e) {
            return diagnostics(e) + "not ok " + number + " " + each.name() + "\n";
        }
    }

    private static String diagnostics(AssertionError failure) {
        StringBuilder lines = new StringBuilder("# " + failure.getMessage() + "\n");
        StackTraceElement[] frames = failure.getStackTrace();
        for (int i = 0; i < Math.min(frames.length, MAX_FRAMES); i++) {
            lines.append("#   at ").append(frames[i]).append('\n');
        }
        return lines.toString();
    }
}
