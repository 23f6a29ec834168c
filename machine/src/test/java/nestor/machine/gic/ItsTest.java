package nestor.machine.gic;

import static nestor.machine.gic.GicHarness.COLLECTIONS;
import static nestor.machine.gic.GicHarness.DEVICES;
import static nestor.machine.gic.GicHarness.ITT;
import static nestor.machine.gic.GicHarness.PENDING;
import static nestor.machine.gic.GicHarness.RAM;
import static nestor.machine.gic.GicHarness.SPURIOUS;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** LPIs and the ITS (IHI 0069, chapter 5). */
class ItsTest {
    private static final int DEVICE = 0x18;
    private static final int LPI = 8200;

    private final GicHarness gic = new GicHarness(2).started();

    @BeforeEach
    void map() throws GuestAccessException {
        gic.withIts();
        gic.lpi(LPI, 0xa0, true);
        gic.lpi(LPI + 1, 0xa0, true);
        gic.mapCollection(0, 0);
        gic.mapCollection(1, 1);
        gic.mapDevice(DEVICE, 2, ITT);
        gic.mapEvent(DEVICE, 3, LPI, 0);
    }

    @AfterEach
    void release() {
        gic.close();
    }

    @Test
    @DisplayName("§5.1: a message becomes an LPI, which has no active state")
    void messageBecomesAnLpi() {
        gic.message(DEVICE, 3);
        assertThat(gic.irq).containsExactly(true, false);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
        assertThat(gic.irq[0]).isFalse();
        gic.message(DEVICE, 3);
        gic.end(0, LPI);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
        gic.end(0, LPI);
        assertThat(gic.acknowledge(0)).isEqualTo(SPURIOUS);
    }

