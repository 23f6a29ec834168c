package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.ENDPOINT;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Requests of any content. Input: requests, each a byte of readable length, a byte of writable
 * length, and the readable part; with tables, a byte for the profile before them.
 */
class RequestFuzzTest {
    @FuzzTest(maxDuration = "10m")
    void everyRequestIsReturnedWholeOrEmpty(byte[] input) {
        IommuHarness iommu = IommuHarness.isolating();
        iommu.attach(1, ENDPOINT, 0);
        int at = 0;
        while (at + 2 < input.length) {
            int readable = Byte.toUnsignedInt(input[at]);
            int writable = 1 + Byte.toUnsignedInt(input[at + 1]);
            int end = Math.min(at + 2 + readable, input.length);
            iommu.send(Arrays.copyOfRange(input, at + 2, end), writable);
            if (iommu.length != 0 && iommu.length != writable) {
                throw new AssertionError("length " + iommu.length + " of " + writable);
            }
            at = end;
        }
        iommu.canRead(0);
        iommu.canWrite(0x1000);
        iommu.machine.run();
        iommu.machine.close();
    }

    @FuzzTest(maxDuration = "10m")
    void decodingIsTotal(byte[] input) {
        byte[] bytes = Arrays.copyOf(input, Request.MAX_BYTES);
        Request.decode(
                TableProfile.NONE,
                MemorySegment.ofArray(bytes),
                Math.max(input.length, Request.HEAD_BYTES));
    }
}
