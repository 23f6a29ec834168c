package nestor.machine;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import nestor.atc.AtcStatistics;
import nestor.cpu.arm64.Arm64Cluster;
import nestor.cpu.arm64.Arm64Vcpu;
import nestor.machine.arm.Pl011;
import nestor.machine.arm.Pl031;
import nestor.machine.arm.Psci;
import nestor.machine.boot.BootFileException;
import nestor.machine.boot.BootLayout;
import nestor.machine.boot.Initrd;
import nestor.machine.boot.KernelImage;
import nestor.machine.gic.GicV3;
import nestor.machine.virt.MemoryMap;
import nestor.machine.virt.VirtDeviceTree;
import nestor.pci.FunctionInfo;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.HostClock;
import org.jspecify.annotations.Nullable;

/** The parts of a {@code virt} machine, wired. No thread of its own. */
final class VirtBoard {
    static final MachineType TYPE =
            new MachineType(
                    "virt",
                    "arm64 board: GICv3 with ITS, PL011, PL031, PCI Express, PSCI, device tree",
                    List.of(
                            DeviceProperty.choice(
                                    "gic-version", "3", "interrupt controller", "3", "max", "host"),
                            DeviceProperty.choice("its", "on", "MSIs through an ITS", "on"),
                            DeviceProperty.choice(
                                    "iommu",
                                    "none",
                                    "IOMMU of the board itself; for the paravirtual one add -device"
                                            + " virtio-iommu-pci",
                                    "none",
                                    "smmuv3")));

    private static final int MAX_CPUS = 16;
    private static final long PAGE_BYTES = 4096;
    private static final long MPIDR_RES1 = 0x8000_0000L;
    private static final long MILLIS_PER_SECOND = 1000;
    private static final int RNG_SEED_BYTES = 64;

    /** The kernel's COMMAND_LINE_SIZE on arm64; longer ones are cut there without a word. */
    private static final int MAX_ARGUMENTS = 2047;

    private final MachineConfig config;
    private final KernelImage kernel;
    private final @Nullable Initrd initrd;
    private final BootLayout layout;
    private final GuestMemory memory;
    private final HostClock clock;
    private final GicV3 gic;
    private final Pl011 uart;
    private final Pl031 rtc;
    private final PciHost host;
    private final PciDevices pci;
    private final HotPlug hotPlug;
    private final SmmuUnits smmus;
    private final List<Arm64Vcpu> vcpus = new ArrayList<>();

    VirtBoard(
            MachineConfig config,
            Map<String, CharBackend> backends,
            Psci.Power power,
            Thread.UncaughtExceptionHandler onEscape)
            throws ConfigException, IOException {
        this.config = config;
        DeviceOptions.check("-machine virt", TYPE.properties(), config.typeProperties());
        PciPlan plan = PciPlan.of(PciDevices.withDrives(config.devices(), config.drives()));
        smmus = SmmuUnits.of(hasSmmu(config), plan.smmus(), plan.roots());
        checkSizes(config);
        kernel = kernel(config.kernel());
        initrd = config.initrd().isPresent() ? initrd(config.initrd().get()) : null;
        layout = BootLayout.of(MemoryMap.RAM, kernel, initrdBytes());
        checkRoom();
        memory = ram(config.memoryBytes());
        clock = new HostClock(onEscape);
        MmioBus bus = new MmioBus();
        List<Integer> affinities = IntStream.range(0, config.cpus()).boxed().toList();
        gic = new GicV3(memory, affinities, MemoryMap.SPIS);
        bus.map(MemoryMap.GICD, GicV3.DISTRIBUTOR_BYTES, gic.distributor());
        bus.map(MemoryMap.GICR, GicV3.REDISTRIBUTOR_BYTES * config.cpus(), gic.redistributors());
        bus.map(MemoryMap.ITS, GicV3.ITS_BYTES, gic.its());
        CharBackend serial = backends.getOrDefault(Machine.SERIAL0, new Nowhere());
        uart = new Pl011(serial, gic.spi(MemoryMap.UART_SPI));
        bus.map(MemoryMap.UART, MemoryMap.PERIPHERAL_BYTES, uart.registers());
        rtc =
                new Pl031(
                        () -> System.currentTimeMillis() / MILLIS_PER_SECOND,
                        clock,
                        gic.spi(MemoryMap.RTC_SPI));
        bus.map(MemoryMap.RTC, MemoryMap.PERIPHERAL_BYTES, rtc.registers());
        MsiDoorbell doorbell =
                new MsiDoorbell(
                        MemoryMap.ITS + GicV3.ITS_TRANSLATER, Integer.BYTES, gic.translater());
        host = new PciHost(MemoryMap.PCI, memory, bus, doorbell);
        pci = new PciDevices(host, memory, clock, backends, config.drives(), onEscape);
        hotPlug = new HotPlug(pci);
        try {
            pci.plug(plan);
            smmus.build(pci, host, memory, clock, gic, bus, doorbell);
        } catch (ConfigException e) {
            close();
            throw e;
        }
        addVcpus(bus, power);
        serial.connect(uart);
    }

