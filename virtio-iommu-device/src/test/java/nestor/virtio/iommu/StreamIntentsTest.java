package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.DEVERR;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.attachArm;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.plain;
import static nestor.virtio.iommu.TableHarness.tcr;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.host.HostException;
import nestor.iommu.host.Stage1;
import nestor.iommu.host.Stage1Intent;
import nestor.pci.Requester;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the device says an assigned endpoint is to be attached to. */
class StreamIntentsTest {
    private record Stated(int rid, int pasid, Stage1Intent intent) {}

    private final List<Stated> stated = new ArrayList<>();
    private boolean refuses;
    private final TableHarness tables =
            new TableHarness(
                    TableProfile.NESTOR,
                    -1L,
                    (rid, pasid, intent) -> {
                        stated.add(new Stated(rid, pasid, intent));
                        if (refuses) {
                            throw new HostException("ioctl(IOMMU_HWPT_ALLOC)", 22);
                        }
                    });
    private final long cds = tables.machine.allocate(4096);

    private Stage1Intent last() {
        return stated.getLast().intent();
    }

    @Test
    @DisplayName("IHI 0070 §5.2: V, Config = 5, S1Fmt, S1ContextPtr, S1CDMax; S1DSS")
    void aTableOfContextDescriptorsIsAStreamTableEntry() {
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 2, 2, cds, 11))).isEqualTo(OK);
        assertThat(stated)
                .containsExactly(
                        new Stated(
                                ENDPOINT,
                                Requester.NO_PASID,
                                new Stage1Intent.Nested(
                                        new Stage1.SmmuV3(
                                                1 | 5 << 1 | 2 << 4 | cds | 11L << 59, 2))));
    }

    @Test
    void aFirstStageIsOfItsPasid() {
        long root = tables.x86(5).root();
        assertThat(tables.iommu.status(attachX86(1, ENDPOINT, 7, root, 5, 57))).isEqualTo(OK);
        var nested = new Stage1Intent.Nested(new Stage1.VtdFirstStage(root, 57, 5));
        assertThat(stated).containsExactly(new Stated(ENDPOINT, 7, nested));
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(stated.getLast()).isEqualTo(new Stated(ENDPOINT, 7, Stage1Intent.BLOCKED));
        assertThat(tables.iommu.status(attachX86(1, ENDPOINT, 0, root, 5, 57))).isEqualTo(OK);
        assertThat(stated.getLast()).isEqualTo(new Stated(ENDPOINT, Requester.NO_PASID, nested));
    }

    @Test
    @DisplayName("one domain to another: never through bypass, not even through blocked")
    void aChangeOfDomainIsOneIntent() {
        tables.iommu.attach(9, OTHER_ENDPOINT, 1);
        assertThat(last()).isEqualTo(Stage1Intent.BYPASS);
        stated.clear();
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        tables.iommu.status(attachCds(2, ENDPOINT, 0, 1, cds, 4));
        assertThat(stated)
                .extracting(Stated::intent)
                .allMatch(Stage1Intent.Nested.class::isInstance)
                .hasSize(2);
        tables.iommu.attach(3, ENDPOINT, 0);
        assertThat(last())
                .describedAs("a host cannot walk mappings")
                .isEqualTo(Stage1Intent.BLOCKED);
        long root = tables.arm().root();
        tables.iommu.status(attachArm(4, ENDPOINT, 1, tcr(12, 48), root));
        assertThat(last())
                .describedAs("nor what has no CD in memory")
                .isEqualTo(Stage1Intent.BLOCKED);
    }

    @Test
    void aHostThatRefusesIsADeviceErrorAndTheEndpointIsBlocked() {
        long root = tables.arm().root();
        tables.writeCd(cds, cdWord0(1), root);
        refuses = true;
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 1, cds, 4))).isEqualTo(DEVERR);
        assertThat(tables.read(plain(ENDPOINT), 0x1000)).isEqualTo(-1);
        assertThat(tables.iommu.detach(1, ENDPOINT)).describedAs("not attached").isEqualTo(4);
        refuses = false;
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 1, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), 0x1000)).isEqualTo(0x1000);
    }

    @Test
    void aResetBlocksEveryEndpoint() {
        tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        long root = tables.x86(4).root();
        tables.iommu.status(attachX86(2, OTHER_ENDPOINT, 7, root, 0, 48));
        stated.clear();
        tables.iommu.driver.reset();
        assertThat(stated)
                .containsExactly(
                        new Stated(ENDPOINT, Requester.NO_PASID, Stage1Intent.BLOCKED),
                        new Stated(OTHER_ENDPOINT, 7, Stage1Intent.BLOCKED));
    }
}
