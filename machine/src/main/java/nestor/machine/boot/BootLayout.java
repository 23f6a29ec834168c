package nestor.machine.boot;

/**
 * Where the boot protocol's pieces go: the kernel at the start of RAM, then the device tree, then
 * the initial RAM disk.
 *
 * @param kernelGpa first byte of the image
 * @param dtbGpa device tree, 2 MiB kept for it
 * @param initrdGpa initial RAM disk, page aligned
 * @param endGpa first byte after all of it
 */
public record BootLayout(long kernelGpa, long dtbGpa, long initrdGpa, long endGpa) {
    /** A device tree may not be larger, so that one mapping covers it. */
    public static final int MAX_DTB_BYTES = 2 << 20;

    private static final long KERNEL_ALIGNMENT = 2 << 20;
    private static final long PAGE_BYTES = 1 << 16; // the largest page size a kernel may use

    /**
     * Places everything.
     *
     * @param ramGpa start of RAM, a multiple of 2 MiB
     * @param initrdBytes 0 if there is none
     */
    public static BootLayout of(long ramGpa, KernelImage kernel, long initrdBytes) {
        long kernelGpa = ramGpa + kernel.textOffset();
        long dtbGpa = align(kernelGpa + kernel.imageBytes(), KERNEL_ALIGNMENT);
        long initrdGpa = dtbGpa + MAX_DTB_BYTES;
        return new BootLayout(
                kernelGpa, dtbGpa, initrdGpa, align(initrdGpa + initrdBytes, PAGE_BYTES));
    }

    private static long align(long gpa, long alignment) {
        return (gpa + alignment - 1) & -alignment;
    }
}
