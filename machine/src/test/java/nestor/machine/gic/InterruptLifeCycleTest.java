package nestor.machine.gic;

import static nestor.machine.gic.GicHarness.AP0R0;
import static nestor.machine.gic.GicHarness.AP1R0;
import static nestor.machine.gic.GicHarness.BPR1;
import static nestor.machine.gic.GicHarness.CTLR;
import static nestor.machine.gic.GicHarness.DIR;
import static nestor.machine.gic.GicHarness.EOIR0;
import static nestor.machine.gic.GicHarness.HPPIR1;
import static nestor.machine.gic.GicHarness.IAR0;
import static nestor.machine.gic.GicHarness.IAR1;
import static nestor.machine.gic.GicHarness.IGRPEN0;
import static nestor.machine.gic.GicHarness.IGRPEN1;
import static nestor.machine.gic.GicHarness.PMR;
import static nestor.machine.gic.GicHarness.RPR;
import static nestor.machine.gic.GicHarness.SGI1R;
import static nestor.machine.gic.GicHarness.SPURIOUS;
import static nestor.machine.gic.GicHarness.SRE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** SPIs, PPIs and SGIs from wire to end of interrupt (IHI 0069, chapter 4). */
class InterruptLifeCycleTest {
    private final GicHarness gic = new GicHarness(2).started();

    @AfterEach
    void release() {
        gic.close();
    }

    @Test
    @DisplayName("§4.1.2: a level-sensitive SPI is pending while its wire is high, active or not")
    void levelSpiIsPendingAgainAfterItsEndIfTheWireIsStillHigh() {
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        assertThat(gic.irq[0]).isTrue();
        assertThat(gic.acknowledge(0)).isEqualTo(33);
        assertThat(gic.irq[0]).isFalse();
        gic.end(0, 33);
        assertThat(gic.irq[0]).isTrue();
        assertThat(gic.acknowledge(0)).isEqualTo(33);
        gic.gic.spi(1).set(false);
        gic.end(0, 33);
        assertThat(gic.irq[0]).isFalse();
        assertThat(gic.acknowledge(0)).isEqualTo(SPURIOUS);
    }

    @Test
    @DisplayName("§4.1.2: an edge stays pending when the wire falls, and a second edge is not lost")
    void edgeSpiIsLatchedUntilAcknowledged() {
        gic.edge(34);
        gic.enableSpi(34);
        gic.gic.spi(2).set(true);
        gic.gic.spi(2).set(false);
        assertThat(gic.acknowledge(0)).isEqualTo(34);
        gic.gic.spi(2).set(true);
        assertThat(gic.irq[0]).isFalse();
        gic.end(0, 34);
        assertThat(gic.acknowledge(0)).isEqualTo(34);
        gic.end(0, 34);
        assertThat(gic.irq[0]).isFalse();
    }

    @Test
    @DisplayName("§12.9.14: a disabled interrupt is pending but not delivered")
    void disabledInterruptWaits() {
        gic.gic.spi(1).set(true);
        assertThat(gic.distributor.read(0x204, 4)).isEqualTo(2);
        assertThat(gic.irq[0]).isFalse();
        gic.enableSpi(33);
        assertThat(gic.irq[0]).isTrue();
        gic.distributor.write(0x184, 4, 2);
        assertThat(gic.irq[0]).isFalse();
    }

