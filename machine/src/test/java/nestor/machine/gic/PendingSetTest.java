package nestor.machine.gic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PendingSetTest {
    @Test
    void agreesWithASortedMapUnderRandomUse() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("PendingSetTest seed " + seed);
        Random random = new Random(seed);
        int size = 57344;
        PendingSet set = new PendingSet(size);
        TreeMap<Integer, Integer> levels = new TreeMap<>();
        for (int step = 0; step < 20_000; step++) {
            int id = random.nextInt(10) == 0 ? random.nextInt(size) : random.nextInt(200) * 287;
            if (random.nextBoolean() && !levels.containsKey(id)) {
                int level = random.nextInt(PendingSet.LEVELS + 1);
                set.add(id, level);
                levels.put(id, level);
            } else {
                assertThat(set.remove(id)).isEqualTo(levels.remove(id) != null);
            }
            int best = levels.values().stream().min(Integer::compare).orElse(PendingSet.MASKED);
            assertThat(set.bestLevel()).isEqualTo(best);
            assertThat(set.members()).isEqualTo(levels.size());
            if (best < PendingSet.MASKED) {
                int first =
                        levels.entrySet().stream()
                                .filter(entry -> entry.getValue() == best)
                                .findFirst()
                                .orElseThrow()
                                .getKey();
                assertThat(set.first(best)).isEqualTo(first);
            }
        }
    }
}
