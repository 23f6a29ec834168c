package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM volume 1 §8.3: x87 functions where the oracle of X87Test is no judge")
class X87FunctionTest {
    private static final int CONDITIONS =
            X87Registers.C0 | X87Registers.C1 | X87Registers.C2 | X87Registers.C3;

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;

    @AfterEach
    void close() {
        guest.close();
    }

    /** Runs instructions with ST(0) and ST(1) loaded, and returns ST(0); the status is in AX. */
    private double of(double st0, double st1, String code) {
        guest.write(TestGuest.DATA, Double.doubleToRawLongBits(st1));
        guest.write(TestGuest.DATA + 8, Double.doubleToRawLongBits(st0));
        cpu.x[X86Cpu.RCX] = TestGuest.DATA;
        guest.run("db e3 dd 01 dd 41 08 " + code + " df e0 dd 51 10 f4");
        return Double.longBitsToDouble(guest.read(TestGuest.DATA + 16));
    }

    private int status() {
        return (int) cpu.x[X86Cpu.RAX] & 0xffff;
    }

    @Test
    @DisplayName("§8.3.8: angles are reduced by a pi of 66 bits, as Intel's processors do")
    void theSineOfPiIsWhatProcessorsSay() {
        assertThat(of(Math.PI, 0, "d9 fe")).isEqualTo(1.2246063538223773e-16);
    }

    @Test
    void theSineOfASmallAngleIsJustBelowIt() {
        assertThat(of(0x1p-200, 0, "d9 fe")).isEqualTo(0x1p-200);
        assertThat(status() & SoftFloat.PRECISION).isNotZero();
        assertThat(status() & X87Registers.C1).isNotZero();
    }

    @Test
    @DisplayName("§8.3.7: an angle of 2^63 or more sets C2 and stays")
    void anAngleOutOfRangeStays() {
        assertThat(of(0x1p63, 0, "d9 ff")).isEqualTo(0x1p63);
        assertThat(status() & X87Registers.C2).isNotZero();
        assertThat(of(0x1p62, 0, "d9 ff")).isBetween(-1.0, 1.0);
        assertThat(status() & X87Registers.C2).isZero();
    }

    @Test
    @DisplayName("2A, FPREM1: the quotient's low bits come out in C0, C3, C1")
    void theNearestQuotientIsTold() {
        assertThat(of(11, 4, "d9 f5")).isEqualTo(-1); // 3 times 4
        assertThat(status() & CONDITIONS).isEqualTo(X87Registers.C3 | X87Registers.C1);
        assertThat(of(10, 4, "d9 f5")).isEqualTo(2); // a tie: 2 times 4
        assertThat(status() & CONDITIONS).isEqualTo(X87Registers.C3);
    }

    @Test
    void logarithmsOfPowersOfTwoAreExact() {
        assertThat(of(0x1p-30, 3, "d9 f1")).isEqualTo(-90);
        assertThat(status() & SoftFloat.PRECISION).isZero();
    }

    @Test
    void theLogarithmOfZeroDividesByZero() {
        assertThat(of(0, 3, "d9 f1")).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(status() & SoftFloat.ZERO_DIVIDE).isNotZero();
    }

    @Test
    void theTangentPushesOne() {
        assertThat(of(0.5, 0, "d9 f2")).isEqualTo(1);
        assertThat(of(0.5, 0, "d9 f2 dd d8")).isEqualTo(Math.tan(0.5));
    }

    @Test
    @DisplayName("§8.5.1.1: FXTRACT on a full stack is a stack fault")
    void aFullStackFaults() {
        of(1, 2, "d9 e8 d9 e8 d9 e8 d9 e8 d9 e8 d9 e8 d9 f4");

        assertThat(status() & (SoftFloat.INVALID | 1 << 6 | X87Registers.C1))
                .isEqualTo(SoftFloat.INVALID | 1 << 6 | X87Registers.C1);
    }
}
