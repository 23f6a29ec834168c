/** PCI endpoints that do DMA. */
@org.jspecify.annotations.NullMarked
module nestor.endpoints {
    requires transitive nestor.atc;
    requires transitive nestor.virtio;

    exports nestor.endpoints;
    exports nestor.endpoints.dsa;
}
