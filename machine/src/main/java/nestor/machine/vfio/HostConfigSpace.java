package nestor.machine.vfio;

import nestor.iommu.host.HostException;
import nestor.iommufd.Uapi.RegionInfo;
import nestor.iommufd.VfioDevice;
import nestor.iommufd.VfioRegion;

/** A function's configuration space as VFIO shows it (PCIe Base §7.5, §7.6). */
final class HostConfigSpace {
    static final int COMMAND = 0x04;
    static final int MEMORY_SPACE = 1 << 1;
    static final int BUS_MASTER = 1 << 2;

    static final int VENDOR_SPECIFIC = 0x09;
    static final int MSI = 0x05;
    static final int EXPRESS = 0x10;
    static final int MSIX = 0x11;
    static final int EXTENDED_ATS = 0x0f;
    static final int EXTENDED_PRI = 0x13;

    private static final int STATUS = 0x06;
    private static final int CAPABILITIES_LIST = 1 << 4;
    private static final int CAPABILITIES_POINTER = 0x34;
    private static final int FIRST_CAPABILITY = 0x40;
    private static final int FIRST_EXTENDED = 0x100;

    /** As many capabilities as there is room for: a list that goes on is a circle. */
    private static final int MAX_CAPABILITIES = (FIRST_EXTENDED - FIRST_CAPABILITY) / 4;

    private static final int MAX_EXTENDED = (4096 - FIRST_EXTENDED) / 4;

    private final VfioDevice device;
    private final VfioRegion region;

    HostConfigSpace(VfioDevice device) throws HostException {
        this.device = device;
        this.region = device.region(RegionInfo.INDEX_CONFIG);
    }

    int read(int at, int sizeBytes) throws HostException {
        return (int) device.read(region, at, sizeBytes);
    }

    void write(int at, int sizeBytes, long value) throws HostException {
        device.write(region, at, sizeBytes, value);
    }

    /** Offset of a capability; 0 without. */
    int capability(int id) throws HostException {
        if ((read(STATUS, 2) & CAPABILITIES_LIST) == 0) {
            return 0;
        }
        int at = read(CAPABILITIES_POINTER, 1) & ~3;
        for (int i = 0; i < MAX_CAPABILITIES && at >= FIRST_CAPABILITY; i++) {
            int header = read(at, 2);
            if ((header & 0xff) == id) {
                return at;
            }
            at = header >>> 8 & ~3;
        }
        return 0;
    }

    /** Offset of an extended capability; 0 without. The first may have the ID 0: it is hidden. */
    int extended(int id) throws HostException {
        if (region.sizeBytes() <= FIRST_EXTENDED) {
            return 0;
        }
        int at = FIRST_EXTENDED;
        for (int i = 0; i < MAX_EXTENDED && at >= FIRST_EXTENDED; i++) {
            int header = read(at, 4);
            if ((header & 0xffff) == id) {
                return at;
            }
            at = header >>> 20 & ~3;
        }
        return 0;
    }
}
