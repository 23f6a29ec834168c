package nestor.cpu.arm64;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/**
 * Runs randomized cases here and in the oracle and compares all state. {@code -Dnestor.cases=N}
 * sets the cases per group, {@code -Dnestor.seed=N} replays.
 */
final class Differential {
    private static final int DEFAULT_CASES = 1000;
    private static final int REPORTED = 5;

    private Differential() {}

    static int casesPerGroup() {
        return Integer.getInteger("nestor.cases", DEFAULT_CASES);
    }

    /** The oracle; the test is skipped where there is none. */
    static QemuOracle oracle(String model) {
        Optional<QemuOracle> oracle = QemuOracle.find(model);
        assumeTrue(oracle.isPresent(), "no qemu-aarch64 on the path (Debian package qemu-user)");
        return oracle.orElseThrow();
    }

    /** The seed of this run; printed by whoever fails. */
    static long seed() {
        String seed = System.getProperty("nestor.seed", "");
        return seed.isEmpty() ? new Random().nextLong() : Long.parseLong(seed);
    }

    /** Compares on {@code casesPerGroup()} cases what {@code -cpu max} does. */
    static void compare(String group, Consumer<TestCase> generator) {
        compare(group, oracle("max"), generator);
    }

    static void compare(String group, QemuOracle oracle, Consumer<TestCase> generator) {
        long seed = seed();
        RandomGenerator random = new SplittableRandom(seed);
        try (GuestMemory memory = GuestMemory.anonymous(QemuOracle.BASE, QemuOracle.IMAGE_BYTES)) {
            for (int done = 0; done < casesPerGroup(); done += QemuOracle.BATCH) {
                List<TestCase> cases = new ArrayList<>();
                int count = Math.min(QemuOracle.BATCH, casesPerGroup() - done);
                for (int i = 0; i < count; i++) {
                    TestCase test = new TestCase(random, i);
                    generator.accept(test);
                    cases.add(test);
                }
                assertThat(differences(cases, oracle.run(cases), memory))
                        .as("%s, -Dnestor.seed=%d", group, seed)
                        .isEmpty();
            }
        }
    }

    private static String differences(
            List<TestCase> cases, List<MachineState> expected, GuestMemory memory) {
        StringBuilder out = new StringBuilder();
        int reported = 0;
        List<MachineState> actual = execute(cases, memory);
        for (int i = 0; i < cases.size() && reported < REPORTED; i++) {
            TestCase test = cases.get(i);
            String lines = test.before.differences(expected.get(i), actual.get(i));
            if (!lines.isEmpty()) {
                out.append(test).append('\n').append(lines);
                reported++;
            }
        }
        return out.toString();
    }

    /** Our side of {@link QemuOracle#run}; the memory is from {@link QemuOracle#BASE}. */
    static List<MachineState> execute(List<TestCase> cases, GuestMemory memory) {
        try {
            memory.copyIn(MemorySegment.ofArray(QemuOracle.image(cases)), QemuOracle.BASE);
            Arm64Cpu cpu = newCpu(memory);
            List<MachineState> states = new ArrayList<>();
            for (int i = 0; i < cases.size(); i++) {
                states.add(execute(cpu, memory, cases.get(i), i));
            }
            return states;
        } catch (GuestAccessException e) {
            throw new AssertionError(e);
        }
    }

    /** A CPU that sees {@code memory} untranslated. */
    static Arm64Cpu newCpu(GuestMemory memory) {
        return new Arm64Cpu(memory);
    }

    private static MachineState execute(Arm64Cpu cpu, GuestMemory memory, TestCase test, int index)
            throws GuestAccessException {
        MachineState before = test.before;
        System.arraycopy(before.x, 0, cpu.x, 0, 31);
        cpu.x[Arm64Cpu.SP] = before.sp;
        System.arraycopy(before.v, 0, cpu.v, 0, 64);
        cpu.nzcv = before.nzcv;
        cpu.fpcr = before.fpcr;
        cpu.fpsr = before.fpsr;
        cpu.pc = test.instructionVa();
        MachineState after = new MachineState();
        after.exit = run(cpu, test, index);
        System.arraycopy(cpu.x, 0, after.x, 0, 31);
        assertThat(cpu.x[Arm64Cpu.ZR]).as("ZR after %s", test).isZero();
        after.sp = cpu.x[Arm64Cpu.SP];
        System.arraycopy(cpu.v, 0, after.v, 0, 64);
        after.nzcv = cpu.nzcv;
        after.fpcr = cpu.fpcr;
        after.fpsr = cpu.fpsr;
        memory.copyOut(test.scratchVa(), MemorySegment.ofArray(after.scratch));
        return after;
    }

    private static int run(Arm64Cpu cpu, TestCase test, int index) {
        for (int i = 0; i < test.length; i++) {
            Op op = Decoder.decode(test.instructions[i], 4 * i);
            Op fused = i + 1 < test.length ? op.fusedWith(next(test, i)) : null;
            if (fused != null) {
                op = fused;
                i++;
            }
            try {
                op.exec(cpu);
            } catch (Arm64Exception e) {
                return MachineState.EXIT_SIGNAL + signal(e.syndrome);
            }
            if (op.endsBlock() && cpu.pc != test.instructionVa() + 4L * (i + 1)) {
                return exit(cpu.pc, index);
            }
            if (op.endsBlock()) {
                cpu.pc = test.instructionVa();
            }
        }
        return MachineState.EXIT_FALL_THROUGH;
    }

    private static Op next(TestCase test, int i) {
        return Decoder.decode(test.instructions[i + 1], 4 * (i + 1));
    }

    private static int exit(long pc, int index) {
        for (int exit : new int[] {MachineState.EXIT_BACKWARD, MachineState.EXIT_FORWARD}) {
            if (pc == QemuOracle.padVa(index, exit)) {
                return exit;
            }
        }
        return pc == QemuOracle.fallThroughVa(index) ? MachineState.EXIT_FALL_THROUGH : -1;
    }

    private static int signal(long syndrome) {
        boolean unknown = syndrome >>> 26 == 0;
        boolean alignment = (syndrome & 0x3f) == 0x21;
        return unknown
                ? MachineState.SIGILL
                : alignment ? MachineState.SIGBUS : MachineState.SIGSEGV;
    }
}
