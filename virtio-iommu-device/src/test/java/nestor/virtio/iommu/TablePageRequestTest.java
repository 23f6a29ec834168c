package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.INVAL;
import static nestor.virtio.iommu.TableHarness.NOENT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static nestor.virtio.iommu.TableHarness.words;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Page requests to the driver, and its answers back. */
class TablePageRequestTest {
    private static final long IOVA = 0x7000_0000L;
    private static final int PASID = 3;
    private static final int BOTH = Translation.READ | Translation.WRITE;
    private static final int FAILURE = PageResponse.RESPONSE_FAILURE;

    private TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private TableHarness.RecordingEndpoint endpoint = tables.record(ENDPOINT);

    @BeforeEach
    void attach() {
        attach(tables);
    }

    private static void attach(TableHarness tables) {
        long cds = tables.machine.allocate(4096);
        tables.writeCd(cds + 64L * PASID, cdWord0(1), tables.arm().root());
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
    }

    private CompletionStatus request(Requester requester, int access, int index, boolean last) {
        return tables.device.requestPage(
                new PageRequest(requester, IOVA + 0x123, access, index, last));
    }

    private void request(int index) {
        assertThat(request(pasid(ENDPOINT, PASID), BOTH, index, true))
                .isEqualTo(CompletionStatus.SUCCESSFUL);
    }

    private static byte[] response(int rid, int flags, int pasid, int group, int code) {
        byte[] bytes = new byte[28];
        le(bytes)
                .put(0, (byte) 8)
                .putInt(4, rid)
                .putInt(8, flags)
                .putInt(12, pasid)
                .putShort(16, (short) group)
                .putShort(18, (short) code);
        return bytes;
    }

    private int respond(int group, int code) {
        return tables.iommu.status(response(ENDPOINT, 1, PASID, group, code));
    }

    private PageResponse answered(int index, int code) {
        return new PageResponse(ENDPOINT, PASID, index, code);
    }

    @Test
    void requestsOfBothQueuesAreCounted() {
        tables.eventBuffers(1, 48);
        request(1);
        assertThat(tables.reports()).hasSize(1);
        respond(1, 0);
        respond(1, 0); // refused: it has been answered

        assertThat(tables.device.statistics())
                .isEqualTo(new VirtioIommuStatistics(1, 0, 0, 0, 1, 2));
    }

    @Test
    @DisplayName("the layout proposed in review: 48 bytes, ready for private data")
    void goldenReport() {
        tables.eventBuffers(2, 48);
        request(pasid(ENDPOINT, PASID), Translation.READ, 0x1ff, false);
        assertThat(tables.reports()).describedAs("a group is reported whole").isEmpty();
        request(new Requester(ENDPOINT, PASID, true), BOTH | Translation.EXECUTE, 0x1ff, true);
        List<byte[]> reports = tables.reports();
        String zeros = " 00000000 00000000 00000000 00000000";
        assertThat(words(reports.getFirst()))
                .isEqualTo(
                        "00000000 21070000 28000000 03000000 00000070 00000000 ff010000 00000000"
                                + zeros);
        assertThat(words(reports.getLast()))
                .isEqualTo(
                        "00000000 3f070000 28000000 03000000 00000070 00000000 ff010000 00000000"
                                + zeros);
    }

    @Test
    @DisplayName("April 2021: 48 bytes; the response names the domain too")
    void goldenReportOf2021() {
        tables = new TableHarness(TableProfile.RFC2021);
        endpoint = tables.record(ENDPOINT);
        attach(tables);
        tables.eventBuffers(1, 48);
        request(7);
        assertThat(tables.report())
                .isEqualTo(
                        "00000000 02000000 03000000 0b000000 28000000 03000000 07000000 00000000"
                                + " 00000070 00000000 00000000 00000000");
        byte[] answer = new byte[36];
        le(answer)
                .put(0, (byte) 8)
                .putInt(4, 1)
                .putInt(8, ENDPOINT)
                .putInt(12, 1)
                .putInt(16, PASID)
                .putInt(20, 7)
                .putShort(24, (short) 0)
                .put(26, (byte) 1);
        assertThat(tables.iommu.status(answer)).isEqualTo(OK);
        assertThat(endpoint.responses).containsExactly(answered(7, PageResponse.SUCCESS));
    }

