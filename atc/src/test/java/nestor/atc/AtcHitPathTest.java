package nestor.atc;

import static nestor.atc.ScriptedPort.pasid;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.Test;

/** What an access that finds its translation costs. */
class AtcHitPathTest {
    @Test
    void anAccessThatHitsAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        ScriptedPort port = new ScriptedPort();
        Atc atc = Atc.on(port, AtcOptions.setAssociative(64, 4));
        atc.start(5);
        port.map(pasid(5), 0x1000, 12, 0xa000);
        port.map(pasid(5), 0x20_0000, 21, 0x20_0000);
        atc.request(pasid(5), 0x1000, 1, Translation.READ);
        atc.request(pasid(5), 0x20_0000, 1, Translation.READ);
        int rounds = 20_000;
        long sum = exercise(atc, rounds) + exercise(atc, rounds);

        long before = threads.getCurrentThreadAllocatedBytes();
        sum += exercise(atc, rounds);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        // Two accesses a round; a fraction of a byte each is the measurement itself.
        assertThat(allocated / (2.0 * rounds)).isLessThan(1.0);
        assertThat(sum).isEqualTo(3L * rounds * (0xa010 + 0x3f_f000));
    }

    private static long exercise(Atc atc, int rounds) {
        Requester requester = pasid(5);
        long sum = 0;
        for (int n = 0; n < rounds; n++) {
            sum += access(atc, requester, 0x1010) + access(atc, requester, 0x3f_f000);
        }
        return sum;
    }

    private static long access(Atc atc, Requester requester, long iova) {
        long ticket = atc.enter();
        AtcEntry entry = atc.lookup(requester, iova, Translation.READ);
        long address = entry == null ? 0 : entry.translate(iova);
        atc.exit(ticket);
        return address;
    }
}
