package nestor.testkit;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Supplier;
import nestor.iommu.walk.WalkField;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/** Reports of explored walks, as tests look at them. */
public final class Explored {
    private Explored() {}

    /**
     * Explores, and fails if a byte of memory has changed.
     *
     * @param bytes of memory from address 0
     */
    public static WalkReport untouched(
            GuestMemory memory, int bytes, Supplier<WalkReport> explore) {
        byte[] before = bytes(memory, bytes);
        WalkReport report = explore.get();
        int changed = Arrays.mismatch(before, bytes(memory, bytes));
        if (changed >= 0) {
            throw new AssertionError("exploring has changed the byte at 0x%x".formatted(changed));
        }
        return report;
    }

    private static byte[] bytes(GuestMemory memory, int size) {
        byte[] all = new byte[size];
        try {
            memory.copyOut(0, MemorySegment.ofArray(all));
        } catch (GuestAccessException e) {
            throw new IllegalStateException(e);
        }
        return all;
    }

    /** The first structure of a name. */
    public static WalkStep step(WalkReport report, String name) {
        return report.structures().stream()
                .filter(step -> step.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** The value of a field. */
    public static long field(WalkStep step, String name) {
        return step.fields().stream()
                .filter(field -> field.name().equals(name))
                .mapToLong(WalkField::value)
                .findFirst()
                .orElseThrow();
    }
}