    @Test
    void everyCodeReachesTheEndpoint() {
        tables.eventBuffers(3, 48);
        for (int code = 0; code < 3; code++) {
            request(code);
        }
        assertThat(tables.reports()).hasSize(3);
        for (int code = 2; code >= 0; code--) {
            assertThat(respond(code, code)).isEqualTo(OK);
        }
        assertThat(endpoint.responses)
                .containsExactly(
                        answered(2, FAILURE),
                        answered(1, PageResponse.INVALID_REQUEST),
                        answered(0, PageResponse.SUCCESS));
        assertThat(respond(0, 0)).describedAs("once").isEqualTo(NOENT);
    }

    @Test
    void requestsWithoutPasid() {
        tables.eventBuffers(1, 48);
        request(plain(ENDPOINT), Translation.WRITE, 1, true);
        assertThat(tables.report())
                .startsWith("00000000 32050000 28000000 00000000 00000070 00000000 01000000");
        assertThat(respond(1, 0)).describedAs("with a PASID").isEqualTo(NOENT);
        assertThat(tables.iommu.status(response(ENDPOINT, 0, 0, 1, 0))).isEqualTo(OK);
        assertThat(endpoint.responses)
                .containsExactly(new PageResponse(ENDPOINT, Requester.NO_PASID, 1, 0));
    }

    @Test
    void statusesOfResponses() {
        tables.eventBuffers(1, 48);
        request(5);
        assertThat(respond(5, 0)).describedAs("told").isEqualTo(OK);
        request(5);
        assertThat(respond(5, 0)).describedAs("no buffer: not told").isEqualTo(NOENT);
        tables.eventBuffers(1, 48);
        assertThat(tables.reports()).hasSize(2);
        assertThat(respond(4, 0)).isEqualTo(NOENT);
        assertThat(respond(5, 3)).isEqualTo(INVAL);
        assertThat(tables.iommu.status(response(ENDPOINT, 3, PASID, 5, 0))).isEqualTo(INVAL);
        assertThat(tables.iommu.status(response(ENDPOINT, 1, PASID + 1, 5, 0))).isEqualTo(NOENT);
        assertThat(tables.iommu.status(response(OTHER_ENDPOINT, 1, PASID, 5, 0))).isEqualTo(NOENT);
        assertThat(tables.iommu.status(response(0x1_0000 + ENDPOINT, 1, PASID, 5, 0)))
                .isEqualTo(NOENT);
        assertThat(tables.iommu.status(response(-1, 1, PASID, 5, 0))).isEqualTo(NOENT);
        assertThat(respond(5 + 512, 0)).isEqualTo(NOENT);
        for (int reserved = 20; reserved < 28; reserved++) {
            byte[] bad = response(ENDPOINT, 1, PASID, 5, 0);
            bad[reserved] = 1;
            assertThat(tables.iommu.status(bad)).isEqualTo(INVAL);
        }
        assertThat(tables.iommu.status(response(ENDPOINT, 0, 0, 5, 0)))
                .describedAs("PRG Response PASID Required is the function's to know")
                .isEqualTo(OK);
        assertThat(endpoint.responses).hasSize(2);
    }

    @Test
    void requestsWaitForABuffer() {
        request(1);
        tables.machine.run();
        tables.eventBuffers(1, 48);
        assertThat(tables.reports()).hasSize(1);
        assertThat(endpoint.responses).isEmpty();
    }

    @Test
    @DisplayName("a request that the buffer cannot express fails, and is not left pending")
    void aBufferThatIsTooSmall() {
        tables.eventBuffers(1, 47);
        request(1);
        assertThat(tables.reports()).extracting(report -> report.length).containsExactly(0);
        assertThat(endpoint.responses).containsExactly(answered(1, FAILURE));
        assertThat(respond(1, 0)).isEqualTo(NOENT);
    }

    @Test
    void withoutTheFeatureThereAreNone() {
        tables = new TableHarness(TableProfile.NESTOR, ~(1L << 21));
        attach(tables);
        assertThat(request(pasid(ENDPOINT, PASID), BOTH, 1, true))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        tables.iommu.send(response(ENDPOINT, 1, PASID, 1, 0), 4);
        assertThat(tables.iommu.length).isZero();
    }

