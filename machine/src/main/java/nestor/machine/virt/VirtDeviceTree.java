package nestor.machine.virt;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import nestor.machine.boot.FdtWriter;
import nestor.machine.gic.GicV3;
import nestor.pci.PciHost;
import nestor.smmuv3.SmmuV3;

/**
 * The device tree of the board.
 *
 * @param ramBytes of RAM
 * @param cpus number of vCPUs; Aff0 is the number, the other affinity fields are 0
 * @param roots the PCI root buses, in order of their numbers
 * @param iommuRid of a virtio-iommu on bus 0, which then is in front of all other functions
 * @param stalling RIDs, on root buses, of functions whose requests may stall
 */
public record VirtDeviceTree(
        long ramBytes,
        int cpus,
        List<RootBus> roots,
        OptionalInt iommuRid,
        List<Integer> stalling) {
    /** Of a {@link RootBus} without an SMMU of its own. */
    public static final int NO_SMMU = -1;

    /**
     * A PCI root bus: a host bridge to the operating system.
     *
     * @param first its number
     * @param last of the bus numbers below it
     * @param smmu index of the SMMU in front of it, or {@link #NO_SMMU}
     */
    public record RootBus(int first, int last, int smmu) {
        private int firstRid() {
            return first << 8;
        }

        private int rids() {
            return (last + 1 - first) << 8;
        }

        private boolean has(int rid) {
            return rid >>> 8 == first;
        }
    }

    /**
     * What changes from boot to boot.
     *
     * @param arguments kernel command line
     * @param initrdGpa first byte of the initial RAM disk
     * @param initrdBytes 0 if there is none
     */
    public record Chosen(String arguments, long initrdGpa, long initrdBytes) {}

    private static final int GIC_PHANDLE = 1;
    private static final int ITS_PHANDLE = 2;
    private static final int CLOCK_PHANDLE = 3;
    private static final int IOMMU_PHANDLE = 4;

    /** Of the first SMMU; the others follow. */
    private static final int SMMU_PHANDLE = 8;

    private static final int UART_CLOCK_HZ = 24_000_000;

    /** First cell of an interrupt specifier, and the last of a level-sensitive one. */
    private static final int SPI = 0;

    private static final int PPI = 1;
    private static final int EDGE_RISING = 1;
    private static final int LEVEL_HIGH = 4;

    /** PPIs of the secure, non-secure physical, virtual and hypervisor timers. */
    private static final int[] TIMER_PPIS = {13, 14, 11, 10};

    /** Space code of a PCI address (first cell): 64-bit memory, 32-bit memory, I/O. */
    private static final int PCI_MEM64 = 0x0300_0000;

    private static final int PCI_MEM32 = 0x0200_0000;
    private static final int PCI_IO = 0x0100_0000;

    /** Cells of an element of {@code ranges}. */
    private static final int RANGE_CELLS = 7;

    /** Parts of a window begin and end at a multiple of this. */
    private static final long WINDOW_UNIT = 1 << 16;

    private static final String UART_NODE = "pl011@" + Long.toHexString(MemoryMap.UART);

    /**
     * The flattened tree.
     *
     * @param rngSeed entropy for the kernel's generator
     */
    public byte[] flatten(Chosen chosen, byte[] rngSeed) {
        FdtWriter fdt = new FdtWriter();
        fdt.cells("interrupt-parent", GIC_PHANDLE)
                .strings("model", "linux,dummy-virt")
                .cells("#size-cells", 2)
                .cells("#address-cells", 2)
                .strings("compatible", "linux,dummy-virt");
        chosen(fdt, chosen, rngSeed);
        fdt.begin("aliases").strings("serial0", "/" + UART_NODE).end();
        fdt.begin("memory@" + Long.toHexString(MemoryMap.RAM))
                .strings("device_type", "memory")
                .longs("reg", MemoryMap.RAM, ramBytes)
                .end();
        cpus(fdt);
        fdt.begin("psci")
                .strings("compatible", "arm,psci-1.0", "arm,psci-0.2")
                .strings("method", "hvc")
                .end();
        timer(fdt);
        peripherals(fdt);
        interruptController(fdt);
        roots.stream()
                .filter(root -> root.smmu() != NO_SMMU)
                .forEach(root -> smmu(fdt, root.smmu()));
        roots.forEach(root -> pcie(fdt, root));
        return fdt.finish();
    }

    private static void chosen(FdtWriter fdt, Chosen chosen, byte[] rngSeed) {
        fdt.begin("chosen")
                .strings("bootargs", chosen.arguments())
                .strings("stdout-path", "/" + UART_NODE)
                .property("rng-seed", rngSeed);
        if (chosen.initrdBytes() > 0) {
            fdt.longs("linux,initrd-start", chosen.initrdGpa())
                    .longs("linux,initrd-end", chosen.initrdGpa() + chosen.initrdBytes());
        }
        fdt.end();
    }

    private void cpus(FdtWriter fdt) {
        fdt.begin("cpus").cells("#size-cells", 0).cells("#address-cells", 1);
        for (int cpu = 0; cpu < cpus; cpu++) {
            fdt.begin("cpu@" + Integer.toHexString(cpu))
                    .strings("device_type", "cpu")
                    .strings("compatible", "arm,armv8")
                    .cells("reg", cpu)
                    .strings("enable-method", "psci")
                    .end();
        }
        fdt.end();
    }

    private static void timer(FdtWriter fdt) {
        int[] interrupts = new int[3 * TIMER_PPIS.length];
        for (int i = 0; i < TIMER_PPIS.length; i++) {
            interrupts[3 * i] = PPI;
            interrupts[3 * i + 1] = TIMER_PPIS[i];
            interrupts[3 * i + 2] = LEVEL_HIGH;
        }
        fdt.begin("timer")
                .strings("compatible", "arm,armv8-timer")
                .flag("always-on")
                .cells("interrupts", interrupts)
                .end();
    }

    private static void peripherals(FdtWriter fdt) {
        fdt.begin("apb-pclk")
                .strings("compatible", "fixed-clock")
                .cells("#clock-cells", 0)
                .cells("clock-frequency", UART_CLOCK_HZ)
                .strings("clock-output-names", "clk24mhz")
                .cells("phandle", CLOCK_PHANDLE)
                .end();
        fdt.begin(UART_NODE)
                .strings("compatible", "arm,pl011", "arm,primecell")
                .longs("reg", MemoryMap.UART, MemoryMap.PERIPHERAL_BYTES)
                .cells("interrupts", SPI, MemoryMap.UART_SPI, LEVEL_HIGH)
                .cells("clocks", CLOCK_PHANDLE, CLOCK_PHANDLE)
                .strings("clock-names", "uartclk", "apb_pclk")
                .end();
        fdt.begin("pl031@" + Long.toHexString(MemoryMap.RTC))
                .strings("compatible", "arm,pl031", "arm,primecell")
                .longs("reg", MemoryMap.RTC, MemoryMap.PERIPHERAL_BYTES)
                .cells("interrupts", SPI, MemoryMap.RTC_SPI, LEVEL_HIGH)
                .cells("clocks", CLOCK_PHANDLE)
                .strings("clock-names", "apb_pclk")
                .end();
    }

    private void interruptController(FdtWriter fdt) {
        fdt.begin("intc@" + Long.toHexString(MemoryMap.GICD))
                .strings("compatible", "arm,gic-v3")
                .flag("interrupt-controller")
                .cells("#interrupt-cells", 3)
                .cells("#redistributor-regions", 1)
                .longs(
                        "reg",
                        MemoryMap.GICD,
                        GicV3.DISTRIBUTOR_BYTES,
                        MemoryMap.GICR,
                        GicV3.REDISTRIBUTOR_BYTES * cpus)
                .cells("#address-cells", 2)
                .cells("#size-cells", 2)
                .flag("ranges")
                .cells("phandle", GIC_PHANDLE);
        fdt.begin("its@" + Long.toHexString(MemoryMap.ITS))
                .strings("compatible", "arm,gic-v3-its")
                .flag("msi-controller")
                .cells("#msi-cells", 1)
                .longs("reg", MemoryMap.ITS, GicV3.ITS_BYTES)
                .cells("phandle", ITS_PHANDLE)
                .end();
        fdt.end();
    }

    private static void smmu(FdtWriter fdt, int index) {
        int[] interrupts = new int[3 * MemoryMap.SMMU_SPIS];
        for (int i = 0; i < MemoryMap.SMMU_SPIS; i++) {
            interrupts[3 * i] = SPI;
            interrupts[3 * i + 1] = MemoryMap.SMMU_SPI + index * MemoryMap.SMMU_SPIS + i;
            interrupts[3 * i + 2] = EDGE_RISING;
        }
        long at = MemoryMap.SMMU + (long) index * SmmuV3.REGISTER_BYTES;
        fdt.begin("smmuv3@" + Long.toHexString(at))
                .strings("compatible", "arm,smmu-v3")
                .longs("reg", at, SmmuV3.REGISTER_BYTES)
                .cells("interrupts", interrupts)
                .strings("interrupt-names", "eventq", "priq", "cmdq-sync", "gerror")
                .cells("msi-parent", ITS_PHANDLE, MemoryMap.SMMU_DEVICE_ID + index)
                .cells("#iommu-cells", 1)
                .flag("dma-coherent")
                .cells("phandle", SMMU_PHANDLE + index)
                .end();
    }

    private void pcie(FdtWriter fdt, RootBus root) {
        PciHost.Layout pci = MemoryMap.PCI;
        long ecam = pci.ecamGpa() + (long) root.first() * PciHost.ECAM_BYTES_PER_BUS;
        int buses = root.last() + 1 - root.first();
        fdt.begin("pcie@" + Long.toHexString(ecam))
                .strings("compatible", "pci-host-ecam-generic")
                .strings("device_type", "pci")
                .cells("#address-cells", 3)
                .cells("#size-cells", 2)
                .cells("#interrupt-cells", 1)
                .cells("linux,pci-domain", roots.indexOf(root))
                .cells("bus-range", root.first(), root.last())
                .longs("reg", ecam, (long) buses * PciHost.ECAM_BYTES_PER_BUS)
                .cells("ranges", ranges(root))
                .flag("dma-coherent")
                .cells("msi-map", root.firstRid(), ITS_PHANDLE, root.firstRid(), root.rids());
        if (root.smmu() != NO_SMMU) {
            int phandle = SMMU_PHANDLE + root.smmu();
            fdt.cells("iommu-map", root.firstRid(), phandle, root.firstRid(), root.rids())
                    .flag("ats-supported");
        } else if (iommuRid.isPresent()) {
            fdt.cells("iommu-map", virtioIommuMap(root, iommuRid.getAsInt()));
            if (root.has(iommuRid.getAsInt())) {
                virtioIommu(fdt, iommuRid.getAsInt());
            }
        }
        for (int rid : stalling) {
            if (root.has(rid)) {
                fdt.begin("dev@%x,%x".formatted(rid >>> 3 & 0x1f, rid & 7))
                        .cells("reg", rid << 8, 0, 0, 0, 0)
                        .flag("dma-can-stall")
                        .end();
            }
        }
        fdt.end();
    }

    /** Every RID of the bus but the IOMMU's own. */
    private static int[] virtioIommuMap(RootBus root, int iommuRid) {
        int first = root.firstRid();
        int end = first + root.rids();
        if (!root.has(iommuRid)) {
            return new int[] {first, IOMMU_PHANDLE, first, root.rids()};
        }
        int after = iommuRid + 1;
        int[] upTo =
                iommuRid == first
                        ? new int[0]
                        : new int[] {first, IOMMU_PHANDLE, first, iommuRid - first};
        int[] map = Arrays.copyOf(upTo, upTo.length + 4);
        System.arraycopy(
                new int[] {after, IOMMU_PHANDLE, after, end - after}, 0, map, upTo.length, 4);
        return map;
    }

    private static void virtioIommu(FdtWriter fdt, int rid) {
        fdt.begin("iommu@%x,%x".formatted(rid >>> 3, rid & 7))
                .strings("compatible", "pci1af4,1057")
                .cells("reg", rid << 8, 0, 0, 0, 0)
                .cells("#iommu-cells", 1)
                .cells("phandle", IOMMU_PHANDLE)
                .end();
    }

    /**
     * Per window: PCI address of three cells, guest-physical address of two, size of two. Root
     * buses share the memory windows in equal parts; the I/O window is bus 0's.
     */
    private int[] ranges(RootBus root) {
        PciHost.Layout pci = MemoryMap.PCI;
        int index = roots.indexOf(root);
        long small = part(pci.mem32Bytes());
        long large = part(pci.mem64Bytes());
        long mem32 = pci.mem32Gpa() + index * small;
        long mem64 = pci.mem64Gpa() + index * large;
        int[] memory = {
            PCI_MEM32,
            0,
            (int) mem32,
            0,
            (int) mem32,
            0,
            (int) small,
            PCI_MEM64,
            high(mem64),
            (int) mem64,
            high(mem64),
            (int) mem64,
            high(large),
            (int) large
        };
        if (index != 0) {
            return memory;
        }
        int[] all =
                Arrays.copyOf(
                        new int[] {
                            PCI_IO,
                            0,
                            0,
                            high(pci.ioGpa()),
                            (int) pci.ioGpa(),
                            0,
                            (int) pci.ioBytes()
                        },
                        RANGE_CELLS + memory.length);
        System.arraycopy(memory, 0, all, RANGE_CELLS, memory.length);
        return all;
    }

    private long part(long windowBytes) {
        return windowBytes / roots.size() & -WINDOW_UNIT;
    }

    private static int high(long value) {
        return (int) (value >>> Integer.SIZE);
    }
}
