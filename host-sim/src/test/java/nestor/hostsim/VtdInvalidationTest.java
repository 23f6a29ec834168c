package nestor.hostsim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.foreign.MemorySegment;
import nestor.iommu.host.HostException;
import nestor.iommufd.Errno;
import nestor.iommufd.Iommufd;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.VtdS1;
import nestor.iommufd.Uapi.VtdS1Invalidate;
import nestor.iommufd.VfioDevice;
import org.junit.jupiter.api.Test;

/** IOMMU_HWPT_INVALIDATE of a first stage of VT-d, as its driver (7.3) answers. */
class VtdInvalidationTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";

    private final Iommufd iommufd;
    private final int nested;

    VtdInvalidationTest() throws HostException {
        var kernel = new SimulatedHost();
        kernel.vtd().device(PATH, true);
        iommufd = Iommufd.open(kernel);
        VfioDevice device = VfioDevice.bind(iommufd, PATH);
        int parent =
                iommufd.allocHwpt(
                        device.id(),
                        iommufd.allocIoas(),
                        HwptAlloc.NEST_PARENT,
                        HwptAlloc.DATA_NONE,
                        new byte[0],
                        0);
        byte[] stage1 = new byte[VtdS1.BYTES];
        new Struct(MemorySegment.ofArray(stage1)).word(VtdS1.ADDR_WIDTH, 48);
        nested = iommufd.allocHwpt(device.id(), parent, 0, HwptAlloc.DATA_VTD_S1, stage1, 0);
    }

    private boolean takes(long address, long pages, int flags, int reserved) throws HostException {
        byte[] entry = new byte[VtdS1Invalidate.BYTES];
        new Struct(MemorySegment.ofArray(entry))
                .doubleword(VtdS1Invalidate.ADDR, address)
                .doubleword(VtdS1Invalidate.NPAGES, pages)
                .word(VtdS1Invalidate.FLAGS, flags)
                .word(VtdS1Invalidate.RESERVED, reserved);
        return iommufd.invalidate(nested, HwptInvalidate.DATA_VTD_S1, entry.length, entry).handled()
                == 1;
    }

    @Test
    void pagesAreWholeAndAllOfThemBeginAtZero() throws HostException {
        assertThat(takes(0x1000, 1, 0, 0)).isTrue();
        assertThat(takes(0, -1, 0, 0)).describedAs("everything").isTrue();
        assertThat(takes(0x1800, 1, 0, 0)).describedAs("not of 4 KiB").isFalse();
        assertThat(takes(0x1000, -1, 0, 0)).describedAs("everything, from there").isFalse();
        assertThat(takes(-0x1000, 1L << 60, 0, 0)).describedAs("beyond the end").isTrue();
    }

    @Test
    void aFlagIsKnownAndTheRestIsZero() throws HostException {
        assertThat(takes(0x1000, 1, VtdS1Invalidate.LEAF, 0)).isTrue();
        assertThat(takes(0x1000, 1, 2, 0)).isFalse();
        assertThat(takes(0x1000, 1, 0, 1)).describedAs("where v8 had hw_error").isFalse();
    }

    @Test
    void noEntriesAskWhetherTheTypeIsKnown() throws HostException {
        assertThat(iommufd.invalidate(nested, HwptInvalidate.DATA_VTD_S1, 0, new byte[0]).handled())
                .isZero();
        HostException refusal =
                catchThrowableOfType(
                        HostException.class,
                        () ->
                                iommufd.invalidate(
                                        nested, HwptInvalidate.DATA_ARM_SMMUV3, 0, new byte[0]));
        assertThat(refusal.errno()).isEqualTo(Errno.EINVAL);
    }
}
