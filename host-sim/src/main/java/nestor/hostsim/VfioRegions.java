package nestor.hostsim;

import java.util.HashMap;
import java.util.Map;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.RegionInfo;
import nestor.pci.BarKind;
import nestor.pci.FunctionInfo;

/**
 * A VFIO PCI device's regions. The configuration space is what vfio-pci shows of the function's:
 * BARs hold what the user writes, the PASID capability is left out, and of the rest only memory and
 * bus master enables, and vendor-specific capabilities, are written. Any thread; no lock held.
 */
final class VfioRegions {
    private static final int INDEX_SHIFT = 40;
    private static final int MAX_INDEX = 8;
    private static final int COMMAND = 0x04;
    private static final int COMMAND_WRITABLE = 0b110;
    private static final int FIRST_BAR = 0x10;
    private static final int LAST_BAR_BYTE = 0x27;
    private static final int CAPABILITIES_POINTER = 0x34;
    private static final int VENDOR_SPECIFIC = 0x09;
    private static final int FIRST_EXTENDED = 0x100;
    private static final int PASID_BYTES = 8;

    private final PhysicalFunction function;
    private final Map<Integer, Long> barRegisters = new HashMap<>();
    private final int pasid;
    private final int beforePasid;
    private final long afterPasid;

    VfioRegions(PhysicalFunction function) {
        this.function = function;
        this.pasid = function.extended(PhysicalFunction.PASID);
        int before = 0;
        for (int at = FIRST_EXTENDED; at != 0 && at != pasid; ) {
            before = at;
            at = (int) (function.read(at, 4) >>> 20);
        }
        this.beforePasid = before;
        this.afterPasid = pasid == 0 ? 0 : function.read(pasid, 4) >>> 20;
    }

    void info(Struct struct) throws Refusal {
        int index = struct.word(RegionInfo.INDEX);
        Refusal.when(index < 0 || index >= MAX_INDEX, Errno.EINVAL);
        long size = sizeBytes(index);
        struct.word(RegionInfo.FLAGS, size == 0 ? 0 : RegionInfo.FLAG_READ | RegionInfo.FLAG_WRITE)
                .word(RegionInfo.CAP_OFFSET, 0)
                .doubleword(RegionInfo.SIZE, size)
                .doubleword(RegionInfo.OFFSET, (long) index << INDEX_SHIFT);
    }

    private long sizeBytes(int index) {
        if (index == RegionInfo.INDEX_CONFIG) {
            return PhysicalFunction.CONFIG_BYTES;
        }
        return index < RegionInfo.INDEX_ROM ? function.barBytes(index) : 0;
    }

    /** The region's index, if all of the access is in it. */
    private int index(long offset, long sizeBytes) throws Refusal {
        long index = offset >>> INDEX_SHIFT;
        long at = offset & (1L << INDEX_SHIFT) - 1;
        Refusal.when(index >= MAX_INDEX, Errno.EINVAL);
        boolean config = index == RegionInfo.INDEX_CONFIG;
        long size = sizeBytes((int) index);
        Refusal.when(at > size - sizeBytes, config ? Errno.EFAULT : Errno.EINVAL);
        Refusal.when(!config && !function.memoryEnabled(), Errno.EIO);
        return (int) index;
    }

    int read(Struct into, long sizeBytes, long offset) throws Refusal {
        int index = index(offset, sizeBytes);
        long at = offset & (1L << INDEX_SHIFT) - 1;
        for (long done = 0; done < sizeBytes; ) {
            int bytes = accessBytes(at + done, sizeBytes - done);
            long value =
                    index == RegionInfo.INDEX_CONFIG
                            ? configRead((int) (at + done), bytes)
                            : function.readBar(index, at + done, bytes);
            put(into, done, bytes, value);
            done += bytes;
        }
        return (int) sizeBytes;
    }

