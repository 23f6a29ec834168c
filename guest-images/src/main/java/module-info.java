/** Guest kernels and initramfs images. */
@org.jspecify.annotations.NullMarked
module nestor.guest {
    requires static org.jspecify;
}
