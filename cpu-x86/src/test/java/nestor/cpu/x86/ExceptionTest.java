package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM volume 3A, chapter 6: exceptions and interrupts in long mode")
class ExceptionTest {
    private static final int RIP = 0;
    private static final int CS = 1;
    private static final int RFLAGS = 2;
    private static final int RSP = 3;
    private static final int SS = 4;

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    @DisplayName("§6.14.2: the frame is pushed on an aligned stack")
    void aFaultPushesWhereItWas() {
        cpu.x[X86Cpu.RSP] = TestGuest.STACK - 5;

        guest.run("31 c9 90 f7 f1"); // XOR ECX, ECX; NOP; DIV ECX

        assertThat(guest.vector()).isEqualTo(Vector.DE);
        assertThat(cpu.x[X86Cpu.RSP]).isEqualTo(TestGuest.STACK - 16 - 40);
        assertThat(guest.stacked(RIP)).isEqualTo(TestGuest.CODE + 3);
        assertThat(guest.stacked(CS)).isEqualTo(TestGuest.KERNEL_CS);
        assertThat(guest.stacked(RFLAGS) & ~Flags.RF).isEqualTo(0x46); // ZF, PF
        assertThat(guest.stacked(RSP)).isEqualTo(TestGuest.STACK - 5);
        assertThat(guest.stacked(SS)).isZero();
    }

    @Test
    @DisplayName("2A, INT3: a trap, behind itself")
    void aBreakpointPushesTheNextInstruction() {
        guest.run("90 cc");

        assertThat(guest.vector()).isEqualTo(Vector.BP);
        assertThat(guest.stacked(RIP)).isEqualTo(TestGuest.CODE + 2);
    }

    @Test
    void undefinedOpcodesFault() {
        guest.run("0f 0b");

        assertThat(guest.vector()).isEqualTo(Vector.UD);
    }

    @Test
    @DisplayName("1 §3.3.7.1: #GP(0), or #SS(0) through the stack")
    void nonCanonicalAddressesFaultByTheirSegment() {
        cpu.x[X86Cpu.RAX] = 1L << 60;
        guest.run("48 8b 08"); // MOV RCX, [RAX]
        assertThat(guest.vector()).isEqualTo(Vector.GP);
        assertThat(guest.stacked(0)).isZero();

        cpu.x[X86Cpu.RSP] = TestGuest.STACK;
        guest.gate(Vector.SS, 0, 1);
        guest.run("48 bc 00 00 00 00 00 00 00 10 50"); // MOV RSP, 1<<60; PUSH RAX
        assertThat(guest.vector()).isEqualTo(Vector.SS);
        assertThat(guest.stacked(1)).isEqualTo(TestGuest.CODE + 10);
    }

    @Test
    @DisplayName("§6.12.1.1, §6.14.5: INT n from level 3 takes RSP0, or the IST's stack")
    void anInterruptChangesTheStackWithTheLevel() {
        guest.gate(0x80, 3, 0);
        guest.toUser();

        guest.run("cd 80");

        assertThat(guest.vector()).isEqualTo(0x80);
        assertThat(cpu.cpl).isZero();
        assertThat(cpu.x[X86Cpu.RSP]).isEqualTo(TestGuest.TSS_STACK - 40);
        assertThat(guest.stacked(CS)).isEqualTo(TestGuest.USER_CS);
        assertThat(guest.stacked(SS)).isEqualTo(TestGuest.USER_SS);
        assertThat(guest.stacked(RSP)).isEqualTo(TestGuest.USER_STACK);
        assertThat(cpu.segments.get(Segment.SS).selector()).isZero();

        guest.gate(0x80, 3, 1);
        guest.toUser();
        guest.run("cd 80");
        assertThat(cpu.x[X86Cpu.RSP]).isEqualTo(TestGuest.IST1_STACK - 40);
    }

    @Test
    @DisplayName("§6.12.1.2: a gate of level 0 is not for INT n of level 3")
    void aGateHasALevel() {
        guest.toUser();

        guest.run("cd 21");

        assertThat(guest.vector()).isEqualTo(Vector.GP);
        assertThat(guest.stacked(0)).isEqualTo(0x21 * 8 + 2);
        assertThat(guest.stacked(1)).isEqualTo(TestGuest.CODE);
    }

