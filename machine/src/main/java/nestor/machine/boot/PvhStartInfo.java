package nestor.machine.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What a kernel that is entered by PVH is told ({@code hvm_start_info} of Xen's x86/HVM direct boot
 * ABI, version 1).
 *
 * @param initrdGpa first byte of the initial RAM disk
 * @param initrdBytes 0 if there is none
 * @param rsdpGpa where the ACPI tables begin
 * @param map what is where, in ascending order
 */
public record PvhStartInfo(
        String arguments, long initrdGpa, long initrdBytes, long rsdpGpa, List<Range> map) {
    /**
     * An entry of the memory map.
     *
     * @param type {@link #RAM} or {@link #RESERVED}, as in E820
     */
    public record Range(long gpa, long bytes, int type) {}

    public static final int RAM = 1;
    public static final int RESERVED = 2;

    private static final int MAGIC = 0x336ec578;
    private static final int VERSION = 1;
    private static final int INFO_BYTES = 56;
    private static final int MODULE_BYTES = 32;
    private static final int RANGE_BYTES = 24;

    public PvhStartInfo {
        map = List.copyOf(map);
    }

    /**
     * The structure as it lies in memory, with all that it points to behind it.
     *
     * @param gpa where that is
     */
    public byte[] at(long gpa) {
        byte[] command = (arguments + '\0').getBytes(StandardCharsets.ISO_8859_1);
        long modules = gpa + INFO_BYTES;
        long ranges = modules + MODULE_BYTES;
        int rangeBytes = map.size() * RANGE_BYTES;
        long commandGpa = ranges + rangeBytes;
        ByteBuffer bytes =
                ByteBuffer.allocate(INFO_BYTES + MODULE_BYTES + rangeBytes + command.length)
                        .order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(MAGIC).putInt(VERSION).putInt(0).putInt(initrdBytes > 0 ? 1 : 0);
        bytes.putLong(initrdBytes > 0 ? modules : 0).putLong(commandGpa).putLong(rsdpGpa);
        bytes.putLong(ranges).putInt(map.size()).putInt(0);
        bytes.putLong(initrdGpa).putLong(initrdBytes).putLong(0).putLong(0);
        for (Range range : map) {
            bytes.putLong(range.gpa).putLong(range.bytes).putInt(range.type).putInt(0);
        }
        return bytes.put(command).array();
    }
}
