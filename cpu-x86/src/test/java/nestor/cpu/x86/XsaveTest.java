package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.mmio.MmioRegion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM volume 1 chapter 13, 2A ENQCMD: XSAVE, PASID state, and enqueue stores")
class XsaveTest {
    private static final long PORTAL = 0xf000_0000L;
    private static final int XSS = 0xda0;
    private static final int PASID = 0xd93;
    private static final String XSAVES = "48 0f c7 29 f4"; // [RCX]
    private static final String XRSTORS = "48 0f c7 19 f4";
    private static final String ENQCMD = "f2 0f 38 f8 19 f4"; // RBX, [RCX]
    private static final String ENQCMDS = "f3 0f 38 f8 19 f4";

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;
    private final List<long[]> commands = new ArrayList<>();
    private boolean accepts = true;

    XsaveTest() {
        guest.control(0, ControlRegister.CR4_OSFXSR.mask() | ControlRegister.CR4_OSXSAVE.mask());
        cpu.msrs.xcr0 = XsaveState.USER;
        cpu.msrs.write(XSS, XsaveState.PASID_BIT);
        guest.mmio.map(
                PORTAL,
                0x1000,
                new MmioRegion() {
                    @Override
                    public long read(long offset, int sizeBytes) {
                        return 0;
                    }

                    @Override
                    public void write(long offset, int sizeBytes, long value) {
                        throw new AssertionError("a command came in parts");
                    }

                    @Override
                    public boolean writeDeferrable(long offset, long[] block) {
                        commands.add(block.clone());
                        return accepts;
                    }
                });
        guest.map(PORTAL, PORTAL, TestGuest.PRESENT | TestGuest.WRITABLE);
        cpu.x[X86Cpu.RCX] = TestGuest.DATA;
        cpu.x[X86Cpu.RBX] = PORTAL + 64;
        cpu.x[X86Cpu.RAX] = -1;
        cpu.x[X86Cpu.RDX] = -1;
    }

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void xrstorsLoadsWhatXsavesStored() {
        cpu.msrs.write(PASID, 0x8000_1234L);
        cpu.vector[3] = 77;
        guest.run(XSAVES);
        cpu.msrs.write(PASID, 0);
        cpu.vector[3] = 0;

        guest.run(XRSTORS);

        assertThat(guest.vector()).isEqualTo(-1);
        assertThat(cpu.msrs.pasid).isEqualTo(0x8000_1234L);
        assertThat(cpu.vector[3]).isEqualTo(77);
        assertThat(guest.read(TestGuest.DATA + 512)).isEqualTo(0x403);
        assertThat(guest.read(TestGuest.DATA + 520)).isEqualTo(Long.MIN_VALUE | 0x403);
    }

    @Test
    @DisplayName("1 §13.12: what is not in XSTATE_BV goes to its initial state")
    void aComponentThatIsNotThereIsInitialized() {
        cpu.msrs.write(PASID, 0x8000_1234L);
        cpu.vector[3] = 77;
        cpu.mxcsr = 0x7f80;
        guest.write(TestGuest.DATA + 520, Long.MIN_VALUE | 0x403);

        guest.run(XRSTORS);

        assertThat(cpu.msrs.pasid).isZero();
        assertThat(cpu.vector[3]).isZero();
        assertThat(cpu.mxcsr).isEqualTo(FxState.MXCSR_RESET);
    }

    @Test
    void aHeaderWithAnUnknownComponentFaults() {
        guest.write(TestGuest.DATA + 512, 1 << 2);
        guest.write(TestGuest.DATA + 520, Long.MIN_VALUE | 0x407);

        guest.run(XRSTORS);

        assertThat(guest.vector()).isEqualTo(Vector.GP);
    }

    @Test
    void xsaveAndXrstorLeaveSupervisorStateAlone() {
        cpu.msrs.write(PASID, 0x8000_1234L);
        cpu.vector[3] = 77;
        guest.run("48 0f ae 21 f4"); // XSAVE64 [RCX]
        cpu.vector[3] = 0;
        guest.run("48 0f ae 29 f4"); // XRSTOR64 [RCX]

        assertThat(guest.read(TestGuest.DATA + 512)).isEqualTo(3);
        assertThat(cpu.vector[3]).isEqualTo(77);
        assertThat(cpu.msrs.pasid).isEqualTo(0x8000_1234L);
    }

    @Test
    @DisplayName("2D, XSETBV: x87 state cannot be disabled")
    void xsetbvChecksItsValue() {
        cpu.x[X86Cpu.RCX] = 0;
        cpu.x[X86Cpu.RDX] = 0;
        cpu.x[X86Cpu.RAX] = XsaveState.SSE_BIT;

        guest.run("0f 01 d1 f4");

        assertThat(guest.vector()).isEqualTo(Vector.GP);
        assertThat(cpu.msrs.xcr0).isEqualTo(XsaveState.USER);
    }

    @Test
    @DisplayName("2A, ENQCMD: the PASID is the processor's, ZF tells what the device said")
    void enqcmdPutsInThePasid() {
        cpu.msrs.write(PASID, 0x8000_1234L);
        guest.write(TestGuest.DATA, 0x1234_5678_0000_0000L);

        guest.run(ENQCMD);
        assertThat(Flags.get(cpu)).isZero();
        accepts = false;
        guest.run(ENQCMD);
        assertThat(Flags.get(cpu)).isEqualTo(Flags.ZF);

        assertThat(commands).hasSize(2);
        assertThat(commands.getFirst()[0]).isEqualTo(0x1234_5678_0000_1234L);
    }

    @Test
    void enqcmdWithoutAValidPasidFaults() {
        cpu.msrs.write(PASID, 0x1234);

        guest.run(ENQCMD);

        assertThat(guest.vector()).isEqualTo(Vector.GP);
        assertThat(commands).isEmpty();
    }

    @Test
    void enqcmdsTakesThePasidOfTheCommand() {
        guest.write(TestGuest.DATA, 0x8000_4321L);

        guest.run(ENQCMDS);

        assertThat(commands.getFirst()[0]).isEqualTo(0x8000_4321L);
    }
}
