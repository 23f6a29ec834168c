package nestor.vmm.register;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RegisterFileTest {
    private static final Register ID = Register.readOnly("ID", 0x0, 4, 0x1234_5678, "§1");
    private static final Register CONTROL = Register.readWrite("CONTROL", 0x4, 4, 0xff, "§2");
    private static final Register STATUS =
            new Register("STATUS", 0x8, 4, 0b11, 0, 0b11, "§3 write one to clear");
    private static final Register BASE = Register.readWrite("BASE", 0x10, 8, ~0xfffL, "§4");

    private final RegisterFile file = new RegisterFile(0x20, 1, List.of(ID, CONTROL, STATUS, BASE));

    @Test
    void aWriteReachesOnlyTheWritableBits() {
        file.write(0x4, 4, 0xffff_ffffL);
        file.write(0x0, 4, 0);

        assertThat(file.read(0x4, 4)).isEqualTo(0xff);
        assertThat(file.read(0x0, 4)).isEqualTo(0x1234_5678);
    }

    @Test
    void writingOneClearsAndWritingZeroKeeps() {
        file.write(0x8, 4, 0b01);

        assertThat(file.get(STATUS)).isEqualTo(0b10);
    }

    @Test
    void aWideRegisterTakesItsHalvesSeparatelyAndReportsEach() {
        List<Long> seen = new ArrayList<>();
        file.onWrite(BASE, seen::add);

        file.write(0x10, 4, 0x8000_0000L);
        file.write(0x14, 4, 0x1);

        assertThat(seen).containsExactly(0x8000_0000L, 0x1_8000_0000L);
        assertThat(file.read(0x14, 4)).isEqualTo(1);
    }

    @Test
    void anAccessAcrossTwoRegistersTouchesBoth() {
        file.write(0x4, 4, 0xab);

        assertThat(file.read(0x0, 8)).isEqualTo(0x0000_00ab_1234_5678L);
    }

    @Test
    void aReadMayBeComputed() {
        file.onRead(ID, () -> 7);

        assertThat(file.read(0, 1)).isEqualTo(7);
    }

    @Test
    void resetRestoresEveryRegister() {
        file.write(0x4, 4, 1);
        file.write(0x8, 4, 3);

        file.reset();

        assertThat(file.get(CONTROL)).isZero();
        assertThat(file.get(STATUS)).isEqualTo(0b11);
    }

    @Test
    void anOffsetWithoutRegisterReadsZeroAndIgnoresWrites() {
        file.write(0x1c, 4, -1);

        assertThat(file.read(0x1c, 4)).isZero();
        assertThat(file.read(0x400, 8)).isZero();
    }

    @Test
    void overlapMisalignmentAndContradictoryMasksAreRefusedWhenBuilt() {
        Register overlapping = Register.readOnly("X", 0x14, 4, 0, "§5");
        assertThatThrownBy(() -> new RegisterFile(0x20, 1, List.of(BASE, overlapping)))
                .hasMessageContaining("X overlaps");
        assertThatThrownBy(() -> Register.readOnly("Y", 0x2, 4, 0, "§5"))
                .hasMessageContaining("misaligned");
        assertThatThrownBy(() -> new Register("Z", 0, 4, 0, 1, 1, "§5"))
                .hasMessageContaining("both RW and W1C");
    }
}
