package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.FIRST_STAGE;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommufd.IommufdHost;
import nestor.testkit.AssignedGuest.Refusal;
import nestor.testkit.HostCalls;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the kernel is asked, word for word, and in how many calls. */
class HostWordsTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final long IOVA = 0x7000_0000;
    private static final long SRE = 1;
    private static final long FIVE_LEVELS = 1 << 2;
    private static final long WPE = 1 << 4;

    private final VtdGuest guest = new VtdGuest();
    private final SimulatedHost kernel = new SimulatedHost();
    private final HostCalls calls = new HostCalls(kernel);
    private IommufdHost host;

    @BeforeEach
    void assign() throws HostException {
        guest.device(kernel, PATH);
        host = IommufdHost.open(calls.system(), guest.memory());
        host.add(RID, PATH);
        guest.assign(host);
    }

    @AfterEach
    void close() {
        guest.unassign();
        host.close();
        assertThat(kernel.objects()).isZero();
        guest.close();
    }

    private List<String> bound(int... pasids) {
        for (int pasid : pasids) {
            guest.bind(pasid, 0);
        }
        return calls.take();
    }

    private static long of(int pasid) {
        return (long) pasid << 32 | DID << 16;
    }

    /** PASID-based IOTLB invalidations of {@code count} pages, a page apart. */
    private void putPages(int pasid, int count) {
        for (int i = 0; i < count; i++) {
            guest.vtd.put(6 | 3 << 4 | of(pasid), IOVA + 0x2000L * i);
        }
    }

    private List<String> synchronize() {
        assertThat(guest.vtd.isSynchronized()).isTrue();
        return calls.take();
    }

    @Test
    void theHostIsPreparedWithTheFirstDevice() {
        assertThat(calls.take())
                .containsExactly(
                        "open /dev/iommu",
                        "IOAS_ALLOC = 1",
                        "IOAS_MAP ioas=1 0x0+0x700000",
                        "open " + PATH,
                        "DEVICE_BIND_IOMMUFD = 2",
                        "GET_HW_INFO dev=2",
                        "HWPT_ALLOC dev=2 pt=1 flags=0x9 type=0 fault=0 [] = 3",
                        "HWPT_ALLOC dev=2 pt=3 flags=0x0 type=1 fault=0 [0, 0, 30] = 4",
                        "HWPT_INVALIDATE 4 type=0 = 0",
                        "DESTROY 4",
                        "FAULT_QUEUE_ALLOC = 5");
    }

    @Test
    @DisplayName("flags, FSPTPTR and width; nested on the parent, with faults, for PASIDs")
    void bindRebindAndUnbind() {
        calls.take();
        String root = Long.toHexString(guest.tables(0).root());
        String other = Long.toHexString(guest.tables(1).root());
        guest.bind(5, 0);
        assertThat(calls.take())
                .containsExactly(
                        "HWPT_ALLOC dev=2 pt=3 flags=0xc type=1 fault=5 [0, " + root + ", 30] = 6",
                        "DEVICE_ATTACH_IOMMUFD_PT pasid=0x5 pt=6",
                        "HWPT_INVALIDATE 6 type=0 [0, ffffffffffffffff, 0] = 1");
        guest.bind(5, 1);
        assertThat(calls.take())
                .containsExactly(
                        "HWPT_ALLOC dev=2 pt=3 flags=0xc type=1 fault=5 [0, " + other + ", 30] = 7",
                        "DEVICE_ATTACH_IOMMUFD_PT pasid=0x5 pt=7",
                        "DESTROY 6",
                        "HWPT_INVALIDATE 7 type=0 [0, ffffffffffffffff, 0] = 1");
        guest.unbind(5);
        assertThat(calls.take()).containsExactly("DEVICE_DETACH_IOMMUFD_PT pasid=0x5", "DESTROY 7");
    }

    @Test
    void flagsAndFiveLevels() {
        calls.take();
        long root = guest.tables(0).root();
        guest.vtd.pasid(5, 1 | FIRST_STAGE << 6, DID, root | SRE | FIVE_LEVELS | WPE);
        guest.vtd.put(7 | 1 << 4 | of(5), 0);
        assertThat(synchronize())
                .containsExactly(
                        "HWPT_ALLOC dev=2 pt=3 flags=0xc type=1 fault=5 [5, %x, 39] = 6"
                                .formatted(root),
                        "DEVICE_ATTACH_IOMMUFD_PT pasid=0x5 pt=6");
    }

    @Test
    @DisplayName("§6.5.2.4: AM is so many pages, from an aligned address; IH is LEAF")
    void addressMasksBecomePages() {
        bound(1);
        for (int mask = 0; mask <= 18; mask++) {
            for (long hint = 0; hint <= 1; hint++) {
                guest.vtd.put(6 | 3 << 4 | of(1), IOVA | hint << 6 | mask);
                assertThat(synchronize())
                        .containsExactly(
                                "HWPT_INVALIDATE 6 type=0 [%x, %x, %x] = 1"
                                        .formatted(IOVA & -0x1000L << mask, 1L << mask, hint));
            }
        }
    }

    @Test
    void aQueueOfInvalidationsIsOneCall() {
        bound(1);
        putPages(1, 64);
        List<String> all = synchronize();
        assertThat(all).singleElement().asString().endsWith("= 64");
        putPages(1, 65);
        assertThat(synchronize())
                .describedAs("more than that are everything")
                .containsExactly("HWPT_INVALIDATE 6 type=0 [0, ffffffffffffffff, 0] = 1");
    }

    @Test
    void aDeviceTlbInvalidationOfTheSameRangeCostsNothingMore() {
        bound(1);
        for (int i = 0; i < 32; i++) {
            long page = IOVA + 0x2000L * i;
            guest.vtd.put(6 | 3 << 4 | of(1), page);
            guest.vtd.put(8 | RID << 16 | 1L << 32, page);
        }
        assertThat(synchronize()).singleElement().asString().endsWith("= 32");
    }

    @Test
    void eachPasidHasACallOfItsOwn() {
        bound(1, 2, 3);
        for (int pasid = 1; pasid <= 3; pasid++) {
            putPages(pasid, 8);
        }
        List<String> counts = new ArrayList<>();
        synchronize().forEach(call -> counts.add(call.replaceAll(".*\\] ", "")));
        assertThat(counts).containsExactly("= 8", "= 8", "= 8");
    }

    @Test
    void behindARangeThatIsRefusedTheOthersGoOn() {
        bound(1, 2);
        calls.refuseEntry(2);
        putPages(1, 5);
        putPages(2, 1);
        List<String> all = synchronize();
        assertThat(all).hasSize(5);
        assertThat(all.get(0)).endsWith("= -5");
        assertThat(all.get(1)).describedAs("the fourth and fifth").endsWith("= 2");
        assertThat(all.get(2)).startsWith("HWPT_INVALIDATE 7").endsWith("= 1");
        assertThat(all.subList(3, 5))
                .describedAs("and the PASID is blocked")
                .containsExactly("DEVICE_DETACH_IOMMUFD_PT pasid=0x1", "DESTROY 6");
        assertThat(guest.takeRefusal()).isEqualTo(Refusal.BLOCKED);
    }
}
