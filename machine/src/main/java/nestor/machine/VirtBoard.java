package nestor.machine;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import nestor.atc.AtcStatistics;
import nestor.cpu.arm64.Arm64Cluster;
import nestor.cpu.arm64.Arm64Vcpu;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.iommu.walk.WalkReport;
import nestor.machine.arm.Pl011;
import nestor.machine.arm.Pl031;
import nestor.machine.arm.Psci;
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
import nestor.pci.Requester;
import nestor.virtio.VirtqueueState;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.VcpuExit;

/** The parts of a {@code virt} machine. */
final class VirtBoard implements Board {
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
    private static final long AFFINITY_MASK = 0xff_00ff_ffffL;
    private static final long MPIDR_RES1 = 0x8000_0000L;
    private static final long MILLIS_PER_SECOND = 1000;
    private static final int RNG_SEED_BYTES = 64;

    /** The kernel's COMMAND_LINE_SIZE on arm64; longer ones are cut there without a word. */
    private static final int MAX_ARGUMENTS = 2047;

    private final MachineConfig config;
    private final KernelImage kernel;
    private final Optional<Initrd> initrd;
    private final BootLayout layout;
    private final GuestMemory memory;
    private final BoardClock clock;
    private final MmioBus bus;
    private final GicV3 gic;
    private final Pl011 uart;
    private final Pl031 rtc;
    private final PciHost host;
    private final PciDevices pci;
    private final AssignedDevices assigned;
    private final HotPlug hotPlug;
    private final SmmuUnits smmus;
    private final List<Arm64Vcpu> vcpus = new ArrayList<>();

    VirtBoard(
            MachineConfig config,
            Map<String, CharBackend> backends,
            AssignedDevices.Host assignable,
            Thread.UncaughtExceptionHandler onEscape)
            throws ConfigException, IOException {
        this.config = config;
        DeviceOptions.check("-machine virt", TYPE.properties(), config.typeProperties());
        PciPlan plan = PciPlan.of(VirtioDevices.withDrives(config.devices(), config.drives()));
        refuse(config, plan);
        smmus = SmmuUnits.of(hasSmmu(config), plan.smmus(), plan.roots());
        checkSizes(config);
        kernel =
                config.accelerator() == Accelerator.QTEST
                        ? new KernelImage(config.kernel(), 0, 0)
                        : BoardFiles.open("-kernel", config.kernel(), KernelImage::open);
        initrd = BoardFiles.initrd(config);
        layout = BootLayout.of(MemoryMap.RAM, kernel, initrdBytes());
        checkRoom();
        memory =
                BoardFiles.ram(List.of(new GuestMemory.Range(MemoryMap.RAM, config.memoryBytes())));
        clock = new BoardClock(config.accelerator(), onEscape);
        bus = new MmioBus();
        List<Integer> affinities = IntStream.range(0, config.cpus()).boxed().toList();
        gic = new GicV3(memory, affinities, MemoryMap.SPIS);
        bus.map(MemoryMap.GICD, GicV3.DISTRIBUTOR_BYTES, gic.distributor());
        bus.map(MemoryMap.GICR, GicV3.REDISTRIBUTOR_BYTES * config.cpus(), gic.redistributors());
        bus.map(MemoryMap.ITS, GicV3.ITS_BYTES, gic.its());
        CharBackend serial = backends.getOrDefault(Machine.SERIAL0, new BoardFiles.Nowhere());
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
        assigned = new AssignedDevices(config.objects(), assignable, memory, onEscape);
        pci =
                new PciDevices(
                        host,
                        memory,
                        clock,
                        backends,
                        config.drives(),
                        Optional.empty(),
                        assigned,
                        onEscape);
        hotPlug = new HotPlug(pci);
        assigned.onRequest(hotPlug::request);
        try {
            pci.plug(plan);
            smmus.build(pci, assigned, host, memory, clock, gic, bus, doorbell);
            assigned.start();
        } catch (ConfigException e) {
            close();
            throw e;
        }
        addVcpus(bus);
        serial.connect(uart);
    }

    private static void refuse(MachineConfig config, PciPlan plan) throws ConfigException {
        if (config.accelerator() == Accelerator.KVM) {
            throw new ConfigException(
                    "-accel %s: the arm64 CPU of -machine virt is a software one; use -accel tcg"
                            .formatted(config.accelerator().title()));
        }
        if (!plan.vtds().isEmpty()) {
            throw new ConfigException(
                    plan.vtds().getFirst().origin()
                            + ": -machine virt has no VT-d; use arm-smmuv3, or -machine q35");
        }
    }

    private static boolean hasSmmu(MachineConfig config) {
        return "smmuv3".equals(config.typeProperties().get("iommu"));
    }

