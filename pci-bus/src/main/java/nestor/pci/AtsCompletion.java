package nestor.pci;

import java.util.List;

/** What came of a Translation Request (PCIe Base §10.2.3). */
public sealed interface AtsCompletion {
    /**
     * A successful completion with data.
     *
     * @param entries one per translation, in address order, contiguous; at least one, and possibly
     *     fewer than were asked for
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
