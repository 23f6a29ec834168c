package nestor.cpu.arm64;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Random;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Whatever is written to system registers, only A64 exceptions come of it")
class SystemInstructionFuzzTest {
    private static final long RAM = 0x4000_0000L;
    private static final int STEPS = 64;
    private static final int RANDOM_RUNS = 400;

    @FuzzTest(maxDuration = "10m")
    void systemInstructions(FuzzedDataProvider input) {
        try (GuestMemory memory = GuestMemory.anonymous(RAM, 1 << 16)) {
            Arm64Cpu cpu = new Arm64Cpu(memory);
            for (int i = 0; i < STEPS && input.remainingBytes() > 0; i++) {
                execute(cpu, input.consumeInt(), input.consumeLong());
            }
        }
    }

    @Test
    void randomSystemInstructions() {
        String given = System.getProperty("nestor.seed", "");
        long seed = given.isEmpty() ? System.nanoTime() : Long.parseLong(given);
        System.out.println("SystemInstructionFuzzTest: -Dnestor.seed=" + seed);
        Random random = new Random(seed);
        try (GuestMemory memory = GuestMemory.anonymous(RAM, 1 << 16)) {
            Arm64Cpu cpu = new Arm64Cpu(memory);
            for (int i = 0; i < RANDOM_RUNS * STEPS; i++) {
                execute(cpu, random.nextInt(), random.nextLong());
            }
        }
    }

    /** Every bit pattern in the group of system instructions, then accesses under what it set. */
    private static void execute(Arm64Cpu cpu, int bits, long value) {
        int instruction = 0xd500_0000 | bits & 0x003f_ffff;
        cpu.x[bits & 0x1f] = (bits & 0x1f) == Arm64Cpu.ZR ? 0 : value;
        run(cpu, () -> SystemInstructions.decode(instruction, 0).exec(cpu));
        run(cpu, () -> cpu.load64(value));
        run(cpu, () -> cpu.store32(RAM + (value & 0xffff), value));
        run(cpu, () -> cpu.mmu.fetch(value));
    }

    private static void run(Arm64Cpu cpu, Runnable step) {
        cpu.waiting = false;
        try {
            step.run();
        } catch (Arm64Exception e) {
            Pstate.take(cpu, e, cpu.pc);
        }
    }
}