    private static boolean hasSmmu(MachineConfig config) {
        return "smmuv3".equals(config.typeProperties().get("iommu"));
    }

    private void addVcpus(MmioBus bus, Psci.Power power) {
        Arm64Cluster cluster = new Arm64Cluster(memory);
        Psci psci = new Psci(power);
        for (int cpu = 0; cpu < config.cpus(); cpu++) {
            Arm64Vcpu vcpu =
                    new Arm64Vcpu(
                            new Arm64Vcpu.Config(cpu, MPIDR_RES1 | cpu),
                            cluster,
                            bus,
                            clock,
                            gic.cpuInterface(cpu),
                            psci.callsOf(cpu),
                            gic.ppi(cpu, MemoryMap.VIRTUAL_TIMER),
                            gic.ppi(cpu, MemoryMap.PHYSICAL_TIMER));
            // There is no FIQ wire: group 0 interrupts stay pending until software polls for them.
            gic.connect(cpu, vcpu.irq(), _ -> {});
            vcpus.add(vcpu);
        }
    }

    private static void checkSizes(MachineConfig config) throws ConfigException {
        if (config.cpus() < 1 || config.cpus() > MAX_CPUS) {
            throw new ConfigException(
                    "-smp %d: must be 1 to %d".formatted(config.cpus(), MAX_CPUS));
        }
        long bytes = config.memoryBytes();
        if (bytes <= 0 || bytes > MemoryMap.MAX_RAM_BYTES || bytes % PAGE_BYTES != 0) {
            throw new ConfigException(
                    "-m: must be whole pages of 4 KiB, at most %d GiB"
                            .formatted(MemoryMap.MAX_RAM_BYTES >>> 30));
        }
        if (config.append().length() > MAX_ARGUMENTS) {
            throw new ConfigException(
                    "-append: longer than the kernel's %d characters".formatted(MAX_ARGUMENTS));
        }
    }

    private static KernelImage kernel(Path file) throws ConfigException {
        checkFile("-kernel", file);
        try {
            return KernelImage.open(file);
        } catch (BootFileException | IOException e) {
            throw new ConfigException("-kernel " + file + ": " + e.getMessage(), e);
        }
    }

    private static Initrd initrd(Path file) throws ConfigException {
        checkFile("-initrd", file);
        try {
            return Initrd.open(file);
        } catch (BootFileException | IOException e) {
            throw new ConfigException("-initrd " + file + ": " + e.getMessage(), e);
        }
    }

    private static void checkFile(String option, Path file) throws ConfigException {
        if (!Files.exists(file)) {
            throw new ConfigException(option + " " + file + ": no such file");
        }
        if (Files.isDirectory(file)) {
            throw new ConfigException(option + " " + file + ": not a file");
        }
        if (!Files.isReadable(file)) {
            throw new ConfigException(option + " " + file + ": no permission to read it");
        }
    }

