package nestor.host.iommufd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ServiceLoader;
import nestor.host.Errno;
import nestor.host.LinuxHost;
import nestor.iommu.host.HostException;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Iommufd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The calls, on files that every kernel has. */
class LinuxHostSystemTest {
    private static final int PAGE = 4096;

    private final LinuxHostSystem system;

    LinuxHostSystemTest() throws HostException {
        system = new LinuxHostSystem(LinuxHost.load());
    }

    private static MemorySegment memory(long sizeBytes) {
        return Arena.ofAuto().allocate(sizeBytes, Long.BYTES);
    }

    @Test
    void theServiceOfThisModuleIsTheKernel() {
        assertThat(ServiceLoader.load(HostSystem.class))
                .hasExactlyElementsOfTypes(LinuxHostSystem.class);
    }

    @Test
    void aFileThatIsNotThereIsNotOpened() {
        assertThat(system.open("/dev/vfio/devices/none")).isEqualTo(-Errno.ENOENT);
    }

    @Test
    void aFileKnowsOnlyItsOwnIoctls() {
        int fd = system.open("/dev/null");

        assertThat(system.ioctl(fd, Ioctl.IOAS_ALLOC.number(), memory(12)))
                .isEqualTo(-Errno.ENOTTY);
        assertThat(system.ioctl(fd, Ioctl.IOAS_ALLOC.number(), MemorySegment.NULL))
                .isEqualTo(-Errno.ENOTTY);
        assertThat(system.close(fd)).isZero();
    }

    @Test
    void anEventfdAddsUpWhatIsWrittenAndIsReadOnce() {
        int fd = system.eventfd();
        MemorySegment value = memory(8);
        assertThat(system.isReadable(fd)).isFalse();
        assertThat(system.read(fd, value)).isEqualTo(-Errno.EAGAIN);

        value.set(ValueLayout.JAVA_LONG, 0, 3);
        assertThat(system.write(fd, value)).isEqualTo(8);
        assertThat(system.write(fd, value)).isEqualTo(8);
        assertThat(system.isReadable(fd)).isTrue();
        assertThat(system.read(fd, value)).isEqualTo(8);

        assertThat(value.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(6);
        assertThat(system.isReadable(fd)).isFalse();
        assertThat(system.read(fd, memory(4))).isEqualTo(-Errno.EINVAL);
        assertThat(system.close(fd)).isZero();
    }

    @Test
    void pollTellsWhichOfSeveralFilesHasInput() {
        int quiet = system.eventfd();
        int ready = system.eventfd();
        MemorySegment value = memory(8);
        value.set(ValueLayout.JAVA_LONG, 0, 1);
        int[] both = {quiet, ready};
        boolean[] readable = {true, true};

        assertThat(system.poll(both, readable, 0)).isZero();
        assertThat(readable).containsExactly(false, false);
        assertThat(system.write(ready, value)).isEqualTo(8);
        assertThat(system.poll(both, readable, -1)).isEqualTo(1);

        assertThat(readable).containsExactly(false, true);
        assertThat(system.close(quiet)).isZero();
        assertThat(system.poll(both, readable, 0)).isEqualTo(-Errno.EBADF);
        assertThat(system.close(ready)).isZero();
    }

    @Test
    void aFileIsReadAndWrittenAtOffsets(@TempDir Path folder) throws Exception {
        int fd = system.open(Files.write(folder.resolve("f"), new byte[64]).toString());
        MemorySegment value = memory(8);
        value.set(ValueLayout.JAVA_LONG, 0, 0x1234_5678_9abc_def0L);

        assertThat(system.pwrite(fd, value, 40)).isEqualTo(8);
        value.fill((byte) 0);
        assertThat(system.pread(fd, value.asSlice(0, 4), 44)).isEqualTo(4);

        assertThat(value.get(ValueLayout.JAVA_INT, 0)).isEqualTo(0x1234_5678);
        assertThat(system.pread(fd, value, 64)).isZero();
        assertThat(system.pread(fd, value, 1L << 40)).isZero();
        assertThat(system.close(fd)).isZero();
        assertThat(system.pread(fd, value, 0)).isEqualTo(-Errno.EBADF);
    }

    @Test
    void aClosedDescriptorReachesNoOtherFile() {
        int closed = system.eventfd();
        assertThat(system.close(closed)).isZero();
        // Another system's file gets the number, as the kernel gives out the lowest that is free.
        int other = LinuxHostSystemTest.other().eventfd();
        MemorySegment one = memory(8);
        one.set(ValueLayout.JAVA_LONG, 0, 1);

        assertThat(system.write(closed, one)).isEqualTo(-Errno.EBADF);
        assertThat(system.read(other, one)).isEqualTo(-Errno.EBADF);
        assertThat(system.ioctl(closed, 0, MemorySegment.NULL)).isEqualTo(-Errno.EBADF);
        assertThat(system.isReadable(closed)).isFalse();
        assertThat(system.close(closed)).isEqualTo(-Errno.EBADF);
    }

    private static LinuxHostSystem other() {
        try {
            return new LinuxHostSystem(LinuxHost.load());
        } catch (HostException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void partOfAFileIsMappedSharedAndOutlivesTheDescriptor(@TempDir Path folder) throws Exception {
        Path path = folder.resolve("region");
        byte[] bytes = new byte[3 * PAGE];
        bytes[PAGE + 8] = 0x5a;
        Files.write(path, bytes);
        int fd = system.open(path.toString());

        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = system.map(fd, PAGE, 2 * PAGE, arena);
            assertThat(system.close(fd)).isZero();
            assertThat(region.byteSize()).isEqualTo(2 * PAGE);
            assertThat(region.get(ValueLayout.JAVA_BYTE, 8)).isEqualTo((byte) 0x5a);
            region.set(ValueLayout.JAVA_BYTE, PAGE, (byte) 0x77);
            assertThat(mappings(path)).isOne();
        }

        assertThat(Files.readAllBytes(path)[2 * PAGE]).isEqualTo((byte) 0x77);
        assertThat(mappings(path)).isZero();
    }

    private static long mappings(Path file) throws Exception {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.endsWith(file.toString())).count();
        }
    }

