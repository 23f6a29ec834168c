/** PCI Express: configuration space, routing, and the messages between endpoints and IOMMUs. */
@org.jspecify.annotations.NullMarked
module nestor.pci {
    requires transitive nestor.vmm;

    exports nestor.pci;

    provides nestor.vmm.trace.TracePoints with
            nestor.pci.PciTrace;
}
