package nestor.cpu.arm64;

import static nestor.cpu.arm64.TestGuest.CODE;
import static nestor.cpu.arm64.TestGuest.DATA;
import static nestor.cpu.arm64.TestGuest.KERNEL;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("§B2.4.4: decoded instructions follow every way of writing them")
class ModifiedCodeTest {
    private static final int IC_IVAU = A64.sys(3, 7, 5, 1, 1);

    private final TestGuest guest = new TestGuest();

    @AfterEach
    void close() {
        guest.close();
    }

    private void function(long gpa, int value) {
        guest.code(gpa, A64.movz(0, value), A64.RET);
    }

    /** Runs the function at {@code va}, which was mapped flat or is. */
    private long call(long va) {
        guest.cpu.x[30] = TestGuest.VECTORS; // a STOP
        guest.runFrom(va);
        return guest.cpu.x[0];
    }

    private void storeWord(long va, int word) {
        guest.cpu.x[1] = va;
        guest.cpu.x[2] = word;
        guest.run(A64.strWord(2, 1), IC_IVAU, A64.ISB, A64.STOP);
        assertThat(guest.vector()).isEqualTo(-1);
    }

    @Test
    void ownStoreAndInstructionCacheMaintenance() {
        function(DATA, 1);
        assertThat(call(DATA)).isEqualTo(1);
        storeWord(DATA, A64.movz(0, 2));
        assertThat(call(DATA)).isEqualTo(2);
        storeWord(DATA, A64.movz(0, 3)); // again, now that the page was code before
        assertThat(call(DATA)).isEqualTo(3);
    }

    @Test
    void pageThatWasWrittenBeforeItHeldCode() {
        storeWord(DATA + 0x800, 0);
        function(DATA, 1);
        assertThat(call(DATA)).isEqualTo(1);
        storeWord(DATA, A64.movz(0, 2));
        assertThat(call(DATA)).isEqualTo(2);
    }

    @Test
    void storeThroughAnAlias() {
        long alias = 0x1234_5000L;
        guest.mmuOn();
        guest.map(alias, DATA, KERNEL);
        storeWord(alias + 0x800, 0);
        function(DATA, 1);
        assertThat(call(DATA)).isEqualTo(1);
        storeWord(alias, A64.movz(0, 2));
        assertThat(call(DATA)).isEqualTo(2);
    }

    @Test
    void writeByADevice() {
        function(DATA, 1);
        assertThat(call(DATA)).isEqualTo(1);
        function(DATA, 2);
        assertThat(call(DATA)).isEqualTo(2);
    }

    @Test
    void storesBesideTheCodeLeaveItAlone() {
        function(DATA, 1);
        for (int i = 0; i < 100; i++) {
            assertThat(call(DATA)).isEqualTo(1);
            storeWord(DATA + 0x800, i);
            assertThat((int) guest.read(DATA + 0x800)).isEqualTo(i);
        }
    }

    @Test
    void loopThatRewritesItself() {
        // x0 counts; the loop turns its own add into a stop.
        guest.cpu.x[0] = 0;
        guest.cpu.x[1] = CODE;
        guest.cpu.x[2] = A64.STOP;
        guest.run(A64.addImmediate(0, 0, 1), A64.strWord(2, 1), IC_IVAU, A64.ISB, A64.b(-16));
        assertThat(guest.cpu.x[0]).isEqualTo(1);
        assertThat(guest.cpu.pc).isEqualTo(CODE + 4);
    }

    @Test
    void codeFollowsItsMapping() {
        long va = 0x1234_5000L;
        guest.mmuOn();
        function(DATA, 1);
        function(DATA + 0x1000, 2);
        guest.map(va, DATA, KERNEL);
        assertThat(call(va)).isEqualTo(1);
        guest.map(va, DATA + 0x1000, KERNEL);
        guest.cpu.mmu.drop(va, 0);
        assertThat(call(va)).isEqualTo(2);
    }
}
