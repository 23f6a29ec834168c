/** Linux as host: KVM. The only module that sees a file descriptor. */
@org.jspecify.annotations.NullMarked
module nestor.host {
    requires transitive nestor.iommu;
    requires org.jnrproject.ffi;

    exports nestor.host;
    exports nestor.host.kvm;
}
