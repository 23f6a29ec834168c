package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM 3A chapter 13, volume 1 §10.5: state of x87 and SSE, and what forbids its use")
class FloatStateTest {
    private static final String ADDPS = "0f 58 c1 f4";
    private static final String FLD1 = "d9 e8 f4";

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;

    FloatStateTest() {
        guest.control(0, ControlRegister.CR4_OSFXSR.mask() | ControlRegister.CR4_OSXMMEXCPT.mask());
    }

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    @DisplayName("§2.5: CR0.TS is #NM, of SSE and of x87")
    void aTaskSwitchIsNoticed() {
        guest.control(ControlRegister.CR0_TS.mask(), 0);

        guest.run(ADDPS);
        assertThat(guest.vector()).isEqualTo(Vector.NM);
        guest.run(FLD1);
        assertThat(guest.vector()).isEqualTo(Vector.NM);
    }

    @Test
    @DisplayName("§2.5: CR0.EM is #UD of SSE, #NM of x87")
    void emulationIsNoticed() {
        guest.control(ControlRegister.CR0_EM.mask(), 0);

        guest.run(ADDPS);
        assertThat(guest.vector()).isEqualTo(Vector.UD);
        guest.run(FLD1);
        assertThat(guest.vector()).isEqualTo(Vector.NM);
    }

    @Test
    void withoutOsfxsrSseIsUndefined() {
        cpu.cr4 = ControlRegister.CR4_OSFXSR.clear(cpu.cr4);

        guest.run(ADDPS);

        assertThat(guest.vector()).isEqualTo(Vector.UD);
    }

    @Test
    @DisplayName("1 §11.4.1: MOVAPS wants 16 bytes aligned")
    void aMisalignedOperandFaults() {
        cpu.x[X86Cpu.RCX] = TestGuest.DATA + 8;

        guest.run("0f 28 01 f4");

        assertThat(guest.vector()).isEqualTo(Vector.GP);
    }

    @Test
    @DisplayName("1 §11.5: an exception that is not masked changes flags, not the destination")
    void aDivisionByZeroThatIsNotMaskedFaults() {
        cpu.mxcsr &= ~(SoftFloat.ZERO_DIVIDE << 7);
        cpu.vector[0] = Double.doubleToRawLongBits(3);
        cpu.vector[2] = 0;

        guest.run("f2 0f 5e c1 f4"); // DIVSD XMM0, XMM1

        assertThat(guest.vector()).isEqualTo(Vector.XM);
        assertThat(cpu.vector[0]).isEqualTo(Double.doubleToRawLongBits(3));
        assertThat(cpu.mxcsr & 0x3f).isEqualTo(SoftFloat.ZERO_DIVIDE);
    }

    @Test
    @DisplayName("1 §8.7: an x87 exception comes with the next waiting instruction")
    void anX87ExceptionIsDeferred() {
        guest.run("db e3 d9 2d 02 00 00 00 eb 02 7b 03 d9 e8 d9 ee de f9 90 9b f4");

        assertThat(guest.vector()).isEqualTo(Vector.MF);
        assertThat(guest.stacked(0)).isEqualTo(TestGuest.CODE + 19);
        assertThat(cpu.x87.statusWord() & X87.PENDING).isEqualTo(X87.PENDING);
    }

    @Test
    @DisplayName("1 §10.5.3: FXRSTOR of reserved MXCSR bits is #GP and changes nothing")
    void aReservedBitOfMxcsrFaults() {
        guest.write(TestGuest.DATA + FxState.MXCSR_OFFSET, 1 << 16);
        cpu.x[X86Cpu.RCX] = TestGuest.DATA;
        cpu.vector[0] = 5;

        guest.run("48 0f ae 09 f4");

        assertThat(guest.vector()).isEqualTo(Vector.GP);
        assertThat(cpu.vector[0]).isEqualTo(5);
        assertThat(cpu.x87.control).isEqualTo(X87.CONTROL_RESET);
    }

    @Test
    void fxrstorLoadsWhatFxsaveStored() {
        cpu.x[X86Cpu.RCX] = TestGuest.DATA;
        for (int i = 0; i < 32; i++) {
            cpu.vector[i] = 0x1111L * i;
        }
        cpu.mxcsr = 0x7fa1;
        guest.run("db e3 d9 eb d9 e8 48 0f ae 01 f4"); // FLDPI, FLD1, FXSAVE64
        long st0 = guest.read(TestGuest.DATA + 32);
        cpu.reset();
        TestGuest other = new TestGuest();
        try (other) {
            for (int i = 0; i < 512; i += 8) {
                other.write(TestGuest.DATA + i, guest.read(TestGuest.DATA + i));
            }
            other.cpu.x[X86Cpu.RCX] = TestGuest.DATA;
            other.run("48 0f ae 09 f4");

            assertThat(st0).isEqualTo(FloatNumber.INTEGER_BIT);
            assertThat(other.cpu.vector[31]).isEqualTo(0x1111L * 31);
            assertThat(other.cpu.mxcsr).isEqualTo(0x7fa1);
            assertThat(other.cpu.x87.top).isEqualTo(6);
            assertThat(other.cpu.x87.valid()).isEqualTo(0xc0);
            assertThat(X87Registers.signExponent(other.cpu, 1)).isEqualTo(0x4000);
        }
    }
}
