package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static org.assertj.core.api.Assertions.assertThat;

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
    private static final long STREAM = (long) SID << 32;
    private static final long CFGI_STE = 0x03 | STREAM;
    private static final long ATC_INV = 0x40 | STREAM;
    private static final long TLBI_NH_VA = 0x12;
    private static final String CD_ALL = "[1800000006, 0]";

    private final SmmuGuest guest = new SmmuGuest();
    private final SimulatedHost kernel = new SimulatedHost();
    private final HostCalls calls = new HostCalls(kernel);
    private IommufdHost host;

    @BeforeEach
    void assign() throws HostException {
        guest.device(kernel, PATH);
        host = IommufdHost.open(calls.system(), guest.memory());
        host.add(SID, PATH);
        guest.assign(host);
    }

    @AfterEach
    void close() {
        guest.unassign();
        host.close();
        assertThat(kernel.objects()).isZero();
        guest.close();
    }

    private List<String> submit(long... words) {
        guest.smmu.submit(words);
        return calls.take();
    }

    private void attached() {
        guest.attach();
        guest.bind(1, 0);
        calls.take();
    }

    @Test
    void theHostIsPreparedWithTheFirstDevice() {
        assertThat(calls.take())
                .containsExactly(
                        "open /dev/iommu",
                        "IOAS_ALLOC = 1",
                        "IOAS_MAP ioas=1 0x0+0x600000",
                        "open " + PATH,
                        "DEVICE_BIND_IOMMUFD = 2",
                        "GET_HW_INFO dev=2",
                        "HWPT_ALLOC dev=2 pt=1 flags=0x1 type=0 fault=0 [] = 3",
                        "VIOMMU_ALLOC type=1 dev=2 hwpt=3 = 4",
                        "HWPT_INVALIDATE 4 type=1 [10, 0] = 1",
                        "VEVENTQ_ALLOC viommu=4 type=1 depth=1024 = 5",
                        "FAULT_QUEUE_ALLOC = 6",
                        "VDEVICE_ALLOC viommu=4 dev=2 virt=0x18 = 7");
    }

    @Test
    @DisplayName("V, Config, S1ContextPtr, S1CDMax; S1DSS, EATS: nested on the vIOMMU, with faults")
    void attachReplaceAndDetach() {
        calls.take();
        guest.attach();
        assertThat(calls.take())
                .containsExactly(
                        "HWPT_ALLOC dev=2 pt=4 flags=0x4 type=2 fault=6 [%x, 10000002] = 8"
                                .formatted(1 | 5 << 1 | CONTEXTS | 4L << 59),
                        "DEVICE_ATTACH_IOMMUFD_PT pt=8",
                        "HWPT_INVALIDATE 4 type=1 " + CD_ALL + " = 1");
        guest.changeContext();
        assertThat(calls.take())
                .containsExactly(
                        "HWPT_ALLOC dev=2 pt=4 flags=0x4 type=2 fault=6 [%x, 10000002] = 9"
                                .formatted(1 | 5 << 1 | CONTEXTS | 5L << 59),
                        "DEVICE_ATTACH_IOMMUFD_PT pt=9",
                        "DESTROY 8",
                        "HWPT_INVALIDATE 4 type=1 " + CD_ALL + " = 1");
        guest.smmu.ste(SID, 1, 0, 0, 0);
        assertThat(submit(CFGI_STE, 1, SYNC, 0))
                .containsExactly(
                        "DEVICE_DETACH_IOMMUFD_PT",
                        "DESTROY 9",
                        "HWPT_INVALIDATE 4 type=1 " + CD_ALL + " = 1");
    }

    @Test
    @DisplayName("what a host refuses is left out: bits of the STE that it does not take")
    void onlySomeBitsOfAnEntryAreTheHosts() {
        calls.take();
        long dw0 = 1 | 5 << 1 | CONTEXTS | 4L << 59 | 0x7fL << 52;
        long dw1 = 2 | 1 << 2 | 2 << 4 | 3 << 6 | 1L << 27 | 1L << 28 | 0xfL << 36 | 1L << 18;
        guest.smmu.ste(SID, dw0, dw1, 0, 0);
        assertThat(submit(CFGI_STE, 1, SYNC, 0).getFirst())
                .endsWith(
                        "[%x, %x] = 8"
                                .formatted(1 | 5 << 1 | CONTEXTS | 4L << 59, dw1 & 0x3800_00ffL));
    }

    @Test
    void bypassIsTheParentAndNothingElse() {
        calls.take();
        guest.smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        assertThat(submit(CFGI_STE, 1, SYNC, 0).getFirst())
                .isEqualTo("DEVICE_ATTACH_IOMMUFD_PT pt=3");
    }

    @Test
    @DisplayName("§4.3 to §4.5: the bytes of each command that is forwarded")
    void commandsAreForwardedWithTheBitsTheyHave() {
        attached();
        long[][] given = {
            {0x05 | STREAM | 1 << 12, 1},
            {0x06 | STREAM | 0xff << 12, 7},
            {0x10 | 7L << 32, 0x55},
            {0x11 | 9L << 48 | 7L << 32, 0x55},
            {TLBI_NH_VA | 9L << 48 | 7L << 32, IOVA | 1},
            {TLBI_NH_VA | 9L << 48 | 3 << 12 | 1 << 20, IOVA | 1 << 10 | 2 << 8},
            {0x13 | 7L << 32, IOVA},
            {0x30, 0},
            {ATC_INV | 1 << 11 | 1 << 12, IOVA | 3},
            {ATC_INV, 52}
        };
        String[] taken = {
            "[1800001005, 1]",
            "[1800000006, 0]",
            "[10, 0]",
            "[9000000000011, 0]",
            "[9000000000012, 70000001]",
            "[9000000103012, 70000600]",
            "[13, 70000000]",
            "[10, 0]",
            "[1800001840, 70000003]",
            "[1800000040, 34]"
        };
        for (int i = 0; i < given.length; i++) {
            assertThat(submit(given[i][0], given[i][1], SYNC, 0))
                    .containsExactly("HWPT_INVALIDATE 4 type=1 " + taken[i] + " = 1");
        }
    }

    @Test
    void commandsUpToASyncAreOneCall() {
        attached();
        long[] words = new long[2 * 61];
        for (int i = 0; i < 60; i += 2) {
            words[2 * i] = TLBI_NH_VA | 1L << 48;
            words[2 * i + 1] = IOVA + 0x1000L * i;
            words[2 * i + 2] = ATC_INV | 1 << 11 | 1 << 12;
            words[2 * i + 3] = IOVA + 0x1000L * i;
        }
        words[120] = SYNC;
        assertThat(submit(words)).singleElement().asString().endsWith("= 60");
        assertThat(guest.smmu.isIdle()).isTrue();
    }

    @Test
    void nothingIsSentBeforeASync() {
        attached();
        assertThat(submit(TLBI_NH_VA | 1L << 48, IOVA, 0x10, 0)).isEmpty();
        assertThat(submit(SYNC, 0)).singleElement().asString().endsWith("= 2");
    }

    @Test
    void moreThanAHostTakesAtOnceAreSeveralCalls() {
        attached();
        int commands = 0;
        while (commands < 1200) {
            guest.smmu.submit(TLBI_NH_VA | 1L << 48, IOVA, TLBI_NH_VA | 1L << 48, IOVA + 0x1000);
            commands += 2;
        }
        assertThat(submit(SYNC, 0))
                .extracting(call -> call.replaceAll(".*\\] ", ""))
                .containsExactly("= 512", "= 512", "= 176");
    }

    @Test
    void behindACommandThatIsRefusedTheOthersGoOn() {
        attached();
        calls.refuseEntry(2);
        List<String> all =
                submit(
                        TLBI_NH_VA | 1L << 48,
                        IOVA,
                        TLBI_NH_VA | 1L << 48,
                        IOVA + 0x1000,
                        TLBI_NH_VA | 1L << 48,
                        IOVA + 0x2000,
                        TLBI_NH_VA | 1L << 48,
                        IOVA + 0x3000,
                        SYNC,
                        0);
        assertThat(all).hasSize(4);
        assertThat(all.get(0)).endsWith("= -5");
        assertThat(all.get(1)).isEqualTo("HWPT_INVALIDATE 4 type=1 [1000000000012, 70003000] = 1");
        assertThat(all.subList(2, 4))
                .describedAs("and the stream is blocked")
                .containsExactly("DEVICE_DETACH_IOMMUFD_PT", "DESTROY 8");
        assertThat(guest.takeRefusal()).isEqualTo(Refusal.BLOCKED);
    }
}
