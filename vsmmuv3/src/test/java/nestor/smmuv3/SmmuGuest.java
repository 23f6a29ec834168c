package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.PAGE_REQUESTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.pci.PageResponse;
import nestor.smmuv3.event.Event;
import nestor.testkit.AssignedGuest;
import nestor.testkit.AssignedScenarios;
import nestor.testkit.ModelDriver.QueuedRequest;
import nestor.testkit.PageTables;
import nestor.vmm.memory.GuestMemory;

/** A driver of stage 1, with one stream of a host's. */
final class SmmuGuest implements AssignedGuest {
    static final int CDMAX = 4;

    private static final long STREAM = (long) SID << 32;
    private static final long CFGI_STE = 0x03 | STREAM;
    private static final long CFGI_CD = 0x05 | STREAM;
    private static final long TLBI_NH_ALL = 0x10;
    private static final long TLBI_NH_ASID = 0x11;
    private static final long TLBI_NH_VA = 0x12;
    private static final long ATC_INV = 0x40 | STREAM;
    private static final int EVERYTHING = 52;
    private static final int CERROR_ATC_INV_SYNC = 3;
    private static final int SUBSTREAMS = 8;

    final SmmuHarness smmu =
            new SmmuHarness(
                            SmmuV3Options.builder().stages(true, false).build(),
                            AssignedScenarios.ram(SmmuHarness.MEMORY_BYTES))
                    .enabled();
    private final List<PageTables> tables = List.of(smmu.stage1Tables(), smmu.stage1Tables());
    private int cdMax = CDMAX;

    @Override
    public SimulatedDevice device(SimulatedHost kernel, String path) {
        return kernel.smmuV3().device(path, true);
    }

    @Override
    public GuestMemory memory() {
        return smmu.memory;
    }

    @Override
    public int rid() {
        return SID;
    }

    @Override
    public long page(int number) {
        return 0xe_0000 + 0x1000L * number;
    }

    @Override
    public PageTables tables(int space) {
        return tables.get(space);
    }

    @Override
    public void assign(HostIommu host) throws HostException {
        smmu.smmu.assign(SID, host);
        smmu.loop.runUntilIdle();
    }

    @Override
    public void unassign() {
        smmu.smmu.unassign(SID);
        detach();
    }

    @Override
    public void attach() {
        smmu.stage1Stream(SID, cdMax, 2);
        smmu.submit(CFGI_STE, 1, SYNC, 0);
    }

    private void clear() {
        for (int ssid = 0; ssid < SUBSTREAMS; ssid++) {
            smmu.store(CONTEXTS + 64L * ssid, 0);
        }
    }

    @Override
    public void detach() {
        smmu.ste(SID, 1, 0, 0, 0);
        clear();
        smmu.submit(CFGI_STE, 1, TLBI_NH_ALL, 0, ATC_INV, EVERYTHING, SYNC, 0);
    }

    @Override
    public void changeContext() {
        cdMax = cdMax == CDMAX ? CDMAX + 1 : CDMAX;
        attach();
    }

    private static long substream(int ssid) {
        return 1 << 11 | (long) ssid << 12;
    }

    private void configured(int ssid) {
        smmu.submit(
                CFGI_CD | (long) ssid << 12,
                1,
                TLBI_NH_ASID | (long) ssid << 48,
                0,
                ATC_INV | substream(ssid),
                EVERYTHING,
                SYNC,
                0);
    }

    @Override
    public void bind(int pasid, int space) {
        smmu.cd(pasid, pasid, tables(space).root(), 0);
        configured(pasid);
    }

    @Override
    public void unbind(int pasid) {
        smmu.store(CONTEXTS + 64L * pasid, 0);
        configured(pasid);
    }

    @Override
    public void invalidate(int pasid, long iova) {
        smmu.submit(
                TLBI_NH_VA | (long) pasid << 48, iova, ATC_INV | substream(pasid), iova, SYNC, 0);
    }

    @Override
    public void reset() {
        smmu.smmu.reset();
        smmu.loop.runUntilIdle();
        smmu.wasReset();
        smmu.ste(SID, 0, 0, 0, 0);
        clear();
        smmu.enabled().invalidateAll();
    }

    @Override
    public boolean resetsToBypass() {
        return true;
    }

    /** C_BAD_STE, or CERROR_ATC_INV_SYNC, at which a driver has the CMD_SYNC repeated. */
    @Override
    public Refusal takeRefusal() {
        Refusal refusal = Refusal.NONE;
        while (smmu.hasEvent()) {
            SmmuHarness.EventRecord event = smmu.event();
            assertThat(event.sid()).isEqualTo(SID);
            if (event.number() == Event.C_BAD_STE) {
                refusal = Refusal.BLOCKED;
            }
        }
        if (!smmu.isIdle()) {
            assertThat(smmu.commandError()).isEqualTo(CERROR_ATC_INV_SYNC);
            smmu.write32(0x064, smmu.read32(0x060)); // GERRORN
            smmu.loop.runUntilIdle();
            refusal = Refusal.NOT_FORGOTTEN;
        }
        assertThat(smmu.isIdle()).isTrue();
        return refusal;
    }

    @Override
    public Optional<QueuedRequest> takePageRequest() {
        long cons = smmu.read32(0x1_00cc);
        if ((cons & 7) == (smmu.read32(0x1_00c8) & 7)) {
            return Optional.empty();
        }
        long gpa = PAGE_REQUESTS + 16 * (cons & 3);
        smmu.write32(0x1_00cc, cons + 1 & 7);
        long dw0 = smmu.load(gpa);
        long dw1 = smmu.load(gpa + 8);
        return Optional.of(
                new QueuedRequest(
                        (int) dw0,
                        (int) (dw0 >>> 32 & 0xf_ffff),
                        dw1 & -0x1000,
                        (int) (dw1 & 0x1ff),
                        (dw0 & 1L << 62) != 0));
    }

    @Override
    public void respond(QueuedRequest last, int code) {
        long response = code == PageResponse.SUCCESS ? 2 : 1;
        long dw0 = 0x41 | STREAM | substream(last.pasid());
        smmu.submit(dw0, last.prgIndex() | response << 12, SYNC, 0);
    }

    @Override
    public void advance(long nanos) {
        smmu.clock.advance(nanos);
        smmu.loop.runUntilIdle();
    }

    @Override
    public void close() {
        smmu.memory.close();
    }
}
