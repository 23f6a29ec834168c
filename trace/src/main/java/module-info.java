/** Turns what trace points record into files that people and tools read. */
@org.jspecify.annotations.NullMarked
module nestor.trace {
    requires transitive nestor.vmm;
    requires nestor.pci;
    requires static org.jspecify;

    exports nestor.trace;

    uses nestor.vmm.trace.TracePoints;
}