    @Test
    void whatCannotBeMappedIsRefusedByType(@TempDir Path folder) throws Exception {
        int counter = system.eventfd();
        int file = system.open(Files.write(folder.resolve("f"), new byte[PAGE]).toString());

        assertThat(refusal(counter, 0)).isEqualTo(Errno.ENODEV);
        assertThat(refusal(file, 1)).isEqualTo(Errno.EINVAL);
        assertThat(system.close(file)).isZero();
        assertThat(refusal(file, 0)).isEqualTo(Errno.EBADF);
        assertThat(system.close(counter)).isZero();
    }

    private int refusal(int fd, long offset) {
        return catchThrowableOfType(
                        HostException.class, () -> system.map(fd, offset, PAGE, Arena.ofAuto()))
                .errno();
    }

    @Test
    void memoryThatTheKernelCannotReachIsRefusedBeforeItIsAsked() {
        int fd = system.eventfd();
        MemorySegment gone;
        try (Arena arena = Arena.ofConfined()) {
            gone = arena.allocate(8);
        }

        assertThatThrownBy(() -> system.read(fd, MemorySegment.ofArray(new byte[8])))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> system.write(fd, gone))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(system.close(fd)).isZero();
    }

    @Test
    void withoutIommufdOpeningItSaysWhatFailed() {
        assumeTrue(!Files.exists(Path.of(HostSystem.IOMMU)), "this host has /dev/iommu");

        HostException refusal =
                catchThrowableOfType(HostException.class, () -> Iommufd.open(system));

        assertThat(refusal).hasMessage("open(/dev/iommu) failed, errno 2");
    }

    @Test
    void anIommufdOfTheKernelMapsMemory() throws Exception {
        assumeTrue(Files.exists(Path.of(HostSystem.IOMMU)), "no /dev/iommu on this host");
        MemorySegment memory = Arena.ofAuto().allocate(PAGE, PAGE);

        try (Iommufd iommufd = Iommufd.open(system)) {
            int ioas = iommufd.allocIoas();
            iommufd.map(ioas, memory.address(), 1L << 24, PAGE);
            assertThat(iommufd.unmap(ioas, 1L << 24, PAGE)).isEqualTo(PAGE);
            iommufd.destroy(ioas);
        }
    }
}
