package nestor.cpu.arm64;

import static nestor.cpu.arm64.SystemRegister.encoding;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.ManualClock;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Trap;
import nestor.vmm.vcpu.DebugPort.TrapKind;
import nestor.vmm.vcpu.DebugStop;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
class DebugPortTest {
    private static final long RAM = 0x4000_0000L;
    private static final long DATA = RAM + 0x1_0000;
    private static final int VBAR = encoding(3, 0, 12, 0, 0);
    private static final int HVC = 0xd400_0002;

    private final GuestMemory memory = GuestMemory.anonymous(RAM, 1 << 20);
    private final Arm64Vcpu vcpu =
            new Arm64Vcpu(
                    new Arm64Vcpu.Config(0, 0x8000_0000L),
                    memory,
                    new MmioBus(),
                    new ManualClock(),
                    NoGic.PORT,
                    this::hypercall,
                    _ -> {},
                    _ -> {});

    private long hypercall(long function, long x1, long x2, long x3) {
        vcpu.stop(new VcpuExit.Shutdown());
        return 0;
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private void start(int... words) throws Exception {
        memory.copyIn(MemorySegment.ofArray(words), RAM);
        vcpu.start(RAM, DATA);
    }

    private DebugPort port() {
        return vcpu.debugPort().orElseThrow();
    }

    private static Trap at(long va) {
        return new Trap(TrapKind.EXECUTE, va, 4);
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

    /** Adds one to X1 for ever; the first instruction is at RAM + 4. */
    private void startLoop() throws Exception {
        start(
                A64.movz(1, 0),
                A64.addImmediate(1, 1, 1),
                A64.addImmediate(2, 1, 0),
                A64.addImmediate(3, 1, 0),
                A64.b(-12));
    }

    @Test
    void vcpuThatHasNotRunStandsAtItsEntry() throws Exception {
        startLoop();
        assertThat(port().programCounter()).isEqualTo(RAM);
        assertThat(register("x0")).isEqualTo(DATA);
        assertThat(register("cpsr")).isEqualTo(0x3c5); // EL1h, DAIF
    }

    @Test
    void breakpointInTheMiddleOfABlockStopsEachTime() throws Exception {
        startLoop();
        port().insert(at(RAM + 12));
        for (int i = 1; i <= 3; i++) {
            assertThat(vcpu.run()).isEqualTo(breakpoint(RAM + 12));
            assertThat(port().programCounter()).isEqualTo(RAM + 12);
            assertThat(register("x2")).isEqualTo(i);
            assertThat(register("x3")).isEqualTo(i - 1);
        }
    }

    @Test
    void breakpointIsMetInCodeThatHasRunBefore() throws Exception {
        startLoop();
        port().insert(at(RAM + 16));
        for (int i = 0; i < 3; i++) {
            vcpu.run();
        }
        port().remove(at(RAM + 16));
        vcpu.stop(new VcpuExit.Stopped());
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Stopped());
        port().insert(at(RAM + 8));
        vcpu.start(RAM + 4, 0);
        assertThat(vcpu.run()).isEqualTo(breakpoint(RAM + 8));
    }

    @Test
    void memoryIsAsTheGuestWroteItUnderABreakpoint() throws Exception {
        int load = 0xb940_0022; // LDR W2, [X1]
        start(A64.movz(1, 0), load, HVC);
        port().insert(at(RAM + 4));
        vcpu.run();
        assertThat(port().write(number("x1"), bytes(RAM + 4))).isTrue();
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
        assertThat(memory.getIntLe(RAM + 4)).isEqualTo(load);
    }

    private static byte[] bytes(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    @Test
    void removedBreakpointStopsNothing() throws Exception {
        start(A64.movz(1, 0), A64.movz(1, 1), HVC);
        port().insert(at(RAM + 4));
        port().remove(at(RAM + 4));
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void stepExecutesOneInstructionOfAPairThatIsFusedOtherwise() throws Exception {
        int compare = 0xf100_043f; // CMP X1, #1
        int branchIfEqual = 0x5400_0060; // B.EQ +12
        start(A64.movz(1, 1), compare, branchIfEqual, HVC, HVC, A64.movz(5, 5), A64.b(0));
        long[] expected = {RAM + 4, RAM + 8, RAM + 20, RAM + 24, RAM + 24};
        for (long pc : expected) {
            port().step(true);
            assertThat(vcpu.run()).isEqualTo(new VcpuExit.Debugged(new DebugStop.Step()));
            assertThat(port().programCounter()).isEqualTo(pc);
        }
        assertThat(vcpu.retiredInstructions()).isEqualTo(expected.length);
    }

    @Test
    void stepFromABreakpointLeavesIt() throws Exception {
        startLoop();
        port().insert(at(RAM + 8));
        vcpu.run();
        port().step(true);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Debugged(new DebugStop.Step()));
        assertThat(port().programCounter()).isEqualTo(RAM + 12);
    }

    @Test
    void stepOfAFaultingInstructionEndsAtTheVector() throws Exception {
        start(A64.movz(1, 0x800), A64.msr(VBAR, 1), 0);
        for (int i = 0; i < 3; i++) {
            port().step(true);
            vcpu.run();
        }
        assertThat(port().programCounter()).isEqualTo(0x800 + TestGuest.CURRENT_SYNC);
    }

    @Test
    void interruptWaitsForTheEndOfAStepThatBarsIt() throws Exception {
        start(A64.daifClear(2), A64.movz(1, 1), A64.movz(1, 2), HVC);
        port().step(false);
        vcpu.run();
        vcpu.irq().set(true);
        port().step(false);
        vcpu.run();
        assertThat(port().programCounter()).isEqualTo(RAM + 8);
        port().step(true);
        vcpu.run();
        assertThat(port().programCounter()).isBetween(0L, 0x800L);
    }

    @Test
    void watchedStoreStopsBeforeItsInstruction() throws Exception {
        start(A64.movz(1, 7), A64.str(1, 0), A64.movz(1, 8), A64.str(1, 0), HVC);
        port().insert(new Trap(TrapKind.WRITE, DATA + 4, 1));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA + 4));
        assertThat(port().programCounter()).isEqualTo(RAM + 4);
        assertThat(memory.getLongLe(DATA)).isZero();
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA + 4));
        assertThat(port().programCounter()).isEqualTo(RAM + 12);
        assertThat(memory.getLongLe(DATA)).isEqualTo(7);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
        assertThat(memory.getLongLe(DATA)).isEqualTo(8);
    }

    @Test
    void watchpointTellsLoadsFromStoresAndBytesFromBytes() throws Exception {
        start(A64.str(1, 0), A64.ldr(1, 0), HVC);
        port().insert(new Trap(TrapKind.READ, DATA, 8));
        port().insert(new Trap(TrapKind.ACCESS, DATA + 8, 8));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.READ, DATA));
        assertThat(port().programCounter()).isEqualTo(RAM + 4);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void watchpointIsMetOnAPageThatIsInTheTlb() throws Exception {
        start(A64.str(1, 0), A64.movz(2, 1), A64.str(2, 0), HVC);
        port().insert(at(RAM + 4));
        vcpu.run();
        port().insert(new Trap(TrapKind.WRITE, DATA, 8));
        assertThat(vcpu.run()).isEqualTo(watchpoint(TrapKind.WRITE, DATA));
    }

    @Test
    void moreTrapsThanTheBoundAreRefused() {
        for (int i = 0; i < DebugPort.MAX_TRAPS; i++) {
            assertThat(port().insert(at(4L * i))).isTrue();
        }
        assertThat(port().insert(at(-4))).isFalse();
        assertThat(port().insert(at(0))).isTrue();
        port().clear();
        assertThat(port().insert(at(-4))).isTrue();
    }

    @Test
    void translationSeesPagesThatNobodyHasAccessedYet() {
        try (TestGuest guest = new TestGuest()) {
            DebugPort port = Arm64DebugTarget.port(guest.cpu);
            assertThat(port.translate(0x1234_5678L)).hasValue(0x1234_5678L); // MMU off
            guest.mmuOn();
            guest.map(0x1234_5000L, TestGuest.DATA, TestGuest.KERNEL & ~TestGuest.AF);
            assertThat(port.translate(0x1234_5678L)).hasValue(TestGuest.DATA + 0x678);
            assertThat(port.translate(0x1234_6000L)).isEmpty();
            assertThat(port.translate(-1)).isEmpty(); // EPD1
        }
    }

    @Test
    void stackPointerAndFlagsCanBeSet() throws Exception {
        startLoop();
        assertThat(port().write(number("sp"), bytes(0x1230))).isTrue();
        assertThat(port().write(number("cpsr"), bytes(0x6000_03c4L))).isTrue(); // ZC, EL1t
        assertThat(register("cpsr")).isEqualTo(0x6000_03c4L);
        assertThat(port().write(number("cpsr"), bytes(0x3c5))).isTrue();
        assertThat(register("sp")).isEqualTo(0x1230);
        assertThat(port().write(number("TTBR0_EL1"), bytes(1))).isFalse();
    }
}
