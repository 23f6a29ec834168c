package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;
import static nestor.hostsuite.HostUnderTest.APERTURE;
import static nestor.hostsuite.HostUnderTest.APERTURE_LAST;
import static nestor.hostsuite.HostUnderTest.PAGE;
import static nestor.hostsuite.HostUnderTest.READ_WRITE;
import static nestor.iommufd.Errno.EADDRINUSE;
import static nestor.iommufd.Errno.EBUSY;
import static nestor.iommufd.Errno.EEXIST;
import static nestor.iommufd.Errno.EINVAL;
import static nestor.iommufd.Errno.EMSGSIZE;
import static nestor.iommufd.Errno.ENOENT;
import static nestor.iommufd.Errno.ENOSPC;
import static nestor.iommufd.Errno.EOPNOTSUPP;
import static nestor.iommufd.Errno.EOVERFLOW;
import static nestor.iommufd.Errno.EPERM;

import java.util.ArrayList;
import java.util.List;
import nestor.hostsuite.HostUnderTest.Answer;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.AllowIovas;
import nestor.iommufd.Uapi.IoasAlloc;
import nestor.iommufd.Uapi.IoasCopy;
import nestor.iommufd.Uapi.IoasMap;
import nestor.iommufd.Uapi.IoasUnmap;
import nestor.iommufd.Uapi.IovaRanges;
import nestor.iommufd.Uapi.Option;

/** Address spaces: maps, unmaps, copies, ranges, options. */
final class IoasChecks extends Checks {
    private static final long BASE = 0x100_0000;
    private static final int NEEDS_PIN_PAGES = 1;

    private final int ioas = host.ioas();
    private final Struct memory = host.memory(16 * PAGE);

    IoasChecks(HostUnderTest host) {
        super(host);
    }

    private int fixed(long length, long iova) {
        return host.mapFixed(ioas, memory, length, iova);
    }

    private long automatic(long length) {
        return host.map(ioas, READ_WRITE, memory, length, 0).ok().struct().doubleword(IoasMap.IOVA);
    }

    private long unmapped(long iova, long length) {
        return host.unmap(ioas, iova, length).ok().struct().doubleword(IoasUnmap.LENGTH);
    }

    private int reserve(long start, long length) {
        return host.test(1, ioas, s -> s.doubleword(16, start).doubleword(24, length)).result();
    }

    private int allow(long... ends) {
        Struct list = host.memory(Math.max(ends.length * 8L, 16));
        for (int i = 0; i < ends.length; i++) {
            list.doubleword(8L * i, ends[i]);
        }
        return host.call(
                        Ioctl.IOAS_ALLOW_IOVAS,
                        s ->
                                s.word(AllowIovas.IOAS_ID, ioas)
                                        .word(AllowIovas.NUM_IOVAS, ends.length / 2)
                                        .doubleword(
                                                AllowIovas.ALLOWED_IOVAS, list.bytes().address()))
                .result();
    }

    private Answer ranges(int room, Struct list) {
        return host.call(
                Ioctl.IOAS_IOVA_RANGES,
                s ->
                        s.word(IovaRanges.IOAS_ID, ioas)
                                .word(IovaRanges.NUM_IOVAS, room)
                                .doubleword(IovaRanges.ALLOWED_IOVAS, list.bytes().address()));
    }

    private Answer copy(int to, int flags, long from, long length, long iova) {
        return host.call(
                Ioctl.IOAS_COPY,
                s ->
                        s.word(IoasCopy.FLAGS, flags)
                                .word(IoasCopy.DST_IOAS_ID, to)
                                .word(IoasCopy.SRC_IOAS_ID, ioas)
                                .doubleword(IoasCopy.LENGTH, length)
                                .doubleword(IoasCopy.DST_IOVA, iova)
                                .doubleword(IoasCopy.SRC_IOVA, from));
    }

    private Answer option(int id, int op, int object, long value) {
        return host.call(
                Ioctl.OPTION,
                s ->
                        s.word(Option.OPTION_ID, id)
                                .half(Option.OP, op)
                                .word(Option.OBJECT_ID, object)
                                .doubleword(Option.VALUE, value));
    }

