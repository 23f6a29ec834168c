package nestor.cpu.x86;

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
            test.emit(0x90);
            cases.add(test);
        }

        List<MachineState> after = Differential.oracle().run(cases);

        for (int i = 0; i < cases.size(); i++) {
            MachineState before = cases.get(i).before;
            assertThat(before.differences(before, after.get(i), 0)).isEmpty();
        }
    }

    @Test
    void oracleTellsHowACaseWasLeft() {
        List<TestCase> cases = new ArrayList<>();
        for (int exit : new int[] {MachineState.EXIT_BACKWARD, MachineState.EXIT_FORWARD}) {
            TestCase test = new TestCase(random, cases.size());
            test.emit(0xe9); // JMP
            test.emitNumber(test.padVa(exit) - test.instructionVa() - 5, 4);
            cases.add(test);
        }
        TestCase undefined = new TestCase(random, 2);
        undefined.emit(0x0f, 0x0b); // UD2
        cases.add(undefined);
        TestCase faulting = new TestCase(random, 3);
        faulting.before.x[1] = 16;
        faulting.emit(0x48, 0x8b, 0x01); // MOV RAX, [RCX]
        cases.add(faulting);
        TestCase adding = new TestCase(random, 4);
        adding.before.x[1] = 41;
        adding.emit(0x8d, 0x41, 0x01); // LEA EAX, [RCX+1]
        cases.add(adding);

        List<MachineState> after = Differential.oracle().run(cases);

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
