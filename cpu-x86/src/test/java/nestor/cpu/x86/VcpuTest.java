package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.ManualClock;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
class VcpuTest {
    private static final int ENTRY = 0x1000;
    private static final int GDT = 0x2000;
    private static final int TABLES = 0x4000;
    private static final int IDT = 0x8000;
    private static final int LONG_MODE = 0x1800;
    private static final int HANDLER = 0x1c00;

    private final GuestMemory memory = GuestMemory.anonymous(0, 1 << 20);
    private final PortBus ports = new PortBus();
    private final ManualClock clock = new ManualClock();
    private final StringBuilder printed = new StringBuilder();
    private final X86Vcpu vcpu =
            new X86Vcpu(
                    0,
                    new X86Cluster(new X86Model(40, 1), memory),
                    new MmioBus(),
                    ports,
                    clock,
                    _ -> {});

    VcpuTest() {
        ports.map(0x3f8, 1, writing(value -> printed.append((char) value)));
        ports.map(0xf4, 4, writing(_ -> vcpu.stop(new VcpuExit.Shutdown())));
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private static MmioRegion writing(LongConsumer consumer) {
        return new MmioRegion() {
            @Override
            public long read(long offset, int sizeBytes) {
                return -1;
            }

            @Override
            public void write(long offset, int sizeBytes, long value) {
                consumer.accept(value);
            }
        };
    }

    private void put(long gpa, String hex) throws Exception {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        memory.copyIn(MemorySegment.ofArray(bytes), gpa);
    }

    /** A guest that switches to long mode as a PVH kernel does, then runs {@code body}. */
    private void longModeGuest(String body) throws Exception {
        memory.setLongLe(GDT + 8, 0x00af_9b00_0000_ffffL);
        put(GDT + 0x100, "0f 00 00 20 00 00"); // limit, base
        memory.setLongLe(TABLES, TABLES + 0x1003);
        memory.setLongLe(TABLES + 0x1000, TABLES + 0x2003);
        memory.setLongLe(TABLES + 0x1018, 0xc000_0083L); // 1 GiB, with the local APIC
        memory.setLongLe(TABLES + 0x2000, 0x83); // 2 MiB
        put(
                ENTRY,
                "0f 01 15 00 21 00 00" // LGDT
                        + "b8 20 00 00 00 0f 22 e0" // CR4.PAE
                        + "b8 00 40 00 00 0f 22 d8" // CR3
                        + "b9 80 00 00 c0 0f 32 0d 00 01 00 00 0f 30" // EFER.LME
                        + "0f 20 c0 0d 00 00 00 80 0f 22 c0" // CR0.PG
                        + "ea 00 18 00 00 08 00"); // JMP 8:LONG_MODE
        put(LONG_MODE, body);
    }

    @Test
    @DisplayName("Xen, PVH: 32-bit entry, EBX; then 3A §9.8.5: into long mode")
    void aPvhGuestReachesLongModeAndPrints() throws Exception {
        longModeGuest(
                "48 b8 4e 65 73 74 6f 72 0a 00" // MOV RAX, "Nestor\n"
                        + "66 ba f8 03 ee" // MOV DX, 3F8h; OUT DX, AL
                        + "48 c1 e8 08 84 c0 75 f7" // SHR RAX, 8; TEST AL, AL; JNZ to OUT
                        + "88 d8 ee" // MOV AL, BL; OUT
                        + "e7 f4 0f 0b"); // OUT F4h, EAX; UD2
        vcpu.start(ENTRY, '!');

        VcpuExit exit = vcpu.run();

        assertThat(exit).isEqualTo(new VcpuExit.Shutdown());
        assertThat(printed).hasToString("Nestor\n!");
        assertThat(vcpu.retiredInstructions()).isBetween(30L, 80L);
    }

    @Test
    @DisplayName("3A §6.15: a triple fault is a reset")
    void aTripleFaultResets() throws Exception {
        put(ENTRY, "0f 0b");
        vcpu.start(ENTRY, 0);

        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Reset());
    }

    @Test
    @DisplayName("3A §11.5.4: the periodic timer ends HLT, again and again")
    void theTimerEndsAHalt() throws Exception {
        long low = HANDLER & 0xffff | 0x0008_0000L | 0x8eL << 40;
        memory.setLongLe(IDT + 16 * 0x40, low);
        put(GDT + 0x110, "ff 0f 00 80 00 00 00 00 00 00");
        // xAPIC: SVR on, divide by 1, timer vector 40h periodic, initial count 1000
        longModeGuest(
                "0f 01 1c 25 10 21 00 00" // LIDT
                        + "bc 00 f0 00 00" // MOV ESP
                        + "b8 00 00 e0 fe" // MOV EAX, FEE00000h
                        + "c7 80 f0 00 00 00 ff 01 00 00"
                        + "c7 80 e0 03 00 00 0b 00 00 00"
                        + "c7 80 20 03 00 00 40 00 02 00"
                        + "c7 80 80 03 00 00 e8 03 00 00"
                        + "fb f4 eb fd"); // STI; HLT; JMP to HLT
        put(
                HANDLER,
                "ff c7 c7 80 b0 00 00 00 00 00 00 00" // INC EDI; EOI
                        + "83 ff 03 74 02 48 cf" // CMP EDI, 3; JE; IRETQ
                        + "e7 f4"); // OUT
        vcpu.start(ENTRY, 0);
        Thread time =
                Thread.ofPlatform()
                        .start(() -> {
                            while (!Thread.currentThread().isInterrupted()) {
                                clock.advance(100);
                                Thread.onSpinWait();
                            }
                        });

        VcpuExit exit = vcpu.run();
        time.interrupt();
        time.join();

        assertThat(exit).isEqualTo(new VcpuExit.Shutdown());
        assertThat(clock.nanos()).isGreaterThanOrEqualTo(3000);
    }

    @Test
    void aRunningGuestIsStoppedFromOutside() throws Exception {
        put(ENTRY, "eb fe"); // JMP to itself
        vcpu.start(ENTRY, 0);
        Thread stopper = Thread.ofPlatform().start(() -> vcpu.stop(new VcpuExit.Stopped()));

        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Stopped());
        stopper.join();
    }
}
