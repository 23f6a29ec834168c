package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.Stream;
import nestor.endpoints.Edu;
import nestor.endpoints.PageFaults;
import nestor.endpoints.SvmDemo;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedHost;
import nestor.machine.boot.TestKernels;
import nestor.machine.pc.PcMap;
import nestor.pci.PciFunction;
import nestor.virtio.iommu.TableProfile;
import nestor.vmm.loop.MailboxLoop;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The host's functions in a guest: a guest that is this test, on a board whose host is simulated,
 * with models of functions behind the simulated IOMMU.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class AssignedDeviceTest {
    private static final String CDEV = "/dev/vfio/devices/vfio0";
    private static final String ASSIGN = "vfio-pci,id=dev,host=0000:01:00.0,iommufd=i0";
    private static final String UNIT =
            "intel-iommu,scalable-mode=on,fsts=on,svm=on,pri=on,device-iotlb=on";
    private static final int RID = 0x20;
    private static final int PASID = 5;
    private static final long BAR = PcMap.PCI_MEM32;
    private static final long IOVA = 0x7000_0000;
    private static final long DATA = 0x300_0000;
    private static final long OTHER_DATA = 0x310_0000;

    @TempDir private Path folder;
    private final SimulatedHost host = new SimulatedHost();
    private final List<Throwable> escaped = new CopyOnWriteArrayList<>();
    private final List<MailboxLoop> loops = new ArrayList<>();
    private @Nullable FakeProcessors cpu;

    @AfterEach
    void close() {
        loops.forEach(MailboxLoop::close);
        assertThat(escaped).isEmpty();
        assertThat(host.objects()).isZero();
        assertThat(host.openFiles()).isZero();
    }

    private MailboxLoop loop() {
        var loop = new MailboxLoop("physical", 64, (_, cause) -> escaped.add(cause));
        loops.add(loop);
        return loop;
    }

    private PciFunction demo() {
        return new SvmDemo("demo", loop(), 64, PageFaults.PRI).function();
    }

    private PciFunction edu() {
        return new Edu("edu", loop(), Edu.DEFAULT_DMA_MASK).function();
    }

    private SimulatedDevice behindVtd(Supplier<PciFunction> maker) {
        host.name("/sys/bus/pci/devices/0000:01:00.0", CDEV);
        return host.vtd().function(CDEV, maker);
    }

    private static DeviceConfig device(String text) {
        String[] parts = text.split(",", -1);
        Map<String, String> properties = new LinkedHashMap<>();
        for (int i = 1; i < parts.length; i++) {
            String[] pair = parts[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        return new DeviceConfig(parts[0], properties);
    }

    private MachineConfig config(String... devices) throws IOException {
        return new MachineConfig(
                "q35",
                Map.of(),
                Accelerator.KVM,
                64 << 20,
                1,
                TestKernels.pvh(folder.resolve("kernel")),
                Optional.empty(),
                "",
                List.of(),
                Stream.of(devices).map(AssignedDeviceTest::device).toList(),
                true,
                List.of(device("iommufd,id=i0")));
    }

    private Machine machine(MachineConfig config, FakeProcessors.Program program)
            throws ConfigException, IOException {
        return Machine.create(config, Map.of(), wiring -> made(wiring, program), () -> host);
    }

    private Processors made(Processors.Wiring wiring, FakeProcessors.Program program) {
        FakeProcessors processors = new FakeProcessors(wiring, program);
        cpu = processors;
        return processors;
    }

    private void run(MachineConfig config, FakeProcessors.Program program)
            throws ConfigException, IOException {
        try (Machine machine = machine(config, program)) {
            assertThat(machine.run()).isEqualTo(new MachineOutcome.Exited(1));
        }
        assertThat(Objects.requireNonNull(cpu).closed).isTrue();
    }

    private static void exit(FakeProcessors cpu) {
        cpu.ports().write(PcMap.DEBUG_EXIT, 4, 0);
    }

    private static long ecam(int rid, int register) {
        return PcMap.ECAM + ((long) rid << 12) + register;
    }

    private static long capability(FakeProcessors cpu, int rid, int id) throws Exception {
        long at = ecam(rid, (int) cpu.read(ecam(rid, 0x34), 1));
        while (cpu.read(at, 1) != id) {
            at = at & -0x1000L | cpu.read(at + 1, 1);
        }
        return at;
    }

    private static long extended(FakeProcessors cpu, int rid, int id) throws Exception {
        int at = 0x100;
        while ((cpu.read(ecam(rid, at), 4) & 0xffff) != id) {
            at = (int) (cpu.read(ecam(rid, at), 4) >>> 20);
            if (at == 0) {
                throw new IllegalStateException("no extended capability " + id);
            }
        }
        return ecam(rid, at);
    }

    /** BAR 0, memory, bus master, and the one vector of MSI. */
    private static void enable(FakeProcessors cpu, int rid) throws Exception {
        cpu.write(ecam(rid, 0x10), 4, BAR);
        cpu.write(ecam(rid, 0x04), 2, 6);
        long msi = capability(cpu, rid, 5);
        cpu.write(msi + 4, 4, 0xfee0_1000L);
        cpu.write(msi + 12, 2, 0x42);
        cpu.write(msi + 2, 2, 1);
    }

    /** PASID, ATS and PRI as a driver enables them. */
    private static void enableShared(FakeProcessors cpu, int rid) throws Exception {
        cpu.write(extended(cpu, rid, 0x1b) + 6, 2, 1);
        cpu.write(extended(cpu, rid, 0x13) + 0xc, 4, 32);
        cpu.write(extended(cpu, rid, 0x13) + 4, 2, 1);
        cpu.write(extended(cpu, rid, 0xf) + 6, 2, 1 << 15);
    }

    /** Has a demo device write its pattern; returns once its interrupt has come: 0 for success. */
    private static long writePattern(FakeProcessors cpu, long iova, long bytes) throws Exception {
        start(cpu, iova, bytes);
        return ended(cpu);
    }

    private static void start(FakeProcessors cpu, long iova, long bytes) throws Exception {
        cpu.messages.clear();
        cpu.mmio().write(BAR + 0x08, 8, iova);
        cpu.mmio().write(BAR + 0x18, 8, bytes);
        cpu.mmio().write(BAR, 8, 1);
    }

    private static long ended(FakeProcessors cpu) throws Exception {
        VtdGuest.await(() -> cpu.messages.contains("fee01000 42"));
        return cpu.mmio().read(BAR + 0x08, 8);
    }

    private static void expect(long actual, long expected, String what) {
        if (actual != expected) {
            throw new IllegalStateException("%s: %x".formatted(what, actual));
        }
    }

    private static long pattern(int first) {
        long word = 0;
        for (int i = 0; i < 8; i++) {
            word |= (long) ((first + i) % 251) << 8 * i;
        }
        return word;
    }

    @Test
    @DisplayName("without an IOMMU of its own a guest's function reaches the guest's RAM")
    void withoutAnIommuTheFunctionReachesRam() throws IOException, ConfigException {
        behindVtd(this::edu);
        run(
                config(ASSIGN + ",addr=4"),
                cpu -> {
                    expect(cpu.read(ecam(RID, 0), 4), 0x11e8_1234L, "identity");
                    enable(cpu, RID);
                    expect(cpu.read(BAR, 4), 0x010000edL, "a register of the device");
                    cpu.write(DATA, 8, 0x1122_3344_5566_7788L);
                    dma(cpu, DATA, 0x40000, 1);
                    dma(cpu, 0x40000, DATA + 0x100, 3);
                    expect(cpu.read(DATA + 0x100, 8), 0x1122_3344_5566_7788L, "moved");
                    exit(cpu);
                });
    }

    /** A transfer of edu's, with the interrupt at its end. */
    private static void dma(FakeProcessors cpu, long from, long to, int command) throws Exception {
        cpu.messages.clear();
        cpu.mmio().write(BAR + 0x80, 8, from);
        cpu.mmio().write(BAR + 0x88, 8, to);
        cpu.mmio().write(BAR + 0x90, 8, 8);
        cpu.mmio().write(BAR + 0x98, 8, command | 4);
        ended(cpu);
        cpu.write(BAR + 0x64, 4, cpu.read(BAR + 0x24, 4));
    }

    @Test
    @DisplayName("VT-d §6: DMA by PASID through the guest's first stage and the host's second")
    void aBoundPasidIsTranslatedByBothStages() throws IOException, ConfigException {
        SimulatedDevice device = behindVtd(this::demo);
        run(
                config(UNIT, ASSIGN + ",addr=4"),
                cpu -> {
                    VtdGuest vtd = new VtdGuest(cpu, RID).start();
                    enable(cpu, RID);
                    enableShared(cpu, RID);
                    long tables = vtd.newTables();
                    vtd.map(tables, IOVA, DATA);
                    vtd.map(tables, IOVA + 0x1000, DATA + 0x2000);
                    vtd.bind(PASID, tables);
                    cpu.write(BAR + 0x50, 4, PASID);
                    expect(writePattern(cpu, IOVA, 0x2000), 0, "result");
                    expect(cpu.read(DATA + 8, 8), pattern(8), "first page");
                    expect(cpu.read(DATA + 0x2008, 8), pattern(0x1008), "second page");

                    vtd.map(tables, IOVA, OTHER_DATA);
                    expect(writePattern(cpu, IOVA, 8), 0, "result");
                    expect(cpu.read(OTHER_DATA, 8), 0, "stale until it is invalidated");
                    vtd.invalidate(PASID, IOVA);
                    expect(writePattern(cpu, IOVA, 8), 0, "result");
                    expect(cpu.read(OTHER_DATA, 8), pattern(0), "gone after the invalidation");

                    vtd.unbind(PASID);
                    expect(writePattern(cpu, IOVA, 8), 1, "an unbound PASID fails");
                    exit(cpu);
                });
        assertThat(device.changes())
                .filteredOn(change -> change.pasid() == PASID)
                .extracting(SimulatedDevice.Change::to)
                .containsExactly(
                        SimulatedDevice.Attachment.NESTED, SimulatedDevice.Attachment.BLOCKED);
    }

    @Test
    @DisplayName("PCIe Base §10.4: a page request of the host's is the guest's, and its answer too")
    void aPageRequestIsAnsweredByTheGuest() throws IOException, ConfigException {
        behindVtd(this::demo);
        run(
                config(UNIT, ASSIGN + ",addr=4"),
                cpu -> {
                    VtdGuest vtd = new VtdGuest(cpu, RID).start();
                    enable(cpu, RID);
                    enableShared(cpu, RID);
                    long tables = vtd.newTables();
                    vtd.bind(PASID, tables);
                    cpu.write(BAR + 0x50, 4, PASID);
                    start(cpu, IOVA, 8);
                    VtdGuest.await(vtd::hasPageRequest);
                    long[] request = vtd.pageRequest();
                    expect(request[0] >>> 16 & 0xffff, RID, "who asks");
                    expect(request[0] >>> 32 & 0xfffff, PASID, "for which PASID");
                    expect(request[1] & ~0xfffL, IOVA, "for which page");
                    vtd.map(tables, IOVA, DATA);
                    long index = request[1] >>> 3 & 0x1ff;
                    vtd.submit(9 | 1 << 4 | RID << 16 | (long) PASID << 32, index << 3);
                    expect(ended(cpu), 0, "result");
                    expect(cpu.read(DATA, 8), pattern(0), "the page");
                    exit(cpu);
                });
    }

    @Test
    @DisplayName("a device comes behind a root port, and goes when the host wants it back")
    void aDeviceIsHotPluggedAndGoesWhenTheHostAsks() throws IOException, ConfigException {
        SimulatedDevice device = behindVtd(this::demo);
        List<String> gone = new CopyOnWriteArrayList<>();
        AtomicReference<Machine> running = new AtomicReference<>();
        FakeProcessors.Program program =
                cpu -> {
                    cpu.write(ecam(0x10, 0x18), 4, 0x01_0100);
                    cpu.write(ecam(0x10, 0x20), 4, BAR >>> 16 & 0xfff0 | (BAR & 0xfff0_0000L));
                    cpu.write(ecam(0x10, 0x04), 2, 6);
                    VtdGuest vtd = new VtdGuest(cpu, 0x100).start();
                    long slotControl = capability(cpu, 0x10, 0x10) + 0x18;
                    running.get().deviceAdd(device(ASSIGN + ",bus=rp"));
                    cpu.write(slotControl, 2, 0x100); // power on
                    expect(cpu.read(ecam(0x100, 0), 4), 0x0b11_1234L, "01:00.0");
                    enable(cpu, 0x100);
                    enableShared(cpu, 0x100);
                    long tables = vtd.newTables();
                    vtd.map(tables, IOVA, DATA);
                    vtd.bind(PASID, tables);
                    cpu.write(BAR + 0x50, 4, PASID);
                    expect(writePattern(cpu, IOVA, 8), 0, "result");
                    long slotStatus = capability(cpu, 0x10, 0x10) + 0x1a;
                    device.requestRelease();
                    VtdGuest.await(() -> (cpu.read(slotStatus, 2) & 1) != 0); // attention button
                    cpu.write(slotControl, 2, 0x700); // off
                    VtdGuest.await(() -> gone.size() == 1);
                    expect(host.objects(), 1, "the IOAS alone is left");
                    exit(cpu);
                };
        try (Machine machine =
                machine(config(UNIT + ",ssts=off", "pcie-root-port,id=rp,addr=2"), program)) {
            running.set(machine);
            machine.onDeviceDeleted(gone::add);
            assertThat(machine.run()).isEqualTo(new MachineOutcome.Exited(1));
        }
        assertThat(gone).containsExactly("dev");
    }

    @Test
    @DisplayName("a host call that fails at the n-th step ends in one line, and leaves nothing")
    void whateverFailsNothingIsLeft() throws IOException, ConfigException {
        behindVtd(this::demo);
        MachineConfig config = config(UNIT, ASSIGN);
        int refused = 0;
        for (int n = 0; ; n++) {
            host.failAfter(n, 5);
            try (Machine machine = machine(config, AssignedDeviceTest::exit)) {
                host.failAfter(-1, 0);
                assertThat(machine.pciFunctions()).isNotEmpty();
                if (n > 60) {
                    break;
                }
            } catch (ConfigException e) {
                refused++;
                assertThat(e).hasMessageContaining("errno 5").hasMessageContaining("doctor");
            }
            assertThat(host.objects()).isZero();
            assertThat(host.openFiles()).isZero();
        }
        assertThat(refused).isGreaterThan(10);
    }

    private MachineConfig virt(String... devices) throws IOException {
        ByteBuffer image = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        image.putLong(16, 1 << 20).putInt(56, 0x644d5241);
        return new MachineConfig(
                "virt",
                Map.of(),
                Accelerator.TCG,
                64 << 20,
                1,
                Files.write(folder.resolve("Image"), image.array()),
                Optional.empty(),
                "",
                List.of(),
                Stream.of(devices).map(AssignedDeviceTest::device).toList(),
                true,
                List.of(device("iommufd,id=i0")));
    }

    private void behindSmmu(SimulatedHost.VirtualIommu smmu) {
        host.name("/sys/bus/pci/devices/0000:01:00.0", CDEV);
        smmu.function(CDEV, this::demo);
    }

    @Test
    @DisplayName("SMMUv3 §6.3: an SMMU offers no more than the one behind its assigned devices")
    void anSmmuIsNarrowedToTheHosts() throws IOException, ConfigException {
        behindSmmu(host.smmuV3());
        try (Machine machine = Machine.create(virt("arm-smmuv3", ASSIGN), Map.of(), host)) {
            SmmuIdentification now = machine.smmuIdentifications().getFirst();
            assertThat(now.idr0() & 0b11).describedAs("stage 1 alone").isEqualTo(0b10);
            assertThat(now.idr0() >>> 6 & 0b11).describedAs("HTTU").isZero();
            assertThat(host.objects()).isGreaterThan(4);
        }
        behindSmmu(host.smmuV3(0x0908_142b, 16 | 8 << 6, 0, 0, 0, 0x75));
        try (Machine machine = Machine.create(virt("arm-smmuv3", ASSIGN), Map.of(), host)) {
            SmmuIdentification now = machine.smmuIdentifications().getFirst();
            assertThat(now.idr1() >>> 6 & 0x1f).describedAs("SSIDSIZE").isEqualTo(8);
            assertThat(now.idr3() >>> 10 & 1).describedAs("RIL").isZero();
        }
        assertWrong(virt("arm-smmuv3,ssidsize=16", ASSIGN), "it would be 8");
        assertWrong(virt("arm-smmuv3,stage=2", ASSIGN), "its own stage 2 is taken");
    }

    @Test
    @DisplayName("VIRTIO: tables of a guest's, behind a virtio-iommu, are walked by the host too")
    void behindAVirtioIommuTablesAreNeeded() throws IOException, ConfigException {
        behindSmmu(host.smmuV3());
        String profile = TableProfile.titles()[1];
        MachineConfig config = virt("virtio-iommu-pci,table-profile=" + profile, ASSIGN);
        try (Machine machine = Machine.create(config, Map.of(), host)) {
            assertThat(machine.pciFunctions()).hasSize(2);
        }
    }

    @Test
    void whatTheHostLacksIsNamed() throws IOException {
        behindVtd(this::edu);
        assertWrong(config("vfio-pci,host=0000:01:00.0"), "iommufd= is missing");
        assertWrong(config("vfio-pci,iommufd=i0"), "one of host= and sysfsdev= is needed");
        assertWrong(config("vfio-pci,iommufd=i0,host=1"), "must be an address");
        assertWrong(config("vfio-pci,iommufd=i1,host=0000:01:00.0"), "no such object");
        assertWrong(
                config("vfio-pci,iommufd=i0,host=0000:02:00.0"),
                "finding the VFIO device of /sys/bus/pci/devices/0000:02:00.0 failed, errno 19;"
                        + " 'nestor doctor' says what this host can assign");
        assertWrong(config(ASSIGN + ",ats=on"), "ats='on': the host's device, or its IOMMU");
        assertWrong(config("intel-iommu", ASSIGN), "needs scalable-mode=on,fsts=on");
        assertWrong(
                config(UNIT + ",ssts=on", ASSIGN), "does not have ssts (ECAP.SSTS, in scalable");
        assertWrong(
                config("virtio-iommu-pci", ASSIGN),
                "assigning behind a virtio-iommu without table-profile= failed");
    }

    @Test
    void anIommufdIsBehindOneIommuOfTheGuests() throws IOException {
        behindVtd(this::demo);
        host.name("/sys/bus/pci/devices/0000:02:00.0", CDEV + "1");
        host.vtd().function(CDEV + "1", this::demo);
        assertWrong(
                config(
                        "pxb-pcie,id=p1,bus_nr=8",
                        UNIT,
                        UNIT + ",primary-bus=p1",
                        ASSIGN,
                        "vfio-pci,host=0000:02:00.0,iommufd=i0,bus=p1"),
                "each takes its own -object");
    }

    private void assertWrong(MachineConfig config, String message) {
        assertThatThrownBy(() -> machine(config, AssignedDeviceTest::exit).close())
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }
}