    private void addVcpus(MmioBus bus) {
        Arm64Cluster cluster = new Arm64Cluster(memory);
        Psci psci = new Psci(new Power());
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

    private long initrdBytes() {
        return initrd.map(Initrd::sizeBytes).orElse(0L);
    }

    private void checkRoom() throws ConfigException {
        long needed = layout.endGpa() - MemoryMap.RAM;
        if (config.memoryBytes() < needed) {
            throw new ConfigException(
                    "-m: %d MiB of RAM are too few: the kernel and its initrd alone take %d MiB"
                            .formatted(config.memoryBytes() >>> 20, (needed >>> 20) + 1));
        }
    }

    @Override
    public List<Arm64Vcpu> vcpus() {
        return vcpus;
    }

    @Override
    public long retiredInstructions() {
        return vcpus.stream().mapToLong(Arm64Vcpu::retiredInstructions).sum();
    }

    @Override
    public HotPlug hotPlug() {
        return hotPlug;
    }

    @Override
    public List<FunctionInfo> pciFunctions() {
        return host.functions().stream().map(PciFunction::info).toList();
    }

    @Override
    public Optional<WalkReport> explore(Requester requester, long iova, int access) {
        return pci.explore(requester, iova, access);
    }

    @Override
    public Map<String, AtcStatistics> atcStatistics() {
        return pci.atcStatistics();
    }

    @Override
    public SequencedMap<String, List<VirtqueueState>> virtqueues() {
        return pci.virtqueues();
    }

    @Override
    public Optional<VirtioIommuStatistics> iommuStatistics() {
        return pci.iommuStatistics();
    }

    @Override
    public List<SmmuIdentification> smmuIdentifications() {
        return smmus.identifications();
    }

    @Override
    public void reset() {
        pci.reset();
        smmus.reset();
        uart.reset();
        rtc.reset();
        gic.reset();
    }

    @Override
    public void load() throws IOException {
        if (config.accelerator() == Accelerator.QTEST) {
            return;
        }
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
            if (initrd.isPresent()) {
                initrd.get().load(memory, layout.initrdGpa());
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

    @Override
    public List<DeviceNode> devices() {
        return pci.nodes();
    }

    @Override
    public ChaosDevices chaos() {
        return pci.chaos();
    }

    @Override
    public List<IommuState> iommus() {
        List<IommuState> all = new ArrayList<>(smmus.states());
        all.addAll(pci.iommus());
        return all;
    }

    @Override
    public void watch(StaleTranslationOracle oracle) {
        smmus.watch(host, oracle, clock);
        pci.watch(oracle);
    }

    @Override
    public List<MappedRange> addresses() {
        List<MappedRange> all = new ArrayList<>();
        all.add(new MappedRange("gic-distributor", MemoryMap.GICD, GicV3.DISTRIBUTOR_BYTES));
        all.add(new MappedRange("gic-its", MemoryMap.ITS, GicV3.ITS_BYTES));
        all.add(
                new MappedRange(
                        "gic-redistributors",
                        MemoryMap.GICR,
                        GicV3.REDISTRIBUTOR_BYTES * config.cpus()));
        all.add(new MappedRange("pl011", MemoryMap.UART, MemoryMap.PERIPHERAL_BYTES));
        all.add(new MappedRange("pl031", MemoryMap.RTC, MemoryMap.PERIPHERAL_BYTES));
        all.add(
                new MappedRange(
                        "pcie-ecam",
                        MemoryMap.PCI.ecamGpa(),
                        (long) MemoryMap.PCI.buses() * PciHost.ECAM_BYTES_PER_BUS));
        all.add(new MappedRange("ram", MemoryMap.RAM, config.memoryBytes()));
        all.addAll(smmus.addresses());
        return all;
    }

    @Override
    public TestDriver testDriver() {
        return new TestDriver(
                memory,
                bus,
                new PortBus(),
                clock.manual(),
                this::quiesce,
                new TestDriver.Controller("gic", MemoryMap.SPIS, gic::spi, gic::watchSpis));
    }

    @Override
    public GuestMemory memory() {
        return memory;
    }

    @Override
    public void pauseClock() {
        clock.pause();
    }

    @Override
    public void resumeClock() {
        clock.resume();
    }

    @Override
    public void quiesce() {
        pci.quiesce();
    }

    @Override
    public boolean pressPowerButton() {
        return false;
    }

    @Override
    public void settle() throws IOException {
        pci.quiesce();
        pci.flush();
    }

    /** Loops, disks, clock, memory: in that order. */
    @Override
    public void close() throws IOException {
        hotPlug.close();
        try {
            pci.close();
        } finally {
            clock.close();
            memory.close();
        }
    }

    private final class Power implements Psci.Power {
        @Override
        public int cpuAt(long mpidr) {
            long affinity = mpidr & AFFINITY_MASK;
            return affinity < vcpus.size() ? (int) affinity : -1;
        }

        @Override
        public boolean isOn(int cpu) {
            return vcpus.get(cpu).isOn();
        }

        @Override
        public void turnOn(int cpu, long entry, long context) {
            vcpus.get(cpu).start(entry, context);
        }

        @Override
        public void turnOff(int cpu) {
            vcpus.get(cpu).stop(new VcpuExit.Stopped());
        }

        @Override
        public boolean isRam(long gpa) {
            return memory.contains(gpa, Integer.BYTES);
        }

        @Override
        public void powerOff(int cpu) {
            vcpus.get(cpu).stop(new VcpuExit.Shutdown());
        }

        @Override
        public void reset(int cpu) {
            vcpus.get(cpu).stop(new VcpuExit.Reset());
        }
    }
}
