package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.FIRST_STAGE;
import static nestor.vtd.VtdHarness.PASS_THROUGH;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.SECOND_STAGE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.InvalidationProgress;
import nestor.iommu.host.Stage1;
import nestor.pci.Requester;
import nestor.testkit.FakeHostIommu;
import nestor.testkit.FakeHostIommu.Attachment;
import nestor.testkit.HostCall;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Guest PASID bind: what the host is told when PASID entries change. */
class PasidBindingTest {
    private static final int EINVAL = 22;
    private static final long TABLE = 0x12_3000;
    private static final long FSTS = 0x034;
    private static final long IQERCD = 0x0b0;
    private static final long ICE = 1 << 5;
    private static final long ITE = 1 << 6;
    private static final Attachment BLOCKED = new Attachment.Blocked();

    private final VtdHarness vtd =
            new VtdHarness(VtdOptions.whole().with(VtdProperty.CACHING_MODE, 1))
                    .scalable()
                    .queue(true);
    private final FakeHostIommu host = new FakeHostIommu();

    @BeforeEach
    void assign() throws HostException {
        host.assign(RID);
        vtd.unit.assign(RID, host);
    }

    private static Attachment nested(long table, int bits, long flags) {
        return new Attachment.Nested(new Stage1.VtdFirstStage(table, bits, flags));
    }

    /** Writes an entry and invalidates as a driver with caching mode does. */
    private void set(int pasid, long qw0, long qw1, long qw2) {
        vtd.pasid(pasid, qw0, qw1, qw2);
        invalidatePasid(DID, pasid);
    }

    private void invalidatePasid(int did, int pasid) {
        vtd.submit(7 | 1 << 4 | (long) did << 16 | (long) pasid << 32, 0);
    }

    private void bind(int pasid, long table) {
        set(pasid, 1 | FIRST_STAGE << 6, DID, table);
    }

    private void unbind(int pasid) {
        set(pasid, 0, 0, 0);
    }

    private Attachment attachment(int pasid) {
        return host.attachment(RID, pasid);
    }

    @Test
    void bindReportsTableWidthAndFlags() {
        bind(5, TABLE);
        assertThat(attachment(5)).isEqualTo(nested(TABLE, 48, 0));
        set(6, 1 | FIRST_STAGE << 6, DID, TABLE | 1 | 1 << 2 | 1 << 4);
        assertThat(attachment(6))
                .isEqualTo(
                        nested(
                                TABLE,
                                57,
                                Stage1.VtdFirstStage.SUPERVISOR_REQUESTS
                                        | Stage1.VtdFirstStage.WRITE_PROTECT));
    }

