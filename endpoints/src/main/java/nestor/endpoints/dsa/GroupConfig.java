package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.register.BitField;

/**
 * A GRPCFG entry as it was when the device was enabled (§3.4).
 *
 * @param workQueues a bit for each
 * @param foreign bits of work queues that the device does not have
 * @param engines a bit for each
 * @param readBuffersReserved for this group
 * @param readBuffersAllowed at most
 */
record GroupConfig(
        long workQueues,
        boolean foreign,
        long engines,
        int readBuffersReserved,
        int readBuffersAllowed) {
    static final int DWORDS = DsaRegisters.GRPCFG_BYTES / Integer.BYTES;

    /** Dwords of an entry. */
    private static final int WQ_DWORDS = 8;

    private static final int ENGINES = 8;
    private static final int FLAGS = 10;

    /** The low half of the flags. */
    private static final BitField RESERVED = bits(15, 8);

    private static final BitField ALLOWED = bits(27, 20);

    /** The low half of the flags: traffic classes, use limit, read buffers. */
    private static final int FLAGS_WRITABLE = 0x0ff0_ffbf;

    /** What software can write in dword {@code index} while the device is disabled. */
    static int writable(int index) {
        if (index < ENGINES + 2) {
            return -1;
        }
        return index == FLAGS ? FLAGS_WRITABLE : 0;
    }

    /** Decodes the entry that starts at {@code at}. */
    static GroupConfig decode(int[] dwords, int at, DsaOptions options) {
        long workQueues = Integer.toUnsignedLong(dwords[at]);
        boolean foreign = workQueues >>> options.workQueues() != 0;
        for (int i = 1; i < WQ_DWORDS; i++) {
            foreign |= dwords[at + i] != 0;
        }
        long engines =
                Integer.toUnsignedLong(dwords[at + ENGINES])
                        | (long) dwords[at + ENGINES + 1] << Integer.SIZE;
        long flags = dwords[at + FLAGS];
        return new GroupConfig(
                workQueues, foreign, engines, RESERVED.getInt(flags), ALLOWED.getInt(flags));
    }

    static List<GroupConfig> decodeAll(int[] dwords, DsaOptions options) {
        List<GroupConfig> groups = new ArrayList<>();
        for (int group = 0; group < options.groups(); group++) {
            groups.add(decode(dwords, group * DWORDS, options));
        }
        return groups;
    }

    /**
     * What Enable Device says about the groups: nothing in two of them, nothing that is not there,
     * work queues where there are engines and the other way round, and the read buffers (§4.1).
     *
     * @return a code of {@link CommandError}
     */
    static int check(List<GroupConfig> groups, DsaOptions options) {
        long workQueues = 0;
        long engines = 0;
        int reserved = 0;
        for (GroupConfig group : groups) {
            if (group.foreign || (workQueues & group.workQueues) != 0) {
                return CommandError.GROUP_WQS;
            }
            if (group.engines >>> options.engines() != 0 || (engines & group.engines) != 0) {
                return CommandError.GROUP_ENGINES;
            }
            if (group.workQueues != 0 && group.engines == 0) {
                return CommandError.GROUP_INCOMPLETE;
            }
            workQueues |= group.workQueues;
            engines |= group.engines;
            reserved += group.readBuffersReserved;
            boolean contradicts =
                    group.readBuffersAllowed < group.readBuffersReserved
                            || group.readBuffersAllowed > options.readBuffers();
            if (contradicts || reserved > options.readBuffers()) {
                return CommandError.GROUP_READ_BUFFERS;
            }
        }
        return CommandError.NONE;
    }

    boolean has(int workQueue) {
        return (workQueues >>> workQueue & 1) != 0;
    }

    int engineCount() {
        return Long.bitCount(engines);
    }
}
