package nestor.endpoints;

import static nestor.endpoints.SvmBench.ADDRESS;
import static nestor.endpoints.SvmBench.COMMAND;
import static nestor.endpoints.SvmBench.CRC;
import static nestor.endpoints.SvmBench.DISABLED;
import static nestor.endpoints.SvmBench.LENGTH;
import static nestor.endpoints.SvmBench.OPTIONS;
import static nestor.endpoints.SvmBench.PASID;
import static nestor.endpoints.SvmBench.READ;
import static nestor.endpoints.SvmBench.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.vmm.loop.ManualLoop;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class SvmDemoTest {
    private static final long BUFFER = 0x7f00_0000_0000L;

    private final SvmBench bench = new SvmBench(16, 1 << 20);

    @AfterEach
    void close() {
        bench.close();
    }

    private void mapBuffer(int... pasids) {
        for (int pasid : pasids) {
            bench.os.mmap(pasid, BUFFER, 0x10_0000);
        }
    }

    @Test
    @DisplayName("§1: 1234:0b11 revision 10, class 00ff, 1 MiB BAR, no INTx")
    void identification() {
        assertThat(bench.board.config(0, 4)).isEqualTo(0x0b11_1234L);
        assertThat(bench.board.config(8, 4)).isEqualTo(0x00ff_0010L);
        assertThat(bench.board.config(0x3d, 1)).isZero();
        bench.board.config(0x10, 4, 0xffff_ffffL);
        assertThat(bench.board.config(0x10, 4)).isEqualTo(0xfff0_0000L);
    }

    @Test
    @DisplayName("§1: PASID at 100, ATS at 108, PRI at 110, words and write masks as given")
    void extendedCapabilities() {
        assertThat(bench.board.extendedCapability(0x1b)).isEqualTo(0x100);
        assertThat(bench.board.config(0x104, 2)).isEqualTo(0x1404);
        assertThat(bench.board.extendedCapability(0x0f)).isEqualTo(0x108);
        assertThat(bench.board.config(0x10c, 2)).isEqualTo(0x0020);
        bench.board.host.reset();
        bench.board.config(0x10e, 2, 0xffff);
        assertThat(bench.board.config(0x10e, 2)).isEqualTo(0x800f);
        assertThat(bench.board.extendedCapability(0x13)).isEqualTo(0x110);
        assertThat(bench.board.config(0x116, 2)).isEqualTo(0x8100);
        assertThat(bench.board.config(0x118, 4)).isEqualTo(2048);
        bench.board.config(0x11c, 4, 0xffff_ffffL);
        assertThat(bench.board.config(0x11c, 4)).isEqualTo(0xffff_ffffL);
    }

    @Test
    @DisplayName(
            "§1: one MSI vector, 64-bit, without mask bits, at 0x40; PCIe at 0x80; DevCap2 says TLP prefixes")
    void otherCapabilities() {
        int msi = bench.board.capability(0x05);
        assertThat(msi).isEqualTo(0x40);
        assertThat(bench.board.config(msi + 2, 2) & 0x18e).isEqualTo(0x80);
        int express = bench.board.capability(0x10);
        assertThat(express).isEqualTo(0x80);
        assertThat(bench.board.config(express + 0x24, 4) >>> 20 & 3).isEqualTo(3);
    }

    @Test
    @DisplayName("§2: magic and result read; everything else reads as ones")
    void reads() {
        assertThat(bench.get(COMMAND)).isEqualTo(0x0b1c_5111L);
        assertThat(bench.get(ADDRESS)).isZero();
        for (int offset : new int[] {CRC, LENGTH, OPTIONS, 0x28, 0x48, PASID, 0x58, 0xffff8}) {
            assertThat(bench.get(offset)).describedAs("offset %x", offset).isEqualTo(-1L);
        }
        for (int size : new int[] {1, 2, 4}) {
            assertThat(bench.board.mmio.read(Board.BAR, size))
                    .isEqualTo(-1L >>> Long.SIZE - 8 * size);
        }
    }

    @Test
    @DisplayName("§2: writes of another width are dropped")
    void widths() {
        mapBuffer(5);
        bench.pasid(5);
        bench.set(ADDRESS, BUFFER);
        bench.set(LENGTH, 1);
        for (int size : new int[] {1, 2, 4}) {
            bench.board.mmio.write(Board.BAR + COMMAND, size, 1);
            bench.board.mmio.write(Board.BAR + ADDRESS, size, 0);
            bench.board.mmio.write(Board.BAR + LENGTH, size, 0);
        }
        bench.board.mmio.write(Board.BAR + PASID, 8, DISABLED);
        bench.board.mmio.write(Board.BAR + PASID, 2, 0);
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).isEmpty();

        bench.set(COMMAND, WRITE);
        bench.loop.runUntilIdle();
        assertThat(bench.os.answer()).isTrue();
        assertThat(bench.os.pageRequests.getFirst().requester().pasid()).isEqualTo(5);
    }

    @Test
    @DisplayName("§2: other commands do nothing")
    void otherCommandsAreNops() {
        bench.pasid(5);
        for (long command : new long[] {0, 3, 4, -1, 0x1_0000_0001L}) {
            bench.start(command, BUFFER, 1);
        }
        assertThat(bench.board.messages).isEmpty();
        assertThat(bench.get(ADDRESS)).isZero();
    }

    @Test
    @DisplayName("§2: the PASID register: 0..FFFFF enable, 100000 disables, more is ignored")
    void pasidStates() {
        mapBuffer(0, 5, 0xfffff);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        for (int pasid : new int[] {0, 5, 5, 0xfffff}) {
            bench.pasid(pasid);
            assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
            assertThat(bench.os.translations.getLast().requester().pasid()).isEqualTo(pasid);
        }
        bench.pasid(0x100001);
        bench.pasid(0xffff_ffffL);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
        bench.pasid(DISABLED);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        bench.pasid(DISABLED);
        bench.pasid(5);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    @DisplayName("§2: enabling again starts with an empty cache")
    void enablingDropsTranslations() {
        mapBuffer(5);
        bench.pasid(5);
        bench.run(WRITE, BUFFER, 1);
        int before = bench.os.translations.size();
        bench.run(WRITE, BUFFER, 1);
        assertThat(bench.os.translations).hasSize(before);

        bench.pasid(5);
        bench.run(WRITE, BUFFER, 1);
        assertThat(bench.os.translations).hasSize(before + 1);
    }

    @Test
    @DisplayName("§2: the bus refuses without bus mastering or PASID enabled")
    void theBusMayRefuseThePasid() {
        mapBuffer(5);
        int control = bench.board.extendedCapability(0x1b) + 6;
        bench.board.config(control, 2, 0);
        bench.pasid(5);
        bench.board.config(control, 2, 5);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);

        bench.board.config(4, 2, 2);
        bench.pasid(5);
        bench.board.config(4, 2, 6);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        assertThat(bench.os.translations).isEmpty();
        bench.pasid(5);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    @DisplayName("§3.1: registers are taken when the command is written")
    void aCommandSnapshotsItsRegisters() throws Exception {
        mapBuffer(5);
        bench.pasid(5);
        bench.set(ADDRESS, BUFFER);
        bench.set(LENGTH, 3);
        bench.set(COMMAND, WRITE);
        bench.set(ADDRESS, BUFFER + 0x1000);
        bench.set(LENGTH, 8);
        bench.set(OPTIONS, 1);
        bench.loop.runUntilIdle();
        bench.os.answer();
        bench.loop.runUntilIdle();

        assertThat(bench.get(ADDRESS)).isZero();
        bench.assertPattern(5, BUFFER, 3);
        assertThat(bench.os.process(5).pages).hasSize(1);
    }

    @Test
    @DisplayName("§3.1: status keeps the old value until completion; no queueing")
    void aCommandWhileAnotherRunsIsIgnored() {
        mapBuffer(5);
        bench.pasid(5);
        assertThat(bench.run(READ, 0x1000, 1)).isEqualTo(1);
        bench.start(WRITE, BUFFER, 1);
        assertThat(bench.get(ADDRESS)).isEqualTo(1);
        bench.start(WRITE, 0x1000, 1);
        assertThat(bench.os.answer()).isTrue();
        bench.loop.runUntilIdle();

        assertThat(bench.get(ADDRESS)).isZero();
        assertThat(bench.board.messages).hasSize(2);
        assertThat(bench.os.answer()).isFalse();
    }

    @Test
    void aResetWhileAsleepLeavesAFreshDevice() {
        mapBuffer(5);
        bench.pasid(5);
        bench.run(READ, 0x1000, 1);
        bench.start(WRITE, BUFFER, 1);
        bench.board.host.reset();
        bench.loop.runUntilIdle();
        bench.os.answer();
        bench.loop.runUntilIdle();

        assertThat(bench.board.messages).hasSize(1);
        bench.enable(32);
        assertThat(bench.get(ADDRESS)).isZero();
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        bench.pasid(5);
        int requests = bench.os.pageRequests.size();
        assertThat(bench.run(WRITE, BUFFER + 0x1000, 1)).isZero();
        assertThat(bench.os.pageRequests.get(requests).prgIndex()).isZero();
    }

    @Test
    @DisplayName("FLR in the middle of a command: no message, and the device works again")
    void functionLevelResetWhileAsleep() {
        mapBuffer(5);
        bench.pasid(5);
        bench.start(WRITE, BUFFER, 1);
        bench.board.config(bench.board.capability(0x10) + 8, 2, 0x8000);
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).isEmpty();

        bench.enable(32);
        bench.pasid(5);
        bench.os.groups.clear();
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    void atcSizesAreChecked() {
        for (int good : new int[] {0, 1, 3, 8, 16, 32, 1024, 1 << 20}) {
            assertThat(SvmDemo.isAtcSize(good)).isTrue();
            new SvmDemo("svm", new ManualLoop(), good, PageFaults.PRI);
        }
        for (long bad : new long[] {-1, 9, 24, 1 << 21, 1L << 40}) {
            assertThat(SvmDemo.isAtcSize(bad)).isFalse();
        }
        assertThatThrownBy(() -> new SvmDemo("svm", new ManualLoop(), 9, PageFaults.PRI))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