    @Test
    void endpointsWithoutTablesHaveNone() {
        assertThat(request(pasid(OTHER_ENDPOINT, PASID), BOTH, 1, true))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        tables.iommu.attach(2, OTHER_ENDPOINT, 0);
        assertThat(request(plain(OTHER_ENDPOINT), BOTH, 1, true))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Test
    void stopMarkersNeedNoAnswer() {
        tables.eventBuffers(1, 48);
        assertThat(tables.device.requestPage(PageRequest.stopMarker(pasid(ENDPOINT, PASID))))
                .isEqualTo(CompletionStatus.SUCCESSFUL);
        assertThat(tables.reports()).isEmpty();
        assertThat(endpoint.responses).isEmpty();
    }

    @Test
    void whoeverIsDetachedHasItsRequestsFailed() {
        tables.eventBuffers(1, 48);
        request(1);
        assertThat(tables.reports()).hasSize(1);
        request(2); // waits for a buffer
        request(pasid(ENDPOINT, PASID), BOTH, 3, false); // open
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(endpoint.responses)
                .containsExactlyInAnyOrder(
                        answered(1, FAILURE), answered(2, FAILURE), answered(3, FAILURE));
        assertThat(respond(1, 0)).isEqualTo(NOENT);
        tables.eventBuffers(1, 48);
        assertThat(tables.reports()).isEmpty();
    }

    @Test
    void aPasidThatIsDetachedDoesNotStopTheOthers() {
        long x86 = tables.x86(4).root();
        tables.iommu.status(attachX86(5, OTHER_ENDPOINT, 5, x86, 0, 48));
        tables.iommu.status(attachX86(6, OTHER_ENDPOINT, 6, x86, 0, 48));
        TableHarness.RecordingEndpoint other = tables.record(OTHER_ENDPOINT);
        tables.eventBuffers(2, 48);
        request(pasid(OTHER_ENDPOINT, 5), BOTH, 1, true);
        request(pasid(OTHER_ENDPOINT, 6), BOTH, 2, true);
        assertThat(tables.reports()).hasSize(2);
        assertThat(tables.iommu.detach(5, OTHER_ENDPOINT)).isEqualTo(OK);
        assertThat(other.responses)
                .containsExactly(
                        new PageResponse(OTHER_ENDPOINT, 5, 1, PageResponse.INVALID_REQUEST));
        assertThat(tables.iommu.status(response(OTHER_ENDPOINT, 1, 6, 2, 0))).isEqualTo(OK);
    }

    @Test
    void aResetFailsWhatIsOpen() {
        request(1);
        tables.iommu.driver.reset();
        assertThat(endpoint.responses).containsExactly(answered(1, FAILURE));
        assertThat(request(pasid(ENDPOINT, PASID), BOTH, 1, true))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Test
    void anIndexThatIsUsedAgainIsAnotherGroup() {
        tables.eventBuffers(2, 48);
        request(1);
        request(1);
        assertThat(tables.reports()).isNotEmpty();
        assertThat(respond(1, 0)).isEqualTo(OK);
        assertThat(respond(1, 0)).isEqualTo(NOENT);
        assertThat(endpoint.responses).hasSize(1);
    }

    @Test
    @DisplayName("a driver without buffers: so many wait, the rest ends as invalid requests")
    void aFloodIsAnsweredEither() {
        int groups = PageRequest.PRG_INDICES;
        for (int index = 0; index < groups; index++) {
            for (int part = 0; part < 3; part++) {
                request(pasid(ENDPOINT, PASID), BOTH, index, part == 2);
            }
        }
        int waiting = groups - endpoint.responses.size();
        assertThat(waiting).isEqualTo(PageRequests.MAX_HELD / 3);
        assertThat(endpoint.responses)
                .extracting(PageResponse::code)
                .containsOnly(PageResponse.INVALID_REQUEST);
        int told = 0;
        List<byte[]> all = new ArrayList<>();
        while (told < waiting * 3) {
            tables.eventBuffers(8, 48);
            List<byte[]> some = tables.reports();
            assertThat(some).isNotEmpty();
            told += some.size();
            all.addAll(some);
        }
        assertThat(all).hasSize(waiting * 3);
        for (int index = 0; index < waiting; index++) {
            assertThat(respond(index, 0)).isEqualTo(OK);
        }
        assertThat(endpoint.responses).hasSize(groups);
    }
}
