package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.Test;

/** What a request that finds its configuration and its translation costs. */
class HitPathTest {
    private static final Requester FIRST = new Requester(RID, 1, false);
    private static final Requester PASSING = new Requester(RID, 2, false);

    private final VtdHarness vtd = new VtdHarness().scalable();

    @Test
    void aRequestThatHitsAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, 0x3f);
        tables.map(0x20_0000, 0x20_0000, 21, 0x3f);
        vtd.firstStage(1, DID, tables);
        vtd.pasid(2, 1 | VtdHarness.PASS_THROUGH << 6, DID, 0);
        int rounds = 20_000;
        long sum = exercise(rounds) + exercise(rounds);

        long before = threads.getCurrentThreadAllocatedBytes();
        sum += exercise(rounds);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        // Three requests a round; a fraction of a byte each is the measurement itself.
        assertThat(allocated / (3.0 * rounds)).isLessThan(1.0);
        assertThat(sum).isEqualTo(3L * rounds * (0x9010 + 0x20_1000 + 0x5000));
    }

    private long exercise(int rounds) {
        long sum = 0;
        for (int n = 0; n < rounds; n++) {
            sum += request(FIRST, 0x1010) + request(FIRST, 0x20_1000) + request(PASSING, 0x5000);
        }
        return sum;
    }

    private long request(Requester requester, long address) {
        long ticket = vtd.unit.enterDma();
        Translation translation = vtd.translate(requester, address, Translation.WRITE);
        long gpa = translation instanceof Translation.Mapping mapping ? mapping.gpa(address) : 0;
        vtd.unit.exitDma(ticket);
        return gpa;
    }
}
