package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM volume 3A, chapter 4: paging, and code that changes under the processor")
class PagingTest {
    private static final long GLOBAL = 1 << 8;
    private static final long VA = 0x4000_0000L;
    private static final String LOAD = "48 8b 08"; // MOV RCX, [RAX]
    private static final String STORE = "48 89 08"; // MOV [RAX], RCX
    private static final String INC = "48 ff 00"; // INC QWORD [RAX]

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;

    @AfterEach
    void close() {
        guest.close();
    }

    private void runWithRax(long rax, String hex) {
        cpu.x[X86Cpu.RAX] = rax;
        guest.run(hex + " f4");
    }

    private void expectPageFault(long va, int errorCode) {
        assertThat(guest.vector()).isEqualTo(Vector.PF);
        assertThat(cpu.cr2).isEqualTo(va);
        assertThat(guest.stacked(0)).isEqualTo(errorCode);
    }

    @Test
    @DisplayName("§4.7: not present")
    void nothingMappedFaults() {
        runWithRax(VA + 8, LOAD);
        expectPageFault(VA + 8, 0);

        runWithRax(VA, STORE);
        expectPageFault(VA, Mmu.PF_WRITE);

        runWithRax(VA, INC);
        expectPageFault(VA, Mmu.PF_WRITE);

        guest.toUser();
        runWithRax(VA, LOAD);
        expectPageFault(VA, Mmu.PF_USER);
    }

