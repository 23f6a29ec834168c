package nestor.cpu.x86;

import nestor.cpu.HostMemory;
import nestor.cpu.JumpCache;
import nestor.cpu.RamMap;
import org.jspecify.annotations.Nullable;

/**
 * The instructions that begin on one page and end on the next, as they were decoded last: one for
 * each page, direct mapped. No watch is kept over them; their bytes are compared each time, where
 * they are translated to now.
 */
final class Crossings {
    private static final int ENTRIES = 1 << 8;

    private final X86Cpu cpu;
    private final RamMap ram;
    private final @Nullable Entry[] entries = new Entry[ENTRIES];

    private static final class Entry {
        final long gpa;
        final byte[] bytes;
        final JumpCache.Target<X86Block> target;

        Entry(long gpa, byte[] bytes, JumpCache.Target<X86Block> target) {
            this.gpa = gpa;
            this.bytes = bytes;
            this.target = target;
        }
    }

    Crossings(X86Cpu cpu) {
        this.cpu = cpu;
        ram = cpu.cluster.ram;
    }

    /**
     * The instruction at {@code rip}, which is at {@code gpa}; null if it is not known.
     *
     * @throws X86Exception if its second page cannot be fetched from
     */
    JumpCache.@Nullable Target<X86Block> find(long rip, long gpa) {
        Entry known = entries[slot(gpa)];
        int first = Interpreter.toPageEnd(gpa);
        if (known == null
                || known.gpa != gpa
                || known.target.va() != rip
                || known.target.block().mode64 != cpu.mode64
                || !holds(ram.hostAddress(gpa), known.bytes, 0, first)) {
            return null;
        }
        long second = ram.hostAddress(cpu.mmu.fetch(rip + first));
        return holds(second, known.bytes, first, known.bytes.length) ? known.target : null;
    }

    /** Keeps an instruction of all of {@code bytes}, more than are left on the first page. */
    void put(long gpa, byte[] bytes, JumpCache.Target<X86Block> target) {
        entries[slot(gpa)] = new Entry(gpa, bytes, target);
    }

    private static boolean holds(long host, byte[] bytes, int from, int to) {
        for (int i = from; i < to; i++) {
            if (HostMemory.getByte(host + (i - from)) != bytes[i]) {
                return false;
            }
        }
        return true;
    }

    private static int slot(long gpa) {
        return (int) (gpa >>> RamMap.PAGE_LOG2) & (ENTRIES - 1);
    }
}