    @Check
    void flagsOfAnAllocationAreZero() {
        assertThat(host.call(Ioctl.IOAS_ALLOC, s -> s.word(IoasAlloc.FLAGS, 1)).result())
                .isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void aMapNeedsAPermission() {
        assertThat(host.map(ioas, IoasMap.FIXED_IOVA, memory, PAGE, BASE).result())
                .isEqualTo(-EINVAL);
    }

    @Check
    void aMapHasNoOtherFlags() {
        assertThat(host.map(ioas, READ_WRITE | 8, memory, PAGE, BASE).result())
                .isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void reservedWordsOfAMapAreZero() {
        assertThat(
                        host.call(
                                        Ioctl.IOAS_MAP,
                                        s ->
                                                s.word(IoasMap.FLAGS, READ_WRITE)
                                                        .word(IoasMap.IOAS_ID, ioas)
                                                        .word(IoasMap.RESERVED, 1))
                                .result())
                .isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void nothingIsMappedIntoWhatIsNoAddressSpace() {
        assertThat(host.mapFixed(ioas + 77, memory, PAGE, BASE)).isEqualTo(-ENOENT);
    }

    @Check
    void anEmptyMapIsInvalid() {
        assertThat(fixed(0, BASE)).isEqualTo(-EINVAL);
    }

    @Check
    void aMapOfEverythingOverflows() {
        assertThat(fixed(-1, BASE)).isEqualTo(-EOVERFLOW);
        assertThat(fixed(PAGE, -1)).isEqualTo(-EOVERFLOW);
    }

    @Check
    void aMapBeyondTheLastAddressOverflows() {
        assertThat(fixed(2 * PAGE, -PAGE)).isEqualTo(-EOVERFLOW);
    }

    @Check
    void userMemoryDoesNotWrapAround() {
        assertThat(
                        host.call(
                                        Ioctl.IOAS_MAP,
                                        s ->
                                                s.word(
                                                                IoasMap.FLAGS,
                                                                READ_WRITE | IoasMap.FIXED_IOVA)
                                                        .word(IoasMap.IOAS_ID, ioas)
                                                        .doubleword(IoasMap.USER_VA, -PAGE)
                                                        .doubleword(IoasMap.LENGTH, 2 * PAGE)
                                                        .doubleword(IoasMap.IOVA, BASE))
                                .result())
                .isEqualTo(-EOVERFLOW);
    }

    @Check
    void aMapReplacesNothing() {
        assertThat(fixed(2 * PAGE, BASE)).isZero();
        assertThat(fixed(PAGE, BASE)).isEqualTo(-EEXIST);
        assertThat(fixed(PAGE, BASE + PAGE)).isEqualTo(-EEXIST);
        assertThat(fixed(3 * PAGE, BASE - PAGE)).isEqualTo(-EEXIST);
        assertThat(fixed(PAGE, BASE + 2 * PAGE)).isZero();
    }

    @Check
    void anUnmapSaysHowMuchItWas() {
        fixed(PAGE, BASE);
        fixed(2 * PAGE, BASE + PAGE);
        assertThat(unmapped(BASE, 3 * PAGE)).isEqualTo(3 * PAGE);
    }

    @Check
    void anUnmapLeavesHolesAlone() {
        fixed(PAGE, BASE);
        fixed(PAGE, BASE + 4 * PAGE);
        assertThat(unmapped(BASE - PAGE, 8 * PAGE)).isEqualTo(2 * PAGE);
    }

    @Check
    void anUnmapDoesNotSplit() {
        fixed(4 * PAGE, BASE);
        assertThat(host.unmap(ioas, BASE, PAGE).result()).isEqualTo(-ENOENT);
        assertThat(host.unmap(ioas, BASE + PAGE, 3 * PAGE).result()).isEqualTo(-ENOENT);
        assertThat(host.unmap(ioas, BASE + PAGE, PAGE).result()).isEqualTo(-ENOENT);
        assertThat(unmapped(BASE, 4 * PAGE)).isEqualTo(4 * PAGE);
    }

    @Check
    void nothingMappedIsNothingToUnmap() {
        assertThat(host.unmap(ioas, BASE, PAGE).result()).isEqualTo(-ENOENT);
    }

    @Check
    void unmappingAllSucceedsThoughThereIsNothing() {
        assertThat(unmapped(0, -1)).isZero();
        fixed(PAGE, BASE);
        fixed(PAGE, BASE + 8 * PAGE);
        assertThat(unmapped(0, -1)).isEqualTo(2 * PAGE);
        assertThat(unmapped(0, -1)).isZero();
    }

    @Check
    void anUnmapBeyondTheLastAddressOverflows() {
        assertThat(host.unmap(ioas, -PAGE, 2 * PAGE).result()).isEqualTo(-EOVERFLOW);
    }

    @Check
    void anAddressIsFoundForAMap() {
        long first = automatic(PAGE);
        long second = automatic(PAGE);
        assertThat(second).isNotEqualTo(first);
        assertThat(unmapped(first, PAGE)).isEqualTo(PAGE);
        assertThat(unmapped(second, PAGE)).isEqualTo(PAGE);
    }

    @Check
    void anAddressThatIsFoundKeepsTheAlignmentOfPages() {
        for (long length = PAGE; length <= 16 * PAGE; length += PAGE) {
            assertThat(automatic(length) % PAGE).isZero();
        }
    }

    @Check
    void anAddressIsFoundOutsideOfWhatIsReserved() {
        assertThat(reserve(0, BASE)).isZero();
        for (int i = 0; i < 10; i++) {
            assertThat(automatic(PAGE)).isGreaterThanOrEqualTo(BASE);
        }
    }

    @Check
    void anAddressIsFoundInsideOfWhatIsAllowed() {
        assertThat(allow(BASE, BASE + 4 * PAGE - 1)).isZero();
        for (int i = 0; i < 4; i++) {
            assertThat(automatic(PAGE)).isBetween(BASE, BASE + 4 * PAGE - 1);
        }
        assertThat(host.map(ioas, READ_WRITE, memory, PAGE, 0).result()).isEqualTo(-ENOSPC);
    }

    @Check
    void withoutAHoleThereIsNoSpace() {
        assertThat(reserve(0, -1)).isZero();
        assertThat(host.map(ioas, READ_WRITE, memory, PAGE, 0).result()).isEqualTo(-ENOSPC);
    }

    @Check
    void aReservedRangeTakesNoMap() {
        assertThat(reserve(BASE, PAGE)).isZero();
        assertThat(fixed(PAGE, BASE)).isEqualTo(-EINVAL);
        assertThat(fixed(4 * PAGE, BASE - 2 * PAGE)).isEqualTo(-EINVAL);
        assertThat(fixed(PAGE, BASE + PAGE)).isZero();
    }

    @Check
    void whatIsMappedIsNotReserved() {
        fixed(PAGE, BASE);
        assertThat(reserve(BASE, PAGE)).isEqualTo(-EADDRINUSE);
    }

    @Check
    void allowedRangesAreNotEmptyAndDoNotOverlap() {
        assertThat(allow(BASE, BASE)).isEqualTo(-EINVAL);
        assertThat(allow(BASE, BASE - 1)).isEqualTo(-EINVAL);
        assertThat(allow(BASE, BASE + PAGE, BASE + PAGE, BASE + 2 * PAGE)).isEqualTo(-EINVAL);
        assertThat(allow(BASE, BASE + PAGE, BASE + 2 * PAGE, BASE + 3 * PAGE)).isZero();
        assertThat(allow()).isZero();
    }

    @Check
    void whatIsReservedIsNotAllowed() {
        assertThat(reserve(BASE, PAGE)).isZero();
        assertThat(allow(BASE, BASE + PAGE)).isEqualTo(-EADDRINUSE);
    }

    @Check
    void aNewAddressSpaceIsOneRange() {
        Struct list = host.memory(64);
        Answer answer = ranges(4, list).ok();
        assertThat(answer.word(IovaRanges.NUM_IOVAS)).isEqualTo(1);
        assertThat(answer.struct().doubleword(IovaRanges.OUT_IOVA_ALIGNMENT)).isEqualTo(1);
        assertThat(list.doubleword(0)).isZero();
        assertThat(list.doubleword(8)).isEqualTo(-1);
    }

    @Check
    void rangesAreTheHolesBetweenWhatIsReserved() {
        reserve(PAGE, PAGE);
        reserve(8 * PAGE, PAGE);
        Struct list = host.memory(64);
        assertThat(ranges(4, list).word(IovaRanges.NUM_IOVAS)).isEqualTo(3);
        assertThat(list.doubleword(8)).isEqualTo(PAGE - 1);
        assertThat(list.doubleword(16)).isEqualTo(2 * PAGE);
        assertThat(list.doubleword(24)).isEqualTo(8 * PAGE - 1);
        assertThat(list.doubleword(40)).isEqualTo(-1);
    }

    @Check
    void tooLittleRoomSaysHowMuchItTakes() {
        reserve(PAGE, PAGE);
        Struct list = host.memory(64);
        Answer answer = ranges(1, list);
        assertThat(answer.result()).isEqualTo(-EMSGSIZE);
        assertThat(answer.struct().word(IovaRanges.NUM_IOVAS)).isEqualTo(2);
        assertThat(list.doubleword(8)).isEqualTo(PAGE - 1);
        assertThat(list.doubleword(16)).isZero();
    }

    @Check
    void aDeviceNarrowsTheRanges() {
        host.mock(ioas);
        Struct list = host.memory(64);
        Answer answer = ranges(4, list).ok();
        assertThat(answer.word(IovaRanges.NUM_IOVAS)).isEqualTo(1);
        assertThat(list.doubleword(0)).isEqualTo(APERTURE);
        assertThat(list.doubleword(8)).isEqualTo(APERTURE_LAST);
        assertThat(answer.struct().doubleword(IovaRanges.OUT_IOVA_ALIGNMENT)).isEqualTo(2048);
    }

    @Check
    void aDeviceThatGoesGivesTheRangesBack() {
        var mock = host.mock(ioas);
        assertThat(host.destroy(mock.stdev())).isZero();
        Struct list = host.memory(64);
        assertThat(ranges(4, list).word(IovaRanges.NUM_IOVAS)).isEqualTo(1);
        assertThat(list.doubleword(0)).isZero();
    }

    @Check
    void aDeviceAlignsWhatIsMapped() {
        host.mock(ioas);
        assertThat(fixed(1024, APERTURE)).isEqualTo(-EINVAL);
        assertThat(fixed(2048, APERTURE + 1024)).isEqualTo(-EINVAL);
        assertThat(fixed(2048, APERTURE)).isZero();
    }

    @Check
    void aMapOutsideOfTheApertureIsRefused() {
        host.mock(ioas);
        assertThat(fixed(PAGE, APERTURE_LAST + 1)).isEqualTo(-EINVAL);
        assertThat(fixed(PAGE, APERTURE - PAGE)).isEqualTo(-EINVAL);
        assertThat(fixed(PAGE, APERTURE_LAST + 1 - PAGE)).isZero();
    }

    @Check
    void aDeviceIsNotAttachedWhereSomethingIsMappedThatItCannotReach() {
        fixed(PAGE, 0);
        assertThat(host.test(2, ioas, _ -> {}).result()).isEqualTo(-EADDRINUSE);
    }

    @Check
    void aCopyWithinAnAddressSpace() {
        fixed(4 * PAGE, BASE);
        assertThat(
                        copy(ioas, READ_WRITE | IoasMap.FIXED_IOVA, BASE, 2 * PAGE, BASE + 8 * PAGE)
                                .result())
                .isZero();
        assertThat(unmapped(BASE + 8 * PAGE, 2 * PAGE)).isEqualTo(2 * PAGE);
        assertThat(unmapped(BASE, 4 * PAGE)).isEqualTo(4 * PAGE);
    }

    @Check
    void aCopyIntoAnotherAddressSpace() {
        int other = host.ioas();
        fixed(4 * PAGE, BASE);
        assertThat(copy(other, READ_WRITE | IoasMap.FIXED_IOVA, BASE + PAGE, PAGE, BASE).result())
                .isZero();
        assertThat(host.unmap(other, BASE, PAGE).result()).isZero();
    }

    @Check
    void aCopyReplacesNothing() {
        fixed(4 * PAGE, BASE);
        assertThat(copy(ioas, READ_WRITE | IoasMap.FIXED_IOVA, BASE, PAGE, BASE + PAGE).result())
                .isEqualTo(-EEXIST);
    }

    @Check
    void aCopyOfWhatIsNotMappedIsRefused() {
        fixed(PAGE, BASE);
        int flags = READ_WRITE | IoasMap.FIXED_IOVA;
        assertThat(copy(ioas, flags, BASE, 2 * PAGE, BASE + 8 * PAGE).result()).isEqualTo(-ENOENT);
        assertThat(copy(ioas, flags, BASE - PAGE, PAGE, BASE + 8 * PAGE).result())
                .isEqualTo(-ENOENT);
        assertThat(copy(ioas + 77, flags, BASE, PAGE, BASE + 8 * PAGE).result()).isEqualTo(-ENOENT);
    }

    @Check
    void aCopyDoesNotMakeMemoryWriteable() {
        host.map(ioas, IoasMap.READABLE | IoasMap.FIXED_IOVA, memory, PAGE, BASE).ok();
        int flags = READ_WRITE | IoasMap.FIXED_IOVA;
        assertThat(copy(ioas, flags, BASE, PAGE, BASE + PAGE).result()).isEqualTo(-EPERM);
        assertThat(
                        copy(ioas, IoasMap.READABLE | IoasMap.FIXED_IOVA, BASE, PAGE, BASE + PAGE)
                                .result())
                .isZero();
    }

    @Check
    void aCopyFindsAnAddress() {
        fixed(PAGE, BASE);
        long iova =
                copy(ioas, READ_WRITE, BASE, PAGE, 0).ok().struct().doubleword(IoasCopy.DST_IOVA);
        assertThat(unmapped(iova, PAGE)).isEqualTo(PAGE);
    }

    @Check
    void aCopyOfSeveralMaps() {
        fixed(PAGE, BASE);
        fixed(PAGE, BASE + PAGE);
        assertThat(
                        copy(ioas, READ_WRITE | IoasMap.FIXED_IOVA, BASE, 2 * PAGE, BASE + 8 * PAGE)
                                .result())
                .isZero();
        assertThat(unmapped(BASE + 8 * PAGE, 2 * PAGE)).isEqualTo(2 * PAGE);
    }

    @Check
    void hugePagesAreOnUntilTheyAreSwitchedOff() {
        assertThat(option(Option.HUGE_PAGES, Option.GET, ioas, 0).ok().struct().doubleword(16))
                .isEqualTo(1);
        option(Option.HUGE_PAGES, Option.SET, ioas, 0).ok();
        assertThat(option(Option.HUGE_PAGES, Option.GET, ioas, 7).ok().struct().doubleword(16))
                .isZero();
        assertThat(option(Option.HUGE_PAGES, Option.SET, ioas, 2).result()).isEqualTo(-EINVAL);
        assertThat(option(Option.HUGE_PAGES, Option.SET, ioas + 77, 0).result()).isEqualTo(-ENOENT);
    }

    @Check
    void theAccountingModeIsChosenBeforeAnythingElse() {
        assertThat(option(Option.RLIMIT_MODE, Option.SET, 0, 1).result()).isEqualTo(-EBUSY);
        assertThat(host.destroy(ioas)).isZero();
        assertThat(option(Option.RLIMIT_MODE, Option.SET, 0, 1).result()).isZero();
        assertThat(option(Option.RLIMIT_MODE, Option.GET, 0, 0).ok().struct().doubleword(16))
                .isEqualTo(1);
        assertThat(option(Option.RLIMIT_MODE, Option.SET, 0, 2).result()).isEqualTo(-EINVAL);
    }

    @Check
    void unknownOptionsAreNotSupported() {
        assertThat(option(77, Option.GET, 0, 0).result()).isEqualTo(-EOPNOTSUPP);
        assertThat(option(Option.HUGE_PAGES, 2, ioas, 0).result()).isEqualTo(-EOPNOTSUPP);
    }

    @Check
    void anAddressSpaceInUseIsNotDestroyed() {
        var mock = host.mock(ioas);
        assertThat(host.destroy(ioas)).isEqualTo(-EBUSY);
        assertThat(host.destroy(mock.hwpt())).isEqualTo(-EBUSY);
        assertThat(host.destroy(mock.id())).isEqualTo(-EBUSY);
        assertThat(host.destroy(mock.stdev())).isZero();
        assertThat(host.destroy(mock.hwpt())).describedAs("it went").isEqualTo(-ENOENT);
        assertThat(host.destroy(ioas)).isZero();
    }

    @Check
    void thePageTableLeadsToTheUsersMemory() {
        var mock = host.mock(ioas);
        List<Long> lengths = new ArrayList<>();
        for (long length = 2048; length <= 4 * PAGE; length += 2048) {
            lengths.add(length);
        }
        for (long length : lengths) {
            assertThat(host.mapFixed(ioas, memory, length, APERTURE)).isZero();
            long checked = length;
            assertThat(
                            host.test(
                                            3,
                                            mock.hwpt(),
                                            s ->
                                                    s.doubleword(16, APERTURE)
                                                            .doubleword(24, checked)
                                                            .doubleword(
                                                                    32, memory.bytes().address()))
                                    .result())
                    .isZero();
            assertThat(unmapped(APERTURE, length)).isEqualTo(length);
        }
        assertThat(
                        host.test(
                                        3,
                                        mock.hwpt(),
                                        s ->
                                                s.doubleword(16, APERTURE)
                                                        .doubleword(24, PAGE)
                                                        .doubleword(32, memory.bytes().address()))
                                .result())
                .describedAs("nothing is mapped")
                .isEqualTo(-EINVAL);
    }

    @Check
    void anAccessReadsAndWritesThroughTheAddressSpace() {
        assertThat(fixed(2 * PAGE, BASE)).isZero();
        int access = host.test(5, ioas, _ -> {}).word(16);
        Struct buffer = host.memory(16).doubleword(0, 0x1122_3344_5566_7788L);
        assertThat(readWrite(access, BASE + PAGE - 4, buffer, 8, 1)).isZero();
        assertThat(memory.doubleword(PAGE - 4)).isEqualTo(0x1122_3344_5566_7788L);
        buffer.doubleword(0, 0);
        assertThat(readWrite(access, BASE + PAGE - 4, buffer, 8, 0)).isZero();
        assertThat(buffer.doubleword(0)).isEqualTo(0x1122_3344_5566_7788L);
        assertThat(readWrite(access, BASE + 2 * PAGE, buffer, 8, 0)).isEqualTo(-ENOENT);
        assertThat(host.destroy(ioas)).isEqualTo(-EBUSY);
        assertThat(host.system.close(access)).isZero();
        assertThat(host.destroy(ioas)).isZero();
    }

    private int readWrite(int access, long iova, Struct buffer, long length, int flags) {
        return host.test(
                        8,
                        access,
                        s ->
                                s.doubleword(16, iova)
                                        .doubleword(24, length)
                                        .doubleword(32, buffer.bytes().address())
                                        .word(40, flags))
                .result();
    }

    @Check
    void anAccessPinsWhatIsMappedAndNothingElse() {
        fixed(2 * PAGE, BASE);
        int access = host.test(5, ioas, s -> s.word(20, NEEDS_PIN_PAGES)).word(16);
        Answer pinned = pin(access, PAGE).ok();
        assertThat(pin(access, 4 * PAGE).result()).isEqualTo(-ENOENT);
        int pages = pinned.word(20);
        assertThat(host.test(6, access, s -> s.word(16, pages)).result()).isZero();
        assertThat(host.test(6, access, s -> s.word(16, pages)).result()).isEqualTo(-ENOENT);
        assertThat(host.system.close(access)).isZero();
    }

    @Check
    void anAccessThatIsNotMadeForItPinsNothing() {
        fixed(2 * PAGE, BASE);
        int access = host.test(5, ioas, _ -> {}).word(16);
        assertThat(pin(access, PAGE).result()).isEqualTo(-EOPNOTSUPP);
        assertThat(host.system.close(access)).isZero();
    }

    private Answer pin(int access, long length) {
        return host.test(
                7,
                access,
                s ->
                        s.doubleword(24, BASE)
                                .doubleword(32, length)
                                .doubleword(40, memory.bytes().address()));
    }

    @Check
    void anAccessMovesToAnotherAddressSpace() {
        int other = host.ioas();
        int access = host.test(5, ioas, _ -> {}).word(16);
        assertThat(host.test(11, access, s -> s.word(16, other)).result()).isZero();
        assertThat(host.destroy(ioas)).isZero();
        assertThat(host.destroy(other)).isEqualTo(-EBUSY);
        assertThat(host.system.close(access)).isZero();
    }
}