    private long initrdBytes() {
        return initrd == null ? 0 : initrd.sizeBytes();
    }

    private void checkRoom() throws ConfigException {
        long needed = layout.endGpa() - MemoryMap.RAM;
        if (config.memoryBytes() < needed) {
            throw new ConfigException(
                    "-m: %d MiB of RAM are too few: the kernel and its initrd alone take %d MiB"
                            .formatted(config.memoryBytes() >>> 20, (needed >>> 20) + 1));
        }
    }

    private static GuestMemory ram(long bytes) throws ConfigException, IOException {
        try {
            return GuestMemory.shared(List.of(new GuestMemory.Range(MemoryMap.RAM, bytes)));
        } catch (OutOfMemoryError e) {
            throw new ConfigException("-m: the host has not enough memory for it", e);
        }
    }

    List<Arm64Vcpu> vcpus() {
        return vcpus;
    }

    HotPlug hotPlug() {
        return hotPlug;
    }

    /** Every PCI function, as it is now. */
    List<FunctionInfo> pciFunctions() {
        return host.functions().stream().map(PciFunction::info).toList();
    }

    Map<String, AtcStatistics> atcStatistics() {
        return pci.atcStatistics();
    }

    Optional<VirtioIommuStatistics> iommuStatistics() {
        return pci.iommuStatistics();
    }

    List<SmmuIdentification> smmuIdentifications() {
        return smmus.identifications();
    }

    boolean isRam(long gpa) {
        return memory.contains(gpa, Integer.BYTES);
    }

    /** Everything as after power-on; no vCPU runs. */
    void reset() {
        pci.reset();
        smmus.reset();
        uart.reset();
        rtc.reset();
        gic.reset();
    }

    /**
     * Loads kernel, initial RAM disk and a fresh device tree, and turns the boot vCPU on.
     *
     * @throws IOException if a file cannot be read any more
     */
    void load() throws IOException {
        byte[] seed = new byte[RNG_SEED_BYTES];
        new SecureRandom().nextBytes(seed);
        byte[] tree =
                new VirtDeviceTree(
                                config.memoryBytes(),
                                config.cpus(),
                                rootBuses(),
                                pci.iommuRid(),
                                stalling())
                        .flatten(
                                new VirtDeviceTree.Chosen(
                                        config.append(), layout.initrdGpa(), initrdBytes()),
                                seed);
        try {
            kernel.load(memory, layout.kernelGpa());
            if (initrd != null) {
                initrd.load(memory, layout.initrdGpa());
            }
            memory.copyIn(MemorySegment.ofArray(tree), layout.dtbGpa());
        } catch (GuestAccessException e) {
            throw new IllegalStateException("the boot files were found to fit", e);
        }
        vcpus.getFirst().start(layout.kernelGpa(), layout.dtbGpa());
    }

    private List<VirtDeviceTree.RootBus> rootBuses() {
        Map<Integer, Integer> indices = smmus.indicesByRoot();
        return host.rootBuses().stream()
                .map(root ->
                        new VirtDeviceTree.RootBus(
                                root,
                                host.lastBusOf(root),
                                indices.getOrDefault(root, VirtDeviceTree.NO_SMMU)))
                .toList();
    }

    /** RIDs of functions whose requests may stall. */
    private List<Integer> stalling() {
        return host.functions().stream()
                .filter(PciFunction::canStall)
                .map(PciFunction::rid)
                .toList();
    }

    /** Waits for device work under way and writes disks back. */
    void settle() throws IOException {
        pci.quiesce();
        pci.flush();
    }

    /** Loops, disks, clock, memory: in that order; no vCPU runs any more. */
    void close() throws IOException {
        hotPlug.close();
        try {
            pci.close();
        } finally {
            clock.close();
            memory.close();
        }
    }

    /** The character backend of a board without one. */
    private static final class Nowhere implements CharBackend {
        @Override
        public void write(byte[] data, int offset, int length) {}

        @Override
        public void connect(CharFrontend frontend) {}

        @Override
        public void resume() {}
    }
}
