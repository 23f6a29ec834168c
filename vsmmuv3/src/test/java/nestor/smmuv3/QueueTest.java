package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Command, Event and PRI queues (IHI 0070, §3.5, chapter 4, §7, §8). */
class QueueTest {
    private static final int CERROR_ILL = 1;
    private static final int CERROR_ABT = 2;
    private static final int CERROR_ATC_INV_SYNC = 3;
    private static final int CMDQ_ERR = 1;

    private final SmmuHarness smmu = new SmmuHarness().enabled();

    private boolean isActive(int error) {
        return ((smmu.read32(0x060) ^ smmu.read32(0x064)) & error) != 0;
    }

    private void acknowledge() {
        smmu.write32(0x064, smmu.read32(0x060));
        smmu.loop.runUntilIdle();
    }

    @ParameterizedTest
    @DisplayName("§7.1: CERROR_ILL for reserved, secure, EL2 and out-of-place commands")
    @ValueSource(
            longs = {
                0x00,
                0x18,
                0x1a,
                0x20,
                0x22,
                0x50,
                0x60,
                0x70,
                0xff,
                0x03 | 1 << 10,
                0x46 | 3 << 12
            })
    void illegalCommandsStopTheQueue(long dw0) {
        smmu.submit(0x01, 0, dw0, 0, 0x01, 0);
        assertThat(smmu.commandError()).isEqualTo(CERROR_ILL);
        assertThat(smmu.read32(0x09c) & 0x7f).describedAs("CONS at the command").isEqualTo(1);
        assertThat(isActive(CMDQ_ERR)).isTrue();
        assertThat(smmu.interrupts).containsExactly("gerror");

        smmu.store(SmmuHarness.COMMANDS + 16, SYNC, 0);
        acknowledge();
        assertThat(smmu.isIdle()).describedAs("goes on without a write of PROD").isTrue();
        assertThat(isActive(CMDQ_ERR)).isFalse();
    }

    @Test
    void stageCommandsNeedTheirStage() {
        SmmuHarness stage1 =
                new SmmuHarness(SmmuV3Options.builder().stages(true, false).ats(false).build())
                        .enabled();
        stage1.submit(0x28, 0);
        assertThat(stage1.commandError()).isEqualTo(CERROR_ILL);
        SmmuHarness stage2 =
                new SmmuHarness(SmmuV3Options.builder().stages(false, true).ats(false).build())
                        .enabled();
        stage2.submit(0x10, 0);
        assertThat(stage2.commandError()).isEqualTo(CERROR_ILL);
        stage1 =
                new SmmuHarness(SmmuV3Options.builder().stages(true, false).ats(false).build())
                        .enabled();
        stage1.submit(0x40, 0);
        assertThat(stage1.commandError()).describedAs("ATC_INV without ATS").isEqualTo(CERROR_ILL);
    }

    @Test
    @DisplayName("§7.1: CERROR_ABT when the command cannot be read")
    void aQueueOutsideMemoryIsCerrorAbt() {
        smmu.control(0b0111);
        smmu.write64(0x090, 1L << 40 | SmmuHarness.COMMANDS_LOG2);
        smmu.control(0b1111);
        smmu.write32(0x098, 1);
        smmu.loop.runUntilIdle();
        assertThat(smmu.commandError()).isEqualTo(CERROR_ABT);
    }

    @Test
    @DisplayName("§4.7.3: CMD_SYNC completes by message, by wire, or not at all")
    void syncSignalsAsAsked() {
        smmu.submit(SYNC, 0);
        assertThat(smmu.interrupts).isEmpty();
        smmu.store(0x9000, -1L);
        smmu.submit(SYNC | 1 << 12 | 0x1234L << 32, 0x9000);
        assertThat(smmu.load(0x9000) & 0xffff_ffffL).isEqualTo(0x1234);
        assertThat(smmu.interrupts).containsExactly("sync");
        smmu.submit(SYNC | 1 << 12, 1L << 40);
        assertThat(isActive(1 << 4)).describedAs("MSI_CMDQ_ABT_ERR").isTrue();
    }

