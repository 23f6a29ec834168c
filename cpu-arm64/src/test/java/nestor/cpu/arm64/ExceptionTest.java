package nestor.cpu.arm64;

import static nestor.cpu.arm64.SystemRegister.encoding;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ExceptionTest {
    private static final int CNTVCT = encoding(3, 3, 14, 0, 2);
    private static final int ID_AA64PFR0 = encoding(3, 0, 0, 4, 0);
    private static final long EL0_MASKED = 0x3c0;

    private final TestGuest guest = new TestGuest();

    @AfterEach
    void close() {
        guest.close();
    }

    private void runAtEl0(int... words) {
        guest.mmuOn();
        guest.toUser();
        guest.run(words);
    }

    @Test
    @DisplayName(
            "§D1.3.3: SVC from EL0 returns behind itself, with everything masked on the way in")
    void supervisorCallFromEl0() {
        guest.cpu.system[Slot.SCTLR] &= ~(1L << 23); // SPAN
        guest.cpu.nzcv = 0b0101;
        guest.cpu.daif = 0;

        runAtEl0(A64.NOP, A64.svc(0x1234));

        assertThat(guest.vector()).isEqualTo(TestGuest.LOWER_SYNC);
        assertThat(guest.esr()).isEqualTo(0x5600_1234L);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.CODE + 8);
        assertThat(guest.cpu.system[Slot.SPSR]).isEqualTo(0x5000_0000L);
        assertThat(guest.cpu.el).isEqualTo(1);
        assertThat(guest.cpu.spSel).isTrue();
        assertThat(guest.cpu.daif).isEqualTo(0xf);
        assertThat(guest.cpu.pan).describedAs("SCTLR_EL1.SPAN is 0").isTrue();
    }

    @Test
    @DisplayName("§D1.3.1: the stack pointers of EL0 and EL1 are banked")
    void stackPointersAreBanked() {
        guest.cpu.x[Arm64Cpu.SP] = 0x1111;
        guest.cpu.system[Slot.SP_EL0] = 0x2222;
        guest.cpu.system[Slot.ELR] = TestGuest.CODE + 4;
        guest.cpu.system[Slot.SPSR] = 0;
        guest.mmuOn();
        guest.map(TestGuest.CODE, TestGuest.CODE, TestGuest.USER | TestGuest.READ_ONLY);

        guest.run(A64.ERET, A64.addImmediate(1, 31, 0), A64.svc(0));

        assertThat(guest.cpu.x[1]).isEqualTo(0x2222);
        assertThat(guest.cpu.x[Arm64Cpu.SP]).isEqualTo(0x1111);
        assertThat(guest.cpu.system[Slot.SP_EL0]).isEqualTo(0x2222);
    }

    @Test
    @DisplayName("§D17.2.37: BRK reports its immediate and its own address")
    void breakpoint() {
        guest.run(A64.NOP, A64.brk(0x800));

        assertThat(guest.vector()).isEqualTo(TestGuest.CURRENT_SYNC);
        assertThat(guest.esr()).isEqualTo(0xf200_0800L);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.CODE + 4);
    }

    @Test
    @DisplayName("§D17.2.37: an ID register read at EL0 is of Unknown reason, which Linux emulates")
    void idRegisterAtEl0IsUndefined() {
        runAtEl0(A64.mrs(0, ID_AA64PFR0));

        assertThat(guest.esr()).isEqualTo(0x0200_0000L);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.CODE);
        assertThat(guest.cpu.system[Slot.SPSR]).isEqualTo(EL0_MASKED);
    }

    @Test
    @DisplayName("§D17.2.37: an unknown system register is UNDEFINED at EL1 too")
    void unknownRegisterIsUndefined() {
        guest.run(A64.mrs(0, encoding(3, 0, 11, 3, 5)));

        assertThat(guest.vector()).isEqualTo(TestGuest.CURRENT_SYNC);
        assertThat(guest.esr()).isEqualTo(0x0200_0000L);
    }

    @Test
    @DisplayName("§D17.11.8: CNTVCT_EL0 at EL0 traps until CNTKCTL_EL1.EL0VCTEN, with its operands")
    void counterAtEl0() {
        runAtEl0(A64.mrs(3, CNTVCT), A64.svc(0));
        assertThat(guest.esr()).isEqualTo(0x6200_0000L | iss(3));

        guest.clock.advance(77);
        guest.cpu.system[Slot.CNTKCTL] = 2;
        guest.enter(0);
        guest.runFrom(TestGuest.CODE);
        assertThat(guest.esr()).describedAs("SVC").isEqualTo(0x5600_0000L);
        assertThat(guest.cpu.x[3]).isEqualTo(77);
    }

    /** ISS of MRS Xt, CNTVCT_EL0: Op0 3, Op2 2, Op1 3, CRn 14, CRm 0, read. */
    private static int iss(int t) {
        return 3 << 20 | 2 << 17 | 3 << 14 | 14 << 10 | t << 5 | 1;
    }

    @Test
    @DisplayName("§D1.4.4.1: a return to a mode that does not exist sets IL, and nothing else runs")
    void illegalReturn() {
        guest.cpu.system[Slot.ELR] = TestGuest.DATA;
        guest.cpu.system[Slot.SPSR] = 0b01001; // EL2h

        guest.run(A64.ERET);

        assertThat(guest.esr()).isEqualTo(0x3a00_0000L);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.DATA);
        assertThat(guest.cpu.system[Slot.SPSR]).isEqualTo(0x0010_0005L);
        assertThat(guest.cpu.el).isEqualTo(1);
    }

    @Test
    @DisplayName("§D1.3.4.2: a branch to a misaligned address is a PC alignment fault there")
    void misalignedProgramCounter() {
        guest.cpu.x[5] = TestGuest.DATA + 2;

        guest.run(A64.br(5));

        assertThat(guest.esr()).isEqualTo(0x8a00_0000L);
        assertThat(guest.far()).isEqualTo(TestGuest.DATA + 2);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.DATA + 2);
    }

    @Test
    @DisplayName(
            "§D1.3.6.6: CPACR_EL1.FPEN traps an FP instruction, precisely, and lets it pass after")
    void fpAccessTrap() {
        guest.cpu.system[Slot.CPACR] = 0;
        guest.cpu.x[0] = 42;
        guest.run(A64.movz(1, 7), A64.FMOV_D0_X0, A64.STOP);
        assertThat(guest.esr()).isEqualTo(0x1fe0_0000L);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.CODE + 4);
        assertThat(guest.cpu.x[1]).isEqualTo(7);
        assertThat(guest.cpu.v[0]).isZero();

        guest.cpu.x[2] = SystemRegisters.FPEN.mask();
        guest.code(TestGuest.DATA, A64.msr(encoding(3, 0, 1, 0, 2), 2), A64.STOP);
        guest.runFrom(TestGuest.DATA);
        guest.runFrom(TestGuest.CODE);
        assertThat(guest.vector()).isEqualTo(-1);
        assertThat(guest.cpu.v[0]).isEqualTo(42);
    }

    @Test
    @DisplayName("§D1.6: WFI at EL0 traps unless SCTLR_EL1.nTWI")
    void waitAtEl0Traps() {
        runAtEl0(A64.WFI, A64.svc(0));

        assertThat(guest.esr()).isEqualTo(0x07e0_0000L);
        assertThat(guest.cpu.waiting).isFalse();
    }

    @Test
    @DisplayName("§D1.3.5.5: an interrupt that is pending is taken right behind the unmasking")
    void unmaskingLooksAtInterrupts() {
        guest.cpu.irqAsserted = true;
        guest.code(TestGuest.CODE, A64.daifClear(2), A64.b(0));

        guest.cpu.pc = TestGuest.CODE;
        guest.cpu.beginSlice(1000);
        new Interpreter(guest.cpu).run();

        assertThat(guest.cpu.pc).isEqualTo(TestGuest.CODE + 4);
        assertThat(guest.cpu.executed()).isEqualTo(1);
    }
}
