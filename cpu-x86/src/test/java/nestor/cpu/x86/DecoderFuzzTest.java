package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;

@DisplayName("2D appendix A: decoding is total, and nothing but an exception leaves an instruction")
class DecoderFuzzTest {
    private static final int MAX_BYTES = 64;
    private static final int INSTRUCTIONS = 32;

    @FuzzTest(maxDuration = "10m")
    void anyBytesDecodeAndExecute(FuzzedDataProvider data) {
        try (TestGuest guest = new TestGuest()) {
            X86Cpu cpu = guest.cpu;
            if (data.consumeBoolean()) {
                guest.toUser();
            }
            for (int i = 0; i < 16; i++) {
                cpu.x[i] =
                        data.consumeBoolean() ? data.consumeLong() : data.consumeInt(0, 0xf_ffff);
            }
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
        }
    }
}