    @Test
    @DisplayName("§4.7.3: CMD_SYNC waits for the DMAs that entered before it")
    void syncWaitsForDmaUnderWay() {
        long ticket = smmu.smmu.enterDma();
        smmu.submit(0x30, 0, SYNC, 0);
        assertThat(smmu.isIdle()).isFalse();
        long later = smmu.smmu.enterDma();
        smmu.smmu.exitDma(ticket);
        smmu.loop.runUntilIdle();
        assertThat(smmu.isIdle()).isTrue();
        smmu.smmu.exitDma(later);
    }

    @Test
    @DisplayName("§4.5.1: CMD_SYNC waits for the endpoint's Invalidate Completions")
    void syncWaitsForTheEndpoint() {
        var endpoint = new SmmuHarness.RecordingEndpoint();
        smmu.endpoints.put(SID, endpoint);
        long sid = (long) SID << 32;
        smmu.submit(0x40 | 1 << 11 | 5 << 12 | sid, 0x7000_0000L | 9, SYNC, 0);
        assertThat(smmu.isIdle()).isFalse();
        assertThat(endpoint.invalidations).hasSize(1);
        assertThat(endpoint.invalidations.getFirst().pasid()).isEqualTo(5);
        assertThat(endpoint.invalidations.getFirst().iova()).isEqualTo(0x7000_0000L);
        assertThat(endpoint.invalidations.getFirst().sizeLog2()).isEqualTo(21);
        endpoint.completions.forEach(Runnable::run);
        smmu.loop.runUntilIdle();
        assertThat(smmu.isIdle()).isTrue();
    }

    @Test
    @DisplayName(
            "§4.5.1: 40 invalidations at once need more ITags than there are, and all complete")
    void invalidationsWaitForItags() {
        var endpoint = new SmmuHarness.RecordingEndpoint();
        smmu.endpoints.put(SID, endpoint);
        long[] commands = new long[82];
        for (int i = 0; i < 40; i++) {
            commands[2 * i] = 0x40 | (long) SID << 32;
            commands[2 * i + 1] = (long) i << 12;
        }
        commands[80] = SYNC;
        smmu.submit(commands);
        assertThat(endpoint.invalidations).hasSize(32);
        while (!smmu.isIdle()) {
            assertThat(endpoint.completions).isNotEmpty();
            endpoint.completions.removeFirst().run();
            smmu.loop.runUntilIdle();
        }
        assertThat(endpoint.invalidations).hasSize(40);
    }

    @Test
    @DisplayName("§7.1: CERROR_ATC_INV_SYNC at the SYNC when the endpoint stays silent")
    void aSilentEndpointIsCerrorAtcInvSync() {
        smmu.endpoints.put(SID, new SmmuHarness.RecordingEndpoint());
        smmu.submit(0x40 | (long) SID << 32, 52, SYNC, 0);
        smmu.clock.advance(200_000_000_000L);
        smmu.loop.runUntilIdle();
        assertThat(smmu.commandError()).isEqualTo(CERROR_ATC_INV_SYNC);
        assertThat(smmu.read32(0x09c) & 0x7f).isEqualTo(1);
        acknowledge();
        assertThat(smmu.isIdle()).describedAs("the SYNC is taken again").isTrue();
    }

    @Test
    @DisplayName("§4.5.1: nobody there is no error")
    void anAbsentEndpointIsNoError() {
        smmu.submit(0x40 | (long) SID << 32, 52, SYNC, 0);
        assertThat(smmu.isIdle()).isTrue();
        assertThat(smmu.commandError()).isZero();
    }

