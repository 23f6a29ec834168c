package nestor.host;

/**
 * A request of ioctl(2), as {@code <asm-generic/ioctl.h>} encodes it on x86 and arm64: direction in
 * bits 31:30, size of the argument in 29:16, the driver's letter in 15:8, the request in 7:0.
 *
 * @param name as the driver's header spells it, for error messages
 */
public record Ioctl(String name, long number) {
    private static final int TYPE_SHIFT = 8;
    private static final int SIZE_SHIFT = 16;
    private static final long WRITE = 1L << 30;
    private static final long READ = 2L << 30;

    /** {@code _IO}: no argument, or a plain number. */
    public static Ioctl io(String name, int type, int request) {
        return new Ioctl(name, ((long) type << TYPE_SHIFT) | request);
    }

    /** {@code _IOR}: the kernel writes a structure of {@code sizeBytes}. */
    public static Ioctl ior(String name, int type, int request, int sizeBytes) {
        return sized(name, type, request, sizeBytes, READ);
    }

    /** {@code _IOW}: the kernel reads a structure of {@code sizeBytes}. */
    public static Ioctl iow(String name, int type, int request, int sizeBytes) {
        return sized(name, type, request, sizeBytes, WRITE);
    }

    /** {@code _IOWR}: the kernel reads and writes a structure of {@code sizeBytes}. */
    public static Ioctl iowr(String name, int type, int request, int sizeBytes) {
        return sized(name, type, request, sizeBytes, READ | WRITE);
    }

    private static Ioctl sized(String name, int type, int request, int sizeBytes, long direction) {
        return new Ioctl(
                name,
                direction
                        | ((long) sizeBytes << SIZE_SHIFT)
                        | ((long) type << TYPE_SHIFT)
                        | request);
    }
}
