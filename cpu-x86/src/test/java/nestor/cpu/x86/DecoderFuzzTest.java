package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.HexFormat;
import nestor.vmm.mmio.MmioRegion;
import org.junit.jupiter.api.DisplayName;

@DisplayName("2D appendix A: decoding is total, and nothing but an exception leaves an instruction")
class DecoderFuzzTest {
    private static final int MAX_BYTES = 64;
    private static final int INSTRUCTIONS = 32;
    private static final long APIC = 0xfee0_0000L;
    private static final long DEVICE = 0x7000_0000L;

    /** WP, NE, MP, EM, TS: paging and protection stay. */
    private static final int CR0_CHOICE = 1 << 16 | 0xe | 1 << 5;

    @FuzzTest(maxDuration = "10m")
    void anyBytesDecodeAndExecute(FuzzedDataProvider data) {
        try (TestGuest guest = new TestGuest()) {
            X86Cpu cpu = guest.cpu;
            surroundings(guest, data);
            for (int i = 0; i < 16; i++) {
                cpu.x[i] =
                        data.consumeBoolean() ? data.consumeLong() : data.consumeInt(0, 0xf_ffff);
            }
            floating(cpu, data);
            cpu.replaceFlags(data.consumeInt(), Flags.WRITABLE);
            cpu.mode64 = data.consumeBoolean();
            cpu.mmu.modeChanged();
            byte[] code = data.consumeBytes(MAX_BYTES);
            long at = TestGuest.CODE + data.consumeInt(0, 0xfff);
            guest.code(at, HexFormat.of().formatHex(code));

            guest.runBriefly(at, INSTRUCTIONS);

            assertThat(cpu.x[X86Cpu.ZERO]).isZero();
            assertThat(cpu.otherFlags & ~(Flags.WRITABLE & ~Flags.ARITHMETIC)).isZero();
            assertThat(cpu.cpl).isBetween(0, 3);
            assertThat(cpu.x87.top).isBetween(0, 7);
            assertThat(cpu.mxcsr & ~FxState.MXCSR_MASK).isZero();
        }
    }

    /** Level, control registers, the local APIC's page, and devices behind ports and memory. */
    private static void surroundings(TestGuest guest, FuzzedDataProvider data) {
        guest.control(
                data.consumeInt() & CR0_CHOICE,
                data.consumeInt() & guest.cpu.cluster.model.cr4Bits());
        guest.map(APIC, APIC, TestGuest.PRESENT | TestGuest.WRITABLE);
        guest.map(DEVICE, DEVICE, TestGuest.PRESENT | TestGuest.WRITABLE | TestGuest.USER);
        guest.mmio.map(DEVICE, 0x1000, new Echo());
        guest.ports.map(0x60, 16, new Echo());
        if (data.consumeBoolean()) {
            guest.toUser();
        }
    }

    private static void floating(X86Cpu cpu, FuzzedDataProvider data) {
        cpu.mxcsr = data.consumeInt() & FxState.MXCSR_MASK;
        cpu.x87.setControl(data.consumeInt() & 0xffff);
        cpu.x87.setStatusWord(data.consumeInt() & 0xffff);
        cpu.x87.setValid(data.consumeByte() & 0xff);
        for (int i = 0; i < 8; i++) {
            cpu.x87.signExponent[i] = data.consumeInt(0, 0xffff);
            cpu.vector[XmmOperand.MM + i] = data.consumeLong();
            cpu.vector[i] = data.consumeLong();
        }
    }

    /** Answers with what was written last. */
    private static final class Echo implements MmioRegion {
        private long last;

        @Override
        public long read(long offset, int sizeBytes) {
            return last;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            last = value;
        }
    }
}