    int write(Struct from, long sizeBytes, long offset) throws Refusal {
        int index = index(offset, sizeBytes);
        long at = offset & (1L << INDEX_SHIFT) - 1;
        for (long done = 0; done < sizeBytes; ) {
            int bytes = accessBytes(at + done, sizeBytes - done);
            long value = get(from, done, bytes);
            if (index == RegionInfo.INDEX_CONFIG) {
                configWrite((int) (at + done), bytes, value);
            } else {
                function.writeBar(index, at + done, bytes, value);
            }
            done += bytes;
        }
        return (int) sizeBytes;
    }

    private static int accessBytes(long at, long left) {
        return (int) Math.min(Long.lowestOneBit(at | 8), Long.highestOneBit(Math.min(left, 8)));
    }

    private long configRead(int register, int sizeBytes) {
        long value = 0;
        for (int i = 0; i < sizeBytes; i += Math.min(sizeBytes, 4)) {
            int bytes = Math.min(sizeBytes, 4);
            int dword = register + i & ~3;
            long shift = 8L * (register + i & 3);
            value |= (visible(dword) >>> shift & -1L >>> 64 - 8 * bytes) << 8 * i;
        }
        return value;
    }

    /** A doubleword as vfio-pci shows it. */
    private long visible(int register) {
        if (register >= FIRST_BAR && register <= LAST_BAR_BYTE) {
            return bar((register - FIRST_BAR) / 4);
        }
        if (pasid != 0 && register >= pasid && register < pasid + PASID_BYTES) {
            return register == FIRST_EXTENDED ? afterPasid << 20 : 0;
        }
        long value = function.read(register, 4);
        return pasid != 0 && beforePasid != 0 && register == beforePasid
                ? value & 0xf_ffff | afterPasid << 20
                : value;
    }

    private long bar(int index) {
        for (FunctionInfo.BarInfo bar : function.layout()) {
            long mask = -bar.sizeBytes();
            long written = barRegisters.getOrDefault(index, 0L);
            if (bar.index() == index) {
                long type = function.read(FIRST_BAR + 4 * index, 4) & 0xf;
                return written & mask & 0xffff_fff0L | type;
            }
            if (bar.kind() != BarKind.MEM32 && bar.index() + 1 == index) {
                return written & mask >>> 32;
            }
        }
        return 0;
    }

    private void configWrite(int register, int sizeBytes, long value) {
        if (register == COMMAND) {
            long kept = function.read(COMMAND, 2) & ~COMMAND_WRITABLE;
            function.write(COMMAND, 2, kept | value & COMMAND_WRITABLE);
        } else if (register >= FIRST_BAR && register <= LAST_BAR_BYTE && sizeBytes == 4) {
            barRegisters.put((register - FIRST_BAR) / 4, value & 0xffff_ffffL);
        } else if (isVendors(register)) {
            function.write(register, Math.min(sizeBytes, 4), value);
        }
    }

    private boolean isVendors(int register) {
        int at = (int) function.read(CAPABILITIES_POINTER, 1);
        while (at != 0) {
            if (function.read(at, 1) == VENDOR_SPECIFIC) {
                long length = function.read(at + 2, 1);
                if (register >= at + 3 && register < at + length) {
                    return true;
                }
            }
            at = (int) function.read(at + 1, 1);
        }
        return false;
    }

    private static long get(Struct from, long at, int bytes) {
        return switch (bytes) {
            case 1 -> Byte.toUnsignedLong(from.octet(at));
            case 2 -> from.half(at);
            case 4 -> Integer.toUnsignedLong(from.word(at));
            default -> from.doubleword(at);
        };
    }

    private static void put(Struct into, long at, int bytes, long value) {
        switch (bytes) {
            case 1 -> into.octet(at, (int) value);
            case 2 -> into.half(at, (int) value);
            case 4 -> into.word(at, (int) value);
            default -> into.doubleword(at, value);
        }
    }
}
