package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;
import static nestor.iommufd.Errno.EBUSY;
import static nestor.iommufd.Errno.EINVAL;
import static nestor.iommufd.Errno.ENOENT;
import static nestor.iommufd.Errno.ENOMEM;
import static nestor.iommufd.Errno.EOPNOTSUPP;
import static nestor.iommufd.Errno.EOVERFLOW;

import nestor.hostsuite.HostUnderTest.Answer;
import nestor.hostsuite.HostUnderTest.Mock;
import nestor.hostsuite.HostUnderTest.Queue;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.DirtyBitmap;
import nestor.iommufd.Uapi.DirtyTracking;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.PageFault;

/** Page tables of PASIDs, and tracking of what devices write. */
final class PasidChecks extends Checks {
    private static final int PASID = 100;
    private static final int TRAP = 1024;

    private final int ioas = host.ioas();
    private final Mock mock = host.mock(ioas, HostUnderTest.HAS_PASID);
    private final int parent = host.hwpt(mock.id(), ioas, HwptAlloc.NEST_PARENT | HwptAlloc.PASID);
    private final int table = nested(HwptAlloc.PASID);
    private final int other = nested(HwptAlloc.PASID);

    PasidChecks(HostUnderTest host) {
        super(host);
    }

    private int nested(int flags) {
        return host.allocNested(mock.id(), parent, flags, 0).word(HwptAlloc.OUT_HWPT_ID);
    }

    /** A PASID that is attached when its device goes is a bug in the kernel's eyes. */
    private int attach(int pasid, int to) {
        host.beforeClose(() -> detach(pasid));
        return host.test(18, mock.stdev(), s -> s.word(16, pasid).word(20, to)).result();
    }

    private int replace(int pasid, int to) {
        return host.test(19, mock.stdev(), s -> s.word(16, pasid).word(20, to)).result();
    }

    private int detach(int pasid) {
        return host.test(20, mock.stdev(), s -> s.word(16, pasid)).result();
    }

    private void expect(int pasid, int table) {
        assertThat(host.test(21, mock.stdev(), s -> s.word(16, pasid).word(20, table)).result())
                .isZero();
    }

    @Check
    void detachingAPasidThatIsFreeIsNothing() {
        assertThat(detach(PASID)).isZero();
    }

    @Check
    void theDevicesOwnPageTableAllowsPasidsToo() {
        assertThat(attach(PASID, table)).isEqualTo(-EINVAL);
        expect(PASID, 0);
        assertThat(host.replace(mock, parent)).isZero();
        assertThat(attach(PASID, table)).isZero();
        expect(PASID, table);
    }

    @Check
    void withPasidsTheDeviceKeepsToSuchPageTables() {
        host.replace(mock, parent);
        attach(PASID, table);
        assertThat(host.replace(mock, ioas)).isEqualTo(-EINVAL);
        assertThat(host.replace(mock, nested(0))).isEqualTo(-EINVAL);
        assertThat(host.replace(mock, other)).isZero();
        assertThat(detach(PASID)).isZero();
        assertThat(host.replace(mock, ioas)).isZero();
    }

    @Check
    void aPasidsPageTableIsOneForPasids() {
        host.replace(mock, parent);
        assertThat(attach(PASID, nested(0))).isEqualTo(-EINVAL);
        assertThat(attach(PASID, ioas)).isEqualTo(-EINVAL);
        assertThat(attach(PASID, 777)).isEqualTo(-ENOENT);
        expect(PASID, 0);
    }

    @Check
    void aPasidIsTakenOnce() {
        host.replace(mock, parent);
        assertThat(attach(PASID, table)).isZero();
        assertThat(attach(PASID, other)).isEqualTo(-EBUSY);
        expect(PASID, table);
    }

    @Check
    void onlyWhatIsTakenIsReplaced() {
        host.replace(mock, parent);
        assertThat(replace(PASID, table)).isEqualTo(-EINVAL);
        assertThat(attach(PASID, table)).isZero();
        assertThat(replace(PASID, other)).isZero();
        expect(PASID, other);
        assertThat(host.destroy(table)).isZero();
        assertThat(host.destroy(other)).isEqualTo(-EBUSY);
        assertThat(detach(PASID)).isZero();
        expect(PASID, 0);
        assertThat(host.destroy(other)).isZero();
    }

    @Check
    void aReplacementThatFailsChangesNothing() {
        host.replace(mock, parent);
        assertThat(attach(TRAP, table)).isZero();
        assertThat(replace(TRAP, other)).isEqualTo(-ENOMEM);
        expect(TRAP, table);
        assertThat(host.destroy(other)).isZero();
    }

    @Check
    void aReplacementOfTheWrongKindChangesNothing() {
        host.replace(mock, parent);
        attach(PASID, table);
        assertThat(replace(PASID, nested(0))).isEqualTo(-EINVAL);
        expect(PASID, table);
    }

    @Check
    void aDeviceWithoutPasidsHasNone() {
        Mock plain = host.mock(parent);
        assertThat(host.test(18, plain.stdev(), s -> s.word(16, PASID).word(20, table)).result())
                .isEqualTo(-EINVAL);
    }

    @Check
    void aPageTableForPasidsServesADeviceWithoutAny() {
        Mock plain = host.mock(ioas);
        assertThat(host.replace(plain, parent)).isZero();
    }

