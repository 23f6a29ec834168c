package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.DEVERR;
import static nestor.virtio.iommu.TableHarness.DEV_IOTLB;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.attachArm;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.plain;
import static nestor.virtio.iommu.TableHarness.tcr;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.SmmuCommands;
import nestor.iommu.host.Stage1;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.FakeHostIommu;
import nestor.testkit.FakeHostIommu.Attachment;
import nestor.testkit.HostCall;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the host is told of endpoints that are assigned. */
class AssignedEndpointTest {
    private static final int EINVAL = 22;
    private static final int NONE = Requester.NO_PASID;
    private static final Attachment BLOCKED = new Attachment.Blocked();

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final FakeHostIommu host = new FakeHostIommu();
    private final long cds = tables.machine.allocate(4096);

    @BeforeEach
    void assign() throws HostException {
        for (int rid : new int[] {ENDPOINT, OTHER_ENDPOINT}) {
            host.assign(rid);
            tables.device.assign(rid, host);
        }
    }

    private Attachment attachment(int pasid) {
        return host.attachment(ENDPOINT, pasid);
    }

    private List<HostCall> callsOf(Runnable action) {
        int before = host.calls().size();
        action.run();
        return host.calls().subList(before, host.calls().size());
    }

    private static HostInvalidation.SmmuV3Command atcInv(int pasid, long iova, int sizeLog2) {
        return SmmuCommands.atcInv(
                new InvalidateRequest(ENDPOINT, pasid, 0, false, iova, sizeLog2));
    }