    @Test
    @DisplayName("§4.6.1: user pages, read-only pages, CR0.WP")
    void rightsAreChecked() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT);
        runWithRax(VA, STORE);
        assertThat(guest.vector()).as("without WP").isEqualTo(-1);

        guest.control(ControlRegister.CR0_WP.mask(), 0);
        runWithRax(VA, STORE);
        expectPageFault(VA, Mmu.PF_PRESENT | Mmu.PF_WRITE);

        guest.toUser();
        runWithRax(VA, LOAD);
        expectPageFault(VA, Mmu.PF_PRESENT | Mmu.PF_USER);
    }

    @Test
    @DisplayName("§4.6.2: execute-disable; SMEP")
    void executionIsChecked() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | TestGuest.NO_EXECUTE);
        runWithRax(VA, "ff e0"); // JMP RAX
        expectPageFault(VA, Mmu.PF_PRESENT | Mmu.PF_FETCH);

        guest.map(VA + 0x1000, TestGuest.DATA, TestGuest.PRESENT | TestGuest.USER);
        guest.control(0, ControlRegister.CR4_SMEP.mask());
        runWithRax(VA + 0x1000, "ff e0");
        expectPageFault(VA + 0x1000, Mmu.PF_PRESENT | Mmu.PF_FETCH);
    }

    @Test
    @DisplayName("§4.6.1: SMAP, and RFLAGS.AC against it; no write is marked that did not happen")
    void userPagesAreBarredWithSmap() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | TestGuest.WRITABLE | TestGuest.USER);
        guest.control(0, ControlRegister.CR4_SMAP.mask());

        runWithRax(VA, STORE);
        expectPageFault(VA, Mmu.PF_PRESENT | Mmu.PF_WRITE);
        assertThat(guest.read(guest.entry(VA)) & TestGuest.DIRTY).isZero();

        cpu.x[X86Cpu.RCX] = 77;
        runWithRax(VA, "0f 01 cb " + STORE); // STAC
        assertThat(guest.vector()).isEqualTo(-1);
        assertThat(guest.read(TestGuest.DATA)).isEqualTo(77);

        runWithRax(VA, "0f 01 ca " + LOAD); // CLAC
        expectPageFault(VA, Mmu.PF_PRESENT);
    }

    @Test
    @DisplayName("§4.8: accessed and dirty")
    void accessesAreMarked() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | TestGuest.WRITABLE);

        runWithRax(VA, LOAD);
        assertThat(guest.read(guest.entry(VA)) & (TestGuest.ACCESSED | TestGuest.DIRTY))
                .isEqualTo(TestGuest.ACCESSED);

        runWithRax(VA, STORE);
        assertThat(guest.read(guest.entry(VA)) & TestGuest.DIRTY).isNotZero();
    }

    @Test
    @DisplayName("§4.7: a reserved bit")
    void reservedBitsFault() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | 1L << 45);

        runWithRax(VA, LOAD);

        expectPageFault(VA, Mmu.PF_PRESENT | Mmu.PF_RESERVED);
    }

    @Test
    @DisplayName("§4.10.4: INVLPG and MOV to CR3 forget; a global page stays over MOV to CR3")
    void invalidationForgets() {
        guest.write(TestGuest.DATA, 1);
        guest.write(TestGuest.DATA + 0x1000, 2);
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT);
        runWithRax(VA, LOAD);
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(1);

        guest.map(VA, TestGuest.DATA + 0x1000, TestGuest.PRESENT);
        runWithRax(VA, "0f 01 38 " + LOAD); // INVLPG [RAX]
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(2);

        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT);
        runWithRax(VA, "0f 20 da 0f 22 da " + LOAD); // MOV RDX, CR3; MOV CR3, RDX
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(1);
    }

    @Test
    @DisplayName("§4.10.4.1: a changed CR4.PGE forgets global pages, too")
    void aChangeOfPgeForgetsGlobalPages() {
        guest.write(TestGuest.DATA, 1);
        guest.write(TestGuest.DATA + 0x1000, 2);
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | GLOBAL);
        runWithRax(VA, LOAD);
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(1);

        guest.map(VA, TestGuest.DATA + 0x1000, TestGuest.PRESENT | GLOBAL);
        // MOV RDX, CR4; BTC EDX, 7; MOV CR4, RDX; BTC EDX, 7; MOV CR4, RDX
        runWithRax(VA, "0f 20 e2 0f ba fa 07 0f 22 e2 0f ba fa 07 0f 22 e2 " + LOAD);
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(2);
    }

    @Test
    @DisplayName("§8.1.3: a store to the next instruction is seen by it")
    void codeMayModifyItself() {
        // MOV BYTE [RIP+1], 7; MOV AL, 1; HLT
        guest.run("c6 05 01 00 00 00 07 b0 01 f4");
        assertThat(cpu.x[X86Cpu.RAX] & 0xff).isEqualTo(7);

        guest.code(TestGuest.CODE + 8, "09");
        guest.runFrom(TestGuest.CODE + 7);
        assertThat(cpu.x[X86Cpu.RAX] & 0xff).as("written by a device").isEqualTo(9);
    }

    @Test
    void codeIsModifiedThroughAnotherMapping() {
        guest.map(VA, TestGuest.CODE, TestGuest.PRESENT | TestGuest.WRITABLE);
        cpu.x[X86Cpu.RCX] = 5;

        // MOV [RAX+4], CL; MOV BL, 1; HLT: the immediate is the fifth byte
        runWithRax(VA, "88 48 04 b3 01");

        assertThat(cpu.x[X86Cpu.RBX] & 0xff).isEqualTo(5);
    }

    @Test
    @DisplayName("an instruction over two pages faults with the second page's address")
    void anInstructionMayCrossPages() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT);
        guest.code(TestGuest.DATA + 0xffe, "48 c7");
        runWithRax(VA + 0xffe, "ff e0");
        expectPageFault(VA + 0x1000, Mmu.PF_FETCH);
        assertThat(guest.stacked(1)).isEqualTo(VA + 0xffe);

        guest.map(VA + 0x1000, TestGuest.DATA + 0x2000, TestGuest.PRESENT);
        guest.code(TestGuest.DATA + 0x2000, "c1 78 56 34 12 f4"); // …MOV RCX, imm; HLT
        runWithRax(VA + 0xffe, "ff e0");
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(0x1234_5678);

        guest.code(TestGuest.DATA + 0x2000, "c1 01 00 00 00 f4");
        runWithRax(VA + 0xffe, "ff e0");
        assertThat(cpu.x[X86Cpu.RCX]).as("its second part changed").isEqualTo(1);

        cpu.x[X86Cpu.RCX] = 0;
        runWithRax(VA + 0xffe, "ff e0");
        assertThat(cpu.x[X86Cpu.RCX]).as("nothing changed").isEqualTo(1);

        guest.code(TestGuest.DATA + 0xffe, "49 c7"); // …MOV R9, imm
        runWithRax(VA + 0xffe, "ff e0");
        assertThat(cpu.x[9]).as("its first part changed").isEqualTo(1);

        guest.map(VA + 0x1000, TestGuest.DATA + 0x3000, TestGuest.PRESENT);
        guest.code(TestGuest.DATA + 0x3000, "c1 02 00 00 00 f4");
        runWithRax(VA + 0xffe, "0f 01 bb 00 10 00 40 ff e0"); // INVLPG [RBX + VA + 1000h]
        assertThat(cpu.x[9]).as("its second page changed").isEqualTo(2);

        guest.map(VA + 0x1000, 0, 0);
        runWithRax(VA + 0xffe, "0f 01 bb 00 10 00 40 ff e0");
        expectPageFault(VA + 0x1000, Mmu.PF_FETCH);
        assertThat(guest.stacked(1)).isEqualTo(VA + 0xffe);
    }

    @Test
    void anAccessOverTwoPagesMovesNothingIfOneFaults() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | TestGuest.WRITABLE);
        guest.write(TestGuest.DATA + 0xff8, 0x1122);
        cpu.x[X86Cpu.RCX] = -1;

        runWithRax(VA + 0xffc, STORE);

        expectPageFault(VA + 0x1000, Mmu.PF_WRITE);
        assertThat(guest.read(TestGuest.DATA + 0xff8)).isEqualTo(0x1122);
    }

    @Test
    @DisplayName("1 §7.3.9: a repeated string instruction faults with what is done done")
    void aRepetitionFaultsInTheMiddle() {
        guest.map(VA, TestGuest.DATA, TestGuest.PRESENT | TestGuest.WRITABLE);
        cpu.x[X86Cpu.RDI] = VA + 0xff0;
        cpu.x[X86Cpu.RCX] = 100;

        runWithRax(0x5a, "f3 aa"); // REP STOSB

        expectPageFault(VA + 0x1000, Mmu.PF_WRITE);
        assertThat(cpu.x[X86Cpu.RDI]).isEqualTo(VA + 0x1000);
        assertThat(cpu.x[X86Cpu.RCX]).isEqualTo(84);
        assertThat(guest.read(TestGuest.DATA + 0xff8)).isEqualTo(0x5a5a_5a5a_5a5a_5a5aL);
    }
}
