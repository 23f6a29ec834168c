package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;
import static nestor.iommufd.Errno.EAGAIN;
import static nestor.iommufd.Errno.EBADF;
import static nestor.iommufd.Errno.EINVAL;

import nestor.iommufd.Struct;

/** eventfd(2), by which VFIO interrupts and the kernel's queues wake their readers. */
final class EventfdChecks extends Checks {
    private final int fd = host.system.eventfd();
    private final Struct value = host.memory(8);

    EventfdChecks(HostUnderTest host) {
        super(host);
    }

    private int write(long more) {
        return host.system.write(fd, value.doubleword(0, more).bytes());
    }

    private int read() {
        return host.system.read(fd, value.bytes());
    }

    @Check
    void whatIsWrittenAddsUpAndIsReadOnce() {
        assertThat(read()).isEqualTo(-EAGAIN);
        assertThat(write(3)).isEqualTo(8);
        assertThat(host.system.isReadable(fd)).isTrue();
        assertThat(write(4)).isEqualTo(8);

        assertThat(read()).isEqualTo(8);

        assertThat(value.doubleword(0)).isEqualTo(7);
        assertThat(host.system.isReadable(fd)).isFalse();
        assertThat(read()).isEqualTo(-EAGAIN);
    }

    @Check
    void theCounterEndsBeforeItsLargestNumber() {
        assertThat(write(-1)).isEqualTo(-EINVAL);
        assertThat(write(-2)).isEqualTo(8);
        assertThat(write(1)).isEqualTo(-EAGAIN);
        assertThat(write(0)).isEqualTo(8);
        assertThat(read()).isEqualTo(8);
        assertThat(value.doubleword(0)).isEqualTo(-2);
    }

    @Check
    void itTakesEightBytes() {
        var half = host.memory(4).bytes();
        assertThat(host.system.write(fd, half)).isEqualTo(-EINVAL);
        assertThat(write(1)).isEqualTo(8);
        assertThat(host.system.read(fd, half)).isEqualTo(-EINVAL);
    }

    @Check
    void closedItIsGone() {
        assertThat(host.system.close(fd)).isZero();
        assertThat(write(1)).isEqualTo(-EBADF);
        assertThat(host.system.isReadable(fd)).isFalse();
        assertThat(host.system.close(fd)).isEqualTo(-EBADF);
    }
}
