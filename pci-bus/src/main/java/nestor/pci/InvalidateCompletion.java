package nestor.pci;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * An Invalidate Completion message (PCIe Base §10.3.2), from a function to a translation agent.
 *
 * @param rid of the function
 * @param agentRid where it goes: the Requester ID of the Invalidate Request
 * @param completionCount CC: how many completions there are for each ITag, 1..8
 * @param itagVector bit n set: this completes ITag n
 */
public record InvalidateCompletion(int rid, int agentRid, int completionCount, int itagVector) {
    private static final int MESSAGE_CODE = 0x02;
    private static final int MAX_COUNT = 8;

    private static final BitField REQUESTER_ID = bits(31, 16);
    private static final BitField CODE = bits(7, 0);
    private static final BitField DESTINATION_ID = bits(31, 16);

    /** 0 says 8. */
    private static final BitField COMPLETION_COUNT = bits(2, 0);

    public InvalidateCompletion {
        if (completionCount < 1 || completionCount > MAX_COUNT) {
            throw new IllegalArgumentException("no completion count: " + completionCount);
        }
    }

    /** From header dwords 1, 2 and 3; total. */
    public static InvalidateCompletion decode(int dw1, int dw2, int dw3) {
        int count = COMPLETION_COUNT.getInt(dw2);
        return new InvalidateCompletion(
                REQUESTER_ID.getInt(Integer.toUnsignedLong(dw1)),
                DESTINATION_ID.getInt(Integer.toUnsignedLong(dw2)),
                count == 0 ? MAX_COUNT : count,
                dw3);
    }

    public boolean completes(int itag) {
        return (itagVector >>> itag & 1) != 0;
    }

    /** Requester ID and Message Code. */
    public int headerDw1() {
        return (int) CODE.set(REQUESTER_ID.set(0, rid), MESSAGE_CODE);
    }

    /** Destination and Completion Count. */
    public int headerDw2() {
        long word = DESTINATION_ID.set(0, agentRid);
        return (int) COMPLETION_COUNT.set(word, completionCount % MAX_COUNT);
    }

    /** The ITag Vector. */
    public int headerDw3() {
        return itagVector;
    }
}
