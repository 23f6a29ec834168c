package nestor.paging;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.vmm.memory.GuestAccessException;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import java.math.BigInteger;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * Every shift and mask of every format, against arithmetic that has no width: an {@code int} shift
 * or a sign that strays shows here.
 */
class VmsaV8GeometryTest {
    private static final BigInteger TWO = BigInteger.TWO;
    private static final BigInteger WORD = TWO.pow(64);

    /** Inputs that make every index differ: single bits, ones, and a few of no pattern. */
    private static long[] inputs(long top) {
        long[] inputs = new long[140];
        SplittableRandom random = new SplittableRandom(0x6e6573746f72L);
        for (int n = 0; n < 64; n++) {
            inputs[n] = 1L << n | top;
            inputs[64 + n] = ~(1L << n);
        }
        for (int n = 128; n < 140; n++) {
            inputs[n] = random.nextLong();
        }
        return inputs;
    }

    private static BigInteger unsigned(long word) {
        return BigInteger.valueOf(word).mod(WORD);
    }

    /** The bits {@code hi..lo} of a number, shifted down. */
    private static BigInteger field(BigInteger number, int hi, int lo) {
        return number.divide(TWO.pow(lo)).mod(TWO.pow(hi - lo + 1));
    }

    /** Where a walk reads its descriptors, by an answer that is always a table. */
    private static Map<Integer, BigInteger> fetched(
            TableFormat format, long input, long descriptor) {
        Map<Integer, BigInteger> addresses = new TreeMap<>();
        int[] level = {format.startLevel()};
        TableMemory recorder =
                new TableMemory() {
                    @Override
                    public long descriptor(long address) {
                        addresses.put(level[0], unsigned(address));
                        level[0] = format.nextLevel(level[0]);
                        return descriptor;
                    }

                    @Override
                    public long compareAndExchange(long address, long expected, long value)
                            throws GuestAccessException {
                        throw new GuestAccessException(address);
                    }
                };
        new Walker(recorder).walk(format, input, Access.probe(0));
        return addresses;
    }

    private static VmsaV8Stage1 stage1(VmsaV8Geometry geometry, long ttbr, boolean upper) {
        return new VmsaV8Stage1(
                geometry, ttbr, upper, false, false, false, AccessTracking.SOFTWARE);
    }

    @Test
    @DisplayName("DDI 0487 §D8.2: descriptor addresses of all granules, widths and levels")
    void descriptorAddressesOfStage1() {
        int checked = 0;
        for (int granule : new int[] {12, 14, 16}) {
            for (int size = 0; size < 2; size++) {
                boolean large = size == 1;
                for (int inputBits = granule == 16 ? 17 : 16;
                        inputBits <= 48 + 4 * size;
                        inputBits++) {
                    VmsaV8Geometry geometry =
                            new VmsaV8Geometry(granule, inputBits, 48 + 4 * size, large);
                    checked += checkStage1(geometry, false) + checkStage1(geometry, true);
                }
            }
        }
        assertThat(checked).isGreaterThan(50_000);
    }

    private static int checkStage1(VmsaV8Geometry geometry, boolean upper) {
        int granule = geometry.granuleLog2();
        int inputBits = geometry.inputBits();
        int levels = (inputBits - granule + granule - 4) / (granule - 3);
        TableFormat format = stage1(geometry, 0, upper);
        assertThat(format.startLevel()).isEqualTo(4 - levels);
        int checked = 0;
        for (long any : inputs(1L << 47)) {
            BigInteger offset = field(unsigned(any), inputBits - 1, 0);
            BigInteger input = upper ? WORD.subtract(TWO.pow(inputBits)).add(offset) : offset;
            Map<Integer, BigInteger> addresses = fetched(format, input.longValue(), 3);
            assertThat(addresses).hasSize(levels);
            int hi = inputBits - 1;
            int lo = granule + (levels - 1) * (granule - 3);
            for (int level = 4 - levels; level <= 3; level++) {
                BigInteger index = field(offset, hi, lo);
                assertThat(addresses.get(level)).isEqualTo(index.multiply(BigInteger.valueOf(8)));
                hi = lo - 1;
                lo -= granule - 3;
                checked++;
            }
        }
        return checked;
    }

    @Test
    @DisplayName("DDI 0487 §D8.3: output and next-table addresses of all granules and levels")
    void addressesInDescriptors() {
        for (int granule : new int[] {12, 14, 16}) {
            for (int size = 0; size < 2; size++) {
                VmsaV8Geometry geometry = new VmsaV8Geometry(granule, 48, 48 + 4 * size, size == 1);
                for (long descriptor : inputs(0)) {
                    assertThat(unsigned(geometry.nextTable(descriptor)))
                            .isEqualTo(address(descriptor, granule, size == 1, granule));
                    for (int level = granule == 12 ? 0 : 1; level <= 3; level++) {
                        int lowBit = granule + (3 - level) * (granule - 3);
                        assertThat(unsigned(geometry.output(descriptor, level)))
                                .isEqualTo(address(descriptor, granule, size == 1, lowBit));
                    }
                }
            }
        }
    }

    private static BigInteger address(long word, int granule, boolean large, int lowBit) {
        BigInteger descriptor = unsigned(word);
        int inPlace = !large || granule == 16 ? 48 : 50;
        BigInteger low = field(descriptor, inPlace - 1, lowBit).multiply(TWO.pow(lowBit));
        if (!large) {
            return low;
        }
        return granule == 16
                ? low.add(field(descriptor, 15, 12).multiply(TWO.pow(48)))
                : low.add(field(descriptor, 9, 8).multiply(TWO.pow(50)));
    }

