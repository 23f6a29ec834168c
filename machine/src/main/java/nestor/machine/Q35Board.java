package nestor.machine;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import nestor.atc.AtcStatistics;
import nestor.iommu.IovaRange;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.iommu.walk.WalkReport;
import nestor.machine.acpi.AcpiTables;
import nestor.machine.boot.Initrd;
import nestor.machine.boot.PvhKernel;
import nestor.machine.boot.PvhStartInfo;
import nestor.machine.pc.CmosRtc;
import nestor.machine.pc.ConfigPorts;
import nestor.machine.pc.DebugExit;
import nestor.machine.pc.IoApic;
import nestor.machine.pc.PcMap;
import nestor.machine.pc.PowerManagement;
import nestor.machine.pc.Uart16550;
import nestor.pci.FunctionInfo;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.pci.Requester;
import nestor.virtio.VirtqueueState;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;

/** The parts of a {@code q35} machine. */
final class Q35Board implements Board {
    static final MachineType TYPE =
            new MachineType(
                    "q35",
                    "x86-64 board: PVH entry, ACPI, I/O APIC, 16550A, PCI Express, VT-d by -device",
                    List.of(
                            DeviceProperty.choice(
                                    "kernel-irqchip",
                                    "split",
                                    "the accelerator has local APICs, the board its I/O APIC",
                                    "split")));

    private static final int MAX_CPUS = 16;
    private static final int HOST_BRIDGE_VENDOR = 0x8086;
    private static final int HOST_BRIDGE_DEVICE = 0x29c0;
    private static final int HOST_BRIDGE_CLASS = 0x06_00_00;
    private static final long PAGE_BYTES = 4096;

    /** The kernel's COMMAND_LINE_SIZE on x86; longer ones are cut there without a word. */
    private static final int MAX_ARGUMENTS = 2047;

    /** What the entry protocol passes lies behind the ACPI tables. */
    private static final long START_INFO = PcMap.FIRMWARE + 0x1_c000;

    private static final long MIN_MEMORY_BYTES = 16L << 20;

    private final MachineConfig config;
    private final PcMap map;
    private final PvhKernel kernel;
    private final Optional<Initrd> initrd;
    private final GuestMemory memory;
    private final BoardClock clock;
    private final PciHost host;
    private final PciDevices pci;
    private final AssignedDevices assigned;
    private final HotPlug hotPlug;
    private final RemappingUnits units;
    private final MmioBus mmio;
    private final PortBus ports;
    private final IoApic ioapic;
    private final Uart16550 uart;
    private final CmosRtc rtc;
    private final PowerManagement power;
    private final ConfigPorts configPorts;
    private final Processors processors;
    private final byte[] acpi;

    /** Where interrupt messages go: complete when the constructor has returned. */
    private volatile MsiSink messages = (_, _, _) -> {};

    /**
     * A board whose vCPUs do not run yet.
     *
     * @param maker of its processors
     */
    Q35Board(
            MachineConfig config,
            Map<String, CharBackend> backends,
            Processors.Maker maker,
            AssignedDevices.Host assignable,
            Thread.UncaughtExceptionHandler onEscape)
            throws ConfigException, IOException {
        this.config = config;
        DeviceOptions.check("-machine q35", TYPE.properties(), config.typeProperties());
        PciPlan plan = PciPlan.of(VirtioDevices.withDrives(config.devices(), config.drives()));
        refuse(plan);
        units = RemappingUnits.of(plan.vtds(), plan.roots());
        checkSizes(config);
        map = new PcMap(config.memoryBytes());
        kernel =
                config.accelerator() == Accelerator.QTEST
                        ? PvhKernel.none()
                        : BoardFiles.open("-kernel", config.kernel(), PvhKernel::open);
        initrd = BoardFiles.initrd(config);
        checkRoom();
        memory = BoardFiles.ram(map.ram());
        clock = new BoardClock(config.accelerator(), onEscape);
        mmio = new MmioBus();
        ports = new PortBus();
        ioapic = new IoApic(PcMap.IOAPIC_ID, PcMap.IOAPIC_SID, this::signal);
        mmio.map(PcMap.IOAPIC, PcMap.IOAPIC_BYTES, ioapic);
        CharBackend serial = backends.getOrDefault(Machine.SERIAL0, new BoardFiles.Nowhere());
        uart = new Uart16550(serial, ioapic.pin(PcMap.COM1_IRQ));
        ports.map(PcMap.COM1, Uart16550.PORTS, uart);
        rtc = new CmosRtc(System::currentTimeMillis, clock, ioapic.pin(PcMap.RTC_IRQ));
        ports.map(PcMap.RTC, CmosRtc.PORTS, rtc);
        power =
                new PowerManagement(
                        clock, ioapic.pin(PcMap.SCI_IRQ), () -> stop(new VcpuExit.Shutdown()));
        ports.map(PcMap.PM, PowerManagement.PORTS, power);
        configPorts = new ConfigPorts(mmio, PcMap.ECAM, () -> stop(new VcpuExit.Reset()));
        ports.map(PcMap.CONFIG, ConfigPorts.PORTS, configPorts);
        ports.map(
                PcMap.DEBUG_EXIT,
                DebugExit.PORTS,
                new DebugExit(status -> stop(new VcpuExit.DebugExit(status))));
        MsiDoorbell doorbell = new MsiDoorbell(PcMap.LOCAL_APIC, PcMap.MESSAGE_BYTES, this::signal);
        host = new PciHost(map.pci(), memory, mmio, doorbell);
        assigned = new AssignedDevices(config.objects(), assignable, memory, onEscape);
        pci =
                new PciDevices(
                        host,
                        memory,
                        clock,
                        backends,
                        config.drives(),
                        Optional.of(
                                new IovaRange(
                                        PcMap.LOCAL_APIC,
                                        PcMap.LOCAL_APIC + PcMap.MESSAGE_BYTES - 1)),
                        assigned,
                        onEscape);
        hotPlug = new HotPlug(pci);
        assigned.onRequest(hotPlug::request);
        Processors made = null;
        host.plug(0, 0, hostBridge());
        try {
            pci.plug(plan);
            made =
                    maker.processors(
                            new Processors.Wiring(
                                    memory,
                                    mmio,
                                    ports,
                                    config.cpus(),
                                    clock,
                                    ioapic::endOfInterrupt,
                                    onEscape));
            messages = units.build(pci, assigned, host, memory, clock, mmio, made.apics());
            assigned.start();
            acpi = acpi(plan);
        } catch (ConfigException e) {
            if (made != null) {
                made.close();
            }
            closeDevices();
            throw e;
        }
        processors = made;
        serial.connect(uart);
    }