    @Test
    @DisplayName("IHI 0070 §5.2: V, Config = 5, S1Fmt, S1ContextPtr, S1CDMax; S1DSS")
    void aTableOfContextDescriptorsIsAStreamTableEntry() {
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 2, 2, cds, 11))).isEqualTo(OK);
        assertThat(attachment(NONE))
                .isEqualTo(
                        new Attachment.Nested(
                                new Stage1.SmmuV3(1 | 5 << 1 | 2 << 4 | cds | 11L << 59, 2)));
    }

    @Test
    void aFirstStageIsOfItsPasid() {
        long root = tables.x86(5).root();
        assertThat(tables.iommu.status(attachX86(1, ENDPOINT, 7, root, 5, 57))).isEqualTo(OK);
        var nested = new Attachment.Nested(new Stage1.VtdFirstStage(root, 57, 5));
        assertThat(attachment(7)).isEqualTo(nested);
        assertThat(attachment(NONE)).isEqualTo(BLOCKED);
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(attachment(7)).isEqualTo(BLOCKED);
        assertThat(tables.iommu.status(attachX86(1, ENDPOINT, 0, root, 5, 57))).isEqualTo(OK);
        assertThat(attachment(NONE)).isEqualTo(nested);
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    @DisplayName("one domain to another: never through bypass, not even through blocked")
    void aChangeOfDomainIsOneReplacement() {
        host.intendBypass(OTHER_ENDPOINT, NONE);
        tables.iommu.attach(9, OTHER_ENDPOINT, 1);
        assertThat(host.attachment(OTHER_ENDPOINT, NONE)).isEqualTo(new Attachment.Bypassed());
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        List<HostCall> calls =
                callsOf(() -> tables.iommu.status(attachCds(2, ENDPOINT, 0, 1, cds, 4)));
        assertThat(calls)
                .hasExactlyElementsOfTypes(
                        HostCall.Nest.class,
                        HostCall.Attach.class,
                        HostCall.Close.class,
                        HostCall.Invalidate.class);
        tables.iommu.attach(3, ENDPOINT, 0);
        assertThat(attachment(NONE)).describedAs("a host cannot walk mappings").isEqualTo(BLOCKED);
        long root = tables.arm().root();
        tables.iommu.status(attachArm(4, ENDPOINT, 1, tcr(12, 48), root));
        assertThat(attachment(NONE)).describedAs("nor what has no CD in memory").isEqualTo(BLOCKED);
    }

    @Test
    void whateverTheHostRefusesIsADeviceErrorAndTheEndpointIsBlocked() {
        long root = tables.arm().root();
        tables.writeCd(cds, cdWord0(1), root);
        for (int calls = 0; calls < 2; calls++) {
            host.failAfter(calls, EINVAL);
            assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 1, cds, 4))).isEqualTo(DEVERR);
            assertThat(attachment(NONE)).isEqualTo(BLOCKED);
            assertThat(host.openDomains()).isZero();
            assertThat(tables.read(plain(ENDPOINT), 0x1000)).isEqualTo(-1);
            assertThat(tables.iommu.detach(1, ENDPOINT)).describedAs("not attached").isEqualTo(4);
        }
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 1, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), 0x1000)).isEqualTo(0x1000);
    }

    @Test
    void anEndpointThatIsNotAssignedIsNoneOfTheHostsBusiness() {
        tables.device.unassign(OTHER_ENDPOINT);
        assertThat(callsOf(() -> tables.iommu.status(attachCds(1, OTHER_ENDPOINT, 0, 2, cds, 4))))
                .isEmpty();
    }

    @Test
    void anEndpointThatIsAssignedLaterGetsWhatItIsAttachedTo() throws HostException {
        tables.device.unassign(ENDPOINT);
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        assertThat(attachment(NONE)).isEqualTo(BLOCKED);
        tables.device.assign(ENDPOINT, host);
        assertThat(attachment(NONE)).isInstanceOf(Attachment.Nested.class);
    }

    @Test
    void aResetBlocksEveryEndpoint() {
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        long root = tables.x86(4).root();
        tables.iommu.status(attachX86(2, OTHER_ENDPOINT, 7, root, 0, 48));
        tables.iommu.driver.reset();
        assertThat(attachment(NONE)).isEqualTo(BLOCKED);
        assertThat(host.attachment(OTHER_ENDPOINT, 7)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void invalidationsOfAFirstStageAreRanges() {
        long root = tables.x86(4).root();
        tables.iommu.status(attachX86(1, ENDPOINT, 7, root, 0, 48));
        assertThat(callsOf(() -> tables.invalidatePages(1, IOTLB | DEV_IOTLB, 7, 0x5000, 2)))
                .containsExactly(
                        new HostCall.Invalidate(
                                List.of(
                                        new HostInvalidation.VtdRange(
                                                new IovaRange(0x5000, 0x6fff), false))));
    }

    @Test
    void invalidationsOfContextDescriptorsAreCommands() {
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        assertThat(callsOf(() -> tables.invalidatePasid(1, PASID_CACHE, 3)))
                .containsExactly(
                        new HostCall.Invalidate(List.of(SmmuCommands.cfgiCd(ENDPOINT, 3))));
        assertThat(callsOf(() -> tables.invalidateDomain(1, PASID_CACHE | IOTLB)))
                .containsExactly(
                        new HostCall.Invalidate(
                                List.of(
                                        SmmuCommands.cfgiCdAll(ENDPOINT),
                                        SmmuCommands.tlbiAll(),
                                        atcInv(NONE, 0, 64))));
        assertThat(callsOf(() -> tables.invalidatePages(1, IOTLB, 3, 0x5000, 2)))
                .containsExactly(
                        new HostCall.Invalidate(
                                List.of(
                                        SmmuCommands.tlbiVaa(0x5000),
                                        SmmuCommands.tlbiVaa(0x6000),
                                        atcInv(3, 0x5000, 12),
                                        atcInv(3, 0x6000, 12))));
    }

    @Test
    void anInvalidationThatTheHostRefusesIsADeviceErrorAndBlocks() {
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        host.refuseInvalidationAfter(0);
        assertThat(tables.invalidateDomain(1, IOTLB)).isEqualTo(DEVERR);
        assertThat(attachment(NONE)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4)))
                .describedAs("attached again")
                .isEqualTo(OK);
        assertThat(attachment(NONE)).isInstanceOf(Attachment.Nested.class);
    }

    @Test
    void hardwaresFaultsAreReported() {
        tables.eventBuffers(1, 64);
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        host.reports(ENDPOINT)
                .event(
                        new HostReports.SmmuV3Event(
                                0x10 | 1 << 11 | 3L << 12 | (long) ENDPOINT << 32, 0, 0x5000, 0));
        assertThat(HostFaults.of(ENDPOINT, new HostReports.SmmuV3Event(0x13, 1L << 35, 0x1000, 0)))
                .isEqualTo(
                        new Fault(
                                Fault.Reason.PERMISSION,
                                plain(ENDPOINT),
                                0x1000,
                                Translation.READ));
        assertThat(tables.report()).contains("00500000");
    }

    @Test
    void pageRequestsReachTheDriver() {
        tables.eventBuffers(1, 64);
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        host.reports(ENDPOINT)
                .pageGroup(
                        new HostReports.PageGroup(
                                3,
                                99,
                                List.of(new HostReports.Page(0x5000, Translation.READ, false))));
        assertThat(tables.reports()).hasSize(1);
        assertThat(callsOf(() -> tables.iommu.detach(1, ENDPOINT)))
                .describedAs("nobody answers any more")
                .contains(new HostCall.Respond(ENDPOINT, 99, false));
    }
}
