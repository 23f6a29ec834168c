package nestor.machine;

import java.util.concurrent.Callable;
import nestor.machine.pc.PcMap;

/** What a driver of a VT-d unit in scalable mode does, on a board whose processor is a test. */
final class VtdGuest {
    static final int DID = 7;

    private static final long BASE = 0x200_0000;
    private static final long ROOT = BASE;
    private static final long CONTEXT = BASE + 0x1000;
    private static final long DIRECTORY = BASE + 0x3000;
    private static final long PASIDS = BASE + 0x4000;
    private static final long QUEUE = BASE + 0x6000;
    private static final long STATUS = BASE + 0x8000;
    private static final long PAGE_REQUESTS = BASE + 0x9000;
    private static final long TABLES = BASE + 0x10000;

    private static final long GCMD = PcMap.VTD + 0x18;
    private static final long GSTS = PcMap.VTD + 0x1c;
    private static final int SRTP = 1 << 30;
    private static final int TE = 1 << 31;
    private static final int QIE = 1 << 26;
    private static final long TABLE = 0b111;

    private final FakeProcessors cpu;
    private final int rid;
    private int enabled;
    private long tail;
    private long tables = TABLES;

    VtdGuest(FakeProcessors cpu, int rid) {
        this.cpu = cpu;
        this.rid = rid;
    }

    /** Turns everything on; no PASID is bound. */
    VtdGuest start() throws Exception {
        int bus = rid >>> 8;
        cpu.write(ROOT + 16L * bus, 8, CONTEXT | 1);
        cpu.write(CONTEXT + 32L * (rid & 0xff), 8, DIRECTORY | 0b1_1101 | 7L << 9);
        cpu.write(DIRECTORY, 8, PASIDS | 1);
        cpu.write(PcMap.VTD + 0x20, 8, ROOT | 1 << 10);
        command(SRTP);
        cpu.write(PcMap.VTD + 0x88, 8, 0);
        cpu.write(PcMap.VTD + 0x90, 8, QUEUE | 1 << 11 | 1);
        command(QIE);
        cpu.write(PcMap.VTD + 0xc0, 8, 0);
        cpu.write(PcMap.VTD + 0xc8, 8, 0);
        cpu.write(PcMap.VTD + 0xd0, 8, PAGE_REQUESTS);
        command(TE);
        return this;
    }

    private void command(int bit) throws Exception {
        cpu.write(GCMD, 4, enabled | bit);
        await(() -> (cpu.read(GSTS, 4) & bit) != 0);
        enabled |= bit & (TE | QIE);
    }

    static void await(Callable<Boolean> condition) throws Exception {
        while (!condition.call()) {
            Thread.onSpinWait();
        }
    }

    /** Puts descriptors and a wait behind each other, and waits until the unit has done them. */
    void submit(long... pairs) throws Exception {
        for (int i = 0; i < pairs.length; i += 2) {
            put(pairs[i], pairs[i + 1]);
        }
        cpu.write(STATUS, 4, 1);
        put(5 | 1 << 5 | 2L << 32, STATUS);
        cpu.write(PcMap.VTD + 0x88, 8, tail);
        await(() -> cpu.read(STATUS, 4) == 2);
    }

    private void put(long qw0, long qw1) throws Exception {
        cpu.write(QUEUE + tail, 8, qw0);
        cpu.write(QUEUE + tail + 8, 8, qw1);
        cpu.write(QUEUE + tail + 16, 8, 0);
        cpu.write(QUEUE + tail + 24, 8, 0);
        tail = (tail + 32) % 8192;
    }

    /** Tables of four levels that map nothing. */
    long newTables() throws Exception {
        return page();
    }

    private long page() throws Exception {
        long page = tables;
        tables += 0x1000;
        for (int i = 0; i < 0x1000; i += 8) {
            cpu.write(page + i, 8, 0);
        }
        return page;
    }

    /** Maps a page for users, to be written; without telling anybody. */
    void map(long root, long iova, long gpa) throws Exception {
        cpu.write(entry(root, iova), 8, gpa | TABLE);
    }

    void unmap(long root, long iova) throws Exception {
        cpu.write(entry(root, iova), 8, 0);
    }

    private long entry(long root, long iova) throws Exception {
        long at = root;
        for (int level = 3; level > 0; level--) {
            long entry = at + 8 * (iova >>> 12 + 9 * level & 0x1ff);
            long value = cpu.read(entry, 8);
            if (value == 0) {
                value = page() | TABLE;
                cpu.write(entry, 8, value);
            }
            at = value & ~0xfffL;
        }
        return at + 8 * (iova >>> 12 & 0x1ff);
    }

    void bind(int pasid, long root) throws Exception {
        set(pasid, 1 | 1 << 6, root);
    }

    void unbind(int pasid) throws Exception {
        set(pasid, 0, 0);
    }

    private void set(int pasid, long qw0, long root) throws Exception {
        long entry = PASIDS + 64L * pasid;
        cpu.write(entry + 8, 8, DID);
        cpu.write(entry + 16, 8, root);
        cpu.write(entry, 8, qw0);
        submit(
                7 | 1 << 4 | DID << 16 | (long) pasid << 32,
                0,
                6 | 2 << 4 | (long) pasid << 32 | DID << 16,
                0);
    }

    /** PASID-based IOTLB and Device-TLB invalidation of a page. */
    void invalidate(int pasid, long iova) throws Exception {
        submit(
                6 | 3 << 4 | (long) pasid << 32 | DID << 16,
                iova,
                8 | (long) rid << 16 | (long) pasid << 32,
                iova);
    }

    boolean hasPageRequest() throws Exception {
        return cpu.read(PcMap.VTD + 0xc0, 8) != cpu.read(PcMap.VTD + 0xc8, 8);
    }

    /** Takes the oldest page request: its four quadwords. */
    long[] pageRequest() throws Exception {
        long at = cpu.read(PcMap.VTD + 0xc0, 8);
        long[] words = new long[4];
        for (int i = 0; i < words.length; i++) {
            words[i] = cpu.read(PAGE_REQUESTS + at + 8L * i, 8);
        }
        cpu.write(PcMap.VTD + 0xc0, 8, (at + 32) % 4096);
        return words;
    }
}
