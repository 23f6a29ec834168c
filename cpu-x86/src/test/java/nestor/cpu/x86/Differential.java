package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.ManualClock;

/**
 * Runs randomized cases here and in the oracle and compares all state. {@code -Dnestor.cases=N}
 * sets the cases per group, {@code -Dnestor.seed=N} replays.
 */
final class Differential {
    /** What we implement, as QEMU names it: no BMI, for one. */
    static final String MODEL = "Nehalem,+movbe";

    private static final int DEFAULT_CASES = 512;
    private static final int REPORTED = 5;
    private static final int BUDGET = 10_000;

    private Differential() {}

    static int casesPerGroup() {
        return Integer.getInteger("nestor.cases", DEFAULT_CASES);
    }

    /** The oracle; the test is skipped where there is none. */
    static QemuOracle oracle() {
        return oracle(MODEL);
    }

    private static QemuOracle oracle(String model) {
        Optional<QemuOracle> oracle = QemuOracle.find(model);
        assumeTrue(oracle.isPresent(), "no qemu-x86_64 on the path (Debian package qemu-user)");
        return oracle.orElseThrow();
    }

    /** The seed of this run; printed by whoever fails. */
    static long seed() {
        String seed = System.getProperty("nestor.seed", "");
        return seed.isEmpty() ? new Random().nextLong() : Long.parseLong(seed);
    }

    static void compare(String group, Consumer<TestCase> generator) {
        compare(group, MODEL, generator);
    }

    /** As {@link #compare(String, Consumer)}, with another model of the oracle's. */
    static void compare(String group, String model, Consumer<TestCase> generator) {
        QemuOracle oracle = oracle(model);
        long seed = seed();
        RandomGenerator random = new SplittableRandom(seed);
        for (int done = 0; done < casesPerGroup(); done += QemuOracle.BATCH) {
            List<TestCase> cases = new ArrayList<>();
            int count = Math.min(QemuOracle.BATCH, casesPerGroup() - done);
            for (int i = 0; i < count; i++) {
                TestCase test = new TestCase(random, i);
                generator.accept(test);
                test.finish();
                cases.add(test);
            }
            assertThat(differences(cases, expected(oracle, cases, random)))
                    .as("%s, -Dnestor.seed=%d", group, seed)
                    .isEmpty();
        }
    }

    /**
     * What the oracle says. It has bugs it dies of (a quotient of 16 bits from -2^31 and -1 is
     * one): such a case is replaced by one that does nothing, in {@code cases}.
     */
    private static List<MachineState> expected(
            QemuOracle oracle, List<TestCase> cases, RandomGenerator random) {
        try {
            return oracle.run(cases);
        } catch (IllegalStateException death) {
            List<TestCase> idle = new ArrayList<>();
            for (int i = 0; i < cases.size(); i++) {
                TestCase nothing = new TestCase(random, i);
                nothing.finish();
                idle.add(nothing);
            }
            int culprit = culprit(oracle, cases, idle);
            System.out.printf("the oracle dies of %s%n", cases.get(culprit));
            cases.set(culprit, idle.get(culprit));
            return oracle.run(cases);
        }
    }

    /** The place of a case that the oracle dies of, by halves. */
    private static int culprit(QemuOracle oracle, List<TestCase> cases, List<TestCase> idle) {
        int from = 0;
        int to = cases.size();
        while (to - from > 1) {
            int middle = (from + to) / 2;
            List<TestCase> half = new ArrayList<>(idle);
            for (int i = from; i < middle; i++) {
                half.set(i, cases.get(i));
            }
            try {
                oracle.run(half);
                from = middle;
            } catch (IllegalStateException death) {
                to = middle;
            }
        }
        return from;
    }

    private static String differences(List<TestCase> cases, List<MachineState> expected) {
        StringBuilder out = new StringBuilder();
        int reported = 0;
        List<MachineState> actual = execute(cases);
        for (int i = 0; i < cases.size() && reported < REPORTED; i++) {
            TestCase test = cases.get(i);
            String lines =
                    test.before.differences(expected.get(i), actual.get(i), test.undefinedFlags);
            if (!lines.isEmpty()) {
                out.append(test).append('\n').append(lines);
                reported++;
            }
        }
        return out.toString();
    }

    /** Our side of {@link QemuOracle#run}. */
    private static List<MachineState> execute(List<TestCase> cases) {
        int bytes = (QemuOracle.IMAGE_BYTES + 0xfff) & -0x1000;
        try (GuestMemory memory = GuestMemory.anonymous(QemuOracle.BASE, bytes)) {
            memory.copyIn(MemorySegment.ofArray(QemuOracle.image(cases)), QemuOracle.BASE);
            X86Cpu cpu = newCpu(memory);
            List<MachineState> states = new ArrayList<>();
            for (int i = 0; i < cases.size(); i++) {
                states.add(execute(cpu, memory, i, cases.get(i)));
            }
            return states;
        } catch (GuestAccessException e) {
            throw new AssertionError(e);
        }
    }

