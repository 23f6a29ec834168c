package nestor.hostsim.suite;

import static nestor.iommufd.Errno.E2BIG;
import static nestor.iommufd.Errno.EFAULT;
import static nestor.iommufd.Errno.EINVAL;
import static nestor.iommufd.Errno.ENOENT;
import static nestor.iommufd.Errno.ENOTTY;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What holds for every ioctl of /dev/iommu: structures that grow, numbers that are not there. */
class ProtocolTest {
    private final HostUnderTest host = new HostUnderTest();

    @AfterEach
    void close() {
        host.close();
    }

    private static Stream<Ioctl> ioctls() {
        return Arrays.stream(Ioctl.values())
                .filter(ioctl -> ioctl.number() >= Ioctl.DESTROY.number() && ioctl != Ioctl.TEST);
    }

    @Test
    void aFileThatIsNotUsedIsClosed() {
        int fd = host.system.open(HostSystem.IOMMU);
        assertThat(host.system.close(fd)).isZero();
    }

    @Test
    void objectsGoWithTheirFile() {
        int fd = host.system.open(HostSystem.IOMMU);
        var struct = host.memory(12).word(0, 12);
        assertThat(host.system.ioctl(fd, Ioctl.IOAS_ALLOC.number(), struct.bytes())).isZero();
        assertThat(host.system.close(fd)).isZero();
    }

    @Test
    void numbersThatAreNotThereAreNoIoctls() {
        var struct = host.memory(64).word(0, 64);
        for (int number : new int[] {0x3bff, 0x3b9f, 0x3b7f}) {
            assertThat(host.system.ioctl(host.fd, number, struct.bytes())).isEqualTo(-ENOTTY);
        }
    }

    @Test
    void anIdThatIsNotThereIsNotDestroyed() {
        assertThat(host.destroy(0)).isEqualTo(-ENOENT);
        assertThat(host.destroy(12345)).isEqualTo(-ENOENT);
    }

    @Test
    void aDestroyedObjectIsGone() {
        int ioas = host.ioas();
        assertThat(host.destroy(ioas)).isZero();
        assertThat(host.destroy(ioas)).isEqualTo(-ENOENT);
    }

    @Test
    void numbersOfObjectsAreNotZeroAndNotUsedAgain() {
        int first = host.ioas();
        int second = host.ioas();
        assertThat(first).isPositive().isNotEqualTo(second);
    }

    @Test
    void filesHaveObjectsOfTheirOwn() {
        int ioas = host.ioas();
        try (var other = new HostUnderTest()) {
            assertThat(other.unmap(ioas + 100, 0, 4096).result()).isEqualTo(-ENOENT);
        }
        assertThat(host.destroy(ioas)).isZero();
    }

    @TestFactory
    Stream<DynamicTest> aNullPointerIsAFault() {
        return ioctls().map(ioctl ->
                DynamicTest.dynamicTest(
                        ioctl.name(),
                        () ->
                                assertThat(
                                                host.system.ioctl(
                                                        host.fd,
                                                        ioctl.number(),
                                                        MemorySegment.NULL))
                                        .isEqualTo(-EFAULT)));
    }

    @TestFactory
    Stream<DynamicTest> aStructureShorterThanItsFirstVersionIsInvalid() {
        return ioctls().map(ioctl ->
                DynamicTest.dynamicTest(
                        ioctl.name(),
                        () ->
                                assertThat(
                                                host.call(
                                                                ioctl,
                                                                ioctl.minBytes() - 1,
                                                                ioctl.sizeBytes(),
                                                                _ -> {})
                                                        .result())
                                        .isEqualTo(-EINVAL)));
    }

    @TestFactory
    Stream<DynamicTest> bytesThatAKernelDoesNotKnowMustBeZero() {
        return ioctls().map(ioctl ->
                DynamicTest.dynamicTest(
                        ioctl.name(),
                        () -> {
                            int size = ioctl.sizeBytes() + 1;
                            assertThat(
                                            host.call(ioctl, size, size, s -> s.octet(size - 1, 1))
                                                    .result())
                                    .isEqualTo(-E2BIG);
                        }));
    }

    @TestFactory
    Stream<DynamicTest> zeroBytesBehindAreAsIfTheyWereNotThere() {
        return ioctls().map(ioctl ->
                DynamicTest.dynamicTest(
                        ioctl.name(),
                        () -> {
                            int size = ioctl.sizeBytes() + 1;
                            int exact = host.call(ioctl, s -> s.word(4, 0)).result();
                            int longer = host.call(ioctl, size, size, s -> s.word(4, 0)).result();
                            assertThat(longer).isEqualTo(exact);
                        }));
    }
}
