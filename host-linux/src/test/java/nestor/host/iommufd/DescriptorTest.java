package nestor.host.iommufd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import nestor.host.Errno;
import nestor.host.LinuxHost;
import nestor.host.SystemCalls;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Uapi.FaultQueueAlloc;
import nestor.iommufd.Uapi.VeventqAlloc;
import org.junit.jupiter.api.Test;

/** Whose descriptors they are, with a kernel that is told what to answer. */
class DescriptorTest {
    private static final int IOMMUFD = 5;
    private static final int QUEUE = 6;

    private final SystemCalls kernel = mock();
    private final LinuxHostSystem system = new LinuxHostSystem(new LinuxHost(kernel));
    private final MemorySegment argument = Arena.ofAuto().allocate(32, 8);

    DescriptorTest() {
        when(kernel.open(anyString(), anyInt())).thenReturn(IOMMUFD);
        assertThat(system.open(HostSystem.IOMMU)).isEqualTo(IOMMUFD);
    }

    @Test
    void aDescriptorThatIsClosedWithinACallGoesWhenTheCallIsOver() {
        when(kernel.ioctl(anyInt(), anyLong(), anyLong()))
                .thenAnswer(_ -> {
                    assertThat(system.close(IOMMUFD)).isZero();
                    verify(kernel, never()).close(anyInt());
                    return 0;
                });

        assertThat(system.ioctl(IOMMUFD, Ioctl.DESTROY.number(), argument)).isZero();

        var order = inOrder(kernel);
        order.verify(kernel).ioctl(IOMMUFD, Ioctl.DESTROY.number(), argument.address());
        order.verify(kernel).close(IOMMUFD);
        assertThat(system.ioctl(IOMMUFD, Ioctl.DESTROY.number(), argument)).isEqualTo(-Errno.EBADF);
        order.verifyNoMoreInteractions();
    }

    @Test
    void theFilesOfQueuesAreKnownOnceTheyAreMade() {
        makes(Ioctl.FAULT_QUEUE_ALLOC, FaultQueueAlloc.OUT_FAULT_FD);
        makes(Ioctl.VEVENTQ_ALLOC, VeventqAlloc.OUT_VEVENTQ_FD);
    }

    private void makes(Ioctl ioctl, int field) {
        argument.fill((byte) 0);
        argument.set(ValueLayout.JAVA_INT, field, QUEUE);
        when(kernel.ioctl(anyInt(), anyLong(), anyLong())).thenReturn(-Errno.ENOMEM);
        assertThat(system.ioctl(IOMMUFD, ioctl.number(), argument)).isEqualTo(-Errno.ENOMEM);
        assertThat(system.close(QUEUE)).isEqualTo(-Errno.EBADF);

        when(kernel.ioctl(anyInt(), anyLong(), anyLong())).thenReturn(0);
        assertThat(system.ioctl(IOMMUFD, ioctl.number(), argument)).isZero();
        assertThat(system.close(QUEUE)).isZero();
    }

    @Test
    void aCallThatASignalInterruptsIsMadeAgain() {
        when(kernel.read(anyInt(), anyLong(), anyLong())).thenReturn((long) -Errno.EINTR, 24L);

        assertThat(system.read(IOMMUFD, argument)).isEqualTo(24);
    }
}