    /** A CPU that sees {@code memory} untranslated and executes 64-bit code. */
    static X86Cpu newCpu(GuestMemory memory) {
        X86Cpu cpu =
                new X86Cpu(
                        new X86Cpu.Wiring(
                                0,
                                new X86Cluster(new X86Model(40, 1), memory),
                                new MmioBus(),
                                new PortBus(),
                                new ManualClock(),
                                _ -> {},
                                () -> {}));
        cpu.mode64 = true;
        cpu.cr4 = ControlRegister.CR4_OSFXSR.mask() | ControlRegister.CR4_OSXMMEXCPT.mask();
        cpu.cpl = 3;
        cpu.mmu.modeChanged();
        return cpu;
    }

    private static final int[] EXITS = {
        MachineState.EXIT_FALL_THROUGH, MachineState.EXIT_BACKWARD, MachineState.EXIT_FORWARD
    };

    private static MachineState execute(X86Cpu cpu, GuestMemory memory, int index, TestCase test)
            throws GuestAccessException {
        for (int exit : EXITS) {
            byte[] ud2 = {0x0f, 0x0b};
            memory.copyIn(MemorySegment.ofArray(ud2), QemuOracle.padVa(index, exit));
        }
        MachineState before = test.before;
        System.arraycopy(before.x, 0, cpu.x, 0, 16);
        floatingFrom(cpu, before.fx);
        cpu.replaceFlags(before.flags | Flags.IF, Flags.WRITABLE);
        cpu.x[X86Cpu.RIP] = test.instructionVa();
        MachineState after = new MachineState();
        after.exit = -1;
        Interpreter interpreter =
                new Interpreter(
                        cpu,
                        exception -> {
                            after.exit = exit(cpu.x[X86Cpu.RIP], index, exception.vector);
                            cpu.endSlice();
                        });
        cpu.beginSlice(BUDGET);
        interpreter.run();
        System.arraycopy(cpu.x, 0, after.x, 0, 16);
        assertThat(cpu.x[X86Cpu.ZERO]).as("ZERO after %s", test).isZero();
        after.flags = Flags.image(cpu) & MachineState.FLAGS;
        floatingTo(cpu, after.fx);
        memory.copyOut(test.scratchVa(), MemorySegment.ofArray(after.scratch));
        return after;
    }

    private static void floatingFrom(X86Cpu cpu, byte[] image) {
        ByteBuffer fx = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        cpu.x87.setControl(fx.getShort(MachineState.FCW_OFFSET) & 0xffff);
        cpu.x87.setStatusWord(fx.getShort(2) & 0xffff);
        cpu.x87.setValid(fx.get(4) & 0xff);
        cpu.mxcsr = fx.getInt(MachineState.MXCSR_OFFSET);
        for (int i = 0; i < 8; i++) {
            int register = cpu.x87.top + i & 7;
            int at = MachineState.ST_OFFSET + 16 * i;
            cpu.vector[XmmOperand.MM + register] = fx.getLong(at);
            cpu.x87.signExponent[register] = fx.getShort(at + 8) & 0xffff;
        }
        for (int i = 0; i < 32; i++) {
            cpu.vector[i] = fx.getLong(MachineState.XMM_OFFSET + 8 * i);
        }
    }

    private static void floatingTo(X86Cpu cpu, byte[] image) {
        ByteBuffer fx = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        fx.putShort(MachineState.FCW_OFFSET, (short) cpu.x87.control);
        fx.putShort(2, (short) cpu.x87.statusWord());
        fx.put(4, (byte) cpu.x87.valid());
        fx.putInt(MachineState.MXCSR_OFFSET, cpu.mxcsr);
        for (int i = 0; i < 8; i++) {
            int register = cpu.x87.top + i & 7;
            int at = MachineState.ST_OFFSET + 16 * i;
            fx.putLong(at, cpu.vector[XmmOperand.MM + register]);
            fx.putShort(at + 8, (short) cpu.x87.signExponent[register]);
        }
        for (int i = 0; i < 32; i++) {
            fx.putLong(MachineState.XMM_OFFSET + 8 * i, cpu.vector[i]);
        }
    }

    private static int exit(long rip, int index, int vector) {
        for (int exit : EXITS) {
            if (rip == QemuOracle.padVa(index, exit)) {
                return exit;
            }
        }
        return MachineState.EXIT_SIGNAL
                + switch (vector) {
                    case Vector.DE -> MachineState.SIGFPE;
                    case Vector.UD -> MachineState.SIGILL;
                    case Vector.BP, Vector.DB -> MachineState.SIGTRAP;
                    default -> MachineState.SIGSEGV;
                };
    }
}
