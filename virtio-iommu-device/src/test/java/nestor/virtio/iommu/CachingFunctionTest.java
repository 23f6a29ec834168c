package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.DEV_IOTLB;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.atc.CachedDmaPort;
import nestor.pci.AddressType;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsOptions;
import nestor.pci.AtsPort;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.PasidOptions;
import nestor.pci.PciFunction;
import nestor.pci.PriOptions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A function with PASIDs, ATS, PRI and a cache of translations, behind tables of its driver's. */
class CachingFunctionTest {
    private static final long ECAM = 0x10_0000_0000L;
    private static final long IOVA = 0x7000_0000L;
    private static final int PASID = 3;
    private static final int PASID_CONTROL = 0x106;
    private static final int ATS_CONTROL = 0x10e;
    private static final int PRI_CONTROL = 0x114;
    private static final int PRI_ALLOCATION = 0x11c;
    private static final Requester REQUESTER = new Requester(OTHER_ENDPOINT, PASID, false);

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final PageTables arm = tables.arm();
    private final PciFunction function =
            PciFunction.builder("caching")
                    .ids(1, 2)
                    .express()
                    .pasid(PasidOptions.ofWidth(20).withTranslatedRequests())
                    .ats(AtsOptions.ofQueueDepth(4))
                    .pri(PriOptions.ofCapacity(8))
                    .build();
    private final Atc atc = Atc.on(function.ats(), AtcOptions.fullyAssociative(64));
    private final CachedDmaPort port = new CachedDmaPort(function.dma(), function.ats(), atc);

    @BeforeEach
    void enable() {
        tables.machine.host().plug(OTHER_ENDPOINT >> 3, 0, function);
        configure(4, 2, 6);
        configure(PASID_CONTROL, 2, 9);
        configure(ATS_CONTROL, 2, 0x8000);
        configure(PRI_ALLOCATION, 4, 8);
        configure(PRI_CONTROL, 2, 1);
        atc.start(PASID);
        long cds = tables.machine.allocate(4096);
        tables.writeCd(cds + 64L * PASID, cdWord0(1), arm.root());
        assertThat(tables.iommu.status(attachCds(1, OTHER_ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
    }

    private void configure(int register, int sizeBytes, long value) {
        long function0 = ECAM + ((long) OTHER_ENDPOINT << 12);
        tables.machine.mmio().write(function0 + register, sizeBytes, value);
    }

    private boolean writes(int value) {
        byte[] data = {(byte) value};
        return port.write(REQUESTER, IOVA, MemorySegment.ofArray(data))
                == CompletionStatus.SUCCESSFUL;
    }

    private byte memory(long gpa) {
        return tables.machine.read(gpa, 1)[0];
    }

    @Test
    @DisplayName("PCIe §10.3: a page belongs to the endpoint until its cache was invalidated")
    void translationsAreUsedUntilInvalidated() {
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS, 1L << 11);
        assertThat(writes(1)).isTrue();
        assertThat(memory(PHYS)).isEqualTo((byte) 1);
        arm.map(IOVA, PHYS + 0x1000, 12, ALL_PERMISSIONS, 1L << 11);
        assertThat(writes(2)).isTrue();
        assertThat(memory(PHYS)).describedAs("from its cache").isEqualTo((byte) 2);
        assertThat(tables.invalidatePages(1, DEV_IOTLB, PASID, IOVA, 1)).isEqualTo(OK);
        assertThat(writes(3)).isTrue();
        assertThat(memory(PHYS)).isEqualTo((byte) 2);
        assertThat(memory(PHYS + 0x1000)).isEqualTo((byte) 3);
        arm.unmap(IOVA);
        assertThat(tables.invalidatePages(1, IOTLB, PASID, IOVA, 1)).isEqualTo(OK);
        assertThat(writes(4)).isFalse();
        assertThat(memory(PHYS + 0x1000)).isEqualTo((byte) 3);
    }

    @Test
    void nothingIsLeftInTheCacheAfterDetach() {
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        assertThat(writes(1)).isTrue();
        assertThat(tables.iommu.detach(1, OTHER_ENDPOINT)).isEqualTo(OK);
        assertThat(atc.lookup(REQUESTER, IOVA, Translation.WRITE)).isNull();
        assertThat(writes(2)).isFalse();
        assertThat(memory(PHYS)).isEqualTo((byte) 1);
    }

    @Test
    @DisplayName("PCIe §10.4: a page request, its answer, and the access that follows")
    void aPageIsAskedFor() {
        List<PageResponse> responses = new ArrayList<>();
        function.ats()
                .register(
                        PASID,
                        new AtsEndpoint() {
                            @Override
                            public void invalidate(InvalidateRequest request, Runnable complete) {
                                complete.run();
                            }

                            @Override
                            public void pageResponse(PageResponse response) {
                                responses.add(response);
                            }

                            @Override
                            public void disabled() {}
                        });
        tables.eventBuffers(1, 48);
        assertThat(function.ats().requestPage(REQUESTER, IOVA, Translation.WRITE, 9, true))
                .isEqualTo(AtsPort.PageRequestOutcome.SENT);
        byte[] report = tables.reports().getFirst();
        assertThat(le(report).getInt(8)).isEqualTo(OTHER_ENDPOINT);
        assertThat(le(report).getInt(12)).isEqualTo(PASID);
        assertThat(le(report).getLong(16)).isEqualTo(IOVA);
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        byte[] answer = new byte[28];
        le(answer)
                .put(0, (byte) 8)
                .putInt(4, le(report).getInt(8))
                .putInt(8, 1)
                .putInt(12, PASID)
                .putShort(16, le(report).getShort(24));
        assertThat(responses).isEmpty();
        assertThat(tables.iommu.status(answer)).isEqualTo(OK);
        assertThat(responses)
                .containsExactly(new PageResponse(OTHER_ENDPOINT, PASID, 9, PageResponse.SUCCESS));
        assertThat(writes(5)).isTrue();
        assertThat(memory(PHYS)).isEqualTo((byte) 5);
    }

    @Test
    void aHitAllocatesNothing() {
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        int hits = translateOften();
        long before = threads.getCurrentThreadAllocatedBytes();
        hits += translateOften();
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(hits).isEqualTo(200_000);
        assertThat(allocated).isLessThan(100_000);
    }

    private int translateOften() {
        int hits = 0;
        for (int i = 0; i < 100_000; i++) {
            Translation answer =
                    tables.device.translate(
                            REQUESTER,
                            AddressType.UNTRANSLATED,
                            IOVA + (i & 0xfff),
                            Translation.READ);
            hits += answer instanceof Translation.Mapping ? 1 : 0;
        }
        return hits;
    }
}
