package nestor.virtio.iommu.table;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.Requester;
import org.junit.jupiter.api.Test;

class ContextCacheTest {
    private static final int NONE = Requester.NO_PASID;

    private final ContextCache cache = new ContextCache();

    private void insert(int pasid) {
        cache.insert(pasid, cache.epoch(), Context.IDENTITY);
    }

    @Test
    void aContextThatWasReadBeforeAnInvalidationIsNotKept() {
        long sampled = cache.epoch();
        cache.drop(5);
        cache.insert(5, sampled, Context.IDENTITY);
        assertThat(cache.lookup(5)).isNull();
        sampled = cache.epoch();
        cache.dropAll();
        cache.insert(NONE, sampled, Context.IDENTITY);
        assertThat(cache.lookup(NONE)).isNull();
    }

    @Test
    void onePasidIsDropped() {
        insert(NONE);
        insert(0);
        insert(5);
        insert(6);
        cache.drop(5);
        assertThat(cache.lookup(5)).isNull();
        assertThat(cache.lookup(6)).isNotNull();
        assertThat(cache.lookup(NONE)).isNotNull();
        cache.drop(0);
        assertThat(cache.lookup(0)).isNull();
        assertThat(cache.lookup(NONE)).describedAs("uses the descriptor of PASID 0").isNull();
    }

    @Test
    void pasidsThatShareASlotAreTold() {
        insert(5);
        insert(5 + 64);
        assertThat(cache.lookup(5)).isNull();
        assertThat(cache.lookup(5 + 64)).isNotNull();
        cache.drop(5);
        assertThat(cache.lookup(5 + 64)).isNotNull();
    }
}