    @Test
    @DisplayName("DDI 0487 §D8.2.7: stage-2 initial tables, concatenated or not")
    void descriptorAddressesOfStage2() {
        int formats = 0;
        for (int granule : new int[] {12, 14, 16}) {
            for (int inputBits = granule == 16 ? 17 : 16; inputBits <= 48; inputBits++) {
                for (int start = -1; start <= 3; start++) {
                    VmsaV8Geometry geometry = new VmsaV8Geometry(granule, inputBits, 48, false);
                    if (VmsaV8Stage2.consistent(geometry, start)) {
                        checkStage2(geometry, start);
                        formats++;
                    }
                }
            }
        }
        assertThat(formats).isGreaterThan(100);
    }

    private static void checkStage2(VmsaV8Geometry geometry, int start) {
        int granule = geometry.granuleLog2();
        int lo = granule + (3 - start) * (granule - 3);
        int entriesLog2 = geometry.inputBits() - lo;
        assertThat(entriesLog2).isBetween(1, granule - 3 + 4);
        VmsaV8Stage2 format =
                new VmsaV8Stage2(
                        geometry, -1L, start, AccessTracking.SOFTWARE, false, false, false);
        BigInteger root = TWO.pow(48).subtract(TWO.pow(entriesLog2 + 3));
        for (long any : inputs(0)) {
            BigInteger input = field(unsigned(any), geometry.inputBits() - 1, 0);
            Map<Integer, BigInteger> addresses = fetched(format, input.longValue(), 3);
            BigInteger index = field(input, geometry.inputBits() - 1, lo);
            assertThat(addresses.get(start))
                    .isEqualTo(root.add(index.multiply(BigInteger.valueOf(8))));
        }
    }

    @Test
    @DisplayName("SDM §4.5, VT-d §9.7, §9.8: descriptor addresses and outputs of all levels")
    void x86AndVtd() {
        for (int levels = 3; levels <= 5; levels++) {
            int inputBits = 12 + 9 * levels;
            TableFormat second =
                    new VtdSecondStage(levels, 0, 52, 3, true, AccessTracking.IGNORED, false);
            for (long any : inputs(1L << inputBits - 1)) {
                BigInteger input = field(unsigned(any), inputBits - 1, 0);
                checkDescending(fetched(second, input.longValue(), 7), input, levels);
                if (levels > 3) {
                    TableFormat first =
                            new X86Paging(
                                    levels,
                                    0,
                                    52,
                                    true,
                                    X86Paging.ExecuteDisable.IGNORED,
                                    true,
                                    false);
                    BigInteger canonical =
                            input.testBit(inputBits - 1)
                                    ? WORD.subtract(TWO.pow(inputBits)).add(input)
                                    : input;
                    checkDescending(fetched(first, canonical.longValue(), 7), input, levels);
                }
            }
        }
        TableFormat first =
                new X86Paging(4, 0, 52, true, X86Paging.ExecuteDisable.IGNORED, true, false);
        for (long leaf : inputs(0)) {
            for (int level = 1; level <= 3; level++) {
                int lo = 12 + 9 * (level - 1);
                assertThat(unsigned(first.output(leaf, level)))
                        .isEqualTo(field(unsigned(leaf), 51, lo).multiply(TWO.pow(lo)));
            }
        }
    }

    private static void checkDescending(
            Map<Integer, BigInteger> addresses, BigInteger input, int levels) {
        assertThat(addresses).hasSize(levels);
        for (int level = levels; level >= 1; level--) {
            int lo = 12 + 9 * (level - 1);
            assertThat(addresses.get(level))
                    .isEqualTo(field(input, lo + 8, lo).multiply(BigInteger.valueOf(8)));
        }
    }

    @Test
    @DisplayName("DDI 0487 §D8.7.1: the Contiguous bit joins 16, 32 or 128 entries by level")
    void contiguousSizes() {
        long contiguous = 1L << 52;
        int[][] joined = {{12, 4, 4, 4}, {14, 0, 5, 7}, {16, 0, 5, 5}};
        for (int[] row : joined) {
            VmsaV8Geometry geometry = new VmsaV8Geometry(row[0], 48, 48, true);
            for (int level = 1; level <= 3; level++) {
                int size = row[0] + (3 - level) * (row[0] - 3);
                assertThat(geometry.contiguousLog2(contiguous, level)).isEqualTo(size + row[level]);
                assertThat(geometry.contiguousLog2(~contiguous, level)).isEqualTo(size);
            }
        }
        assertThat(new VmsaV8Geometry(14, 20, 48, false).contiguousLog2(contiguous, 3))
                .describedAs("a table of 64 entries cannot join 128")
                .isEqualTo(14);
    }

    @Test
    @DisplayName("DDI 0487 §D8.3.1: blocks are legal where the granule and the address size say")
    void blockLevels() {
        for (int granule : new int[] {12, 14, 16}) {
            for (int size = 0; size < 2; size++) {
                VmsaV8Geometry geometry = new VmsaV8Geometry(granule, 48, 48, size == 1);
                int first = granule == 12 ? 1 - size : 2 - size;
                for (int level = -1; level <= 2; level++) {
                    assertThat(geometry.kind(1, level) == TableFormat.DescriptorKind.LEAF)
                            .describedAs("granule %d, level %d, large %d", granule, level, size)
                            .isEqualTo(level >= first);
                    assertThat(geometry.kind(3, level)).isEqualTo(TableFormat.DescriptorKind.TABLE);
                }
                assertThat(geometry.kind(1, 3)).isEqualTo(TableFormat.DescriptorKind.INVALID);
                assertThat(geometry.kind(3, 3)).isEqualTo(TableFormat.DescriptorKind.LEAF);
                assertThat(geometry.kind(2, 2)).isEqualTo(TableFormat.DescriptorKind.INVALID);
            }
        }
    }
}