    @Test
    @DisplayName("a function that is pulled keeps no CMD_SYNC waiting")
    void aFunctionThatLeftIsNotWaitedFor() {
        smmu.endpoints.put(SID, new SmmuHarness.RecordingEndpoint());
        smmu.submit(0x40 | (long) SID << 32, 52, SYNC, 0);
        smmu.smmu.functionsLeft();
        assertThat(smmu.isIdle()).describedAs("it is still there").isFalse();
        smmu.endpoints.remove(SID);
        smmu.smmu.functionsLeft();
        smmu.loop.runUntilIdle();
        assertThat(smmu.isIdle()).isTrue();
        assertThat(smmu.commandError()).isZero();
    }

    @Test
    @DisplayName("§4.5.2: CMD_PRI_RESP codes 0, 1, 2 are Failure, Invalid, Success on the wire")
    void priResponsesReachTheEndpoint() {
        var endpoint = new SmmuHarness.RecordingEndpoint();
        smmu.endpoints.put(SID, endpoint);
        long head = 0x41 | 1 << 11 | 5 << 12 | (long) SID << 32;
        smmu.submit(head, 7, head, 8 | 1 << 12, head, 9 | 2 << 12);
        assertThat(endpoint.responses)
                .containsExactly(
                        new PageResponse(SID, 5, 7, PageResponse.RESPONSE_FAILURE),
                        new PageResponse(SID, 5, 8, PageResponse.INVALID_REQUEST),
                        new PageResponse(SID, 5, 9, PageResponse.SUCCESS));
        smmu.submit(head, 3 << 12);
        assertThat(smmu.commandError()).isEqualTo(CERROR_ILL);
    }

    @Test
    @DisplayName(
            "§7.4: an overflow toggles OVFLG once; freed space is used before it is acknowledged")
    void eventsThatDoNotFitAreCountedOut() {
        for (int i = 0; i < 6; i++) {
            assertAborted(smmu.read(0x1000L * i)); // C_BAD_STE
        }
        assertThat(smmu.read32(0x1_00a8)).isEqualTo(1L << 31 | 4);
        assertThat(smmu.interrupts).containsExactly("eventq");
        for (int i = 0; i < 4; i++) {
            assertThat(smmu.event().number()).isEqualTo(Event.C_BAD_STE);
        }
        assertAborted(smmu.read(0));
        assertThat(smmu.read32(0x1_00a8)).isEqualTo(1L << 31 | 5);
        assertThat(smmu.interrupts).containsExactly("eventq", "eventq");
        smmu.write32(0x1_00ac, 1L << 31 | 4);
        for (int i = 0; i < 5; i++) {
            assertAborted(smmu.read(0));
        }
        assertThat(smmu.read32(0x1_00a8) >>> 31).describedAs("toggled back").isZero();
    }

    @Test
    @DisplayName("§7.5: EVENTQ_ABT_ERR, and no records until it is acknowledged")
    void anEventQueueOutsideMemoryIsAGlobalError() {
        smmu.control(0b1011);
        smmu.write64(0x0a0, 1L << 40 | 2);
        smmu.control(0b1111);
        assertAborted(smmu.read(0));
        assertThat(isActive(1 << 2)).isTrue();
        assertAborted(smmu.read(0));
        assertThat(smmu.interrupts).containsExactly("gerror");
    }

    @Test
    @DisplayName("§6.3: what an enabled queue uses cannot be changed")
    void configurationIsLockedWhileInUse() {
        smmu.write64(0x090, 0x9000);
        smmu.write64(0x0a0, 0x9000);
        smmu.write64(0x080, 0x9000);
        smmu.write64(0x0b0, 0x9000);
        assertThat(smmu.registers.read(0x090, 8)).isEqualTo(SmmuHarness.COMMANDS | 6);
        assertThat(smmu.registers.read(0x0a0, 8)).isEqualTo(SmmuHarness.EVENTS | 2);
        assertThat(smmu.registers.read(0x080, 8)).isEqualTo(SmmuHarness.STREAM_TABLE);
        assertThat(smmu.registers.read(0x0b0, 8)).isZero();
    }

