package nestor.pci;

/** Completion Status of a request (PCIe Base §2.2.9). */
public enum CompletionStatus {
    /** SC: Successful Completion. */
    SUCCESSFUL,
    /** UR: Unsupported Request. */
    UNSUPPORTED_REQUEST,
    /** CA: Completer Abort. */
    COMPLETER_ABORT
}
