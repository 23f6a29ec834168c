package nestor.pci;

import java.util.List;

/** What came of a Translation Request (PCIe Base §10.2.3). */
public sealed interface AtsCompletion {
    /**
     * A successful completion with data.
     *
     * @param entries in address order and contiguous: the first holds the address that was asked
     *     for, each further one begins where the range of the one before ends, and none begins past
     *     the last unit asked for; at least one, and possibly fewer than were asked for. No range
     *     is smaller than the function's translation unit
     */
    record Entries(List<AtsEntry> entries) implements AtsCompletion {
        public Entries {
            entries = List.copyOf(entries);
            if (entries.isEmpty()) {
                throw new IllegalArgumentException("a completion with data has an entry");
            }
        }
    }

    /**
     * A completion without data, or a request the function was not allowed to send.
     *
     * @param status {@link CompletionStatus#UNSUPPORTED_REQUEST}: no translations for this
     *     function; {@link CompletionStatus#COMPLETER_ABORT}: the agent failed
     */
    record Failed(CompletionStatus status) implements AtsCompletion {}
}