    @Test
    @DisplayName("§6.3.11: CR1.TABLE_* is locked by SMMUEN, CR1.QUEUE_* by any queue")
    void attributesOfTablesAndQueuesAreLockedWhileInUse() {
        smmu.write32(0x028, 0xd75);
        assertThat(smmu.read32(0x028)).isZero();

        smmu.control(0b0001);
        smmu.write32(0x028, 0xd75);
        assertThat(smmu.read32(0x028)).isEqualTo(0x035);

        smmu.control(0b0100);
        smmu.registers.write(0x028, 8, 0xd40);
        assertThat(smmu.read32(0x028)).isEqualTo(0xd75);
    }

    private void request(Requester requester, boolean last, int access) {
        smmu.smmu.requestPage(new PageRequest(requester, 0x7000_0000L, access, 3, last));
    }

    @Test
    @DisplayName("§8.1: a page request as a record")
    void pageRequestsAreQueued() {
        request(new Requester(SID, 5, true), true, Translation.WRITE);
        assertThat(smmu.read32(0x1_00c8)).isEqualTo(1);
        long dw0 = smmu.load(SmmuHarness.PAGE_REQUESTS);
        assertThat(dw0).isEqualTo(SID | 5L << 32 | 1L << 58 | 1L << 61 | 1L << 62 | 1L << 63);
        assertThat(smmu.load(SmmuHarness.PAGE_REQUESTS + 8)).isEqualTo(0x7000_0003L);
        assertThat(smmu.interrupts).containsExactly("priq");
    }

    @Test
    @DisplayName("§8.2: overflow answers Success to Last, drops others, until acknowledged")
    void anOverflowIsAnsweredByTheSmmu() {
        var endpoint = new SmmuHarness.RecordingEndpoint();
        smmu.endpoints.put(SID, endpoint);
        for (int i = 0; i < 4; i++) {
            request(REQUESTER, true, Translation.READ);
        }
        request(REQUESTER, false, Translation.READ);
        assertThat(endpoint.responses).isEmpty();
        request(REQUESTER, true, Translation.READ);
        assertThat(endpoint.responses)
                .containsExactly(
                        new PageResponse(SID, Requester.NO_PASID, 3, PageResponse.SUCCESS));
        smmu.write32(0x1_00cc, 4);
        request(REQUESTER, true, Translation.READ);
        assertThat(endpoint.responses).describedAs("still unacknowledged").hasSize(2);
        smmu.write32(0x1_00cc, 1L << 31 | 4);
        request(REQUESTER, true, Translation.READ);
        assertThat(endpoint.responses).hasSize(2);
        assertThat(smmu.read32(0x1_00c8) & 7).isEqualTo(5);
    }

    @Test
    @DisplayName("§8.2: a queue that is off answers Failure to every request, not to stop markers")
    void aQueueThatIsOffAnswersFailure() {
        var endpoint = new SmmuHarness.RecordingEndpoint();
        smmu.endpoints.put(SID, endpoint);
        smmu.control(0b1101);
        request(new Requester(SID, 5, false), false, Translation.READ);
        assertThat(endpoint.responses)
                .containsExactly(
                        new PageResponse(
                                SID, Requester.NO_PASID, 3, PageResponse.RESPONSE_FAILURE));
        smmu.smmu.requestPage(PageRequest.stopMarker(new Requester(SID, 5, false)));
        assertThat(endpoint.responses).hasSize(1);
    }

    @Test
    @DisplayName("§6.3: after reset the registers are as fresh, and old commands are forgotten")
    void resetForgetsEverything() {
        long ticket = smmu.smmu.enterDma();
        smmu.submit(SYNC, 0);
        smmu.smmu.reset();
        smmu.smmu.exitDma(ticket);
        smmu.loop.runUntilIdle();
        SmmuHarness fresh = new SmmuHarness();
        for (long offset = 0; offset < SmmuV3.REGISTER_BYTES; offset += 4) {
            assertThat(smmu.read32(offset)).isEqualTo(fresh.read32(offset));
        }
    }
}
