package nestor.vmm.register;

/**
 * One register of a device's map, as data.
 *
 * @param name as the specification spells it
 * @param offset in bytes from the start of the register frame, a multiple of {@code sizeBytes}
 * @param sizeBytes 1, 2, 4 or 8
 * @param reset value after reset
 * @param writeMask bits that a write replaces
 * @param w1cMask bits that a write of 1 clears
 * @param section of the specification that defines it
 */
public record Register(
        String name,
        long offset,
        int sizeBytes,
        long reset,
        long writeMask,
        long w1cMask,
        String section) {
    public Register {
        if (Integer.bitCount(sizeBytes) != 1 || sizeBytes > 8) {
            throw new IllegalArgumentException(name + ": size " + sizeBytes);
        }
        if (offset < 0 || offset % sizeBytes != 0) {
            throw new IllegalArgumentException(name + ": misaligned offset " + offset);
        }
        if ((writeMask & w1cMask) != 0) {
            throw new IllegalArgumentException(name + ": a bit is both RW and W1C");
        }
    }

    public static Register readOnly(
            String name, long offset, int sizeBytes, long reset, String section) {
        return new Register(name, offset, sizeBytes, reset, 0, 0, section);
    }

    public static Register readWrite(
            String name, long offset, int sizeBytes, long writeMask, String section) {
        return new Register(name, offset, sizeBytes, 0, writeMask, 0, section);
    }

    public Register withReset(long value) {
        return new Register(name, offset, sizeBytes, value, writeMask, w1cMask, section);
    }
}
