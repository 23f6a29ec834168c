package nestor.cpu.arm64;

import static nestor.cpu.arm64.SystemRegister.encoding;
import static nestor.cpu.arm64.TestGuest.AF;
import static nestor.cpu.arm64.TestGuest.CODE;
import static nestor.cpu.arm64.TestGuest.DATA;
import static nestor.cpu.arm64.TestGuest.DEVICE;
import static nestor.cpu.arm64.TestGuest.KERNEL;
import static nestor.cpu.arm64.TestGuest.USER;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class MmuTest {
    /** Where nothing is mapped yet: tables of its own at levels 2 and 3. */
    private static final long VA = 0x12_3456_7000L;

    private static final int TLBI_VAE1 = 1;
    private static final int TLBI_VMALLE1 = 0;

    private final TestGuest guest = new TestGuest();

    @BeforeEach
    void mmuOn() {
        guest.mmuOn();
    }

    @AfterEach
    void close() {
        guest.close();
    }

    private void load(long va) {
        guest.cpu.x[1] = va;
        guest.run(A64.ldr(0, 1), A64.STOP);
    }

    private void store(long va, long value) {
        guest.cpu.x[0] = value;
        guest.cpu.x[1] = va;
        guest.run(A64.str(0, 1), A64.STOP);
    }

    private void tlbi(int op2, long operand) {
        guest.cpu.x[1] = operand;
        guest.run(A64.sys(0, 8, 3, op2, 1), A64.STOP);
    }

    private void assertDataAbort(int status, boolean write, long far) {
        assertThat(guest.vector()).isEqualTo(TestGuest.CURRENT_SYNC);
        assertThat(guest.esr()).isEqualTo(0x9600_0000L | (write ? 0x40 : 0) | status);
        assertThat(guest.far()).isEqualTo(far);
    }

    private void assertNoException() {
        assertThat(guest.vector()).describedAs("ESR %x", guest.esr()).isEqualTo(-1);
    }

    @Test
    @DisplayName("§D8.2: a translation fault reports the level that lacks a descriptor")
    void translationFaults() {
        load(VA);
        assertDataAbort(0x05, false, VA);
        guest.descriptor(VA, 2, 0);
        load(VA + 8);
        assertDataAbort(0x06, false, VA + 8);
        guest.map(VA + 0x1000, DATA, KERNEL);
        store(VA + 16, 1);
        assertDataAbort(0x07, true, VA + 16);
        load(1L << 40);
        assertDataAbort(0x04, false, 1L << 40);
        load(-8);
        assertDataAbort(0x04, false, -8);
    }

    @Test
    @DisplayName("§D8.2.4: output addresses beyond TCR_EL1.IPS are an Address size fault")
    void addressSizeFault() {
        guest.cpu.system[Slot.TCR] &= ~(7L << 32); // 32 bits
        guest.cpu.mmu.controlsChanged();
        guest.map(VA, 1L << 32, KERNEL);
        load(VA);
        assertDataAbort(0x03, false, VA);
    }

    @Test
    @DisplayName("§D8.4.5: AF = 0 faults, AF = 1 does not, without TLB maintenance in between")
    void accessFlag() {
        guest.map(VA, DATA, KERNEL & ~AF);
        load(VA);
        assertDataAbort(0x0b, false, VA);
        guest.map(VA, DATA, KERNEL);
        load(VA);
        assertNoException();
    }

    @Test
    @DisplayName("§D8.4.1: writing a read-only page, and fetching from one that is PXN")
    void permissionFaults() {
        guest.map(VA, DATA, KERNEL | TestGuest.READ_ONLY | TestGuest.PXN);
        load(VA);
        assertNoException();
        store(VA, 1);
        assertDataAbort(0x0f, true, VA);
        guest.cpu.x[1] = VA;
        guest.run(A64.br(1));
        assertThat(guest.esr()).isEqualTo(0x8600_000fL);
        assertThat(guest.far()).isEqualTo(VA);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(VA);
    }

    @Test
    @DisplayName("§D8.4.1: EL0 sees no kernel page, and its aborts say so")
    void userAborts() {
        guest.toUser();
        load(DATA);
        assertThat(guest.vector()).isEqualTo(TestGuest.LOWER_SYNC);
        assertThat(guest.esr()).isEqualTo(0x9200_000fL);
        guest.enter(0);
        guest.cpu.x[1] = VA;
        guest.run(A64.br(1));
        assertThat(guest.esr()).isEqualTo(0x8200_0005L);
    }

    @Test
    @DisplayName("§D8.4.4: PSTATE.PAN stops plain loads from user pages, and not LDTR")
    void privilegedAccessNever() {
        guest.map(VA, DATA, USER);
        guest.write(DATA, 99);
        guest.cpu.x[1] = VA;
        guest.run(A64.pan(0), A64.ldr(0, 1), A64.pan(1), A64.ldtr(2, 1), A64.ldr(3, 1));

        assertDataAbort(0x0f, false, VA);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(CODE + 16);
        assertThat(guest.cpu.x[0]).isEqualTo(99);
        assertThat(guest.cpu.x[2]).isEqualTo(99);
    }

    @Test
    @DisplayName("LDTR checks EL0's permissions")
    void unprivilegedLoadOfKernelPage() {
        guest.cpu.x[1] = DATA;
        guest.run(A64.ldtr(2, 1));
        assertDataAbort(0x0f, false, DATA);
    }

    @Test
    @DisplayName("§B2.5.2: misaligned accesses fault for exclusives and on Device memory only")
    void alignment() {
        load(DATA + 1);
        assertNoException();
        guest.cpu.x[1] = DATA + 4;
        guest.run(A64.ldxr(0, 1), A64.STOP);
        assertDataAbort(0x21, false, DATA + 4);
        guest.map(VA, DATA, KERNEL | TestGuest.DEVICE_MEMORY);
        load(VA + 8);
        assertNoException();
        load(VA + 1);
        assertDataAbort(0x21, false, VA + 1);
        store(VA + 0xffc, 1);
        assertThat(guest.vector()).isEqualTo(TestGuest.CURRENT_SYNC);
    }

    @Test
    @DisplayName(
            "A device answers from its own page; an address nobody claims is an external abort")
    void devices() {
        guest.map(VA, DEVICE, KERNEL | TestGuest.DEVICE_MEMORY);
        store(VA, 0x77);
        assertThat(guest.deviceValue).isEqualTo(0x77);
        load(VA);
        assertThat(guest.cpu.x[0]).isEqualTo(0x77);

        guest.map(VA, DEVICE + 0x1000, KERNEL | TestGuest.DEVICE_MEMORY);
        store(VA + 8, 1);
        assertDataAbort(0x10, true, VA + 8);
        guest.cpu.x[1] = VA;
        guest.run(A64.br(1));
        assertThat(guest.esr()).isEqualTo(0x8600_0010L);
    }

    @Test
    @DisplayName("§D8.2: a table where no memory is aborts the access that needed it")
    void tableFetchFromNowhere() {
        guest.descriptor(VA, 1, 0x7000_0000L | 3);
        load(VA);
        assertDataAbort(0x16, false, VA);
    }

    @Test
    @DisplayName("A store over two pages moves no byte if the second one faults, at its first byte")
    void pageCrossing() {
        guest.map(VA, DATA, KERNEL);
        guest.map(VA + 0x1000, DATA + 0x5000, KERNEL);
        store(VA + 0xffd, 0x0807_0605_0403_0201L);
        assertNoException();
        assertThat(guest.read(DATA + 0xff8) >>> 40).isEqualTo(0x03_0201L);
        assertThat(guest.read(DATA + 0x5000)).isEqualTo(0x08_0706_0504L);
        load(VA + 0xffd);
        assertThat(guest.cpu.x[0]).isEqualTo(0x0807_0605_0403_0201L);

        guest.map(VA + 0x1000, DATA + 0x5000, KERNEL | TestGuest.READ_ONLY);
        tlbi(TLBI_VMALLE1, 0);
        store(VA + 0xffd, -1);
        assertDataAbort(0x0f, true, VA + 0x1000);
        assertThat(guest.read(DATA + 0xff8) >>> 40).isEqualTo(0x03_0201L);
    }

    @Test
    @DisplayName("§D8.14: a new mapping shows after TLBI, of a page and of a block")
    void tlbMaintenance() {
        guest.write(DATA, 1);
        guest.write(DATA + 0x1000, 2);
        guest.map(VA, DATA, KERNEL);
        load(VA);
        assertThat(guest.cpu.x[0]).isEqualTo(1);
        guest.map(VA, DATA + 0x1000, KERNEL);
        tlbi(TLBI_VAE1, VA >>> 12);
        load(VA);
        assertThat(guest.cpu.x[0]).isEqualTo(2);

        guest.descriptor(VA, 2, TestGuest.RAM | KERNEL | 1);
        tlbi(TLBI_VMALLE1, 0);
        long block = VA & -(1L << 21);
        load(block + (DATA - TestGuest.RAM));
        assertThat(guest.cpu.x[0]).isEqualTo(1);
        guest.descriptor(VA, 2, 0);
        tlbi(TLBI_VAE1, block >>> 12); // any address of the block drops all of it
        load(block + (DATA - TestGuest.RAM));
        assertThat(guest.vector()).isEqualTo(TestGuest.CURRENT_SYNC);
    }

    @Test
    @DisplayName("§D8.13.1: EL0's translations belong to their ASID until TLBI ASIDE1")
    void asids() {
        guest.map(CODE, CODE, USER | TestGuest.READ_ONLY | TestGuest.PXN | 0);
        guest.write(DATA, 1);
        guest.write(DATA + 0x1000, 2);
        guest.useAsid(1);
        guest.map(VA, DATA, USER);
        guest.enter(0);
        load(VA);
        guest.map(VA, DATA + 0x1000, USER);
        guest.useAsid(2);
        guest.enter(0);
        load(VA);
        assertThat(guest.cpu.x[0]).isEqualTo(2);

        guest.cpu.mmu.flushAsid(1);
        guest.useAsid(1);
        guest.enter(0);
        load(VA);
        assertThat(guest.cpu.x[0]).isEqualTo(2);
    }

    @Test
    @DisplayName("§D17.2.107: AT S1E1W leaves the address and attributes, or the fault, in PAR_EL1")
    void addressTranslation() {
        guest.map(VA, DATA, KERNEL | TestGuest.READ_ONLY);
        guest.cpu.x[1] = VA + 0x123;
        int par = encoding(3, 0, 7, 4, 0);
        guest.run(A64.sys(0, 7, 8, 0, 1), A64.mrs(2, par), A64.STOP);
        assertThat(guest.cpu.x[2]).isEqualTo(0xff00_0000_0000_0800L | DATA);
        guest.run(A64.sys(0, 7, 8, 1, 1), A64.mrs(2, par), A64.STOP);
        assertThat(guest.cpu.x[2]).isEqualTo(0x800L | 0x0f << 1 | 1);
        assertNoException();
    }

    @Test
    @DisplayName("§C5.3: DC ZVA zeroes 64 bytes; maintenance of an unmapped line says CM and WnR")
    void dataCacheByAddress() {
        guest.write(DATA + 0x40, -1);
        guest.write(DATA + 0x78, -1);
        guest.write(DATA + 0x80, -1);
        guest.cpu.x[1] = DATA + 0x51;
        guest.run(A64.sys(3, 7, 4, 1, 1), A64.STOP);
        assertThat(guest.read(DATA + 0x40)).isZero();
        assertThat(guest.read(DATA + 0x78)).isZero();
        assertThat(guest.read(DATA + 0x80)).isEqualTo(-1);

        guest.cpu.x[1] = VA;
        guest.run(A64.sys(3, 7, 11, 1, 1));
        assertDataAbort(0x105, true, VA);
    }

    @Test
    @DisplayName("§B2.12: a store-exclusive fails once the location changed, and after ERET")
    void exclusives() {
        guest.cpu.x[1] = DATA;
        guest.cpu.x[5] = 8;
        guest.run(A64.ldxr(0, 1), A64.stxr(2, 5, 1), A64.stxr(3, 5, 1), A64.STOP);
        assertThat(guest.cpu.x[2]).isZero();
        assertThat(guest.cpu.x[3]).isEqualTo(1);
        assertThat(guest.read(DATA)).isEqualTo(8);

        guest.run(A64.ldxr(0, 1), A64.str(1, 1), A64.stxr(2, 5, 1), A64.STOP);
        assertThat(guest.cpu.x[2]).isEqualTo(1);
    }
}
