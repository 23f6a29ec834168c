package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;
import static nestor.iommufd.Errno.E2BIG;
import static nestor.iommufd.Errno.EFAULT;
import static nestor.iommufd.Errno.EINVAL;
import static nestor.iommufd.Errno.ENOENT;
import static nestor.iommufd.Errno.ENOTTY;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;

/** What holds for every ioctl of /dev/iommu: structures that grow, numbers that are not there. */
final class ProtocolChecks extends Checks {
    ProtocolChecks(HostUnderTest host) {
        super(host);
    }

    /** The ones that a check with an {@link Ioctl} is made for. */
    static Stream<Ioctl> ioctls() {
        return Arrays.stream(Ioctl.values())
                .filter(ioctl -> ioctl.number() >= Ioctl.DESTROY.number() && ioctl != Ioctl.TEST);
    }

    @Check
    void aFileThatIsNotUsedIsClosed() {
        int fd = host.system.open(HostSystem.IOMMU);
        assertThat(host.system.close(fd)).isZero();
    }

    @Check
    void objectsGoWithTheirFile() {
        int fd = host.system.open(HostSystem.IOMMU);
        var struct = host.memory(12).word(0, 12);
        assertThat(host.system.ioctl(fd, Ioctl.IOAS_ALLOC.number(), struct.bytes())).isZero();
        assertThat(host.system.close(fd)).isZero();
    }

    @Check
    void numbersThatAreNotThereAreNoIoctls() {
        var struct = host.memory(64).word(0, 64);
        for (int number : new int[] {0x3bff, 0x3b9f, 0x3b7f}) {
            assertThat(host.system.ioctl(host.fd, number, struct.bytes())).isEqualTo(-ENOTTY);
        }
    }

    @Check
    void anIdThatIsNotThereIsNotDestroyed() {
        assertThat(host.destroy(0)).isEqualTo(-ENOENT);
        assertThat(host.destroy(12345)).isEqualTo(-ENOENT);
    }

    @Check
    void aDestroyedObjectIsGone() {
        int ioas = host.ioas();
        assertThat(host.destroy(ioas)).isZero();
        assertThat(host.destroy(ioas)).isEqualTo(-ENOENT);
    }

    @Check
    void numbersOfObjectsAreNotZeroAndNotUsedAgain() {
        int first = host.ioas();
        int second = host.ioas();
        assertThat(first).isPositive().isNotEqualTo(second);
    }

    @Check
    void filesHaveObjectsOfTheirOwn() {
        int ioas = host.ioas();
        try (var other = new HostUnderTest(host.system)) {
            assertThat(other.unmap(ioas + 100, 0, 4096).result()).isEqualTo(-ENOENT);
        }
        assertThat(host.destroy(ioas)).isZero();
    }

    @Check
    void aNullPointerIsAFault(Ioctl ioctl) {
        assertThat(host.system.ioctl(host.fd, ioctl.number(), MemorySegment.NULL))
                .isEqualTo(-EFAULT);
    }

    @Check
    void aStructureShorterThanItsFirstVersionIsInvalid(Ioctl ioctl) {
        assertThat(host.call(ioctl, ioctl.minBytes() - 1, ioctl.sizeBytes(), _ -> {}).result())
                .isEqualTo(-EINVAL);
    }

    @Check
    void bytesThatAKernelDoesNotKnowMustBeZero(Ioctl ioctl) {
        int size = ioctl.sizeBytes() + 1;
        assertThat(host.call(ioctl, size, size, s -> s.octet(size - 1, 1)).result())
                .isEqualTo(-E2BIG);
    }

    @Check
    void zeroBytesBehindAreAsIfTheyWereNotThere(Ioctl ioctl) {
        int size = ioctl.sizeBytes() + 1;
        int exact = host.call(ioctl, s -> s.word(4, 0)).result();
        int longer = host.call(ioctl, size, size, s -> s.word(4, 0)).result();
        assertThat(longer).isEqualTo(exact);
    }
}
