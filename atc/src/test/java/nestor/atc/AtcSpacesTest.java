package nestor.atc;

import static java.util.Objects.requireNonNull;
import static nestor.atc.ScriptedPort.RW;
import static nestor.atc.ScriptedPort.pasid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.pci.AtsEntry;
import nestor.pci.InvalidateRequest;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The fourteen groups that a cache of table leaves has to pass whatever its inside: geometry,
 * spaces, entries put in one by one, invalidation, the number of pages of a range.
 */
class AtcSpacesTest {
    private static final int MAX_PASID = 0xf;
    private static final int PAGE_LOG2 = 12;
    private static final long PAGE = 1L << PAGE_LOG2;
    private static final int HUGE_LOG2 = 21;
    private static final long HUGE = 1L << HUGE_LOG2;

    private Atc atc = cacheOf(4096, 48);

    private static Atc cacheOf(long pageSize, int addressWidth) {
        var geometry = new AtcGeometry(pageSize, addressWidth);
        var options = AtcOptions.setAssociative(64, 8).withPageSizesOf(geometry);
        return Atc.on(new ScriptedPort(), options);
    }

    private static AtcEntry entry(int pasid, long iova, int sizeLog2, long target) {
        long flags = AtsEntry.READ.mask() | AtsEntry.WRITE.mask();
        return new AtcEntry(pasid, false, iova, sizeLog2, AtsEntry.of(target, sizeLog2, flags));
    }

    private boolean put(AtcEntry entry) {
        return atc.update(entry, atc.epoch());
    }

    private @Nullable AtcEntry at(int pasid, long iova) {
        return atc.lookup(pasid(pasid), iova, RW);
    }

    private void invalidate(int pasid, long iova, int sizeLog2) {
        atc.invalidate(
                new InvalidateRequest(ScriptedPort.RID, pasid, 0, false, iova, sizeLog2), () -> {});
    }