    /**
     * The function at 00:00.0: of Intel's Q35, with nothing in it but its identity, by which
     * software tells whether configuration mechanism #1 works.
     */
    private static PciFunction hostBridge() {
        return PciFunction.builder("host bridge")
                .ids(HOST_BRIDGE_VENDOR, HOST_BRIDGE_DEVICE)
                .classCode(HOST_BRIDGE_CLASS)
                .build();
    }

    private void signal(int sid, long address, int data) {
        messages.signal(sid, address, data);
    }

    /** On the thread of the vCPU that asked for it, before its next instruction. */
    private void stop(VcpuExit exit) {
        processors.vcpus().forEach(vcpu -> vcpu.stop(exit));
    }

    private static void refuse(PciPlan plan) throws ConfigException {
        if (!plan.smmus().isEmpty()) {
            throw new ConfigException(
                    plan.smmus().getFirst().origin()
                            + ": -machine q35 has no Arm SMMU; use intel-iommu, or -machine virt");
        }
        for (PciPlan.Placement place : plan.placements()) {
            if (place.bus().equals(PciPlan.ROOT_BUS) && place.slot() == 0) {
                throw place.options().wrong("addr", "slot 0 is the host bridge's");
            }
            if (place.options().has("stall") && place.options().on("stall")) {
                throw place.options().wrong("stall", "only an Arm SMMU stalls");
            }
        }
    }

    private static void checkSizes(MachineConfig config) throws ConfigException {
        if (config.cpus() < 1 || config.cpus() > MAX_CPUS) {
            throw new ConfigException(
                    "-smp %d: must be 1 to %d".formatted(config.cpus(), MAX_CPUS));
        }
        long bytes = config.memoryBytes();
        if (bytes < MIN_MEMORY_BYTES || bytes > PcMap.MAX_RAM_BYTES || bytes % PAGE_BYTES != 0) {
            throw new ConfigException(
                    "-m: must be whole pages of 4 KiB, %d MiB to %d GiB"
                            .formatted(MIN_MEMORY_BYTES >>> 20, PcMap.MAX_RAM_BYTES >>> 30));
        }
        if (config.append().length() > MAX_ARGUMENTS) {
            throw new ConfigException(
                    "-append: longer than the kernel's %d characters".formatted(MAX_ARGUMENTS));
        }
    }

    private void checkRoom() throws ConfigException {
        if (config.accelerator() == Accelerator.QTEST) {
            return;
        }
        if (kernel.startGpa() < PcMap.EXTENDED) {
            throw new ConfigException(
                    "-kernel %s: has a segment at 0x%x, below 1 MiB"
                            .formatted(config.kernel(), kernel.startGpa()));
        }
        if (kernel.endGpa() > initrdGpa()) {
            throw new ConfigException(
                    "-m: %d MiB of RAM below 4 GiB are too few: the kernel ends at %d MiB, and its"
                                    .formatted(map.lowBytes() >>> 20, (kernel.endGpa() >>> 20) + 1)
                            + " initrd takes %d MiB"
                                    .formatted(initrdBytes() + (1 << 20) - 1 >>> 20));
        }
    }

