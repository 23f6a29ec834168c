package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;
import static nestor.hostsuite.HostUnderTest.IOTLB_DEFAULT;
import static nestor.iommufd.Errno.EBUSY;
import static nestor.iommufd.Errno.EEXIST;
import static nestor.iommufd.Errno.EFAULT;
import static nestor.iommufd.Errno.EINVAL;
import static nestor.iommufd.Errno.ENOENT;
import static nestor.iommufd.Errno.EOPNOTSUPP;
import static nestor.iommufd.Errno.ESPIPE;

import nestor.hostsuite.HostUnderTest.Answer;
import nestor.hostsuite.HostUnderTest.Mock;
import nestor.hostsuite.HostUnderTest.Queue;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.FaultResponse;
import nestor.iommufd.Uapi.HwInfo;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.PageFault;
import nestor.iommufd.Uapi.Vevent;
import nestor.iommufd.Uapi.VeventqAlloc;
import nestor.iommufd.Uapi.ViommuAlloc;

/** Hardware information, nested page tables, invalidations, page faults, vIOMMUs. */
final class NestedChecks extends Checks {
    private static final int SELFTEST = HwptInvalidate.DATA_SELFTEST;
    private static final int ENTRY = 8;
    private static final int VENTRY = 12;
    private static final int ALL = 1;
    private static final int CACHE_DEFAULT = 0xbaddad;

    private final int ioas = host.ioas();
    private final Mock mock = host.mock(ioas);
    private final int parent = host.hwpt(mock.id(), ioas, HwptAlloc.NEST_PARENT);

    NestedChecks(HostUnderTest host) {
        super(host);
    }

    private Answer info(int device, int flags, int type, Struct data, int length) {
        return host.call(
                Ioctl.GET_HW_INFO,
                s ->
                        s.word(HwInfo.FLAGS, flags)
                                .word(HwInfo.DEV_ID, device)
                                .word(HwInfo.DATA_TYPE, type)
                                .word(HwInfo.DATA_LEN, length)
                                .doubleword(HwInfo.DATA_UPTR, data.bytes().address()));
    }

    @Check
    void informationIsOfADevice() {
        assertThat(info(ioas, 0, 0, host.memory(8), 8).result()).isEqualTo(-ENOENT);
    }

    @Check
    void informationHasATypeAndALength() {
        Struct data = host.memory(8);
        Answer answer = info(mock.id(), 0, 0, data, 8).ok();
        assertThat(answer.word(HwInfo.DATA_TYPE)).isEqualTo(HwInfo.TYPE_SELFTEST);
        assertThat(answer.word(HwInfo.DATA_LEN)).isEqualTo(8);
        assertThat(data.word(4)).isEqualTo(0xdeadbeef);
    }

    @Check
    void aLengthOfZeroAsksForTheTypeOnly() {
        Answer answer = info(mock.id(), 0, 0, host.memory(8), 0).ok();
        assertThat(answer.word(HwInfo.DATA_LEN)).isEqualTo(8);
    }

    @Check
    void aLargerBufferIsZeroedBehind() {
        Struct data = host.memory(64);
        data.bytes().fill((byte) 0x5a);
        info(mock.id(), 0, 0, data, 32).ok();
        assertThat(data.isZero(8, 24)).isTrue();
        assertThat(data.octet(32)).isEqualTo((byte) 0x5a);
    }

    @Check
    void aSmallerBufferGetsTheBeginning() {
        Struct data = host.memory(64);
        data.bytes().fill((byte) 0x5a);
        Answer answer = info(mock.id(), 0, 0, data, 4).ok();
        assertThat(answer.word(HwInfo.DATA_LEN)).isEqualTo(8);
        assertThat(data.word(0)).isZero();
        assertThat(data.octet(4)).isEqualTo((byte) 0x5a);
    }