    @ParameterizedTest
    @DisplayName("creation parameters: no page size, or no whole number of levels")
    @CsvSource({
        "8,39",
        "4095,39",
        "4097,39",
        "8192,48",
        "4096,38",
        "4096,40",
        "4096,47",
        "4096,49",
        "4096,56",
        "4096,58",
        "16384,35",
        "16384,37",
        "16384,46",
        "16384,48",
        "16384,57",
        "16384,59",
        "4096,12",
        "4096,3",
        "4096,66",
        "4096,75",
        "-4096,48",
        "0,48"
    })
    void aGeometryThatNoTableHasIsRefused(long pageSize, int addressWidth) {
        assertThatThrownBy(() -> new AtcGeometry(pageSize, addressWidth))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @DisplayName("creation parameters: levels and bits per level")
    @CsvSource({
        "4096,39,3,9",
        "4096,48,4,9",
        "4096,57,5,9",
        "16384,36,2,11",
        "16384,47,3,11",
        "16384,58,4,11"
    })
    void aGeometryHasLevels(long pageSize, int addressWidth, int levels, int bitsPerLevel) {
        var geometry = new AtcGeometry(pageSize, addressWidth);

        assertThat(geometry.levels()).isEqualTo(levels);
        assertThat(geometry.bitsPerLevel()).isEqualTo(bitsPerLevel);
        assertThat(Long.bitCount(geometry.pageSizes())).isEqualTo(levels);
    }

    @Test
    @DisplayName("single entry")
    void anEntryIsFoundInItsPasidOnly() {
        assertThat(at(5, 0x1000_0800L)).isNull();
        atc.start(5);
        AtcEntry entry = entry(5, 0x1000_0000L, PAGE_LOG2, 0xdead_0000L);
        assertThat(put(entry)).isTrue();

        assertThat(at(5, 0x1000_0800L)).isEqualTo(entry);
        assertThat(requireNonNull(at(5, 0x1000_0800L)).translate(0x1000_0800L))
                .isEqualTo(0xdead_0800L);
        assertThat(at(6, 0x1000_0800L)).isNull();
    }

    @Test
    @DisplayName("single entry 2")
    void thePageAfterAnEntryMisses() {
        atc.start(5);
        put(entry(5, 0, PAGE_LOG2, 0xdead_0000L));

        assertThat(at(5, PAGE)).isNull();
        assertThat(at(5, 0)).isNotNull();
    }

    @Test
    @DisplayName("page boundaries")
    void adjacentPagesEndWhereTheNextBegins() {
        atc.start(5);
        atc.start(5);
        long base = 0x7000_0000L;
        AtcEntry first = entry(5, base, PAGE_LOG2, 0x1_0000L);
        AtcEntry second = entry(5, base + PAGE, PAGE_LOG2, 0x9_0000L);
        put(first);
        atc.start(5); // again: what it holds stays
        put(second);

        assertThat(at(5, base - 1)).isNull();
        assertThat(at(5, base)).isEqualTo(first);
        assertThat(at(5, base + PAGE - 1)).isEqualTo(first);
        assertThat(at(5, base + PAGE)).isEqualTo(second);
        assertThat(at(5, base + 2 * PAGE - 1)).isEqualTo(second);
        assertThat(at(5, base + 2 * PAGE)).isNull();
        assertThat(at(4, base)).isNull();
        assertThat(at(6, base + PAGE)).isNull();
    }

    @Test
    @DisplayName("huge page")
    void everyPageOfAHugeEntryHits() {
        atc.start(5);
        AtcEntry huge = entry(5, 0x4000_0000L, HUGE_LOG2, 0x8000_0000L);
        put(huge);

        for (long offset = 0; offset < HUGE; offset += PAGE) {
            assertThat(at(5, 0x4000_0000L + offset)).isEqualTo(huge);
        }
        assertThat(at(5, 0x4000_0000L + HUGE)).isNull();
    }

    @Test
    @DisplayName("pasid")
    void theSameAddressInTwoPasidsIsTwoEntries() {
        atc.start(3);
        atc.start(8);
        AtcEntry three = entry(3, 0x1000, PAGE_LOG2, 0x3_0000L);
        AtcEntry eight = entry(8, 0x1000, PAGE_LOG2, 0x8_0000L);
        put(three);
        put(eight);

        for (int pasid = 0; pasid <= MAX_PASID + 1; pasid++) {
            AtcEntry expected = pasid == 3 ? three : pasid == 8 ? eight : null;
            assertThat(at(pasid, 0x1000)).isEqualTo(expected);
        }
    }

    @Test
    @DisplayName("large address")
    void addressesOf48And57BitsCoexist() {
        atc = cacheOf(4096, 57);
        atc.start(5);
        AtcEntry low = entry(5, 0x0000_FFFF_FFFF_F000L, PAGE_LOG2, 0x1000);
        AtcEntry high = entry(5, 0x01FF_FFFF_FFFF_F000L, PAGE_LOG2, 0x2000);
        put(low);
        put(high);

        assertThat(at(5, 0x0000_FFFF_FFFF_F123L)).isEqualTo(low);
        assertThat(at(5, 0x01FF_FFFF_FFFF_F123L)).isEqualTo(high);
    }

    @Test
    @DisplayName("bigger page")
    void everyByteOfAnEightKibPageHits() {
        atc = cacheOf(8192, 43);
        atc.start(5);
        AtcEntry page = entry(5, 0x2000, 13, 0x1_0000L);
        put(page);

        assertThat(at(5, 0x1fff)).isNull();
        for (long iova = 0x2000; iova < 0x4000; iova++) {
            assertThat(at(5, iova)).isEqualTo(page);
        }
        assertThat(at(5, 0x4000)).isNull();
    }

    @Test
    @DisplayName("unknown pasid")
    void aPasidThatWasNotStartedHoldsNothing() {
        assertThat(put(entry(5, 0x1000, PAGE_LOG2, 0x1000))).isFalse();
        assertThat(at(5, 0x1000)).isNull();
    }

    @Test
    @DisplayName("invalidation")
    void anInvalidationRemovesWhatItOverlapsAndNothingElse() {
        atc.start(5);
        AtcEntry page = entry(5, 0x1000, PAGE_LOG2, 0x1000);
        AtcEntry huge = entry(5, HUGE, HUGE_LOG2, 0);
        put(page);
        put(huge);

        invalidate(5, 0x1000, PAGE_LOG2);
        assertThat(at(5, 0x1000)).isNull();
        assertThat(at(5, HUGE)).isEqualTo(huge);

        put(page);
        invalidate(5, HUGE, HUGE_LOG2);
        assertThat(at(5, HUGE)).isNull();
        assertThat(at(5, 0x1000)).isEqualTo(page);
    }

    @Test
    @DisplayName("invalidation: one page anywhere in a huge entry removes it, all 512 positions")
    void aPageInvalidationRemovesTheWholeHugeEntry() {
        atc.start(5);
        AtcEntry page = entry(5, 0x1000, PAGE_LOG2, 0x1000);
        put(page);
        for (int position = 0; position < 512; position++) {
            put(entry(5, HUGE, HUGE_LOG2, 0));
            assertThat(at(5, HUGE)).isNotNull();

            invalidate(5, HUGE + position * PAGE, PAGE_LOG2);

            assertThat(at(5, HUGE)).isNull();
            assertThat(at(5, 2 * HUGE - 1)).isNull();
            assertThat(at(5, 0x1000)).isEqualTo(page);
        }
    }

    @Test
    @DisplayName("delete address space")
    void stoppingAPasidLeavesTheOther() {
        invalidate(7, 0, PAGE_LOG2);
        atc.start(5);
        atc.start(6);
        AtcEntry five = entry(5, 0x1000, PAGE_LOG2, 0x5000);
        AtcEntry six = entry(6, 0x1000, PAGE_LOG2, 0x6000);
        put(five);
        put(six);

        invalidate(5, 0x1000, PAGE_LOG2);
        assertThat(at(5, 0x1000)).isNull();
        assertThat(at(6, 0x1000)).isEqualTo(six);

        put(five);
        atc.stop(5);
        assertThat(at(5, 0x1000)).isNull();
        assertThat(put(five)).isFalse();
        assertThat(at(6, 0x1000)).isEqualTo(six);
        atc.stop(9);
        assertThat(at(6, 0x1000)).isEqualTo(six);
    }

    @Test
    @DisplayName("invalidate entire address space")
    void theWholeRangeCoversTheLowestAndTheHighestPage() {
        atc.start(5);
        put(entry(5, 0, PAGE_LOG2, 0x1000));
        put(entry(5, 0x0000_FFFF_FFFF_F000L, PAGE_LOG2, 0x2000));
        put(entry(5, 0xFFFF_FFFF_FFFF_F000L, PAGE_LOG2, 0x3000));

        invalidate(5, 0, 64);

        assertThat(at(5, 0)).isNull();
        assertThat(at(5, 0x0000_FFFF_FFFF_F000L)).isNull();
        assertThat(at(5, 0xFFFF_FFFF_FFFF_F000L)).isNull();
    }

    @Test
    @DisplayName("reset")
    void aResetEmptiesAndClosesAllSpaces() {
        atc.start(5);
        atc.start(6);
        put(entry(5, 0x1000, PAGE_LOG2, 0x1000));
        put(entry(6, 0x1000, PAGE_LOG2, 0x1000));

        atc.reset();

        assertThat(at(5, 0x1000)).isNull();
        assertThat(at(6, 0x1000)).isNull();
        assertThat(put(entry(5, 0x1000, PAGE_LOG2, 0x1000))).isFalse();
    }

    @ParameterizedTest
    @DisplayName("max pages")
    @CsvSource({
        "0,0x800,1", "0,0x1000,1", "0,0x1001,2", "10,1,1", "10,4086,1", "10,4087,2",
        "10,4088,2", "0xfff,1,1", "0xfff,2,2", "0xfff,3,2", "10,81920,21", "10,86006,21",
        "10,86007,22", "10,0,0", "0xfffffffffffff,0x1001,2", "0xfffffffffffff,0x1002,3"
    })
    void aRangeTouchesSoManyPages(String iova, String bytes, long pages) {
        var geometry = new AtcGeometry(4096, 48);

        assertThat(geometry.maxPages(Long.decode(iova), Long.decode(bytes))).isEqualTo(pages);
        assertThat(geometry.maxPages(0x7000_0000L + Long.decode(iova), Long.decode(bytes)))
                .isEqualTo(pages);
    }

    @Test
    void theLastPageOfTheAddressSpaceIsOnePage() {
        assertThat(new AtcGeometry(4096, 48).maxPages(-1L, Long.MAX_VALUE)).isEqualTo(1);
        assertThat(new AtcGeometry(4096, 48).maxPages(-4097L, -1L)).isEqualTo(2);
    }

    @Test
    void anEntryThatIsNotAlignedToItsSizeIsRefused() {
        assertThatThrownBy(() -> entry(5, 0x1800, PAGE_LOG2, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> atc.start(1 << 20)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> atc.start(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({"-1,1", "6,4", "12,4", "4,0", "2097152,1", "4,8"})
    void optionsThatMakeNoSetsAreRefused(int capacity, int ways) {
        assertThatThrownBy(() -> AtcOptions.setAssociative(capacity, ways))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