    @Test
    void iretReturnsToWhereItCameFrom() {
        guest.gate(0x80, 3, 0);
        guest.code(TestGuest.HANDLERS + 16 * 0x80, "48 cf"); // IRETQ
        guest.toUser();

        guest.run("f9 cd 80 0f 0b"); // STC; INT 80h; UD2

        assertThat(guest.vector()).isEqualTo(Vector.UD);
        assertThat(guest.stacked(RIP)).isEqualTo(TestGuest.CODE + 3);
        assertThat(guest.stacked(CS)).isEqualTo(TestGuest.USER_CS);
        assertThat(guest.stacked(RSP)).isEqualTo(TestGuest.USER_STACK);
        assertThat(guest.stacked(RFLAGS) & Flags.CF).isEqualTo(1);
    }

    @Test
    @DisplayName("§5.8.8: SYSCALL and SYSRET")
    void aSystemCallGoesThereAndBack() {
        cpu.msrs.write(0xc000_0081, 0x0018_0008L << 32);
        cpu.msrs.write(0xc000_0082, TestGuest.DATA);
        cpu.msrs.write(0xc000_0084, Flags.IF | Flags.CF);
        guest.code(TestGuest.DATA, "48 0f 07"); // SYSRETQ
        guest.toUser();
        cpu.otherFlags |= Flags.IF;

        guest.run("f9 0f 05 0f 0b"); // STC; SYSCALL; UD2

        assertThat(guest.vector()).isEqualTo(Vector.UD);
        assertThat(guest.stacked(RIP)).isEqualTo(TestGuest.CODE + 3);
        assertThat(guest.stacked(CS)).isEqualTo(TestGuest.USER_CS);
        assertThat(guest.stacked(SS)).isEqualTo(TestGuest.USER_SS);
        assertThat(guest.stacked(RFLAGS) & (Flags.IF | Flags.CF)).isEqualTo(Flags.IF | Flags.CF);
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(TestGuest.CODE + 3);
    }

    @Test
    @DisplayName("§6.15, interrupt 8: a fault while a page fault is delivered")
    void aFaultInDeliveryIsADoubleFault() {
        guest.gate(Vector.DF, 0, 1);
        cpu.x[X86Cpu.RSP] = 0x7000_0000;

        guest.run("50"); // PUSH RAX

        assertThat(guest.vector()).isEqualTo(Vector.DF);
        assertThat(guest.stacked(0)).isZero();
        assertThat(guest.stacked(1)).isEqualTo(TestGuest.CODE);
    }

    @Test
    void aFaultInADoubleFaultIsAShutdown() {
        cpu.segments.idtLimit = 0;

        guest.run("0f 0b");

        assertThat(cpu.shutdown).isTrue();
    }

    @Test
    @DisplayName("§17.3.1.4: RFLAGS.TF traps behind the next instruction")
    void singleStepTrapsAfterOneInstruction() {
        cpu.otherFlags |= Flags.TF;

        guest.run("ff c0 ff c0 ff c0"); // INC EAX, three times

        assertThat(guest.vector()).isEqualTo(Vector.DB);
        assertThat(cpu.x[X86Cpu.RAX]).isEqualTo(1);
        assertThat(guest.stacked(RIP)).isEqualTo(TestGuest.CODE + 2);
        assertThat(guest.stacked(RFLAGS) & Flags.TF).isNotZero();
        assertThat(cpu.dr6).isEqualTo(1 << 14);
    }

    @Test
    void privilegedInstructionsFaultAtLevelThree() {
        for (String instruction :
                new String[] {"f4", "fa", "0f 30", "0f 22 d8", "0f 01 f8", "e4 80", "0f 06"}) {
            guest.toUser();

            guest.run(instruction);

            assertThat(guest.vector()).as(instruction).isEqualTo(Vector.GP);
            assertThat(guest.stacked(0)).as(instruction).isZero();
        }
    }

