package nestor.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;

/**
 * What a guest under test says on its report console, line by line: KTAP, requests, and its boots.
 * One writer at a time.
 */
final class GuestLines {
    /** How a line for the host begins that is no part of the guest's report. */
    private static final String FOR_HOST = "nestor: ";

    private static final String REQUEST = FOR_HOST + "request ";

    private final Ktap ktap = new Ktap();
    private final Boots boots = new Boots();
    private final GuestRequests requests;
    private final TestReport report;
    private final PrintStream out;

    GuestLines(GuestRequests requests, TestReport report, PrintStream out) {
        this.requests = requests;
        this.report = report;
        this.out = out;
    }

    void accept(String line) {
        if (!line.startsWith(FOR_HOST)) {
            ktap.accept(line);
            report.guestLine(out, line);
            return;
        }
        report.guestLine(out, "# " + line);
        if (line.startsWith(REQUEST)) {
            requests.ask(line.substring(REQUEST.length()));
        } else {
            boots.accept(line.substring(FOR_HOST.length()));
        }
    }

    Boots boots() {
        return boots;
    }

    /** What the guest reported; as failed, what it should have reported and did not. */
    List<Result> complete(List<String> checks) {
        List<Result> results = new ArrayList<>(ktap.results());
        for (String check : checks) {
            if (results.stream().noneMatch(result -> result.name().equals(check))) {
                Result missing =
                        new Result(
                                results.size() + 1,
                                check,
                                Outcome.FAILED,
                                "",
                                List.of("the guest did not report it"));
                results.add(missing);
                report.guestLine(out, "not ok " + missing.number() + " " + check);
            }
        }
        return results;
    }
}
