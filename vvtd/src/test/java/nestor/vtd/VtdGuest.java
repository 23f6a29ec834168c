package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.DIRECTORY;
import static nestor.vtd.VtdHarness.FIRST_STAGE;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.testkit.AssignedGuest;
import nestor.testkit.AssignedScenarios;
import nestor.testkit.ModelDriver.QueuedRequest;
import nestor.testkit.PageTables;
import nestor.vmm.memory.GuestMemory;

/** A driver in scalable mode, with one function of a host's. */
final class VtdGuest implements AssignedGuest {
    private static final long CONTEXT_ENTRY = DIRECTORY | 0b1_1101 | 7L << 9;
    private static final long CONTEXT_OF_DEVICE = 1 | 3 << 4 | DID << 16 | (long) RID << 32;
    private static final int PASIDS = 8;
    private static final int ENTRY_NOT_PRESENT = 0x59;

    final VtdHarness vtd =
            new VtdHarness(
                            VtdOptions.whole().with(VtdProperty.CACHING_MODE, 1),
                            AssignedScenarios.ram(VtdHarness.MEMORY_BYTES))
                    .scalable()
                    .queue(true);
    private final List<PageTables> tables =
            List.of(vtd.firstStageTables(4), vtd.firstStageTables(4));
    private boolean other;

    VtdGuest() {
        vtd.pageRequestQueue();
    }

    @Override
    public SimulatedDevice device(SimulatedHost kernel, String path) {
        return kernel.vtd().device(path, true);
    }

    @Override
    public GuestMemory memory() {
        return vtd.memory;
    }

    @Override
    public int rid() {
        return RID;
    }

    @Override
    public long page(int number) {
        return 0x5_8000 + 0x1000L * number;
    }

    @Override
    public PageTables tables(int space) {
        return tables.get(space);
    }

    @Override
    public void assign(HostIommu host) throws HostException {
        vtd.unit.assign(RID, host);
        vtd.loop.runUntilIdle();
    }

    @Override
    public void unassign() {
        vtd.unit.unassign(RID);
        detach();
    }

    private static long of(int pasid) {
        return (long) pasid << 32 | DID << 16;
    }

    private void synchronize() {
        assertThat(vtd.isSynchronized()).isTrue();
    }

    @Override
    public void attach() {
        vtd.context(CONTEXT_ENTRY, 0);
        vtd.put(CONTEXT_OF_DEVICE, 0);
        synchronize();
    }

    @Override
    public void detach() {
        vtd.context(0, 0);
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            vtd.pasid(pasid, 0, 0, 0);
        }
        vtd.put(CONTEXT_OF_DEVICE, 0);
        vtd.put(7 | 3 << 4, 0);
        vtd.put(2 | 1 << 4, 0);
        synchronize();
    }

    /** RID_PASID gets the other address space, and the context entry another directory size. */
    @Override
    public void changeContext() {
        other = !other;
        bind(0, other ? 1 : 0);
        vtd.context(DIRECTORY | 0b1_1101 | (other ? 6L : 7L) << 9, 0);
        vtd.put(CONTEXT_OF_DEVICE, 0);
        synchronize();
    }

    private void set(int pasid, long qw0, long root) {
        vtd.pasid(pasid, qw0, DID, root);
        vtd.put(7 | 1 << 4 | of(pasid), 0);
        vtd.put(6 | 2 << 4 | of(pasid), 0);
        vtd.put(8 | RID << 16 | (long) pasid << 32, 0x7fff_ffff_ffff_f800L);
        synchronize();
    }

    @Override
    public void bind(int pasid, int space) {
        set(pasid, 1 | FIRST_STAGE << 6, tables(space).root());
    }

    @Override
    public void unbind(int pasid) {
        set(pasid, 0, 0);
    }

    @Override
    public void invalidate(int pasid, long iova) {
        vtd.put(6 | 3 << 4 | of(pasid), iova);
        vtd.put(8 | RID << 16 | (long) pasid << 32, iova);
        synchronize();
    }

    @Override
    public void reset() {
        vtd.unit.reset();
        vtd.loop.runUntilIdle();
        vtd.wasReset();
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            vtd.pasid(pasid, 0, 0, 0);
        }
        vtd.scalable().queue(true).pageRequestQueue();
    }

    @Override
    public boolean resetsToBypass() {
        return true;
    }

    /** Nothing but the entries that count as not present. */
    @Override
    public Refusal takeRefusal() {
        Refusal refusal = Refusal.NONE;
        while (vtd.hasFault()) {
            VtdHarness.Fault fault = vtd.fault();
            assertThat(fault.reason()).isEqualTo(ENTRY_NOT_PRESENT);
            assertThat(fault.sid()).isEqualTo(RID);
            refusal = Refusal.BLOCKED;
        }
        return refusal;
    }

    @Override
    public Optional<QueuedRequest> takePageRequest() {
        if (!vtd.hasPageRequest()) {
            return Optional.empty();
        }
        long[] words = vtd.pageRequest();
        return Optional.of(
                new QueuedRequest(
                        (int) (words[0] >>> 16 & 0xffff),
                        (int) (words[0] >>> 32 & 0xf_ffff),
                        words[1] & -0x1000,
                        (int) (words[1] >>> 3 & 0x1ff),
                        (words[1] & 1 << 2) != 0));
    }

    @Override
    public void respond(QueuedRequest last, int code) {
        long qw0 = 9 | 1 << 4 | (long) last.rid() << 16 | (long) last.pasid() << 32;
        vtd.submit(qw0 | (long) code << 12, (long) last.prgIndex() << 3);
    }

    @Override
    public void close() {
        vtd.memory.close();
    }

    @Override
    public void advance(long nanos) {
        vtd.clock.advance(nanos);
        vtd.loop.runUntilIdle();
    }
}