    @Test
    @DisplayName("§2.5: what may not be written to CR0, CR3, CR4 and EFER is #GP(0)")
    void reservedControlBitsFault() {
        long[][] wrong = {
            {0x22c0, 0x2000_0033L}, // CR0: NW without CD
            {0x22c0, 0x33L}, // CR0: paging off in 64-bit mode
            {0x22d8, 1L << 50}, // CR3 beyond MAXPHYADDR
            {0x22e0, 1L << 63}, // CR4
            {0x22e0, 0}, // CR4: PAE off in long mode
        };
        for (long[] move : wrong) {
            cpu.x[X86Cpu.RAX] = move[1];
            cpu.x[X86Cpu.RSP] = TestGuest.STACK;

            guest.run("0f %x %x".formatted(move[0] >> 8, move[0] & 0xff));

            assertThat(guest.vector()).as("%x to %x", move[1], move[0]).isEqualTo(Vector.GP);
        }
    }

    @Test
    @DisplayName("volume 4, IA32_SPEC_CTRL: IBRS holds what is written, other bits are #GP(0)")
    void indirectBranchRestrictionCanBeSet() {
        cpu.x[X86Cpu.RCX] = 0x48;
        cpu.x[X86Cpu.RAX] = 1;
        cpu.x[X86Cpu.RDX] = 0;
        guest.run("0f 30 31 c0 0f 32 f4"); // WRMSR; XOR EAX, EAX; RDMSR; HLT
        assertThat(cpu.x[X86Cpu.RAX]).isEqualTo(1);

        cpu.x[X86Cpu.RAX] = 1 << 1;
        cpu.x[X86Cpu.RSP] = TestGuest.STACK;
        guest.run("0f 30"); // WRMSR
        assertThat(guest.vector()).isEqualTo(Vector.GP);
    }

    @Test
    @DisplayName("volume 4, IA32_FEATURE_CONTROL: locked, so that software leaves it alone")
    void featureControlIsLocked() {
        cpu.x[X86Cpu.RCX] = 0x3a;
        cpu.x[X86Cpu.RDX] = -1;

        guest.run("0f 32 f4"); // RDMSR; HLT

        assertThat(cpu.x[X86Cpu.RAX]).isEqualTo(1);
        assertThat(cpu.x[X86Cpu.RDX]).isZero();
    }

    @Test
    @DisplayName("volume 4, IA32_ARCH_CAPABILITIES: nothing needs software's help, ITS included")
    void everyImmunityIsEnumerated() {
        cpu.x[X86Cpu.RCX] = 0x10a;

        guest.run("0f 32 f4"); // RDMSR; HLT

        long immunities = 0; // SSB_NO, MDS_NO, TAA_NO, SBDR_SSDP_NO .. PSDP_NO, BHI_NO ..
        for (int bit : new int[] {0, 3, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 27}) {
            immunities |= 1L << bit;
        }
        assertThat(cpu.x[X86Cpu.RAX] & immunities).isEqualTo(immunities);
        assertThat(cpu.x[X86Cpu.RDX]).as("ITS_NO, bit 62").isEqualTo(1 << 30);
    }

    @Test
    void unknownMsrsFault() {
        cpu.x[X86Cpu.RCX] = 0x1234;

        guest.run("0f 32");

        assertThat(guest.vector()).isEqualTo(Vector.GP);
    }

    @Test
    @DisplayName("2B, STI: the next instruction comes before any interrupt")
    void stiInhibitsForOneInstruction() {
        guest.run("fb 90 f4"); // STI; NOP; HLT

        cpu.x[X86Cpu.RIP] = TestGuest.CODE + 1;
        assertThat(cpu.takeInhibition()).isTrue();
        assertThat(cpu.takeInhibition()).isFalse();
    }

    @Test
    @DisplayName("2A, HLT and §6.14: an interrupt resumes behind HLT")
    void anInterruptEndsAHalt() {
        guest.run("fb f4 0f 0b"); // STI; HLT; UD2
        assertThat(cpu.halted).isTrue();

        guest.interrupt(0x40);
        guest.resume();

        assertThat(guest.vector()).isEqualTo(0x40);
        assertThat(guest.stacked(RIP)).isEqualTo(TestGuest.CODE + 2);
        assertThat(cpu.otherFlags & Flags.IF).isZero();
    }
}
