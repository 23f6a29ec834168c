/** Guest kernels and initramfs images. */
@org.jspecify.annotations.NullMarked
module nestor.guest {
    requires org.apache.commons.compress;
    requires org.tukaani.xz;
    requires static org.jspecify;

    exports nestor.guest;
}
