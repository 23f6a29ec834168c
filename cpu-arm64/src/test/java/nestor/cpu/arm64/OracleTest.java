package nestor.cpu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OracleTest {
    private final SplittableRandom random = new SplittableRandom(1);

    @Test
    void oracleSavesWhatItRestoredAroundANop() {
        List<TestCase> cases = new ArrayList<>();
        for (int i = 0; i < QemuOracle.BATCH; i++) {
            TestCase test = new TestCase(random, i);
            test.before.fpcr = 0x0300_0000; // DN, FZ
            test.before.fpsr = 0x0800_001f; // QC and the cumulative bits
            test.emit(0xd503201f);
            cases.add(test);
        }

        List<MachineState> after = Differential.oracle("max").run(cases);

        for (int i = 0; i < cases.size(); i++) {
            MachineState before = cases.get(i).before;
            assertThat(before.differences(before, after.get(i))).isEmpty();
        }
    }

    @Test
    void oracleTellsHowACaseWasLeft() {
        List<TestCase> cases = new ArrayList<>();
        for (int exit : new int[] {MachineState.EXIT_BACKWARD, MachineState.EXIT_FORWARD}) {
            TestCase test = new TestCase(random, cases.size());
            int words = (int) (test.padVa(exit) - test.instructionVa()) >> 2;
            test.emit(0x14000000 | words & 0x3ffffff); // B
            cases.add(test);
        }
        TestCase undefined = new TestCase(random, 2);
        undefined.emit(0); // UDF
        cases.add(undefined);
        TestCase faulting = new TestCase(random, 3);
        faulting.before.x[1] = 16;
        faulting.emit(0xf9400020); // LDR X0, [X1]
        cases.add(faulting);
        TestCase adding = new TestCase(random, 4);
        adding.before.x[1] = 41;
        adding.emit(0x91000420); // ADD X0, X1, #1
        cases.add(adding);

        List<MachineState> after = Differential.oracle("max").run(cases);

        assertThat(after.stream().map(state -> state.exit))
                .containsExactly(
                        MachineState.EXIT_BACKWARD,
                        MachineState.EXIT_FORWARD,
                        MachineState.EXIT_SIGNAL + MachineState.SIGILL,
                        MachineState.EXIT_SIGNAL + MachineState.SIGSEGV,
                        MachineState.EXIT_FALL_THROUGH);
        assertThat(after.get(3).x).isEqualTo(faulting.before.x);
        assertThat(after.get(4).x[0]).isEqualTo(42);
    }
}