    @Check
    void aTypeIsAskedForByAFlag() {
        Struct data = host.memory(8);
        int flag = HwInfo.INPUT_TYPE;
        assertThat(info(mock.id(), flag, HwInfo.TYPE_SELFTEST, data, 8).result()).isZero();
        assertThat(info(mock.id(), flag, HwInfo.TYPE_INTEL_VTD, data, 8).result())
                .isEqualTo(-EOPNOTSUPP);
        assertThat(info(mock.id(), 2, 0, data, 8).result()).isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void aBufferThatIsNotThereIsAFault() {
        assertThat(
                        host.call(
                                        Ioctl.GET_HW_INFO,
                                        s -> s.word(HwInfo.DEV_ID, mock.id()).word(12, 8))
                                .result())
                .isEqualTo(-EFAULT);
    }

    @Check
    void informationTellsOfPasidsAndOfDirtyTracking() {
        Struct data = host.memory(8);
        Answer plain = info(mock.id(), 0, 0, data, 8).ok();
        assertThat(plain.struct().octet(HwInfo.OUT_MAX_PASID_LOG2)).isZero();
        assertThat(plain.struct().doubleword(HwInfo.OUT_CAPABILITIES) & 1).isEqualTo(1);
        Mock other = host.mock(ioas, HostUnderTest.NO_DIRTY | HostUnderTest.HAS_PASID);
        Answer answer = info(other.id(), 0, 0, data, 8).ok();
        assertThat(answer.struct().octet(HwInfo.OUT_MAX_PASID_LOG2)).isEqualTo((byte) 20);
        assertThat(answer.struct().doubleword(HwInfo.OUT_CAPABILITIES) & 1).isZero();
    }

    @Check
    void aPageTableIsOfADevice() {
        assertThat(host.allocHwpt(0, ioas, 0).result()).isEqualTo(-ENOENT);
        assertThat(host.allocHwpt(ioas, ioas, 0).result()).isEqualTo(-ENOENT);
    }

    @Check
    void aPageTableIsOverAnAddressSpaceOrAnotherOne() {
        assertThat(host.allocHwpt(mock.id(), mock.id(), 0).result()).isEqualTo(-EINVAL);
        assertThat(host.allocHwpt(mock.id(), 777, 0).result()).isEqualTo(-EINVAL);
    }

    @Check
    void flagsOfAPageTableAreKnown() {
        assertThat(host.allocHwpt(mock.id(), ioas, 1 << 10).result()).isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void aParentTakesNoFaults() {
        Queue faults = host.faultQueue();
        int flags = HwptAlloc.NEST_PARENT | HwptAlloc.FAULT_ID_VALID;
        assertThat(
                        host.call(
                                        Ioctl.HWPT_ALLOC,
                                        s ->
                                                s.word(HwptAlloc.FLAGS, flags)
                                                        .word(HwptAlloc.DEV_ID, mock.id())
                                                        .word(HwptAlloc.PT_ID, ioas)
                                                        .word(HwptAlloc.FAULT_ID, faults.id()))
                                .result())
                .isEqualTo(-EOPNOTSUPP);
    }

    private int allocWith(int type, int length, long address) {
        return host.call(
                        Ioctl.HWPT_ALLOC,
                        s ->
                                s.word(HwptAlloc.DEV_ID, mock.id())
                                        .word(HwptAlloc.PT_ID, parent)
                                        .word(HwptAlloc.DATA_TYPE, type)
                                        .word(HwptAlloc.DATA_LEN, length)
                                        .doubleword(HwptAlloc.DATA_UPTR, address))
                .result();
    }

    @Check
    void dataAndItsTypeBelongTogether() {
        long address = host.memory(16).bytes().address();
        assertThat(allocWith(HwptAlloc.DATA_NONE, 4, address)).isEqualTo(-EINVAL);
        assertThat(allocWith(HwptAlloc.DATA_SELFTEST, 0, address)).isEqualTo(-EINVAL);
    }

    @Check
    void anotherDriversDataIsNotSupported() {
        assertThat(allocWith(HwptAlloc.DATA_VTD_S1, 4, host.memory(16).bytes().address()))
                .isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void dataThatIsTooShortIsInvalid() {
        assertThat(allocWith(HwptAlloc.DATA_SELFTEST, 3, host.memory(16).bytes().address()))
                .isEqualTo(-EINVAL);
    }

    @Check
    void dataThatIsNotThereIsAFault() {
        assertThat(allocWith(HwptAlloc.DATA_SELFTEST, 4, 0)).isEqualTo(-EFAULT);
    }

    @Check
    void aNestedPageTableIsNoParent() {
        assertThat(host.allocNested(mock.id(), parent, HwptAlloc.NEST_PARENT, 0).result())
                .isEqualTo(-EOPNOTSUPP);
        int nested = host.nested(mock.id(), parent);
        assertThat(host.allocNested(mock.id(), nested, 0, 0).result()).isEqualTo(-EINVAL);
    }

    @Check
    void nestingTakesAParent() {
        int plain = host.hwpt(mock.id(), ioas, 0);
        assertThat(host.allocNested(mock.id(), plain, 0, 0).result()).isEqualTo(-EINVAL);
        assertThat(host.allocNested(mock.id(), mock.hwpt(), 0, 0).result())
                .describedAs("made for an attachment")
                .isEqualTo(-EINVAL);
    }

    @Check
    void faultsGoToAQueueThatIsThere() {
        assertThat(host.allocNested(mock.id(), parent, HwptAlloc.FAULT_ID_VALID, ioas).result())
                .isEqualTo(-ENOENT);
    }

    @Check
    void aParentIsBusyWhileSomethingIsNestedInIt() {
        int first = host.nested(mock.id(), parent);
        int second = host.nested(mock.id(), parent);
        assertThat(host.destroy(parent)).isEqualTo(-EBUSY);
        assertThat(host.destroy(first)).isZero();
        assertThat(host.destroy(parent)).isEqualTo(-EBUSY);
        assertThat(host.destroy(second)).isZero();
        assertThat(host.destroy(parent)).isZero();
    }

    @Check
    void aNestedPageTableIsBusyWhileItIsAttached() {
        int first = host.nested(mock.id(), parent);
        int second = host.nested(mock.id(), parent);
        assertThat(host.replace(mock, first)).isZero();
        assertThat(host.destroy(first)).isEqualTo(-EBUSY);
        assertThat(host.replace(mock, second)).isZero();
        assertThat(host.destroy(first)).isZero();
        assertThat(host.replace(mock, ioas)).isZero();
        assertThat(host.destroy(second)).isZero();
    }

    @Check
    void nothingIsAttachedToWhatIsNoPageTable() {
        assertThat(host.replace(mock, 777)).isEqualTo(-ENOENT);
        assertThat(host.replace(mock, mock.id())).isEqualTo(-EINVAL);
    }

    private void expectWord(int nested, int index, int value) {
        assertThat(host.test(14, nested, s -> s.word(16, index).word(20, value)).result())
                .describedAs("word " + index)
                .isZero();
    }

    private void expectWords(int nested, int... values) {
        for (int i = 0; i < values.length; i++) {
            expectWord(nested, i, values[i]);
        }
    }

    private static final int D = IOTLB_DEFAULT;

    private Struct entries(int... words) {
        Struct entries = host.memory(Math.max(words.length * 4L, 64));
        for (int i = 0; i < words.length; i++) {
            entries.word(4L * i, words[i]);
        }
        return entries;
    }

    private void refused(int errno, int handled, Answer answer) {
        assertThat(answer.result()).isEqualTo(-errno);
        assertThat(answer.struct().word(HwptInvalidate.ENTRY_NUM)).isEqualTo(handled);
    }

    @Check
    void aParentIsNotInvalidated() {
        refused(EINVAL, 0, host.invalidate(parent, SELFTEST, entries(0, 0), ENTRY, 1));
    }

    @Check
    void whatIsNotThereIsNotInvalidated() {
        refused(ENOENT, 0, host.invalidate(777, SELFTEST, entries(0, 0), ENTRY, 1));
    }

    @Check
    void noEntriesAskWhetherTheTypeIsKnown() {
        int nested = host.nested(mock.id(), parent);
        host.invalidate(nested, SELFTEST, entries(0), 0, 0).ok();
        refused(EINVAL, 0, host.invalidate(nested, 0, entries(0), 0, 0));
        expectWords(nested, D, D, D, D);
    }

    @Check
    void entriesHaveAKnownTypeAndLength() {
        int nested = host.nested(mock.id(), parent);
        Struct entries = entries(0, 0);
        refused(EINVAL, 0, host.invalidate(nested, 0, entries, ENTRY, 1));
        for (int length : new int[] {0, 1, ENTRY + 1, 8192}) {
            refused(EINVAL, 0, host.invalidate(nested, SELFTEST, entries, length, 1));
        }
        expectWords(nested, D, D, D, D);
    }

    @Check
    void entriesAreNotWithoutNumber() {
        int nested = host.nested(mock.id(), parent);
        refused(
                EINVAL,
                0,
                host.invalidate(
                        nested, SELFTEST, entries(0, 0), ENTRY, HwptInvalidate.MAX_ENTRIES + 1));
    }

    @Check
    void reservedWordsOfAnInvalidationAreZero() {
        int nested = host.nested(mock.id(), parent);
        Answer answer =
                host.call(
                        Ioctl.HWPT_INVALIDATE,
                        s ->
                                s.word(HwptInvalidate.HWPT_ID, nested)
                                        .word(HwptInvalidate.RESERVED, 1));
        refused(EOPNOTSUPP, 0, answer);
    }

    @Check
    void noArrayIsInvalid() {
        int nested = host.nested(mock.id(), parent);
        Answer answer =
                host.call(
                        Ioctl.HWPT_INVALIDATE,
                        s ->
                                s.word(HwptInvalidate.HWPT_ID, nested)
                                        .word(HwptInvalidate.DATA_TYPE, SELFTEST)
                                        .word(HwptInvalidate.ENTRY_LEN, ENTRY)
                                        .word(HwptInvalidate.ENTRY_NUM, 1));
        refused(EINVAL, 0, answer);
    }

    @Check
    void anUnknownFlagInAnEntryIsNotSupported() {
        int nested = host.nested(mock.id(), parent);
        refused(EOPNOTSUPP, 0, host.invalidate(nested, SELFTEST, entries(2, 0), ENTRY, 1));
        expectWords(nested, D, D, D, D);
    }

    @Check
    void anEntryThatIsOutOfBoundsIsInvalid() {
        int nested = host.nested(mock.id(), parent);
        refused(EINVAL, 0, host.invalidate(nested, SELFTEST, entries(0, 4), ENTRY, 1));
        expectWords(nested, D, D, D, D);
    }

    @Check
    void whatComesBeforeABadFlagIsDone() {
        int nested = host.nested(mock.id(), parent);
        refused(EOPNOTSUPP, 1, host.invalidate(nested, SELFTEST, entries(0, 0, 2, 1), ENTRY, 2));
        expectWords(nested, 0, D, D, D);
    }

    @Check
    void whatComesBeforeABadNumberIsDone() {
        int nested = host.nested(mock.id(), parent);
        refused(EINVAL, 1, host.invalidate(nested, SELFTEST, entries(0, 0, 0, 4), ENTRY, 2));
        expectWords(nested, 0, D, D, D);
    }

    @Check
    void oneEntryDropsItsWord() {
        int nested = host.nested(mock.id(), parent);
        host.invalidate(nested, SELFTEST, entries(0, 2), ENTRY, 1).ok();
        expectWords(nested, D, D, 0, D);
    }

    @Check
    void entriesAreTakenInOneCall() {
        int nested = host.nested(mock.id(), parent);
        Answer answer = host.invalidate(nested, SELFTEST, entries(0, 2, 0, 3), ENTRY, 2).ok();
        assertThat(answer.word(HwptInvalidate.ENTRY_NUM)).isEqualTo(2);
        expectWords(nested, D, D, 0, 0);
    }

    @Check
    void aFlagDropsEverything() {
        int nested = host.nested(mock.id(), parent);
        host.invalidate(nested, SELFTEST, entries(ALL, 0), ENTRY, 1).ok();
        expectWords(nested, 0, 0, 0, 0);
    }

    @Check
    void pageTablesHaveCachesOfTheirOwn() {
        int first = host.nested(mock.id(), parent);
        int second = host.nested(mock.id(), parent);
        host.invalidate(first, SELFTEST, entries(ALL, 0), ENTRY, 1).ok();
        expectWords(second, D, D, D, D);
    }

    private int trigger(int device, int pasid) {
        return host.test(
                        15,
                        device,
                        s ->
                                s.word(16, device)
                                        .word(20, pasid)
                                        .word(24, 2)
                                        .word(28, PageFault.READ | PageFault.WRITE)
                                        .doubleword(32, 0xdead_beafL))
                .result();
    }

    private int withFaults(Queue faults) {
        return host.allocNested(mock.id(), parent, HwptAlloc.FAULT_ID_VALID, faults.id())
                .word(HwptAlloc.OUT_HWPT_ID);
    }

    private int read(int fd, Struct into, long bytes) {
        return host.system.read(fd, into.bytes().asSlice(0, bytes));
    }

    private int respond(int fd, int cookie, int code) {
        Struct response = host.memory(8).word(FaultResponse.COOKIE, cookie);
        return host.system.write(fd, response.word(FaultResponse.CODE, code).bytes());
    }

    @Check
    void aPageFaultIsReadAndAnswered() {
        Queue faults = host.faultQueue();
        assertThat(host.replace(mock, withFaults(faults))).isZero();
        assertThat(host.system.isReadable(faults.fd())).isFalse();
        assertThat(trigger(mock.id(), 0)).isZero();
        assertThat(host.system.isReadable(faults.fd())).isTrue();
        Struct record = host.memory(PageFault.BYTES);
        assertThat(read(faults.fd(), record, PageFault.BYTES)).isEqualTo(PageFault.BYTES);
        assertThat(record.word(PageFault.FLAGS)).isEqualTo(PageFault.LAST_PAGE);
        assertThat(record.word(PageFault.DEV_ID)).isEqualTo(mock.id());
        assertThat(record.word(PageFault.PERM)).isEqualTo(3);
        assertThat(record.doubleword(PageFault.ADDR)).isEqualTo(0xdead_beafL);
        int cookie = record.word(PageFault.COOKIE);
        assertThat(respond(faults.fd(), cookie, FaultResponse.SUCCESS)).isEqualTo(8);
        assertThat(respond(faults.fd(), cookie, FaultResponse.SUCCESS)).isEqualTo(-EINVAL);
    }

    @Check
    void anAnswerNamesAFaultAndAKnownCode() {
        Queue faults = host.faultQueue();
        assertThat(host.replace(mock, withFaults(faults))).isZero();
        trigger(mock.id(), 0);
        Struct record = host.memory(PageFault.BYTES);
        read(faults.fd(), record, PageFault.BYTES);
        int cookie = record.word(PageFault.COOKIE);
        assertThat(respond(faults.fd(), cookie + 1, FaultResponse.SUCCESS)).isEqualTo(-EINVAL);
        assertThat(respond(faults.fd(), cookie, 2)).isEqualTo(-EINVAL);
        assertThat(respond(faults.fd(), cookie, FaultResponse.INVALID)).isEqualTo(8);
    }

    @Check
    void faultsAreReadInWholeRecords() {
        Queue faults = host.faultQueue();
        Struct record = host.memory(64);
        assertThat(read(faults.fd(), record, 39)).isEqualTo(-ESPIPE);
        assertThat(read(faults.fd(), record, 40)).isZero();
        assertThat(host.system.write(faults.fd(), record.bytes().asSlice(0, 7))).isEqualTo(-ESPIPE);
    }

    @Check
    void aDetachedPageTablesFaultsNeedNoAnswer() {
        Queue faults = host.faultQueue();
        int nested = withFaults(faults);
        assertThat(host.replace(mock, nested)).isZero();
        trigger(mock.id(), 0);
        Struct record = host.memory(PageFault.BYTES);
        read(faults.fd(), record, PageFault.BYTES);
        assertThat(host.replace(mock, parent)).isZero();
        assertThat(respond(faults.fd(), record.word(PageFault.COOKIE), 0)).isEqualTo(-EINVAL);
        assertThat(host.destroy(nested)).isZero();
    }

    @Check
    void aFaultQueueIsBusyWhileItIsOpenOrUsed() {
        Queue faults = host.faultQueue();
        int nested = withFaults(faults);
        assertThat(host.destroy(faults.id())).isEqualTo(-EBUSY);
        assertThat(host.system.close(faults.fd())).isZero();
        assertThat(host.destroy(faults.id())).isEqualTo(-EBUSY);
        assertThat(host.destroy(nested)).isZero();
        assertThat(host.destroy(faults.id())).isZero();
    }

    @Check
    void aViommuIsOnAParent() {
        int type = ViommuAlloc.TYPE_SELFTEST;
        int plain = host.hwpt(mock.id(), ioas, 0);
        assertThat(host.allocViommu(type, mock.id(), 777).result()).isEqualTo(-ENOENT);
        assertThat(host.allocViommu(type, mock.id(), plain).result()).isEqualTo(-EINVAL);
        assertThat(host.allocViommu(0, mock.id(), parent).result()).isEqualTo(-EOPNOTSUPP);
        assertThat(host.allocViommu(ViommuAlloc.TYPE_ARM_SMMUV3, mock.id(), parent).result())
                .isEqualTo(-EOPNOTSUPP);
        assertThat(host.allocViommu(type, ioas, parent).result()).isEqualTo(-ENOENT);
        assertThat(host.allocViommu(type, mock.id(), parent).result()).isZero();
    }

    @Check
    void aViommuIsBusyWhileItIsUsed() {
        int viommu = host.viommu(mock.id(), parent);
        assertThat(host.destroy(parent)).isEqualTo(-EBUSY);
        int nested = host.nested(mock.id(), viommu);
        assertThat(host.destroy(viommu)).isEqualTo(-EBUSY);
        assertThat(host.destroy(nested)).isZero();
        assertThat(host.destroy(viommu)).isZero();
        assertThat(host.destroy(parent)).isZero();
    }

    @Check
    void aDeviceIsAttachedThereUnderANumberOfTheGuests() {
        int viommu = host.viommu(mock.id(), parent);
        int nested = host.nested(mock.id(), viommu);
        assertThat(host.replace(mock, nested)).isEqualTo(-ENOENT);
        host.allocVdevice(viommu, mock.id(), 0x99).ok();
        assertThat(host.replace(mock, nested)).isZero();
    }

    @Check
    void aDeviceHasOneNumberAndANumberOneDevice() {
        int viommu = host.viommu(mock.id(), parent);
        int vdevice = host.allocVdevice(viommu, mock.id(), 0x99).word(12);
        assertThat(host.allocVdevice(viommu, mock.id(), 0x88).result()).isEqualTo(-EEXIST);
        Mock other = host.mock(ioas);
        assertThat(host.allocVdevice(viommu, other.id(), 0x99).result()).isEqualTo(-EEXIST);
        assertThat(host.destroy(viommu)).isEqualTo(-EBUSY);
        assertThat(host.destroy(vdevice)).isZero();
        assertThat(host.allocVdevice(viommu, mock.id(), 0x88).result()).isZero();
    }

    @Check
    void aNumberWhoseDeviceIsGoneLeadsNowhere() {
        int viommu = host.viommu(mock.id(), parent);
        int vdevice = host.allocVdevice(viommu, mock.id(), 0x99).word(12);
        assertThat(host.destroy(mock.stdev())).isZero();
        assertThat(host.destroy(vdevice)).isEqualTo(-ENOENT);
    }

    private void expectCache(int index, int value) {
        assertThat(host.test(16, mock.id(), s -> s.word(16, index).word(20, value)).result())
                .isZero();
    }

    @Check
    void aViommusInvalidationsNameADevice() {
        int viommu = host.viommu(mock.id(), parent);
        host.allocVdevice(viommu, mock.id(), 0x99).ok();
        refused(
                EINVAL,
                1,
                host.invalidate(viommu, SELFTEST, entries(0, 0x99, 0, 0, 0x88, 0), VENTRY, 2));
        expectCache(0, 0);
        expectCache(1, CACHE_DEFAULT);
        refused(EOPNOTSUPP, 0, host.invalidate(viommu, SELFTEST, entries(2, 0x99, 1), VENTRY, 1));
        host.invalidate(viommu, SELFTEST, entries(ALL, 0x99, 0), VENTRY, 1).ok();
        expectCache(3, 0);
        refused(EINVAL, 0, host.invalidate(viommu, SELFTEST, entries(0), VENTRY + 1, 1));
    }

    @Check
    void aViommuHasOneQueueOfATypeWithADepth() {
        int viommu = host.viommu(mock.id(), parent);
        int type = VeventqAlloc.TYPE_SELFTEST;
        assertThat(host.allocVeventQueue(viommu, 0, 4).result()).isEqualTo(-EOPNOTSUPP);
        assertThat(host.allocVeventQueue(viommu, type, 0).result()).isEqualTo(-EINVAL);
        assertThat(host.allocVeventQueue(viommu, type, VeventqAlloc.MAX_DEPTH + 1).result())
                .isEqualTo(-EINVAL);
        Answer queue = host.allocVeventQueue(viommu, type, 4).ok();
        assertThat(host.allocVeventQueue(viommu, type, 4).result()).isEqualTo(-EEXIST);
        assertThat(host.destroy(viommu)).isEqualTo(-EBUSY);
        assertThat(host.destroy(queue.word(VeventqAlloc.OUT_VEVENTQ_ID))).isEqualTo(-EBUSY);
        host.system.close(queue.word(VeventqAlloc.OUT_VEVENTQ_FD));
        assertThat(host.destroy(queue.word(VeventqAlloc.OUT_VEVENTQ_ID))).isZero();
        assertThat(host.destroy(viommu)).isZero();
    }

    @Check
    void eventsCarryTheGuestsNumberAndTellWhenSomeAreLost() {
        int viommu = host.viommu(mock.id(), parent);
        host.allocVdevice(viommu, mock.id(), 0x99).ok();
        int fd =
                host.allocVeventQueue(viommu, VeventqAlloc.TYPE_SELFTEST, 2)
                        .word(VeventqAlloc.OUT_VEVENTQ_FD);
        Struct events = host.memory(64);
        assertThat(read(fd, events, 64)).isZero();
        assertThat(host.test(17, 0, s -> s.word(16, mock.id())).result())
                .describedAs("a device that is not attached below the vIOMMU")
                .isEqualTo(-ENOENT);
        assertThat(host.replace(mock, host.nested(mock.id(), viommu))).isZero();
        for (int i = 0; i < 3; i++) {
            assertThat(host.test(17, 0, s -> s.word(16, mock.id())).result()).isZero();
        }
        assertThat(read(fd, events, 7)).isEqualTo(-EINVAL);
        assertThat(read(fd, events, 11)).isEqualTo(-EINVAL);
        assertThat(read(fd, events, 12)).isEqualTo(12);
        assertThat(events.word(8)).isEqualTo(0x99);
        assertThat(events.word(Vevent.SEQUENCE)).isZero();
        assertThat(read(fd, events, 64)).isEqualTo(12 + 8);
        assertThat(events.word(12 + Vevent.FLAGS)).isEqualTo(Vevent.LOST_EVENTS);
        assertThat(host.test(17, 0, s -> s.word(16, mock.id())).result()).isZero();
        assertThat(read(fd, events, 64)).isEqualTo(12);
        assertThat(events.word(Vevent.SEQUENCE)).isEqualTo(3);
    }
}
