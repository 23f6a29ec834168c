/** Boards, boot protocols and their configuration. */
@org.jspecify.annotations.NullMarked
module nestor.machine {
    requires transitive nestor.smmuv3;
    requires transitive nestor.virtio.iommu;
    requires transitive nestor.endpoints;
    requires transitive nestor.cpu.arm64;
    requires nestor.cpu.x86;
    requires nestor.vtd;
    requires aircompressor;
    requires org.tukaani.xz;
    requires nestor.host;

    exports nestor.machine;
}