    @Test
    @DisplayName("§12.9.23: ISPENDR pends, ICPENDR takes back what was written, not the wire")
    void pendingCanBeWrittenAndCleared() {
        gic.enableSpi(33);
        gic.distributor.write(0x204, 4, 2);
        assertThat(gic.irq[0]).isTrue();
        gic.distributor.write(0x284, 4, 2);
        assertThat(gic.irq[0]).isFalse();
        gic.gic.spi(1).set(true);
        gic.distributor.write(0x284, 4, 2);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    @DisplayName("§12.9.22: IROUTER moves an SPI, also one that is pending; no such vCPU, no delivery")
    void routeMovesAPendingSpi() {
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        gic.distributor.write(0x6000 + 8 * 33, 8, 1);
        assertThat(gic.irq).containsExactly(false, true);
        gic.distributor.write(0x6000 + 8 * 33, 8, 0x100);
        assertThat(gic.irq).containsExactly(false, false);
        gic.distributor.write(0x6000 + 8 * 33, 4, 0);
        assertThat(gic.irq).containsExactly(true, false);
    }

    @Test
    void ppiIsPrivateToItsCpu() {
        gic.sgiFrame(1, 0x100, 1 << 27);
        gic.gic.ppi(0, 27).set(true);
        gic.gic.ppi(1, 27).set(true);
        assertThat(gic.irq).containsExactly(false, true);
        assertThat(gic.acknowledge(1)).isEqualTo(27);
        gic.gic.ppi(1, 27).set(false);
        gic.end(1, 27);
        assertThat(gic.irq[1]).isFalse();
    }

    @Test
    @DisplayName("§12.2.20: the target list names vCPUs by Aff0; IRM means all others")
    void sgiReachesItsTargets() {
        gic.sgiFrame(0, 0x100, 0xffff);
        gic.sgiFrame(1, 0x100, 0xffff);
        gic.cpu(0).write(SGI1R, 5L << 24 | 0b10);
        assertThat(gic.irq).containsExactly(false, true);
        assertThat(gic.acknowledge(1)).isEqualTo(5);
        gic.end(1, 5);
        gic.cpu(1).write(SGI1R, 1L << 40 | 7L << 24);
        assertThat(gic.irq).containsExactly(true, false);
        assertThat(gic.acknowledge(0)).isEqualTo(7);
    }

    @Test
    void sgiToAnotherClusterOrRangeReachesNobody() {
        gic.sgiFrame(0, 0x100, 0xffff);
        gic.cpu(1).write(SGI1R, 1L << 16 | 1);
        gic.cpu(1).write(SGI1R, 1L << 44 | 1);
        assertThat(gic.irq).containsExactly(false, false);
    }

    @Test
    @DisplayName("§4.8: the lowest priority value first, then the lowest INTID")
    void deliveryFollowsPriorityThenIntid() {
        for (int spi : new int[] {40, 41, 42}) {
            gic.enableSpi(spi);
            gic.edge(spi);
            gic.priority(spi, spi == 42 ? 0x20 : 0xa0);
            gic.gic.spi(spi - 32).set(true);
        }
        assertThat(gic.acknowledge(0)).isEqualTo(42);
        gic.end(0, 42);
        assertThat(gic.acknowledge(0)).isEqualTo(40);
        gic.end(0, 40);
        assertThat(gic.acknowledge(0)).isEqualTo(41);
    }

    @Test
    @DisplayName("§4.8.5: only a higher priority preempts; the running priority drops at the end")
    void higherPriorityPreempts() {
        gic.enableSpi(40);
        gic.enableSpi(41);
        gic.priority(40, 0xa0);
        gic.priority(41, 0xa0);
        gic.gic.spi(8).set(true);
        assertThat(gic.acknowledge(0)).isEqualTo(40);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0xa0);
        gic.gic.spi(9).set(true);
        assertThat(gic.irq[0]).isFalse();
        gic.priority(41, 0x98);
        assertThat(gic.irq[0]).isTrue();
        assertThat(gic.acknowledge(0)).isEqualTo(41);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0x98);
        gic.end(0, 41);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0xa0);
        gic.end(0, 40);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0xff);
    }

    @Test
    @DisplayName("§4.8.2: priorities of one group, by the binary point, do not preempt each other")
    void binaryPointGroupsPriorities() {
        gic.cpu(0).write(BPR1, 6);
        gic.enableSpi(40);
        gic.enableSpi(41);
        gic.priority(40, 0xb0);
        gic.priority(41, 0x90);
        gic.gic.spi(8).set(true);
        assertThat(gic.acknowledge(0)).isEqualTo(40);
        gic.gic.spi(9).set(true);
        assertThat(gic.irq[0]).isFalse();
        gic.priority(41, 0x40 - 8);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    @DisplayName("§12.2.19: an interrupt needs a priority above the mask")
    void priorityMaskMasks() {
        gic.enableSpi(33);
        gic.priority(33, 0xa0);
        gic.gic.spi(1).set(true);
        gic.cpu(0).write(PMR, 0xa0);
        assertThat(gic.irq[0]).isFalse();
        assertThat(gic.acknowledge(0)).isEqualTo(SPURIOUS);
        assertThat(gic.cpu(0).read(HPPIR1)).isEqualTo(33);
        gic.cpu(0).write(PMR, 0xff);
        assertThat(gic.cpu(0).read(PMR)).isEqualTo(0xf8);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    @DisplayName("§4.1.1: with EOImode 1 EOIR only drops the priority, DIR deactivates")
    void eoiModeSplitsDropAndDeactivation() {
        gic.cpu(0).write(CTLR, 2);
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        gic.acknowledge(0);
        gic.end(0, 33);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0xff);
        assertThat(gic.distributor.read(0x304, 4)).isEqualTo(2);
        assertThat(gic.irq[0]).isFalse();
        gic.cpu(0).write(DIR, 33);
        assertThat(gic.distributor.read(0x304, 4)).isZero();
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    void dirIsIgnoredWithEoiMode0() {
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        gic.acknowledge(0);
        gic.cpu(0).write(DIR, 33);
        assertThat(gic.distributor.read(0x304, 4)).isEqualTo(2);
    }

    @Test
    void endOfASpecialOrNonexistentIntidDoesNothing() {
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        gic.acknowledge(0);
        gic.end(0, SPURIOUS);
        assertThat(gic.cpu(0).read(RPR)).isNotEqualTo(0xffL);
        gic.end(0, 900);
        gic.end(0, 0xffffff);
        assertThat(gic.distributor.read(0x304, 4)).isEqualTo(2);
    }

    @Test
    @DisplayName("§4.6: group 0 interrupts are FIQs and acknowledged by IAR0")
    void groupZeroDrivesFiq() {
        gic.distributor.write(0x84, 4, ~2);
        gic.cpu(0).write(IGRPEN0, 1);
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        assertThat(gic.fiq[0]).isTrue();
        assertThat(gic.irq[0]).isFalse();
        assertThat(gic.cpu(0).read(IAR1)).isEqualTo(SPURIOUS);
        assertThat(gic.cpu(0).read(IAR0)).isEqualTo(33);
        gic.gic.spi(1).set(false);
        gic.cpu(0).write(EOIR0, 33);
        assertThat(gic.fiq[0]).isFalse();
    }

    @Test
    @DisplayName("§12.9.4, §12.2.15, §12.11.42: group enables and a sleeping vCPU hold interrupts back")
    void groupEnablesAndSleepHoldInterruptsBack() {
        gic.enableSpi(33);
        gic.gic.spi(1).set(true);
        gic.distributor.write(0, 4, 0x11);
        assertThat(gic.irq[0]).isFalse();
        gic.distributor.write(0, 4, 0x12);
        assertThat(gic.irq[0]).isTrue();
        gic.cpu(0).write(IGRPEN1, 0);
        assertThat(gic.irq[0]).isFalse();
        gic.cpu(0).write(IGRPEN1, 1);
        gic.redistributor(0, 0x14, 2);
        assertThat(gic.redistributors.read(0x14, 4)).isEqualTo(6);
        assertThat(gic.irq[0]).isFalse();
        gic.redistributor(0, 0x14, 0);
        assertThat(gic.irq[0]).isTrue();
    }

    @Test
    void identificationReadsAsLinuxExpects() {
        assertThat(gic.distributor.read(0xffe8, 4)).isEqualTo(0x3b);
        assertThat(gic.redistributors.read(0xffe8, 4)).isEqualTo(0x3b);
        assertThat(gic.its.read(0xffe8, 4)).isEqualTo(0x3b);
        assertThat(gic.distributor.read(0, 4) & 0x50).isEqualTo(0x50);
        assertThat(gic.redistributors.read(0x08, 8)).isEqualTo(0x0000_0001L);
        assertThat(gic.redistributors.read(0x20008, 8)).isEqualTo(0x1_0000_0111L);
        assertThat(gic.cpu(0).read(SRE)).isEqualTo(7);
        assertThat(gic.cpu(0).read(CTLR)).isEqualTo(0x400);
    }

    @Test
    void activePrioritiesAreWritable() {
        gic.cpu(0).write(AP1R0, 1 << 20);
        gic.cpu(0).write(AP0R0, 0);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0xa0);
        gic.cpu(0).write(AP1R0, 0);
        assertThat(gic.cpu(0).read(RPR)).isEqualTo(0xff);
        assertThat(gic.cpu(0).implemented(AP1R0 + 1)).isFalse();
        assertThat(gic.cpu(0).implemented(IAR1)).isTrue();
    }

    @Test
    void resetIsAsFresh() {
        gic.enableSpi(33);
        gic.edge(33);
        gic.gic.spi(1).set(true);
        gic.acknowledge(0);
        gic.gic.spi(1).set(false);
        gic.gic.reset();
        try (GicHarness fresh = new GicHarness(2)) {
            for (long offset = 0; offset < 0x10000; offset += 4) {
                assertThat(gic.distributor.read(offset, 4))
                        .describedAs("GICD 0x%x", offset)
                        .isEqualTo(fresh.distributor.read(offset, 4));
            }
            for (long offset = 0; offset < 0x40000; offset += 4) {
                assertThat(gic.redistributors.read(offset, 4))
                        .describedAs("GICR 0x%x", offset)
                        .isEqualTo(fresh.redistributors.read(offset, 4));
            }
            for (int register : new int[] {PMR, BPR1, CTLR, AP0R0, AP1R0, RPR, IGRPEN0, IGRPEN1}) {
                assertThat(gic.cpu(0).read(register)).isEqualTo(fresh.cpu(0).read(register));
            }
        }
        assertThat(gic.irq[0]).isFalse();
    }
}