    @Test
    void messagesWithoutAMappingAreDropped() {
        gic.message(DEVICE, 2);
        gic.message(DEVICE, 4);
        gic.message(DEVICE, -1);
        gic.message(DEVICE + 1, 3);
        gic.message(0x1_0000, 3);
        gic.message(-1, 3);
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    void nothingIsTranslatedWhileTheItsIsOff() {
        gic.its.write(0, 4, 0);
        assertThat(gic.its.read(0, 4)).isEqualTo(0x8000_0000L);
        gic.message(DEVICE, 3);
        assertThat(gic.irq[0]).isFalse();
    }

    @Test
    @DisplayName("§5.3: CREADR reaches CWRITER at the write of CWRITER, across the end of the queue")
    void commandsAreProcessedAtOnceAndWrapAround() throws GuestAccessException {
        for (int i = 0; i < 300; i++) {
            gic.command(5, 0, 0, 0);
            assertThat(gic.consumer()).isEqualTo(gic.producer());
        }
    }

    @Test
    @DisplayName("§5.3.11: MAPI uses the EventID as INTID")
    void mapiUsesTheEventId() throws GuestAccessException {
        gic.mapDevice(DEVICE, 14, ITT);
        gic.command(0xb | (long) DEVICE << 32, LPI, 0, 0);
        gic.message(DEVICE, LPI);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
    }

    @Test
    @DisplayName("§5.3.10: MAPTI refuses events beyond the device's, INTIDs that are no LPIs")
    void maptiInErrorMapsNothing() throws GuestAccessException {
        gic.mapEvent(DEVICE, 4, LPI + 1, 0);
        gic.mapEvent(DEVICE, 1, 100, 0);
        gic.mapEvent(DEVICE, 2, 0x1_0000, 0);
        gic.mapEvent(DEVICE + 1, 0, LPI + 1, 0);
        gic.mapEvent(DEVICE, 0, LPI + 1, 0xffff);
        for (int event = 0; event < 5; event++) {
            if (event != 3) {
                gic.message(DEVICE, event);
            }
        }
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    @DisplayName("§5.3.8: MAPC refuses a vCPU that is not there; unmapping stops delivery")
    void mapcInErrorAndUnmapping() throws GuestAccessException {
        gic.mapCollection(0, 2);
        gic.message(DEVICE, 3);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
        gic.end(0, LPI);
        gic.command(9, 0, 0, 0);
        gic.message(DEVICE, 3);
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    @DisplayName("§5.3.9: MAPD without V unmaps; too many event bits or DeviceIDs map nothing")
    void mapdInErrorAndUnmapping() throws GuestAccessException {
        gic.mapDevice(DEVICE, 20, ITT);
        gic.message(DEVICE, 3);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
        gic.end(0, LPI);
        gic.mapDevice(DEVICE + 512, 2, ITT);
        gic.message(DEVICE + 512, 3);
        gic.command(8 | (long) DEVICE << 32, 0, 0, 0);
        gic.message(DEVICE, 3);
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    @DisplayName("§5.3.12: MOVI moves the mapping and what is pending")
    void moviMovesAPendingLpi() throws GuestAccessException {
        gic.message(DEVICE, 3);
        gic.command(1 | (long) DEVICE << 32, 3, 1, 0);
        assertThat(gic.irq).containsExactly(false, true);
        assertThat(gic.acknowledge(1)).isEqualTo(LPI);
        gic.end(1, LPI);
        gic.message(DEVICE, 3);
        assertThat(gic.irq).containsExactly(false, true);
        gic.command(1 | (long) DEVICE << 32, 3, 77, 0);
        assertThat(gic.irq).containsExactly(false, true);
    }

    @Test
    @DisplayName("§5.3.13: MOVALL moves what is pending to another Redistributor and back")
    void movallMovesEverythingPending() throws GuestAccessException {
        gic.mapEvent(DEVICE, 1, LPI + 1, 1);
        gic.message(DEVICE, 3);
        gic.message(DEVICE, 1);
        gic.command(0xe, 0, 0, 1 << 16);
        assertThat(gic.irq).containsExactly(false, true);
        assertThat(gic.acknowledge(1)).isEqualTo(LPI);
        gic.end(1, LPI);
        gic.command(0xe, 0, 1 << 16, 0);
        assertThat(gic.irq).containsExactly(true, false);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI + 1);
        gic.end(0, LPI + 1);
        gic.command(0xe, 0, 9 << 16, 0);
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    @DisplayName("§5.3.6, §5.3.3: INT pends, CLEAR takes back")
    void intAndClear() throws GuestAccessException {
        gic.eventCommand(3, DEVICE, 3);
        assertThat(gic.irq[0]).isTrue();
        gic.eventCommand(4, DEVICE, 3);
        assertThat(gic.irq[0]).isFalse();
        gic.eventCommand(3, DEVICE, 2);
        gic.eventCommand(3, DEVICE + 1, 3);
        assertThat(gic.irq[0]).isFalse();
    }

    @Test
    @DisplayName("§5.3.4: DISCARD unmaps the event and takes back what is pending")
    void discardUnmaps() throws GuestAccessException {
        gic.message(DEVICE, 3);
        gic.eventCommand(0xf, DEVICE, 3);
        assertThat(gic.irq[0]).isFalse();
        gic.message(DEVICE, 3);
        assertThat(gic.irq[0]).isFalse();
    }

    @Test
    @DisplayName("§5.3.7, §5.3.13: INV and INVALL make the property table count anew")
    void invAndInvallReloadProperties() throws GuestAccessException {
        gic.message(DEVICE, 3);
        gic.lpi(LPI, 0xa0, false);
        assertThat(gic.irq[0]).isTrue();
        gic.eventCommand(0xc, DEVICE, 3);
        assertThat(gic.irq[0]).isFalse();
        gic.lpi(LPI, 0x10, true);
        gic.command(0xd, 0, 0, 0);
        assertThat(gic.irq[0]).isTrue();
        gic.cpu(0).write(GicHarness.PMR, 0x18);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    void lpisShareThePriorityOrderWithSpis() throws GuestAccessException {
        gic.lpi(LPI, 0x80, true);
        gic.enableSpi(40);
        gic.priority(40, 0x90);
        gic.gic.spi(8).set(true);
        gic.message(DEVICE, 3);
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
        gic.end(0, LPI);
        assertThat(gic.acknowledge(0)).isEqualTo(40);
    }

    @Test
    void reservedCommandsAreSkipped() throws GuestAccessException {
        gic.command(0xff, -1, -1, -1);
        gic.command(0, 0, 0, 0);
        gic.eventCommand(3, DEVICE, 3);
        assertThat(gic.irq[0]).isTrue();
        assertThat(gic.consumer()).isEqualTo(gic.producer());
    }

    @Test
    @DisplayName("§12.12.3: a queue that is not RAM stalls, Retry goes on")
    void queueOutsideRamStalls() {
        gic.its.write(0, 4, 0);
        gic.its.write(0x80, 8, 1L << 63 | 0x1000_0000L);
        gic.its.write(0x88, 8, 32);
        gic.its.write(0, 4, 1);
        assertThat(gic.consumer()).isEqualTo(1);
        gic.its.write(0, 4, 0);
        gic.its.write(0x80, 8, 1L << 63 | GicHarness.QUEUE);
        gic.its.write(0, 4, 1);
        gic.its.write(0x88, 8, 32 | 1);
        assertThat(gic.consumer()).isEqualTo(32);
    }

    @Test
    void queueOffsetBeyondTheQueueIsIgnored() {
        gic.its.write(0x88, 8, 0xfffe0);
        assertThat(gic.consumer()).isEqualTo(gic.producer());
    }

    @Test
    @DisplayName("§12.12.1: tables cannot be moved while the ITS is on; type and entry size are fixed")
    void baserKeepsWhatIsFixed() {
        long before = gic.its.read(0x100, 8);
        gic.its.write(0x100, 8, 0);
        assertThat(gic.its.read(0x100, 8)).isEqualTo(before);
        gic.its.write(0, 4, 0);
        gic.its.write(0x100, 8, -1L);
        gic.its.write(0x108, 8, 0);
        assertThat(gic.its.read(0x100, 8) >>> 48 & 0x71f).isEqualTo(0x107);
        assertThat(gic.its.read(0x108, 8)).isEqualTo(0x0407L << 48);
        assertThat(gic.its.read(0x110, 8)).isZero();
    }

    @Test
    @DisplayName("§5.2.1: a two-level device table finds its level 2 pages")
    void indirectDeviceTable() throws GuestAccessException {
        gic.its.write(0, 4, 0);
        gic.its.write(0x100, 8, 3L << 62 | DEVICES);
        gic.its.write(0, 4, 1);
        int device = 0x1234;
        gic.mapDevice(device, 2, ITT);
        gic.mapEvent(device, 1, LPI, 0);
        gic.message(device, 1);
        assertThat(gic.irq[0]).describedAs("no level 2 page yet").isFalse();
        gic.memory.setLongLe(DEVICES + device / 512 * 8, 1L << 63 | RAM + 0xa0000);
        gic.mapDevice(device, 2, ITT);
        gic.mapEvent(device, 1, LPI, 0);
        gic.message(device, 1);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    void tableEntriesThatAGuestForgesAreJudgedWhenRead() throws GuestAccessException {
        gic.memory.setLongLe(ITT + 3 * 8, 1L << 63 | 0xffff_ffffL);
        gic.message(DEVICE, 3);
        gic.memory.setLongLe(ITT + 3 * 8, 1L << 63 | 0x8000_0000L);
        gic.message(DEVICE, 3);
        gic.memory.setLongLe(COLLECTIONS, 1L << 63 | 0xffff);
        gic.memory.setLongLe(ITT + 3 * 8, 1L << 63 | LPI);
        gic.message(DEVICE, 3);
        gic.memory.setLongLe(DEVICES + DEVICE * 8, -1L);
        gic.message(DEVICE, 3);
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    @DisplayName("§5.1.2: pending LPIs go to the guest's table when LPIs are turned off, and back")
    void pendingTableKeepsLpisAcrossDisabling() throws GuestAccessException {
        gic.message(DEVICE, 3);
        gic.redistributor(0, 0, 0);
        assertThat(gic.irq[0]).isFalse();
        assertThat(gic.memory.getByte(PENDING + LPI / 8) & 0xff).isEqualTo(1 << LPI % 8);
        gic.redistributors.write(0x78, 8, PENDING);
        gic.redistributor(0, 0, 1);
        assertThat(gic.irq[0]).isTrue();
        assertThat(gic.acknowledge(0)).isEqualTo(LPI);
    }

    @Test
    void lpisNeedTheGroupEnable() {
        gic.distributor.write(0, 4, 0x10);
        gic.message(DEVICE, 3);
        assertThat(gic.irq[0]).isFalse();
        gic.distributor.write(0, 4, 0x12);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    void resetForgetsPendingLpisAndTables() {
        gic.message(DEVICE, 3);
        gic.gic.reset();
        assertThat(gic.irq[0]).isFalse();
        gic.started();
        assertThat(gic.irq[0]).isFalse();
        assertThat(gic.its.read(0x80, 8)).isZero();
        assertThat(gic.consumer()).isZero();
    }
}
