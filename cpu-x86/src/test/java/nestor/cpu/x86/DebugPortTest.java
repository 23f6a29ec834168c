package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.ManualClock;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Trap;
import nestor.vmm.vcpu.DebugPort.TrapKind;
import nestor.vmm.vcpu.DebugStop;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** In 32-bit mode without paging, as a PVH entry finds it, unless a test says otherwise. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class DebugPortTest {
    private static final int ENTRY = 0x1000;
    private static final int DATA = 0x5000;
    private static final String EXIT = "e6 f4"; // OUT 0xf4, AL
    private static final VcpuExit STEP = new VcpuExit.Debugged(new DebugStop.Step());

    private final GuestMemory memory = GuestMemory.anonymous(0, 1 << 20);
    private final PortBus ports = new PortBus();
    private final X86Vcpu vcpu =
            new X86Vcpu(
                    0,
                    new X86Cluster(new X86Model(40, 1), memory),
                    new MmioBus(),
                    ports,
                    new ManualClock(),
                    _ -> {});

    DebugPortTest() {
        ports.map(
                0xf4,
                4,
                new MmioRegion() {
                    @Override
                    public long read(long offset, int sizeBytes) {
                        return -1;
                    }

                    @Override
                    public void write(long offset, int sizeBytes, long value) {
                        vcpu.stop(new VcpuExit.Shutdown());
                    }
                });
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private void start(String hex) throws Exception {
        byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
        memory.copyIn(MemorySegment.ofArray(code), ENTRY);
        vcpu.start(ENTRY, DATA);
    }

    private DebugPort port() {
        return vcpu.debugPort().orElseThrow();
    }

    private static Trap at(long va) {
        return new Trap(TrapKind.EXECUTE, va, 1);
    }

    private static VcpuExit breakpoint(long va) {
        return new VcpuExit.Debugged(new DebugStop.Breakpoint(va));
    }

    private static VcpuExit watchpoint(TrapKind kind, long va) {
        return new VcpuExit.Debugged(new DebugStop.Watchpoint(kind, va));
    }

    private int number(String name) {
        return port().registers().stream().map(DebugPort.Register::name).toList().indexOf(name);
    }

    private long register(String name) {
        byte[] value = Arrays.copyOf(port().read(number(name)), 8);
        return ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static byte[] bytes(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    /** INC EAX; MOV ECX, EAX; MOV EDX, EAX; JMP back: at 0, 2, 4 and 6. */
    private void startLoop() throws Exception {
        start("ff c0  89 c1  89 c2  eb f8");
    }

    @Test
    void vcpuThatHasNotRunStandsAtItsEntry() throws Exception {
        startLoop();
        assertThat(port().programCounter()).isEqualTo(ENTRY);
        assertThat(register("rbx")).isEqualTo(DATA);
        assertThat(register("eflags")).isEqualTo(2);
        assertThat(register("cr0")).isEqualTo(0x11);
    }

    @Test
    void breakpointInTheMiddleOfABlockStopsEachTime() throws Exception {
        startLoop();
        port().insert(at(ENTRY + 4));
        for (int i = 1; i <= 3; i++) {
            assertThat(vcpu.run()).isEqualTo(breakpoint(ENTRY + 4));
            assertThat(port().programCounter()).isEqualTo(ENTRY + 4);
            assertThat(register("rcx")).isEqualTo(i);
            assertThat(register("rdx")).isEqualTo(i - 1);
        }
    }

    @Test
    void breakpointIsMetInCodeThatHasRunBefore() throws Exception {
        startLoop();
        port().insert(at(ENTRY + 6));
        vcpu.run();
        vcpu.run();
        port().remove(at(ENTRY + 6));
        port().insert(at(ENTRY + 2));
        assertThat(vcpu.run()).isEqualTo(breakpoint(ENTRY + 2));
    }

    @Test
    void memoryIsAsTheGuestWroteItUnderABreakpoint() throws Exception {
        start("8b 03 90 " + EXIT); // MOV EAX, [EBX]
        port().write(number("rbx"), bytes(ENTRY + 2));
        port().insert(at(ENTRY + 2));
        assertThat(vcpu.run()).isEqualTo(breakpoint(ENTRY + 2));
        assertThat(register("rax") & 0xff).isEqualTo(0x90);
    }

    @Test
    void stepExecutesOneInstruction() throws Exception {
        start("83 f8 00  74 02  90 90  b9 05 00 00 00 " + EXIT); // CMP EAX, 0; JE +2
        for (long rip : new long[] {ENTRY + 3, ENTRY + 7, ENTRY + 12}) {
            port().step(true);
            assertThat(vcpu.run()).isEqualTo(STEP);
            assertThat(port().programCounter()).isEqualTo(rip);
        }
        assertThat(vcpu.retiredInstructions()).isEqualTo(3);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void stepFromABreakpointLeavesIt() throws Exception {
        startLoop();
        port().insert(at(ENTRY + 2));
        vcpu.run();
        port().step(false);
        assertThat(vcpu.run()).isEqualTo(STEP);
        assertThat(port().programCounter()).isEqualTo(ENTRY + 4);
    }

    @Test
    void watchedStoreStopsBehindItsInstruction() throws Exception {
        start("c7 03 07 00 00 00  90  c7 03 08 00 00 00 " + EXIT); // MOV [EBX], 7; NOP; …, 8
        port().insert(new Trap(TrapKind.WRITE, DATA + 2, 1));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA + 2));
        assertThat(port().programCounter()).isEqualTo(ENTRY + 6);
        assertThat(memory.getIntLe(DATA)).isEqualTo(7);
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA + 2));
        assertThat(port().programCounter()).isEqualTo(ENTRY + 13);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void breakpointRightBehindAWatchedStoreIsMet() throws Exception {
        start("c7 03 07 00 00 00  90 " + EXIT);
        port().insert(new Trap(TrapKind.WRITE, DATA, 4));
        port().insert(at(ENTRY + 6));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA));
        assertThat(vcpu.run()).isEqualTo(breakpoint(ENTRY + 6));
    }

    @Test
    void stringStoreMeetsAWatchpointWhereItIs() throws Exception {
        // MOV EDI, EBX; MOV ECX, 64; REP STOSB
        start("89 df  b9 40 00 00 00  f3 aa " + EXIT);
        port().insert(new Trap(TrapKind.WRITE, DATA + 9, 1));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA + 9));
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void watchpointTellsLoadsFromStores() throws Exception {
        // MOV [EBX], EAX; MOV EAX, [EBX]; INC dword [EBX]
        start("89 03  8b 03  ff 03 " + EXIT);
        port().insert(new Trap(TrapKind.READ, DATA, 4));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.READ, DATA));
        assertThat(port().programCounter()).isEqualTo(ENTRY + 4);
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.READ, DATA));
        assertThat(port().programCounter()).isEqualTo(ENTRY + 6);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void frameOfAnExceptionIsNotWatched() {
        try (TestGuest guest = new TestGuest()) {
            DebugPort port = X86DebugTarget.port(guest.cpu);
            port.insert(new Trap(TrapKind.WRITE, TestGuest.STACK - 64, 64));
            guest.run("0f 0b"); // UD2
            assertThat(guest.vector()).isEqualTo(Vector.UD);
        }
    }

    @Test
    void translationSeesPagesAndLeavesNoTrace() {
        try (TestGuest guest = new TestGuest()) {
            DebugPort port = X86DebugTarget.port(guest.cpu);
            long va = 0x7f00_1234_5000L;
            guest.map(va, TestGuest.DATA, TestGuest.PRESENT | TestGuest.USER);
            long entry = guest.read(guest.entry(va));
            assertThat(port.translate(va + 0x678)).hasValue(TestGuest.DATA + 0x678);
            assertThat(port.translate(va + 0x1000)).isEmpty();
            assertThat(port.translate(1L << 60)).isEmpty(); // not canonical
            assertThat(guest.read(guest.entry(va))).isEqualTo(entry);
        }
    }

    @Test
    void registersOfTheX87AndTheVectorsAreRead() throws Exception {
        start("d9 e8  90"); // FLD1
        port().step(true);
        vcpu.run();
        assertThat(HexFormat.of().formatHex(port().read(number("st0"))))
                .isEqualTo("0000000000000080ff3f");
        assertThat(register("ftag")).isEqualTo(0x3fff);
        assertThat(register("fctrl")).isEqualTo(0x37f);
        assertThat(register("fstat")).isEqualTo(0x3800);
        assertThat(
                        port().write(
                                        number("xmm3"),
                                        HexFormat.of().parseHex("0123456789abcdef".repeat(2))))
                .isTrue();
        assertThat(register("xmm3")).isEqualTo(0xefcd_ab89_6745_2301L);
        assertThat(port().write(number("cs"), bytes(8))).isFalse();
    }
}