    @Check
    void aPageFaultCarriesItsPasid() {
        Queue faults = host.faultQueue();
        int flags = HwptAlloc.PASID | HwptAlloc.FAULT_ID_VALID;
        int nested =
                host.allocNested(mock.id(), parent, flags, faults.id()).word(HwptAlloc.OUT_HWPT_ID);
        host.replace(mock, parent);
        assertThat(attach(PASID, nested)).isZero();
        host.test(15, 0, s -> s.word(16, mock.id()).word(20, PASID).word(28, 1)).ok();
        Struct record = host.memory(PageFault.BYTES);
        assertThat(host.system.read(faults.fd(), record.bytes())).isEqualTo(PageFault.BYTES);
        assertThat(record.word(PageFault.PASID)).isEqualTo(PASID);
        assertThat(record.word(PageFault.FLAGS) & PageFault.PASID_VALID).isNotZero();
    }

    @Check
    void aDeviceThatGoesLeavesItsPasids() {
        host.replace(mock, parent);
        attach(PASID, table);
        assertThat(host.destroy(mock.stdev())).isZero();
        assertThat(host.destroy(table)).isZero();
    }

    private int track(int hwpt, int flags) {
        return host.call(
                        Ioctl.HWPT_SET_DIRTY_TRACKING,
                        s -> s.word(DirtyTracking.FLAGS, flags).word(DirtyTracking.HWPT_ID, hwpt))
                .result();
    }

    private Answer bitmap(int hwpt, int flags, long iova, long length, long page, Struct into) {
        return host.call(
                Ioctl.HWPT_GET_DIRTY_BITMAP,
                s ->
                        s.word(DirtyBitmap.HWPT_ID, hwpt)
                                .word(DirtyBitmap.FLAGS, flags)
                                .doubleword(DirtyBitmap.IOVA, iova)
                                .doubleword(DirtyBitmap.LENGTH, length)
                                .doubleword(DirtyBitmap.PAGE_SIZE, page)
                                .doubleword(DirtyBitmap.DATA, into.bytes().address()));
    }

    @Check
    void trackingTakesADeviceThatCan() {
        Mock cannot = host.mock(ioas, HostUnderTest.NO_DIRTY);
        assertThat(host.allocHwpt(cannot.id(), ioas, HwptAlloc.DIRTY_TRACKING).result())
                .isEqualTo(-EOPNOTSUPP);
        int tracking = host.hwpt(mock.id(), ioas, HwptAlloc.DIRTY_TRACKING);
        assertThat(host.replace(cannot, tracking)).isEqualTo(-EINVAL);
    }

    @Check
    void trackingTakesAPageTableThatCan() {
        assertThat(track(parent, DirtyTracking.ENABLE)).isEqualTo(-EOPNOTSUPP);
        int tracking = host.hwpt(mock.id(), ioas, HwptAlloc.DIRTY_TRACKING);
        assertThat(track(tracking, DirtyTracking.ENABLE)).isZero();
        assertThat(track(tracking, 2)).isEqualTo(-EOPNOTSUPP);
        assertThat(track(tracking, 0)).isZero();
        assertThat(track(777, 0)).isEqualTo(-ENOENT);
    }

    @Check
    void whatIsWrittenIsReadOnceUnlessItIsKept() {
        int tracking = host.hwpt(mock.id(), ioas, HwptAlloc.DIRTY_TRACKING);
        long iova = HostUnderTest.APERTURE;
        assertThat(host.mapFixed(ioas, host.memory(64 * 2048), 64 * 2048, iova)).isZero();
        track(tracking, DirtyTracking.ENABLE);
        Struct marks = host.memory(8).doubleword(0, 0b1001_0001);
        long marked =
                host.test(
                                13,
                                tracking,
                                s ->
                                        s.doubleword(24, iova)
                                                .doubleword(32, 64 * 2048)
                                                .doubleword(40, 2048)
                                                .doubleword(48, marks.bytes().address()))
                        .ok()
                        .struct()
                        .doubleword(56);
        assertThat(marked).isEqualTo(3);
        Struct bits = host.memory(8);
        bitmap(tracking, DirtyBitmap.NO_CLEAR, iova, 64 * 2048, 2048, bits).ok();
        // Marked is a whole entry of the page table, which may be of several pages.
        long dirty = bits.doubleword(0);
        assertThat(dirty & 0b1001_0001).isEqualTo(0b1001_0001);
        bits.doubleword(0, 0);
        bitmap(tracking, 0, iova, 64 * 2048, 2048, bits).ok();
        assertThat(bits.doubleword(0)).isEqualTo(dirty);
        bits.doubleword(0, 0);
        bitmap(tracking, 0, iova, 64 * 2048, 2048, bits).ok();
        assertThat(bits.doubleword(0)).isZero();
    }

    @Check
    void aBitmapIsOfWholePages() {
        int tracking = host.hwpt(mock.id(), ioas, HwptAlloc.DIRTY_TRACKING);
        track(tracking, DirtyTracking.ENABLE);
        Struct bits = host.memory(8);
        long iova = HostUnderTest.APERTURE;
        assertThat(bitmap(tracking, 0, iova, 0, 2048, bits).result()).isEqualTo(-EINVAL);
        assertThat(bitmap(tracking, 0, iova, 4096, 0, bits).result()).isEqualTo(-EINVAL);
        assertThat(bitmap(tracking, 0, iova + 1, 4096, 2048, bits).result()).isEqualTo(-EINVAL);
        assertThat(bitmap(tracking, 2, iova, 4096, 2048, bits).result()).isEqualTo(-EOPNOTSUPP);
        assertThat(bitmap(tracking, 0, -4096, 8192, 2048, bits).result()).isEqualTo(-EOVERFLOW);
    }
}