    @Test
    void unbindBlocksAndClosesTheDomain() {
        bind(5, TABLE);
        unbind(5);
        assertThat(attachment(5)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void rebindReplacesBeforeItCloses() {
        bind(5, TABLE);
        int before = host.calls().size();
        bind(5, TABLE + 0x1000);
        var stage1 = new Stage1.VtdFirstStage(TABLE + 0x1000, 48, 0);
        assertThat(host.calls().subList(before, host.calls().size()))
                .containsExactly(
                        new HostCall.Nest(RID, stage1),
                        new HostCall.Attach(RID, 5, stage1),
                        new HostCall.Close(RID, new Stage1.VtdFirstStage(TABLE, 48, 0)));
        assertThat(host.openDomains()).isEqualTo(1);
    }

    @Test
    void anInvalidationWithoutAChangeAsksNothingOfTheHost() {
        bind(5, TABLE);
        int before = host.calls().size();
        invalidatePasid(DID, 5);
        vtd.submit(7 | 3 << 4, 0);
        vtd.submit(7 | DID << 16, 0);
        vtd.submit(1 | 1 << 4, 0);
        assertThat(host.calls()).hasSize(before);
    }

    @Test
    void anEntryThatMovesToAnotherDomainIsFollowed() {
        bind(5, TABLE);
        vtd.pasid(5, 1 | FIRST_STAGE << 6, DID + 1, TABLE);
        invalidatePasid(DID, 5);
        assertThat(attachment(5)).isEqualTo(nested(TABLE, 48, 0));
        vtd.pasid(5, 0, 0, 0);
        invalidatePasid(DID, 5);
        assertThat(attachment(5)).describedAs("another domain's").isEqualTo(nested(TABLE, 48, 0));
        invalidatePasid(DID + 1, 5);
        assertThat(attachment(5)).isEqualTo(BLOCKED);
    }

    @Test
    @DisplayName("§6.5.2.2: every granularity reconciles its scope")
    void everyGranularityReconciles() {
        long[] descriptors = {
            7 | 3 << 4,
            7 | DID << 16,
            1 | 1 << 4,
            1 | 3 << 4 | (long) RID << 32,
            1 | 2 << 4 | DID << 16
        };
        for (long descriptor : descriptors) {
            vtd.pasid(5, 1 | FIRST_STAGE << 6, DID, TABLE);
            vtd.pasid(9, 1 | FIRST_STAGE << 6, DID, TABLE);
            vtd.submit(7 | (DID + 1) << 16, 0);
            vtd.submit(1 | 3 << 4 | (RID + 1L) << 32, 0);
            assertThat(attachment(5)).isEqualTo(BLOCKED);
            vtd.submit(descriptor, 0);
            assertThat(attachment(5)).isEqualTo(nested(TABLE, 48, 0));
            assertThat(attachment(9)).isEqualTo(nested(TABLE, 48, 0));
            vtd.pasid(5, 0, 0, 0);
            vtd.pasid(9, 0, 0, 0);
            vtd.submit(descriptor, 0);
            assertThat(host.openDomains()).isZero();
        }
    }

    @Test
    void requestsWithoutPasidFollowTheEntryOfRidPasid() {
        bind(0, TABLE);
        assertThat(attachment(Requester.NO_PASID)).isEqualTo(nested(TABLE, 48, 0));
        assertThat(attachment(0)).isEqualTo(nested(TABLE, 48, 0));
        host.intendBypass(RID, 0);
        host.intendBypass(RID, Requester.NO_PASID);
        set(0, 1 | PASS_THROUGH << 6, DID, 0);
        assertThat(attachment(Requester.NO_PASID)).isEqualTo(new Attachment.Bypassed());
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void aUnitThatIsSwitchedOffPassesRequestsAndUnbindsPasids() {
        bind(5, TABLE);
        host.intendBypass(RID, Requester.NO_PASID);
        vtd.off(VtdHarness.TE);
        assertThat(attachment(Requester.NO_PASID)).isEqualTo(new Attachment.Bypassed());
        assertThat(attachment(5)).isEqualTo(BLOCKED);
        vtd.on(VtdHarness.TE);
        assertThat(attachment(Requester.NO_PASID)).isEqualTo(BLOCKED);
        assertThat(attachment(5)).isEqualTo(nested(TABLE, 48, 0));
    }

    @Test
    void whatTheHostCannotWalkIsBlocked() {
        bind(5, TABLE);
        set(5, 1 | SECOND_STAGE << 6 | 2 << 2 | TABLE, DID, 0);
        assertThat(attachment(5)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    @DisplayName("a process dies: PASIDs are cleared, invalidated and drained, one after the other")
    void theTeardownStormLeavesNothingBehind() {
        for (int round = 0; round < 3; round++) {
            for (int pasid = 1; pasid < 64; pasid++) {
                bind(pasid, TABLE + 0x1000L * pasid);
            }
            assertThat(host.openDomains()).isEqualTo(63);
            for (int pasid = 1; pasid < 64; pasid++) {
                long of = (long) pasid << 32 | DID << 16;
                vtd.pasid(pasid, 2, DID, 0);
                vtd.put(7 | 1 << 4 | of, 0);
                vtd.put(6 | 2 << 4 | of, 0);
                vtd.put(8 | RID << 16 | (long) pasid << 32, 0x7fff_ffff_ffff_f800L);
                vtd.put(5 | 1 << 7 | 1 << 6, 0);
                assertThat(vtd.isSynchronized()).isTrue();
                assertThat(attachment(pasid)).isEqualTo(BLOCKED);
            }
            assertThat(host.openDomains()).isZero();
        }
    }

    @Test
    void invalidationsReachTheHostBeforeTheWaitIsDone() {
        bind(5, TABLE);
        bind(6, TABLE);
        int before = host.calls().size();
        vtd.put(6 | 3 << 4 | 5L << 32 | DID << 16, 0x7000 | 1 << 6);
        vtd.submit(6 | 3 << 4 | 5L << 32 | DID << 16, 0x8000 | 1);
        assertThat(host.calls()).hasSize(before);
        assertThat(vtd.isSynchronized()).isTrue();
        assertThat(host.calls().subList(before, host.calls().size()))
                .containsExactly(
                        new HostCall.Invalidate(
                                List.of(
                                        new HostInvalidation.VtdRange(
                                                new IovaRange(0x7000, 0x7fff), true),
                                        new HostInvalidation.VtdRange(
                                                new IovaRange(0x8000, 0x9fff), false))));
        vtd.put(2 | 2 << 4 | DID << 16, 0);
        assertThat(vtd.isSynchronized()).isTrue();
        assertThat(host.calls()).hasSize(before + 3);
    }

    @Test
    void manyInvalidationsBecomeOneOfEverything() {
        bind(5, TABLE);
        int before = host.calls().size();
        for (int i = 0; i < 100; i++) {
            vtd.put(6 | 3 << 4 | 5L << 32 | DID << 16, 0x1000L * i);
        }
        assertThat(vtd.isSynchronized()).isTrue();
        assertThat(host.calls().subList(before, host.calls().size()))
                .containsExactly(
                        new HostCall.Invalidate(
                                List.of(new HostInvalidation.VtdRange(IovaRange.ALL, false))));
    }

    @Test
    void whateverTheHostRefusesEndsBlockedAndRecorded() {
        for (int calls = 0; calls < 2; calls++) {
            bind(5, TABLE);
            host.failAfter(calls, EINVAL);
            bind(5, TABLE + 0x1000);
            assertThat(attachment(5)).isEqualTo(BLOCKED);
            assertThat(host.openDomains()).isZero();
            var fault = vtd.fault();
            assertThat(fault.reason()).isEqualTo(0x59);
            assertThat(fault.pasid()).isEqualTo(5);
            invalidatePasid(DID, 5);
            assertThat(attachment(5)).isEqualTo(nested(TABLE + 0x1000, 48, 0));
            unbind(5);
        }
    }

    @Test
    void aRefusedInvalidationBlocksThePasid() {
        bind(5, TABLE);
        host.refuseInvalidationAfter(0);
        vtd.put(6 | 2 << 4 | 5L << 32 | DID << 16, 0);
        assertThat(vtd.isSynchronized()).isTrue();
        assertThat(attachment(5)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
        assertThat(vtd.fault().pasid()).isEqualTo(5);
    }

    @Test
    void aGuestCannotHaveMoreBindingsThanTheLimit() {
        for (int directory = 0; directory < 0x4000; directory++) {
            vtd.store(VtdHarness.DIRECTORY + 8L * directory, VtdHarness.PASIDS | 1);
        }
        for (int pasid = 0; pasid < 64; pasid++) {
            vtd.pasid(pasid, 1 | FIRST_STAGE << 6, DID, TABLE);
        }
        vtd.submit(7 | 3 << 4, 0);
        assertThat(host.openDomains()).isEqualTo(PasidBindings.MAX_BINDINGS);
        invalidatePasid(DID, 0xf_ffff);
        assertThat(host.openDomains()).isEqualTo(PasidBindings.MAX_BINDINGS);
        vtd.store(VtdHarness.DIRECTORY, 0);
        vtd.context(0, 0);
        vtd.submit(1 | 1 << 4, 0);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void whatIsTakenBackIsUnboundAltogether() {
        bind(5, TABLE);
        bind(0, TABLE);
        vtd.unit.unassign(RID);
        assertThat(host.openDomains()).isZero();
        assertThat(attachment(5)).isEqualTo(BLOCKED);
        bind(5, TABLE);
        assertThat(attachment(5)).isEqualTo(BLOCKED);
    }

    @Test
    void functionsWithTheSamePasidAreBoundEachForItself() throws HostException {
        int other = RID + 1;
        host.assign(other);
        vtd.store(
                VtdHarness.CONTEXT + 32L * other, VtdHarness.DIRECTORY + 0x1000 | 0b1001, 0, 0, 0);
        vtd.unit.assign(other, host);
        bind(5, TABLE);
        assertThat(host.attachment(other, 5)).isEqualTo(BLOCKED);
        vtd.store(VtdHarness.DIRECTORY + 0x1000, VtdHarness.PASIDS + 0x1000 | 1);
        vtd.store(VtdHarness.PASIDS + 0x1000 + 64 * 5 + 8, DID, TABLE + 0x1000);
        vtd.store(VtdHarness.PASIDS + 0x1000 + 64 * 5, 1 | FIRST_STAGE << 6);
        invalidatePasid(DID, 5);
        assertThat(host.attachment(RID, 5)).isEqualTo(nested(TABLE, 48, 0));
        assertThat(host.attachment(other, 5)).isEqualTo(nested(TABLE + 0x1000, 48, 0));
        unbind(5);
        assertThat(host.attachment(other, 5)).isEqualTo(nested(TABLE + 0x1000, 48, 0));
    }

    @Test
    void resetPassesRequestsAgain() {
        bind(5, TABLE);
        host.intendBypass(RID, Requester.NO_PASID);
        vtd.unit.reset();
        vtd.loop.runUntilIdle();
        assertThat(attachment(5)).isEqualTo(BLOCKED);
        assertThat(attachment(Requester.NO_PASID)).isEqualTo(new Attachment.Bypassed());
    }

    /** An invalidation of everything of PASID 5, of which the host reports {@code kind}. */
    private boolean isSynchronizedAfter(InvalidationProgress.Kind kind) {
        bind(5, TABLE);
        host.failInvalidation(kind);
        vtd.put(6 | 2 << 4 | 5L << 32 | (long) DID << 16, 0);
        return vtd.isSynchronized();
    }

    @Test
    @DisplayName("§6.5.2.10: a device time-out that the host reports is an ITE of its function")
    void aTimeoutOfTheHostsIsAnIte() {
        assertThat(isSynchronizedAfter(InvalidationProgress.Kind.DEVICE_TIMEOUT)).isFalse();
        assertThat(vtd.read32(FSTS) & ITE).isEqualTo(ITE);
        assertThat(vtd.read64(IQERCD) >>> 32 & 0xffff).isEqualTo(RID);
        assertThat(attachment(5)).describedAs("stays bound").isEqualTo(nested(TABLE, 48, 0));
        vtd.write32(FSTS, ITE);
        assertThat(vtd.isSynchronized()).describedAs("the queue goes on").isTrue();
    }

    @Test
    @DisplayName("§11.4.9.9: a completion error that the host reports is an ICE; the queue goes on")
    void aCompletionErrorOfTheHostsIsAnIce() {
        assertThat(isSynchronizedAfter(InvalidationProgress.Kind.COMPLETION)).isTrue();
        assertThat(vtd.read32(FSTS) & (ICE | ITE)).isEqualTo(ICE);
        assertThat(vtd.read64(IQERCD) >>> 48).isEqualTo(RID);
    }
}
