/** PCI Express: configuration space, routing, and the messages between endpoints and IOMMUs. */
@org.jspecify.annotations.NullMarked
module nestor.pci {
    requires transitive nestor.vmm;

    exports nestor.pci;
}
