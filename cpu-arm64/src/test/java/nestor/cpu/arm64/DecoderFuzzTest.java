package nestor.cpu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;

@DisplayName("§C4.1: decoding is total, and only an architectural exception leaves an instruction")
class DecoderFuzzTest {
    private static final long RAM_BYTES = 1 << 16;

    private final Arm64Cpu cpu = Differential.newCpu(GuestMemory.anonymous(0, RAM_BYTES));

    @FuzzTest(maxDuration = "10m")
    void anyWordDecodesAndExecutes(FuzzedDataProvider data) {
        cpu.reset();
        cpu.pc = data.consumeLong(0, RAM_BYTES) & -4;
        cpu.nzcv = data.consumeInt(0, 15);
        int word = data.consumeInt();
        for (int i = 0; i < 31; i++) {
            cpu.x[i] = data.consumeBoolean() ? data.consumeLong() : data.consumeShort();
        }
        cpu.x[Arm64Cpu.SP] = data.consumeLong(0, RAM_BYTES);
        try {
            Decoder.decode(word, 0).exec(cpu);
        } catch (Arm64Exception e) {
            assertThat(e).hasNoCause();
        }
        assertThat(cpu.x[Arm64Cpu.ZR]).isZero();
        assertThat(cpu.nzcv).isBetween(0, 15);
    }
}
