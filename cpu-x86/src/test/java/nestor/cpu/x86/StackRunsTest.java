package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("PUSH, POP, MOV and RET as one op are what they are one by one")
class StackRunsTest {
    private static final int CASES = 1_000;
    private static final int MAX_INSTRUCTIONS = 14;
    private static final long STACK_VA = 0x4000_0000L;
    private static final long PAGE = 0x1000;
    private static final long LANDING = TestGuest.CODE + 0x800;
    private static final long NON_CANONICAL = 0x8000_0000_0000_0000L;

    /** What a stack page may be. */
    private static final long[] ATTRIBUTES = {
        TestGuest.PRESENT | TestGuest.WRITABLE,
        TestGuest.PRESENT | TestGuest.WRITABLE,
        TestGuest.PRESENT | TestGuest.WRITABLE,
        TestGuest.PRESENT,
        0,
    };

    @Test
    @DisplayName("whatever the two pages of the stack are: registers, memory, faults, CR2")
    void anyRunEndsAsItsInstructionsDoOneByOne() {
        String property = System.getProperty("nestor.seed", "");
        long seed = property.isEmpty() ? System.nanoTime() : Long.parseLong(property);
        System.out.println("StackRunsTest: -Dnestor.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int faults = 0;
        for (int i = 0; i < CASES; i++) {
            String hex = code(random);
            long setup = random.nextLong();
            try (TestGuest whole = guest(setup, hex);
                    TestGuest stepped = guest(setup, hex)) {
                whole.runFrom(TestGuest.CODE);
                stepped.stepFrom(TestGuest.CODE);
                String what = "case %d of seed %d: %s".formatted(i, seed, hex);
                assertThat(whole.cpu.x).as(what).isEqualTo(stepped.cpu.x);
                assertThat(whole.cpu.cr2).as(what).isEqualTo(stepped.cpu.cr2);
                assertThat(stacks(whole)).as(what).isEqualTo(stacks(stepped));
                faults += whole.vector() >= 0 ? 1 : 0;
            }
        }
        assertThat(faults).isBetween(CASES / 20, CASES * 19 / 20);
    }

    /** What is on the stack, and on the one that exceptions are taken on. */
    private static long[] stacks(TestGuest guest) {
        return LongStream.concat(
                        LongStream.range(0, PAGE / 4).map(i -> TestGuest.DATA + 8 * i),
                        LongStream.range(1, 8).map(i -> TestGuest.IST1_STACK - 8 * i))
                .map(guest::read)
                .toArray();
    }

    private static String code(SplittableRandom random) {
        StringBuilder hex = new StringBuilder();
        int kind = random.nextInt(3);
        int count = 1 + random.nextInt(MAX_INSTRUCTIONS);
        for (int i = 0; i < count; i++) {
            int r = random.nextInt(16);
            switch (random.nextInt(8) == 0 ? random.nextInt(4) : kind) {
                case 0 -> hex.append(r < 8 ? "" : "41").append("%02x".formatted(0x50 | r & 7));
                case 1 -> hex.append(r < 8 ? "" : "41").append("%02x".formatted(0x58 | r & 7));
                case 2 -> {
                    boolean push = random.nextBoolean();
                    hex.append(push ? "%02x".formatted(0x50 | r & 7) : move(random, r));
                }
                default -> hex.append("90");
            }
        }
        return hex + (random.nextBoolean() ? "c3" : "c21000") + "f4";
    }

    /** MOV of 4 or 8 bytes to anything but RSP, most of the time. */
    private static String move(SplittableRandom random, int d) {
        int to = d == X86Cpu.RSP && random.nextInt(4) != 0 ? X86Cpu.RAX : d;
        int n = random.nextInt(16);
        int rex = (random.nextBoolean() ? 0x48 : 0x40) | n >> 3 << 2 | to >> 3;
        return "%02x89%02x".formatted(rex, 0xc0 | (n & 7) << 3 | to & 7);
    }

    private static TestGuest guest(long setup, String hex) {
        SplittableRandom random = new SplittableRandom(setup);
        TestGuest guest = new TestGuest();
        guest.control(ControlRegister.CR0_WP.mask(), 0);
        for (int vector : new int[] {Vector.PF, Vector.GP, Vector.SS}) {
            guest.gate(vector, 0, 1);
        }
        guest.code(TestGuest.CODE, hex);
        guest.code(LANDING, "f4");
        for (long at = 0; at < 2 * PAGE; at += 8) {
            long value = random.nextInt(8) == 0 ? NON_CANONICAL | at : LANDING;
            guest.write(TestGuest.DATA + at, value);
        }
        for (int page = 0; page < 2; page++) {
            long attributes = ATTRIBUTES[random.nextInt(ATTRIBUTES.length)];
            guest.map(
                    STACK_VA + page * PAGE,
                    TestGuest.DATA + page * PAGE,
                    attributes | TestGuest.NO_EXECUTE);
        }
        guest.map(0, 0, 0); // where a RET that finds less than an address goes
        guest.map(TestGuest.CODE, TestGuest.CODE, TestGuest.PRESENT);
        for (int r = 0; r < 16; r++) {
            guest.cpu.x[r] = random.nextBoolean() ? LANDING : random.nextLong();
        }
        long offset = random.nextInt(-12, 13) * 8L + (random.nextInt(4) == 0 ? 3 : 0);
        guest.cpu.x[X86Cpu.RSP] = STACK_VA + PAGE + offset;
        return guest;
    }

    @Test
    @DisplayName("3A §8.1.3: a push over an instruction behind it is seen by it")
    void aRunThatOverwritesItselfGoesOnWithWhatItWrote() {
        try (TestGuest guest = new TestGuest()) {
            guest.cpu.x[X86Cpu.RAX] = 0xf4f4_f4f4_f4f4_f4f4L; // HLT
            guest.cpu.x[X86Cpu.RSP] = TestGuest.CODE + 24;

            guest.run("50".repeat(24)); // the third lands on the fourth

            assertThat(guest.cpu.x[X86Cpu.RIP]).isEqualTo(TestGuest.CODE + 4);
            assertThat(guest.cpu.x[X86Cpu.RSP]).isEqualTo(TestGuest.CODE);
        }
    }

    @Test
    @DisplayName("3A §6.5: the instruction behind leading hints is the one that faults")
    void aFaultBehindAHintIsNotTheHints() {
        try (TestGuest guest = new TestGuest()) {
            guest.cpu.x[X86Cpu.RAX] = STACK_VA;

            guest.run("90 0f 1f 00 48 8b 08 f4"); // NOP, NOP, MOV RCX, [RAX]

            assertThat(guest.vector()).isEqualTo(Vector.PF);
            assertThat(guest.stacked(1)).isEqualTo(TestGuest.CODE + 4);
        }
    }

    @Test
    @DisplayName("what a block executed before a fault is counted by instructions, not ops")
    void instructionsAreCountedNotOps() {
        try (TestGuest guest = new TestGuest()) {
            guest.cpu.x[X86Cpu.RAX] = STACK_VA;

            guest.run("50 50 50 48 8b 08 f4"); // PUSH RAX, three times; MOV RCX, [RAX]

            assertThat(guest.vector()).isEqualTo(Vector.PF);
            assertThat(guest.cpu.executed()).isEqualTo(3 + 1); // and the handler's HLT
        }
    }
}
