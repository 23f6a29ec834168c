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
 * @param iommuRid of a virtio-iommu on bus 0, which then is in front of all other functions
 * @param smmu whether the board's SMMUv3 is in front of all functions
 * @param stalling RIDs, on bus 0, of functions whose requests may stall
 */
public record VirtDeviceTree(
        long ramBytes, int cpus, OptionalInt iommuRid, boolean smmu, List<Integer> stalling) {
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

    private static final int RIDS = 0x1_0000;
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
        if (smmu) {
            smmu(fdt);
        }
        pcie(fdt);
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

    private static void smmu(FdtWriter fdt) {
        int[] interrupts = new int[3 * MemoryMap.SMMU_SPIS];
        for (int i = 0; i < MemoryMap.SMMU_SPIS; i++) {
            interrupts[3 * i] = SPI;
            interrupts[3 * i + 1] = MemoryMap.SMMU_SPI + i;
            interrupts[3 * i + 2] = EDGE_RISING;
        }
        fdt.begin("smmuv3@" + Long.toHexString(MemoryMap.SMMU))
                .strings("compatible", "arm,smmu-v3")
                .longs("reg", MemoryMap.SMMU, SmmuV3.REGISTER_BYTES)
                .cells("interrupts", interrupts)
                .strings("interrupt-names", "eventq", "priq", "cmdq-sync", "gerror")
                .cells("#iommu-cells", 1)
                .flag("dma-coherent")
                .cells("phandle", IOMMU_PHANDLE)
                .end();
    }

    private void pcie(FdtWriter fdt) {
        PciHost.Layout pci = MemoryMap.PCI;
        fdt.begin("pcie@" + Long.toHexString(pci.ecamGpa()))
                .strings("compatible", "pci-host-ecam-generic")
                .strings("device_type", "pci")
                .cells("#address-cells", 3)
                .cells("#size-cells", 2)
                .cells("#interrupt-cells", 1)
                .cells("linux,pci-domain", 0)
                .cells("bus-range", 0, pci.buses() - 1)
                .longs("reg", pci.ecamGpa(), (long) pci.buses() * PciHost.ECAM_BYTES_PER_BUS)
                .cells("ranges", ranges(pci))
                .flag("dma-coherent")
                .cells("msi-map", 0, ITS_PHANDLE, 0, RIDS);
        if (smmu) {
            fdt.cells("iommu-map", 0, IOMMU_PHANDLE, 0, RIDS).flag("ats-supported");
        }
        if (iommuRid.isPresent()) {
            int rid = iommuRid.getAsInt();
            int after = rid + 1;
            int[] upTo = rid == 0 ? new int[0] : new int[] {0, IOMMU_PHANDLE, 0, rid};
            int[] map = Arrays.copyOf(upTo, upTo.length + 4);
            System.arraycopy(
                    new int[] {after, IOMMU_PHANDLE, after, RIDS - after}, 0, map, upTo.length, 4);
            fdt.cells("iommu-map", map);
            fdt.begin("iommu@%x,%x".formatted(rid >>> 3, rid & 7))
                    .strings("compatible", "pci1af4,1057")
                    .cells("reg", rid << 8, 0, 0, 0, 0)
                    .cells("#iommu-cells", 1)
                    .cells("phandle", IOMMU_PHANDLE)
                    .end();
        }
        for (int rid : stalling) {
            fdt.begin("dev@%x,%x".formatted(rid >>> 3, rid & 7))
                    .cells("reg", rid << 8, 0, 0, 0, 0)
                    .flag("dma-can-stall")
                    .end();
        }
        fdt.end();
    }

    /** Per window: PCI address of three cells, guest-physical address of two, size of two. */
    private static int[] ranges(PciHost.Layout pci) {
        return new int[] {
            PCI_IO, 0, 0, high(pci.ioGpa()), (int) pci.ioGpa(), 0, (int) pci.ioBytes(),
            PCI_MEM32, 0, (int) pci.mem32Gpa(), 0, (int) pci.mem32Gpa(), 0, (int) pci.mem32Bytes(),
            PCI_MEM64, high(pci.mem64Gpa()), (int) pci.mem64Gpa(), high(pci.mem64Gpa()),
                    (int) pci.mem64Gpa(), high(pci.mem64Bytes()), (int) pci.mem64Bytes()
        };
    }

    private static int high(long value) {
        return (int) (value >>> Integer.SIZE);
    }
}
