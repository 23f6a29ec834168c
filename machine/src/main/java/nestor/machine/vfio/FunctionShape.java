package nestor.machine.vfio;

import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import nestor.iommu.host.HostException;
import nestor.iommufd.Uapi.RegionInfo;
import nestor.iommufd.VfioDevice;
import nestor.iommufd.VfioRegion;
import nestor.pci.BarKind;
import nestor.pci.Capability;
import nestor.pci.PciFunction;
import nestor.pci.PciFunctionBuilder;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;

/** Reads what a function is made of, and makes the like of it for the guest. */
final class FunctionShape {
    private static final System.Logger LOG = System.getLogger(FunctionShape.class.getName());

    private static final int BARS = 6;
    private static final int FIRST_BAR = 0x10;
    private static final int IO_BAR = 1;
    private static final int TYPE_64 = 1 << 2;
    private static final int PREFETCHABLE = 1 << 3;
    private static final int MIN_BAR_BYTES = 16;
    private static final int FIRST_CAPABILITY = 0x40;
    private static final int EXPRESS_BYTES = 0x3c;
    private static final int CAPABILITIES_END = 0x100;
    private static final int MSIX_ENTRY_BYTES = 16;

    private final String name;
    private final VfioDevice device;
    private final HostConfigSpace config;
    private final Consumer<HostException> complaints;

    /**
     * @param complaints is told what the host refuses later
     */
    FunctionShape(
            String name,
            VfioDevice device,
            HostConfigSpace config,
            Consumer<HostException> complaints) {
        this.name = name;
        this.device = device;
        this.config = config;
        this.complaints = complaints;
    }

    PciFunctionBuilder builder(ExtendedOffer offer) throws HostException {
        int classes = config.read(0x08, 4);
        PciFunctionBuilder builder =
                PciFunction.builder(name)
                        .ids(config.read(0x00, 2), config.read(0x02, 2))
                        .revision(classes & 0xff)
                        .classCode(classes >>> 8)
                        .subsystem(config.read(0x2c, 2), config.read(0x2e, 2));
        long[] bars = bars(builder);
        messages(builder, bars);
        int express = config.capability(HostConfigSpace.EXPRESS);
        if (express != 0) {
            boolean fits =
                    express > FIRST_CAPABILITY && express + EXPRESS_BYTES <= CAPABILITIES_END;
            if (fits) {
                builder.expressAt(express);
            } else {
                builder.express();
            }
            offer.pasid().ifPresent(builder::pasid);
            offer.ats().ifPresent(builder::ats);
            offer.pri().ifPresent(builder::pri);
        }
        int vendors = config.capability(HostConfigSpace.VENDOR_SPECIFIC);
        if (vendors != 0) {
            builder.capability(vendorSpecific(vendors));
        }
        return builder;
    }

    /** Sizes by index; 0 where there is no memory BAR. */
    private long[] bars(PciFunctionBuilder builder) throws HostException {
        long[] sizes = new long[BARS];
        for (int i = 0; i < BARS; i++) {
            VfioRegion region = device.region(RegionInfo.INDEX_BAR0 + i);
            int type = config.read(FIRST_BAR + 4 * i, 4);
            long size = region.sizeBytes();
            if (size == 0) {
                continue;
            }
            if ((type & IO_BAR) != 0 || size < MIN_BAR_BYTES || Long.bitCount(size) != 1) {
                LOG.log(System.Logger.Level.INFO, "%s: BAR %d is left out".formatted(name, i));
                continue;
            }
            BarKind kind =
                    (type & TYPE_64) == 0
                            ? BarKind.MEM32
                            : (type & PREFETCHABLE) == 0
                                    ? BarKind.MEM64
                                    : BarKind.MEM64_PREFETCHABLE;
            builder.bar(i, size, kind, new Registers(region));
            sizes[i] = size;
        }
        return sizes;
    }

    /** A BAR: each access is one of the host's. One that the host refuses reads as all ones. */
    private final class Registers implements MmioRegion {
        private final VfioRegion region;

        Registers(VfioRegion region) {
            this.region = region;
        }

        @Override
        public long read(long offset, int sizeBytes) {
            try {
                return device.read(region, offset, sizeBytes);
            } catch (HostException e) {
                complaints.accept(e);
                return -1L;
            }
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            try {
                device.write(region, offset, sizeBytes, value);
            } catch (HostException e) {
                complaints.accept(e);
            }
        }
    }

    private void messages(PciFunctionBuilder builder, long[] bars) throws HostException {
        int msi = config.capability(HostConfigSpace.MSI);
        if (msi != 0) {
            int control = config.read(msi + 2, 2);
            int log2 = control >>> 1 & 7;
            boolean masks = (control & 1 << 8) != 0;
            if (log2 == 0 && !masks) {
                builder.msiWithoutMasking();
            } else if (log2 <= 5) {
                builder.msi(1 << log2);
            }
        }
        int msix = config.capability(HostConfigSpace.MSIX);
        if (msix != 0) {
            int vectors = (config.read(msix + 2, 2) & 0x7ff) + 1;
            int table = config.read(msix + 4, 4);
            int pending = config.read(msix + 8, 4);
            int bar = table & 7;
            long tableEnd = Integer.toUnsignedLong(table & ~7) + (long) vectors * MSIX_ENTRY_BYTES;
            boolean fits = bar < BARS && bar == (pending & 7) && tableEnd <= bars[bar];
            if (fits) {
                builder.msix(vectors, bar, table & ~7, pending & ~7);
            } else {
                LOG.log(
                        System.Logger.Level.INFO,
                        name + ": no MSI-X: its table and its pending bits are in different BARs");
            }
        }
    }

    /** Read and written at the host, byte for byte (§7.9.4). */
    private Capability vendorSpecific(int at) throws HostException {
        int length = Math.max(config.read(at + 2, 1), 3);
        List<Register> bytes = new ArrayList<>();
        for (int i = 2; i < length; i++) {
            bytes.add(readWrite("Vendor-Specific " + i, i, 1, 0xff, "§7.9.4"));
        }
        var capability = new Capability(HostConfigSpace.VENDOR_SPECIFIC, length, bytes);
        for (int i = 2; i < length; i++) {
            int register = at + i;
            capability.onRead(bytes.get(i - 2), () -> readOrOnes(register));
            capability.onWrite(bytes.get(i - 2), value -> writeOrNot(register, value));
        }
        return capability;
    }

    private long readOrOnes(int register) {
        try {
            return config.read(register, 1) & 0xff;
        } catch (HostException e) {
            complaints.accept(e);
            return 0xff;
        }
    }

    private void writeOrNot(int register, long value) {
        try {
            config.write(register, 1, value);
        } catch (HostException e) {
            complaints.accept(e);
        }
    }
}
