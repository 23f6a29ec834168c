package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import nestor.machine.boot.TestKernels;
import nestor.machine.pc.PcMap;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The board as a guest meets it; the guest is this test. */
class Q35BoardTest {
    private static final long BAR = PcMap.PCI_MEM32;
    private static final long TABLE = 0x20_0000;
    private static final long GCMD = PcMap.VTD + 0x18;
    private static final long GSTS = PcMap.VTD + 0x1c;
    private static final int SRTP = 1 << 30;
    private static final int TE = 1 << 31;
    private static final int SIRTP = 1 << 24;
    private static final int IRE = 1 << 25;

    @TempDir private Path folder;
    private final ByteArrayOutputStream serial = new ByteArrayOutputStream();
    private @Nullable FakeProcessors cpu;

    private MachineConfig config(boolean noReboot, String... devices) throws IOException {
        return new MachineConfig(
                "q35",
                Map.of(),
                Accelerator.KVM,
                64 << 20,
                1,
                TestKernels.pvh(folder.resolve("kernel")),
                Optional.empty(),
                "console=ttyS0",
                List.of(),
                Stream.of(devices).map(Q35BoardTest::device).toList(),
                noReboot);
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

    private MachineOutcome run(MachineConfig config, FakeProcessors.Program program)
            throws IOException, ConfigException {
        Map<String, CharBackend> backends = Map.of(Machine.SERIAL0, new Recorder());
        try (Machine machine = Machine.create(config, backends, wiring -> made(wiring, program))) {
            return machine.run();
        }
    }

    private Processors made(Processors.Wiring wiring, FakeProcessors.Program program) {
        cpu = new FakeProcessors(wiring, program);
        return cpu;
    }

    private FakeProcessors cpu() {
        return Objects.requireNonNull(cpu);
    }

    private final class Recorder implements CharBackend {
        @Override
        public void write(byte[] data, int offset, int length) {
            serial.write(data, offset, length);
        }

        @Override
        public void connect(CharFrontend frontend) {}

        @Override
        public void resume() {}
    }

    private static void exit(FakeProcessors cpu) {
        cpu.ports().write(PcMap.DEBUG_EXIT, 4, 0);
    }

    private static void expect(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException(what);
        }
    }

    private static long ecam(int rid, int register) {
        return PcMap.ECAM + ((long) rid << 12) + register;
    }

    private static void command(FakeProcessors cpu, long command, long status) throws Exception {
        cpu.write(GCMD, 4, command);
        expect((cpu.read(GSTS, 4) & status) == status, "GSTS 0x%x".formatted(cpu.read(GSTS, 4)));
    }

    /** The table with that signature, from the RSDP on; 0 if there is none. */
    private static long table(FakeProcessors cpu, String signature) throws Exception {
        long rsdp = cpu.read(cpu.startInfo + 32L, 8);
        long xsdt = cpu.read(rsdp + 24, 8);
        long end = xsdt + cpu.read(xsdt + 4, 4);
        for (long at = xsdt + 36; at < end; at += 8) {
            long table = cpu.read(at, 8);
            if (text(cpu, table, 4).equals(signature)) {
                return table;
            }
        }
        return 0;
    }

