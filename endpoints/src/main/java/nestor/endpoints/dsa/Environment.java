package nestor.endpoints.dsa;

import java.util.List;
import java.util.function.Consumer;
import nestor.atc.PageRequests;
import nestor.pci.Requester;

/** What executions need of their device. Called on its loop. */
interface Environment {
    /** The MSI-X entry that a handle names, or {@link InterruptTable#NONE}. */
    int entry(int handle, Submission submission);

    void signal(int entry);

    void report(SoftwareErrors.Report report);

    boolean mayRequestPages();

    /**
     * Requests pages as one group.
     *
     * @param answered told once, later, on the loop
     */
    void requestPages(
            Requester requester,
            List<PageRequests.Page> pages,
            Consumer<PageRequests.Outcome> answered);

    /** Whether nothing that a drain descriptor waits for is left. */
    boolean isDrained(Submission drain);
}
