package nestor.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class VmsaV8Stage1Test {
    private static final int CASES = 120_000;
    private static final long HOLE = 0x0000_0123_4560_0000L;

    /** Tables at any address: sparse, absent descriptors are random. */
    private static final class SparseTables implements TableMemory {
        final Map<Long, Long> descriptors = new HashMap<>();

        @Override
        public long descriptor(long address) throws GuestAccessException {
            if (address >>> 20 == HOLE >>> 20) {
                throw new GuestAccessException(address);
            }
            return descriptors.getOrDefault(address, 0L);
        }
    }

    @Test
    @DisplayName("§D8.2-§D8.4: any tables, any controls, any address, as a naive oracle says")
    void agreesWithAnOracleWrittenBitByBit() {
        long seed = seed();
        Random random = new Random(seed);
        int mapped = 0;
        for (int i = 0; i < CASES; i++) {
            SparseTables tables = new SparseTables();
            NaiveOracle oracle = new NaiveOracle(random, tables);
            WalkResult expected = oracle.walk();
            WalkResult actual = new Walker(tables).walk(oracle.format(), oracle.input);
            assertThat(actual).describedAs("seed %d, case %d", seed, i).isEqualTo(expected);
            mapped += actual instanceof WalkResult.Mapping ? 1 : 0;
        }
        assertThat(mapped).describedAs("cases that reach a leaf").isGreaterThan(CASES / 10);
    }

    private static long seed() {
        String given = System.getProperty("nestor.seed", "");
        long seed = given.isEmpty() ? System.nanoTime() : Long.parseLong(given);
        System.out.println("VmsaV8Stage1Test: -Dnestor.seed=" + seed);
        return seed;
    }

    @Test
    @DisplayName("§D8.4.1: an access the leaf does not grant is a Permission fault at its level")
    void translateChecksPermissions() throws Exception {
        try (GuestMemory memory = GuestMemory.anonymous(0, 0x4000)) {
            memory.setLongLe(0x1000, 0x2003);
            memory.setLongLe(0x2000, 0x3003);
            memory.setLongLe(0x3000, 0x8000_0000L | 1 << 10 | 1 << 7 | 3); // read-only page
            Walker walker = new Walker(new PhysicalTables(memory));
            TableFormat format = new VmsaV8Stage1(12, 39, 48, 0x1000, false, false, false, false);

            assertThat(walker.translate(format, 0x123, Permissions.PRIVILEGED_READ))
                    .isInstanceOf(WalkResult.Mapping.class);
            assertThat(walker.translate(format, 0x123, Permissions.PRIVILEGED_WRITE))
                    .isEqualTo(new WalkResult.Fault(WalkResult.Kind.PERMISSION, 3, 0x123, false));
            assertThat(walker.translate(format, 0x123, Permissions.USER_READ))
                    .isEqualTo(new WalkResult.Fault(WalkResult.Kind.PERMISSION, 3, 0x123, false));
        }
    }

    @Test
    @DisplayName("§D8.2: a table where no memory is reports the descriptor's address")
    void tableFetchFromNowhereIsAnExternalAbort() {
        try (GuestMemory memory = GuestMemory.anonymous(0, 0x1000)) {
            Walker walker = new Walker(new PhysicalTables(memory));
            TableFormat format =
                    new VmsaV8Stage1(12, 48, 48, 0x9000_0000L, true, false, false, false);

            assertThat(walker.walk(format, -8))
                    .isEqualTo(
                            new WalkResult.Fault(
                                    WalkResult.Kind.EXTERNAL_ABORT, 0, 0x9000_0ff8L, true));
        }
    }

    /** One random case, and its answer read off the architecture step by step. */
    private static final class NaiveOracle {
        private final Random random;
        private final SparseTables tables;
        private final int granule;
        private final int inputBits;
        private final int outputBits;
        private final long ttbr;
        private final boolean upper;
        private final boolean tbi;
        private final boolean hpd;
        private final boolean wxn;
        final long input;

        NaiveOracle(Random random, SparseTables tables) {
            this.random = random;
            this.tables = tables;
            granule = new int[] {12, 14, 16}[random.nextInt(3)];
            inputBits = 17 + random.nextInt(32);
            outputBits = new int[] {32, 36, 40, 42, 44, 48, 48, 48}[random.nextInt(8)];
            upper = random.nextBoolean();
            tbi = random.nextBoolean();
            hpd = random.nextBoolean();
            wxn = random.nextInt(4) == 0;
            ttbr = address() | random.nextLong() & 0xffff_0000_0000_0001L;
            input = randomInput();
        }

        VmsaV8Stage1 format() {
            return new VmsaV8Stage1(granule, inputBits, outputBits, ttbr, upper, tbi, hpd, wxn);
        }

        /** Mostly inside the range; sometimes with a tag, sometimes off by one bit. */
        private long randomInput() {
            long low = random.nextLong() & ((1L << inputBits) - 1);
            long value = upper ? low | -1L << inputBits : low;
            return switch (random.nextInt(8)) {
                case 0 -> value ^ 1L << (inputBits + random.nextInt(64 - inputBits));
                case 1 -> value ^ random.nextLong() << 56;
                default -> value;
            };
        }

        /** Mostly within the configured output size; sometimes where no memory is. */
        private long address() {
            int bits = random.nextInt(12) == 0 ? 48 : outputBits;
            long value = random.nextLong() >>> (64 - bits) & 0xffff_ffff_f000L;
            return random.nextInt(40) == 0 && bits >= 42 ? HOLE : value;
        }

        private long randomDescriptor() {
            long type =
                    random.nextInt(16) == 0 ? random.nextInt(4) : random.nextInt(4) == 0 ? 1 : 3;
            long attributes = random.nextLong() & 0xfff0_0000_0000_0ffcL;
            long flag = random.nextInt(8) == 0 ? 0 : 1L << 10;
            return address() | attributes & ~(1L << 10) | flag | type;
        }

        private long bit(long word, int n) {
            return word >>> n & 1;
        }

        WalkResult walk() {
            for (int n = tbi ? 55 : 63; n >= inputBits; n--) {
                if (bit(input, n) != (upper ? 1 : 0)) {
                    return fault(WalkResult.Kind.TRANSLATION, 0);
                }
            }
            int perLevel = granule - 3;
            int level = 3;
            for (int covered = granule + perLevel; covered < inputBits; covered += perLevel) {
                level--;
            }
            int topBit = inputBits - 1;
            int lowBit = granule + (3 - level) * perLevel;
            long table = 0;
            for (int n = topBit - lowBit + 1 + 3; n < 48; n++) {
                table |= bit(ttbr, n) << n;
            }
            boolean noUser = false;
            boolean readOnly = false;
            boolean uxn = false;
            boolean pxn = false;
            WalkResult.Fault tooBig = tooBig(table, 0);
            if (tooBig != null) {
                return tooBig;
            }
            while (true) {
                long at = table;
                for (int n = lowBit; n <= topBit; n++) {
                    at += bit(input, n) << (n - lowBit + 3);
                }
                if (at >>> 20 == HOLE >>> 20) {
                    return new WalkResult.Fault(WalkResult.Kind.EXTERNAL_ABORT, level, at, true);
                }
                long descriptor = tables.descriptors.computeIfAbsent(at, _ -> randomDescriptor());
                if (bit(descriptor, 0) == 0) {
                    return fault(WalkResult.Kind.TRANSLATION, level);
                }
                boolean leaf = level == 3 || bit(descriptor, 1) == 0;
                if (level == 3 && bit(descriptor, 1) == 0
                        || leaf && level == 0
                        || leaf && level == 1 && granule != 12) {
                    return fault(WalkResult.Kind.TRANSLATION, level);
                }
                int lowAddressBit = leaf ? lowBit : granule;
                long next = 0;
                for (int n = lowAddressBit; n < 48; n++) {
                    next |= bit(descriptor, n) << n;
                }
                tooBig = tooBig(next, level);
                if (tooBig != null) {
                    return tooBig;
                }
                if (!leaf) {
                    if (!hpd) {
                        noUser |= bit(descriptor, 61) == 1;
                        readOnly |= bit(descriptor, 62) == 1;
                        uxn |= bit(descriptor, 60) == 1;
                        pxn |= bit(descriptor, 59) == 1;
                    }
                    table = next;
                    topBit = lowBit - 1;
                    lowBit -= perLevel;
                    level++;
                    continue;
                }
                if (bit(descriptor, 10) == 0) {
                    return fault(WalkResult.Kind.ACCESS_FLAG, level);
                }
                noUser |= bit(descriptor, 6) == 0;
                readOnly |= bit(descriptor, 7) == 1;
                uxn |= bit(descriptor, 54) == 1;
                pxn |= bit(descriptor, 53) == 1;
                return new WalkResult.Mapping(
                        next,
                        lowBit,
                        level,
                        permissions(!noUser, !readOnly, !uxn, !pxn),
                        descriptor);
            }
        }

        private int permissions(boolean user, boolean write, boolean ux, boolean px) {
            boolean userWrites = user && write;
            boolean privilegedRuns = px && !userWrites && !(wxn && write);
            boolean userRuns = ux && !(wxn && userWrites);
            return 1
                    | (write ? 2 : 0)
                    | (privilegedRuns ? 4 : 0)
                    | (user ? 8 : 0)
                    | (userWrites ? 16 : 0)
                    | (userRuns ? 32 : 0);
        }

        private WalkResult.@org.jspecify.annotations.Nullable Fault tooBig(
                long address, int level) {
            for (int n = outputBits; n < 48; n++) {
                if (bit(address, n) == 1) {
                    return fault(WalkResult.Kind.ADDRESS_SIZE, level);
                }
            }
            return null;
        }

        private WalkResult.Fault fault(WalkResult.Kind kind, int level) {
            return new WalkResult.Fault(kind, level, input, false);
        }
    }
}