    private static String text(FakeProcessors cpu, long at, int length) throws Exception {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++) {
            text.append((char) cpu.read(at + i, 1));
        }
        return text.toString();
    }

    @Test
    @DisplayName("PVH: everything is found from hvm_start_info")
    void theGuestFindsTheBoard() throws IOException, ConfigException {
        MachineOutcome outcome =
                run(
                        config(true, "iommu-testdev,addr=4"),
                        cpu -> {
                            expect(cpu.read(cpu.startInfo, 4) == 0x336ec578, "magic");
                            long command = cpu.read(cpu.startInfo + 24L, 8);
                            expect(text(cpu, command, 13).equals("console=ttyS0"), "arguments");
                            long mcfg = table(cpu, "MCFG");
                            expect(cpu.read(mcfg + 44, 8) == PcMap.ECAM, "MCFG");
                            expect(cpu.read(ecam(0x20, 0), 4) == 0x0005_1b36, "00:04.0");
                            cpu.ports().write(0xcf8, 4, 0x8000_2000);
                            expect(cpu.ports().read(0xcfc, 4) == 0x0005_1b36, "CF8h");
                            expect(cpu.read(ecam(0, 0), 4) == 0x29c0_8086L, "00:00.0");
                            expect(cpu.read(ecam(0, 8), 4) >>> 8 == 0x06_0000, "a host bridge");
                            expect(table(cpu, "DMAR") == 0, "DMAR without a unit");
                            expect(cpu.mmio().read(0xa_0000, 4) == 0xffff_ffffL, "a hole");
                            expect(cpu.ports().read(0x21, 1) == 0xff, "an 8259");
                            cpu.ports().write(PcMap.DEBUG_EXIT, 4, 0x15);
                        });
        assertThat(outcome).isEqualTo(new MachineOutcome.Exited(0x2b));
        assertThat(cpu().entry).isEqualTo(TestKernels.ENTRY);
        assertThat(cpu().closed).isTrue();
    }

    @Test
    @DisplayName("COM1: what is written is the machine's console")
    void com1IsTheConsole() throws IOException, ConfigException {
        run(
                config(true),
                cpu -> {
                    for (byte each : "hello\n".getBytes(StandardCharsets.US_ASCII)) {
                        cpu.ports().write(PcMap.COM1, 1, each);
                    }
                    exit(cpu);
                });
        assertThat(serial.toString(StandardCharsets.US_ASCII)).isEqualTo("hello\n");
    }

    @Test
    @DisplayName("ACPI: S5 turns the machine off, CF9h resets it, and it begins anew")
    void theMachineIsResetAndTurnedOff() throws IOException, ConfigException {
        FakeProcessors.Program reset = cpu -> cpu.ports().write(0xcf9, 1, 6);
        assertThat(run(config(true), reset)).isEqualTo(new MachineOutcome.ResetRequested());

        MachineOutcome outcome =
                run(
                        config(false),
                        cpu -> {
                            if (cpu.resets < 3) {
                                cpu.write(TestKernels.ENTRY, 4, 0);
                                reset.run(cpu);
                            } else {
                                expect(cpu.read(TestKernels.ENTRY, 4) != 0, "not loaded again");
                                cpu.ports().write(PcMap.PM + 4, 2, 5 << 10 | 1 << 13);
                            }
                        });
        assertThat(outcome).isEqualTo(new MachineOutcome.PoweredOff());
        assertThat(cpu().resets).isEqualTo(3);
    }

    private static void dma(FakeProcessors cpu, long expected) throws Exception {
        long[][] writes = {
            {0x04, 0x30_0000}, {0x08, 0}, {0x0c, 16}, {0x1c, 0x30_0000}, {0x20, 0}, {0x14, 1}
        };
        for (long[] write : writes) {
            cpu.write(BAR + write[0], 4, write[1]);
        }
        cpu.read(BAR, 4);
        long result = cpu.read(BAR + 0x10, 4);
        expect(result == expected, "DMA result 0x%x".formatted(result));
    }

    @Test
    @DisplayName("VT-d: DMA passes until translation is enabled, then faults with its source")
    void aFunctionIsBehindTheUnit() throws IOException, ConfigException {
        MachineOutcome outcome =
                run(
                        config(true, "intel-iommu", "iommu-testdev,addr=4"),
                        cpu -> {
                            long dmar = table(cpu, "DMAR");
                            expect(cpu.read(dmar + 48 + 4, 1) == 1, "INCLUDE_PCI_ALL");
                            expect(cpu.read(dmar + 48 + 8, 8) == PcMap.VTD, "base");
                            expect(cpu.read(dmar + 64, 1) == 3, "scope of the I/O APIC");
                            cpu.write(ecam(0x20, 0x10), 4, BAR);
                            cpu.write(ecam(0x20, 0x04), 2, 6);
                            dma(cpu, 0);
                            cpu.write(PcMap.VTD + 0x20, 8, TABLE);
                            command(cpu, SRTP, SRTP);
                            command(cpu, Integer.toUnsignedLong(TE), Integer.toUnsignedLong(TE));
                            dma(cpu, 0xdead_0002L);
                            expect((cpu.read(PcMap.VTD + 0x34, 4) & 2) != 0, "FSTS.PPF");
                            long fault = cpu.read(PcMap.VTD + 0x228, 8);
                            expect((fault & 0xffff) == 0x20, "SID");
                            expect((fault >>> 32 & 0xff) == 1, "reason: no root entry");
                            exit(cpu);
                        });
        assertThat(outcome).isEqualTo(new MachineOutcome.Exited(1));
    }

    private static void irte(FakeProcessors cpu, int index, int vector, int sid) throws Exception {
        cpu.write(TABLE + 16L * index, 8, 3L << 40 | (long) vector << 16 | 1);
        cpu.write(TABLE + 16L * index + 8, 8, 1L << 18 | sid);
        cpu.write(PcMap.VTD + 0xb8, 8, TABLE);
        command(cpu, SIRTP, SIRTP);
        command(cpu, IRE, IRE);
    }

    private static void entry(FakeProcessors cpu, int pin, long value) throws Exception {
        for (int half = 1; half >= 0; half--) {
            cpu.write(PcMap.IOAPIC, 4, 0x10 + 2 * pin + half);
            cpu.write(PcMap.IOAPIC + 0x10, 4, value >>> 32 * half & 0xffff_ffffL);
        }
    }

    @Test
    @DisplayName("VT-d chapter 5: interrupts of COM1 go through the I/O APIC's own source ID")
    void interruptsOfTheIoApicAreRemapped() throws IOException, ConfigException {
        run(
                config(true, "intel-iommu"),
                cpu -> {
                    entry(cpu, PcMap.COM1_IRQ, 0x31);
                    cpu.ports().write(PcMap.COM1 + 4, 1, 8);
                    cpu.ports().write(PcMap.COM1 + 1, 1, 2); // the transmitter is empty
                    irte(cpu, 1, 0x55, PcMap.IOAPIC_SID);
                    cpu.ports().write(PcMap.COM1 + 1, 1, 0);
                    entry(cpu, PcMap.COM1_IRQ, 1L << 49 | 1L << 48 | 0x31);
                    cpu.ports().write(PcMap.COM1 + 1, 1, 2);
                    exit(cpu);
                });
        assertThat(cpu().messages).containsExactly("fee00000 4031", "fee03000 4055");
    }

    @Test
    @DisplayName("MSI: straight to the local APICs, or by an interrupt remapping table entry")
    void messagesOfFunctionsAreRemapped() throws IOException, ConfigException {
        run(
                config(true, "intel-iommu", "edu,addr=4"),
                cpu -> {
                    cpu.write(ecam(0x20, 0x10), 4, BAR);
                    cpu.write(ecam(0x20, 0x04), 2, 6);
                    long msi = capability(cpu, 0x20, 5);
                    messageSignalled(cpu, 0x20);
                    cpu.write(BAR + 0x60, 4, 1);
                    irte(cpu, 0, 0x66, 0x20);
                    cpu.write(BAR + 0x64, 4, 1);
                    cpu.write(msi + 4, 4, 0xfee0_0010L);
                    cpu.write(msi + 12, 2, 0);
                    cpu.write(BAR + 0x60, 4, 1);
                    exit(cpu);
                });
        assertThat(cpu().messages).containsExactly("fee01000 42", "fee03000 4066");
    }

    @Test
    @DisplayName("VT-d §8.3: a unit for a root bus names what is on it; that of all others is last")
    void unitsHaveScopes() throws IOException, ConfigException {
        MachineOutcome outcome =
                run(
                        config(
                                true,
                                "intel-iommu,id=others,device-iotlb=on",
                                "intel-iommu,id=one,primary-bus=far",
                                "pxb-pcie,id=far,bus_nr=16",
                                "pcie-root-port,id=rp,bus=far,addr=2",
                                "edu,bus=rp",
                                "edu,bus=far,addr=3"),
                        cpu -> {
                            long unit = table(cpu, "DMAR") + 48;
                            expect(cpu.read(unit + 2, 2) == 16 + 8 + 8, "two scopes");
                            expect(cpu.read(unit + 4, 1) == 0, "not all");
                            expect(cpu.read(unit + 16, 1) == 2, "a bridge");
                            expect(cpu.read(unit + 16 + 5, 1) == 16, "start bus");
                            expect(cpu.read(unit + 16 + 6, 2) == 2, "02.0");
                            expect(cpu.read(unit + 24, 1) == 1, "an endpoint");
                            expect(cpu.read(unit + 24 + 6, 2) == 3, "03.0");
                            long all = unit + 32;
                            expect(cpu.read(all + 4, 1) == 1, "all others");
                            expect(cpu.read(all + 8, 8) == PcMap.VTD + 0x1000, "second base");
                            expect(cpu.read(all + 24, 2) == 2, "ATSR");
                            exit(cpu);
                        });
        assertThat(outcome).isEqualTo(new MachineOutcome.Exited(1));
    }

    @Test
    @DisplayName("VIOT: virtio-iommu in front of all functions but itself")
    void virtioIommuIsDescribed() throws IOException, ConfigException {
        MachineOutcome outcome =
                run(
                        config(true, "virtio-iommu-pci,addr=3", "edu,addr=4"),
                        cpu -> {
                            long viot = table(cpu, "VIOT");
                            expect(cpu.read(viot + 54, 2) == 0x18, "00:03.0");
                            exit(cpu);
                        });
        assertThat(outcome).isEqualTo(new MachineOutcome.Exited(1));
    }

    private static long capability(FakeProcessors cpu, int rid, int id) throws Exception {
        long at = ecam(rid, (int) cpu.read(ecam(rid, 0x34), 1));
        while (cpu.read(at, 1) != id) {
            at = at & -0x1000L | cpu.read(at + 1, 1);
        }
        return at;
    }

    private static void messageSignalled(FakeProcessors cpu, int rid) throws Exception {
        long msi = capability(cpu, rid, 5);
        cpu.write(msi + 4, 4, 0xfee0_1000L);
        cpu.write(msi + 12, 2, 0x42);
        cpu.write(msi + 2, 2, 1);
    }

    @Test
    @DisplayName("virtio 1.3 §5.13.6.8: messages pass a virtio-iommu that blocks everything else")
    void messagesPassAVirtioIommu() throws IOException, ConfigException {
        MachineOutcome outcome =
                run(
                        config(
                                true,
                                "virtio-iommu-pci,addr=3,boot-bypass=off",
                                "iommu-testdev,addr=4",
                                "edu,addr=5"),
                        cpu -> {
                            cpu.write(ecam(0x20, 0x10), 4, BAR);
                            cpu.write(ecam(0x20, 0x04), 2, 6);
                            dma(cpu, 0xdead_0002L);
                            cpu.write(ecam(0x28, 0x10), 4, BAR + 0x10_0000);
                            cpu.write(ecam(0x28, 0x04), 2, 6);
                            messageSignalled(cpu, 0x28);
                            cpu.write(BAR + 0x10_0060, 4, 1);
                            exit(cpu);
                        });
        assertThat(outcome).isEqualTo(new MachineOutcome.Exited(1));
        assertThat(cpu().messages).containsExactly("fee01000 42");
    }

    @Test
    @DisplayName("PCIe Base §6.7: a device comes and goes while the guest runs, behind a unit")
    void aDeviceIsHotPlugged() throws IOException, ConfigException {
        List<String> gone = new ArrayList<>();
        AtomicReference<Machine> running = new AtomicReference<>();
        FakeProcessors.Program program =
                cpu -> {
                    Machine machine = running.get();
                    cpu.write(ecam(0x10, 0x18), 4, 0x01_0100);
                    cpu.write(ecam(0x10, 0x04), 2, 6);
                    long slotControl = capability(cpu, 0x10, 0x10) + 0x18;
                    machine.deviceAdd(device("edu,id=guest,bus=rp"));
                    cpu.write(slotControl, 2, 0x100); // power on
                    expect(cpu.read(ecam(0x100, 0), 4) == 0x11e8_1234L, "01:00.0");
                    machine.deviceDel("guest");
                    expect(gone.isEmpty(), "gone before the guest let go");
                    cpu.write(slotControl, 2, 0x700); // off
                    expect(cpu.read(ecam(0x100, 0), 4) == 0xffff_ffffL, "still there");
                    exit(cpu);
                };
        MachineConfig config = config(true, "intel-iommu", "pcie-root-port,id=rp,addr=2");
        try (Machine machine = Machine.create(config, Map.of(), wiring -> made(wiring, program))) {
            running.set(machine);
            machine.onDeviceDeleted(gone::add);
            assertThat(machine.run()).isEqualTo(new MachineOutcome.Exited(1));
        }
        assertThat(gone).containsExactly("guest");
    }

    @Test
    void wrongCombinationsAreNamed() throws IOException {
        assertWrong(
                config(true, "intel-iommu", "virtio-iommu-pci"),
                "-device virtio-iommu-pci: the board has an IOMMU already");
        assertWrong(config(true, "arm-smmuv3"), "-machine q35 has no Arm SMMU");
    }

    private void assertWrong(MachineConfig config, String message) {
        assertThatThrownBy(() -> run(config, Q35BoardTest::exit))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    @DisplayName(
            "what RAM does not fit below 2 GiB lies from 4 GiB up, and the PCI window above it")
    void ramIsSplit() {
        PcMap small = new PcMap(1 << 30);
        assertThat(small.highBytes()).isZero();
        assertThat(small.pci().mem64Gpa()).isEqualTo(64L << 30);
        PcMap large = new PcMap(70L << 30);
        assertThat(large.lowBytes()).isEqualTo(2L << 30);
        assertThat(large.highBytes()).isEqualTo(68L << 30);
        assertThat(large.pci().mem64Gpa()).isEqualTo(128L << 30);
        assertThat(large.ram()).hasSize(3);
    }
}
