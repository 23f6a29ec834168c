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
import nestor.iommufd.Uapi.ViommuAlloc;
import nestor.iommufd.VfioDevice;
import org.junit.jupiter.api.Test;

/** IOMMU_HWPT_INVALIDATE of an SMMUv3's vIOMMU, as arm_vsmmu_cache_invalidate (7.3) answers. */
class SmmuInvalidationTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final int SID = 8;
    private static final long ALL = 0x10;
    private static final long VA = 0x12;
    private static final long VAA = 0x13;
    private static final long RIL_16K = 2 << 10;

    private final Iommufd iommufd;
    private final int viommu;

    SmmuInvalidationTest() throws HostException {
        var kernel = new SimulatedHost();
        kernel.smmuV3().device(PATH, true);
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
        viommu = iommufd.allocViommu(ViommuAlloc.TYPE_ARM_SMMUV3, device.id(), parent);
        iommufd.allocVdevice(viommu, device.id(), SID);
    }

    private boolean takes(long word0, long word1) {
        byte[] entry = new byte[16];
        new Struct(MemorySegment.ofArray(entry)).doubleword(0, word0).doubleword(8, word1);
        try {
            return iommufd.invalidate(viommu, HwptInvalidate.DATA_ARM_SMMUV3, 16, entry).handled()
                    == 1;
        } catch (HostException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aCallWithoutEntriesIsRefusedAsAWrongTypeIs() {
        for (int type : new int[] {HwptInvalidate.DATA_ARM_SMMUV3, HwptInvalidate.DATA_VTD_S1}) {
            HostException refusal =
                    catchThrowableOfType(
                            HostException.class,
                            () -> iommufd.invalidate(viommu, type, 16, new byte[0]));
            assertThat(refusal.errno()).isEqualTo(Errno.EINVAL);
        }
    }

    @Test
    void fieldsThatACommandHasAreTaken() {
        assertThat(takes(ALL | 3L << 32, 0)).describedAs("VMID").isTrue();
        assertThat(takes(VA | 7L << 48, 0x1000 | 1)).describedAs("ASID, Leaf").isTrue();
        assertThat(takes(VA | 5 << 12 | 1 << 20, 0x4000 | RIL_16K)).describedAs("range").isTrue();
        assertThat(takes(0x40 | 1 << 11 | 1 << 9 | (long) SID << 32, 52)).isTrue();
        assertThat(takes(0x05 | 9 << 12 | (long) SID << 32, 1)).isTrue();
        assertThat(takes(0x06 | (long) SID << 32, 0)).isTrue();
        assertThat(takes(0x30, 0)).isTrue();
    }

    @Test
    void bitsThatACommandHasNotAreRefused() {
        assertThat(takes(ALL | 1 << 10, 0)).describedAs("SSec").isFalse();
        assertThat(takes(ALL, 1)).isFalse();
        assertThat(takes(ALL | 7L << 48, 0)).describedAs("ASID").isFalse();
        assertThat(takes(VAA | 7L << 48, 0)).describedAs("ASID").isFalse();
        assertThat(takes(0x30 | 1L << 32, 0)).describedAs("VMID").isFalse();
        assertThat(takes(0x06 | 1 << 12 | (long) SID << 32, 0)).describedAs("SSID").isFalse();
        assertThat(takes(0x40 | (long) SID << 32, 53)).describedAs("Size").isFalse();
        assertThat(takes(0x03, 0)).describedAs("CFGI_STE").isFalse();
    }

    @Test
    void rangesThatMeanNothingAreRefused() {
        assertThat(takes(VA | 5 << 12, 0x4000)).describedAs("NUM without TG").isFalse();
        assertThat(takes(VA, 0x4000 | 1 << 8)).describedAs("TTL without TG").isFalse();
        assertThat(takes(VA, 0x4000 | RIL_16K)).describedAs("reserved").isFalse();
        assertThat(takes(VA | 1 << 25, 0x4000 | RIL_16K)).describedAs("SCALE, no DS").isFalse();
    }
}
