package nestor.smmuv3.config;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.iommu.walk.StructureLayout;
import nestor.smmuv3.StructureFetch;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.register.BitField;

/**
 * The stream table (IHI 0070, §5.1): linear, or in two levels.
 *
 * @param base SMMU_STRTAB_BASE.ADDR
 * @param log2Size LOG2SIZE: stream IDs have so many bits
 * @param split SPLIT of a two-level table: bits that index its second level; 0 for a linear one
 */
public record StreamTable(long base, int log2Size, int split) {
    private static final BitField SPAN = bits(4, 0);
    private static final BitField L2PTR = bits(51, 6);
    private static final int L1_DESCRIPTOR_BYTES = 8;
    private static final int MAX_SPAN = 11;

    /** The fields of a level-1 descriptor by name. */
    public static final StructureLayout LEVEL1_LAYOUT =
            new StructureLayout(
                    "L1STD",
                    "IHI 0070, §5.1",
                    1,
                    List.of(field("Span", 0, SPAN), address("L2Ptr", 0, L2PTR)));

    /** What a look-up of a stream comes to. */
    public sealed interface Result {
        /**
         * The entry as it is in memory; whether it is legal is another question.
         *
         * @param word0 doubleword 0, which it was decoded from
         * @param word1 doubleword 1
         */
        record Found(StreamTableEntry entry, long word0, long word1) implements Result {}

        /** C_BAD_STREAMID, F_STE_FETCH. */
        record Failed(ConfigFault fault) implements Result {}
    }

    /** Finds the entry of {@code sid}; nothing on the way is cached. */
    public Result find(Doublewords memory, StructureFetch structures, int sid) {
        if (Integer.toUnsignedLong(sid) >>> log2Size != 0) {
            return badStreamId();
        }
        long address = align(base, log2Size, StreamTableEntry.BYTES);
        long index = sid;
        long at = address;
        try {
            if (split != 0) {
                int levelOneBits = Math.max(0, log2Size - split);
                at = align(base, levelOneBits, L1_DESCRIPTOR_BYTES);
                at += ((long) sid >>> split) * L1_DESCRIPTOR_BYTES;
                long descriptor = memory.getLongLe(at);
                int span = SPAN.getInt(descriptor);
                index = sid & (1L << split) - 1;
                if (span == 0 || span > Math.min(MAX_SPAN, split + 1) || index >>> span - 1 != 0) {
                    return badStreamId();
                }
                address = align(L2PTR.getInPlace(descriptor), span - 1, StreamTableEntry.BYTES);
            }
            at = address + index * StreamTableEntry.BYTES;
            long[] words = structures.fetch(memory, sid, at);
            return new Result.Found(
                    StreamTableEntry.decode(words[0], words[1], words[2], words[3]),
                    words[0],
                    words[1]);
        } catch (GuestAccessException e) {
            return new Result.Failed(ConfigFault.fetchAborted(ConfigFault.Kind.F_STE_FETCH, at));
        }
    }

    private static Result badStreamId() {
        return new Result.Failed(ConfigFault.of(ConfigFault.Kind.C_BAD_STREAMID));
    }

    /** Tables are aligned to their size. */
    private static long align(long address, int entriesLog2, int entryBytes) {
        return address & -((long) entryBytes << entriesLog2);
    }
}
