package nestor.cpu.arm64;

import static nestor.cpu.arm64.SystemRegister.encoding;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.ManualClock;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class Arm64VcpuTest {
    private static final long RAM = 0x4000_0000L;
    private static final long VECTORS = RAM + 0x800;
    private static final int VBAR = encoding(3, 0, 12, 0, 0);
    private static final int CNTV_TVAL = encoding(3, 3, 14, 3, 0);
    private static final int CNTV_CTL = encoding(3, 3, 14, 3, 1);

    private final GuestMemory memory = GuestMemory.anonymous(RAM, 1 << 20);
    private final ManualClock clock = new ManualClock();
    private volatile long answered = -1;
    private final Arm64Vcpu vcpu =
            new Arm64Vcpu(
                    new Arm64Vcpu.Config(0, 0x8000_0000L),
                    memory,
                    new MmioBus(),
                    clock,
                    NoGic.PORT,
                    this::hypercall,
                    this::timerOutput,
                    _ -> {});

    private long hypercall(long function, long x1, long x2, long x3) {
        answered = function;
        vcpu.stop(new VcpuExit.Shutdown());
        return 0;
    }

    private void timerOutput(boolean asserted) {
        vcpu.irq().set(asserted);
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private void code(long gpa, int... words) throws Exception {
        memory.copyIn(MemorySegment.ofArray(words), gpa);
    }

    private VcpuExit runUntil(CompletableFuture<VcpuExit> run) throws Exception {
        return run.get(1, TimeUnit.MINUTES);
    }

    private void awaitSleep() {
        while (!vcpu.isAsleep()) {
            Thread.onSpinWait();
        }
    }

    @Test
    @DisplayName("§D1.6.2: WFI sleeps until the virtual timer, whose interrupt goes to the vector")
    void timerEndsWaitForInterrupt() throws Exception {
        code(
                RAM,
                A64.msr(VBAR, 0),
                A64.movz(1, 1000),
                A64.msr(CNTV_TVAL, 1),
                A64.movz(1, 1),
                A64.msr(CNTV_CTL, 1),
                A64.daifClear(2),
                A64.WFI,
                A64.b(-4));
        code(VECTORS + TestGuest.CURRENT_IRQ, A64.movz(0, 42), A64.STOP);
        vcpu.start(RAM, VECTORS);
        CompletableFuture<VcpuExit> run = CompletableFuture.supplyAsync(vcpu::run);
        awaitSleep();
        assertThat(answered).isEqualTo(-1);

        clock.advance(1000);

        assertThat(runUntil(run)).isEqualTo(new VcpuExit.Shutdown());
        assertThat(answered).isEqualTo(42);
    }

    @Test
    @DisplayName("§D1.6.2: WFI ends for a masked interrupt too, which is not taken")
    void maskedInterruptEndsWaitForInterrupt() throws Exception {
        code(RAM, A64.WFI, A64.movz(0, 7), A64.STOP);
        vcpu.start(RAM, 0);
        CompletableFuture<VcpuExit> run = CompletableFuture.supplyAsync(vcpu::run);
        awaitSleep();

        vcpu.irq().set(true);

        assertThat(runUntil(run)).isEqualTo(new VcpuExit.Shutdown());
        assertThat(answered).isEqualTo(7);
    }

    @Test
    @DisplayName("An endless loop is interrupted, and stopped from outside")
    void requestsReachARunningVcpu() throws Exception {
        code(RAM, A64.msr(VBAR, 0), A64.daifClear(2), A64.b(0));
        code(VECTORS + TestGuest.CURRENT_IRQ, A64.movz(0, 9), A64.b(0));
        vcpu.start(RAM, VECTORS);
        CompletableFuture<VcpuExit> run = CompletableFuture.supplyAsync(vcpu::run);
        while (vcpu.retiredInstructions() < 10_000) {
            Thread.onSpinWait();
        }

        vcpu.irq().set(true);
        long before = vcpu.retiredInstructions();
        while (vcpu.retiredInstructions() < before + 10_000) {
            Thread.onSpinWait();
        }
        vcpu.stop(new VcpuExit.Stopped());

        assertThat(runUntil(run)).isEqualTo(new VcpuExit.Stopped());
        assertThat(vcpu.isOn()).isFalse();
    }

    @Test
    @DisplayName("A vCPU that is off waits for its start")
    void startsWhenTold() throws Exception {
        code(RAM, A64.STOP);
        CompletableFuture<VcpuExit> run = CompletableFuture.supplyAsync(vcpu::run);
        awaitSleep();
        assertThat(vcpu.isOn()).isFalse();

        vcpu.start(RAM, 5);

        assertThat(runUntil(run)).isEqualTo(new VcpuExit.Shutdown());
        assertThat(answered).isEqualTo(5);
    }

    @Test
    @DisplayName("After a reset the same vCPU starts from its reset state")
    void runsAgain() throws Exception {
        code(RAM, A64.addImmediate(0, 0, 1), A64.STOP);
        vcpu.start(RAM, 1);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
        code(RAM, A64.addImmediate(0, 0, 2), A64.STOP);
        vcpu.start(RAM, 1);
        assertThat(vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
        assertThat(answered).isEqualTo(3);
    }
}
