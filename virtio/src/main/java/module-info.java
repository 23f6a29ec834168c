/** Virtqueues and the virtio-pci transport. */
@org.jspecify.annotations.NullMarked
module nestor.virtio {
    requires transitive nestor.pci;

    exports nestor.virtio;
    exports nestor.virtio.pci;

    provides nestor.vmm.trace.TracePoints with
            nestor.virtio.VirtioTrace;
}
