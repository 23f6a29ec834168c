package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class DensityTest {
    private static Map<Long, Integer> of(Density density, long since) {
        Map<Long, Integer> slots = new TreeMap<>();
        density.since(since, slots::put);
        return slots;
    }

    @Test
    void theLastMinuteIsAsANaiveCountHasIt() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("nestor.seed=" + seed);
        RandomGenerator random = new Random(seed);
        Density density = new Density();
        TreeMap<Long, Integer> naive = new TreeMap<>();
        long last = 0;
        long total = 0;
        for (int i = 0; i < 20_000; i++) {
            long step = random.nextInt(100) == 0 ? random.nextLong(2L * Density.SLOTS) : 1;
            long slot = Math.max(0, last + random.nextLong(-3, 3 + step));
            density.add(slot * Density.SLOT_NANOS + random.nextLong(Density.SLOT_NANOS));
            total++;
            naive.merge(slot, 1, Integer::sum);
            last = Math.max(last, slot);
            naive.headMap(last - Density.SLOTS + 1).clear();
        }
        assertThat(of(density, 0)).isEqualTo(naive);
        assertThat(of(density, last - 5)).isEqualTo(naive.tailMap(last - 5));
        assertThat(density.total()).isEqualTo(total);
        assertThat(density.last()).isEqualTo(last);
    }
}