    private long initrdBytes() {
        return initrd.map(Initrd::sizeBytes).orElse(0L);
    }

    /** At the end of low RAM. */
    private long initrdGpa() {
        return map.lowBytes() - initrdBytes() & -PAGE_BYTES;
    }

    private byte[] acpi(PciPlan plan) throws ConfigException {
        List<AcpiTables.RootBus> roots =
                host.rootBuses().stream()
                        .map(root -> new AcpiTables.RootBus(root, host.lastBusOf(root)))
                        .toList();
        byte[] tables =
                new AcpiTables(map, config.cpus(), roots, units.dmar(plan), pci.iommuRid())
                        .at(PcMap.FIRMWARE);
        if (tables.length > START_INFO - PcMap.FIRMWARE) {
            throw new ConfigException(
                    "-device %s: too many root buses for the ACPI tables"
                            .formatted(PciPlan.EXPANDER));
        }
        return tables;
    }

    @Override
    public List<? extends Vcpu> vcpus() {
        return processors.vcpus();
    }

    @Override
    public long retiredInstructions() {
        return processors.retiredInstructions();
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
        return List.of();
    }

    @Override
    public void reset() throws IOException {
        pci.reset();
        units.reset();
        uart.reset();
        rtc.reset();
        power.reset();
        configPorts.reset();
        ioapic.reset();
        processors.reset();
    }

    @Override
    public void load() throws IOException {
        if (config.accelerator() == Accelerator.QTEST) {
            return;
        }
        PvhStartInfo info =
                new PvhStartInfo(
                        config.append(), initrdGpa(), initrdBytes(), PcMap.FIRMWARE, memoryMap());
        try {
            kernel.load(memory);
            if (initrd.isPresent()) {
                initrd.get().load(memory, initrdGpa());
            }
            memory.copyIn(MemorySegment.ofArray(acpi), PcMap.FIRMWARE);
            memory.copyIn(MemorySegment.ofArray(info.at(START_INFO)), START_INFO);
        } catch (GuestAccessException e) {
            throw new IllegalStateException("the boot files were found to fit", e);
        }
        processors.start((int) kernel.entry(), (int) START_INFO);
    }

    private List<PvhStartInfo.Range> memoryMap() {
        List<PvhStartInfo.Range> ranges = new ArrayList<>();
        ranges.add(new PvhStartInfo.Range(0, PcMap.CONVENTIONAL_END, PvhStartInfo.RAM));
        ranges.add(
                new PvhStartInfo.Range(
                        PcMap.CONVENTIONAL_END,
                        PcMap.EXTENDED - PcMap.CONVENTIONAL_END,
                        PvhStartInfo.RESERVED));
        ranges.add(
                new PvhStartInfo.Range(
                        PcMap.EXTENDED, map.lowBytes() - PcMap.EXTENDED, PvhStartInfo.RAM));
        ranges.add(new PvhStartInfo.Range(PcMap.ECAM, PcMap.ECAM_BYTES, PvhStartInfo.RESERVED));
        if (map.highBytes() > 0) {
            ranges.add(new PvhStartInfo.Range(PcMap.HIGH_RAM, map.highBytes(), PvhStartInfo.RAM));
        }
        return ranges;
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
        List<IommuState> all = new ArrayList<>(units.states());
        all.addAll(pci.iommus());
        return all;
    }

    @Override
    public void watch(StaleTranslationOracle oracle) {
        units.watch(host, oracle, clock);
        pci.watch(oracle);
    }

    @Override
    public List<MappedRange> addresses() {
        List<MappedRange> all = new ArrayList<>();
        map.ram().forEach(ram -> all.add(new MappedRange("ram", ram.gpa(), ram.sizeBytes())));
        all.add(new MappedRange("pcie-ecam", PcMap.ECAM, PcMap.ECAM_BYTES));
        all.add(new MappedRange("ioapic", PcMap.IOAPIC, PcMap.IOAPIC_BYTES));
        all.add(new MappedRange("local-apic", PcMap.LOCAL_APIC, PcMap.MESSAGE_BYTES));
        all.addAll(units.addresses());
        return all;
    }

    @Override
    public TestDriver testDriver() {
        return new TestDriver(
                memory,
                mmio,
                ports,
                clock.manual(),
                this::quiesce,
                new TestDriver.Controller("ioapic", IoApic.PINS, ioapic::pin, ioapic::watchPins));
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
        power.pressPowerButton();
        return true;
    }

    @Override
    public void settle() throws IOException {
        pci.quiesce();
        pci.flush();
    }

    /** Processors, loops, disks, clock, memory: in that order. */
    @Override
    public void close() throws IOException {
        processors.close();
        closeDevices();
    }

    private void closeDevices() throws IOException {
        hotPlug.close();
        try {
            pci.close();
        } finally {
            clock.close();
            memory.close();
        }
    }
}
