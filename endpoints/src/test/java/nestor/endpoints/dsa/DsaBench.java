package nestor.endpoints.dsa;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.endpoints.Board;
import nestor.vmm.loop.ManualLoop;

/** A DSA on a board, its operating system, and a driver's moves. */
final class DsaBench implements AutoCloseable {
    static final int PAGE = DsaOs.PAGE;
    static final long PORTALS = Board.BAR + 0x10_0000;
    static final int LIMITED = 0x1000;
    static final int UNLIMITED = 0;

    /** The process that the dedicated work queue serves. */
    static final int P = 5;

    /** Work queues as {@link #start} configures them. */
    static final int DEDICATED = 0;

    static final int SHARED = 1;

    /** Where completion records go. */
    static final long RECORDS = 0x7000_0000_0000L;

    private static final int RAM_BYTES = 1 << 24;

    final Board board = new Board(RAM_BYTES);
    final ManualLoop loop = new ManualLoop();
    final Dsa device;
    final DsaOs os;
    private int nextRecord;

    DsaBench() {
        this(DsaOptions.DEFAULT);
    }

    DsaBench(DsaOptions options) {
        device = new Dsa("dsa0", loop, options);
        board.plug(device.function());
        os =
                new DsaOs(
                        options.translation().ats()
                                ? board.host.atsEndpoint(Board.RID).orElseThrow()
                                : NO_ENDPOINT,
                        board.memory);
        board.host.iommu(os, _ -> true);
        program(options);
    }

    private static final nestor.pci.AtsEndpoint NO_ENDPOINT =
            new nestor.pci.AtsEndpoint() {
                @Override
                public void invalidate(nestor.pci.InvalidateRequest request, Runnable complete) {
                    complete.run();
                }

                @Override
                public void pageResponse(nestor.pci.PageResponse response) {}

                @Override
                public void disabled() {}
            };

    /** BARs, MSI-X with each vector's number as its message, PASID, ATS and PRI. */
    void program(DsaOptions options) {
        board.program();
        board.config(0x14, 4, 0);
        board.config(0x18, 4, PORTALS);
        board.config(0x1c, 4, 0);
        int msix = board.capability(0x11);
        for (int vector = 0; vector <= options.workQueues(); vector++) {
            long entry = Board.BAR + 0x2000 + 16L * vector;
            board.mmio.write(entry, 4, Board.DOORBELL);
            board.mmio.write(entry + 8, 4, vector);
            board.mmio.write(entry + 12, 4, 0);
        }
        board.config(msix + 2, 2, 0x8000);
        board.config(board.extendedCapability(0x1b) + 6, 2, 5);
        if (options.translation().ats()) {
            board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
        }
        if (options.translation().pri()) {
            int pri = board.extendedCapability(0x13);
            board.config(pri + 12, 4, 32);
            board.config(pri + 4, 2, 1);
        }
    }

    /**
     * Work queue 0 dedicated to {@link #P}, 1 shared, both of 16 entries, in group 0 with two
     * engines, blocking on faults; a page of completion records for P.
     */
    static DsaBench start() {
        return start(DsaOptions.DEFAULT);
    }

    static DsaBench start(DsaOptions options) {
        DsaBench bench = new DsaBench(options);
        bench.configure();
        bench.os.map(P, RECORDS, PAGE, DsaOs.READ_WRITE);
        return bench;
    }

    void configure() {
        group(0, 0b11, 0b11);
        boolean blocks = (get64(0x10) & 1) != 0;
        queue(DEDICATED, 16, 0, (blocks ? 2 : 0) | 1 | 1 << 4 | P << 8 | 1 << 28);
        queue(SHARED, 16, 12, (blocks ? 2 : 0) | 1 << 4 | 1 << 28);
        set(0x88, 3);
        assertThat(command(1, 0)).isZero();
        assertThat(command(6, DEDICATED)).isZero();
        assertThat(command(6, SHARED)).isZero();
        board.messages.clear();
    }

    void group(int group, long queues, long engines) {
        long at = 0x400 + 64L * group;
        set64(at, queues);
        set64(at + 0x20, engines);
        set(at + 0x28, 8 << 20);
    }

    void queue(int queue, int size, int threshold, int flags) {
        long at = 0x600 + 32L * queue;
        set(at, size);
        set(at + 4, threshold);
        set(at + 8, flags);
        set(at + 12, 21 | 10 << 5);
    }

    int queueState(int queue) {
        return (int) (get(0x600 + 32L * queue + 24) >>> 30);
    }

    int occupancy(int queue) {
        return (int) (get(0x600 + 32L * queue + 24) & 0xffff);
    }

    long get(long offset) {
        return board.mmio.read(Board.BAR + offset, 4);
    }

    long get64(long offset) {
        return board.mmio.read(Board.BAR + offset, 8);
    }

    void set(long offset, long value) {
        board.mmio.write(Board.BAR + offset, 4, value);
    }

    void set64(long offset, long value) {
        board.mmio.write(Board.BAR + offset, 8, value);
    }

    /** Writes a command that interrupts; the loop is not run. */
    void issue(int code, int operand) {
        set(0xa0, 1L << 31 | (long) code << 20 | operand);
    }

    /** Runs a command: CMDSTS, with its interrupt told and taken back. */
    long command(int code, int operand) {
        int before = board.messages.size();
        issue(code, operand);
        loop.runUntilIdle();
        assertThat(board.messages.subList(before, board.messages.size())).containsExactly(0);
        assertThat(get(0x98) & 2).isEqualTo(2);
        set(0x98, 2);
        return get(0xa8);
    }

    /** A place for a completion record, cleared. */
    long record() {
        long iova = RECORDS + 32L * nextRecord;
        nextRecord = (nextRecord + 1) % (PAGE / 32);
        os.poke(P, iova, new byte[32]);
        return iova;
    }

    /** Posts a descriptor to the dedicated work queue. */
    void post(DescriptorBuilder descriptor) {
        board.mmio.writeBlock(PORTALS + LIMITED, descriptor.block());
    }

    /** Offers a descriptor to the shared work queue. */
    boolean enqueue(DescriptorBuilder descriptor) {
        return board.mmio.writeDeferrable(PORTALS + SHARED * 0x4000L + LIMITED, descriptor.block());
    }

    /** Lets everything happen: page requests are answered until none is left. */
    void settle() {
        do {
            loop.runUntilIdle();
        } while (os.answer());
        loop.runUntilIdle();
        assertThat(os.violations).isEmpty();
    }

    /** Posts a descriptor and waits for its record. */
    byte[] run(DescriptorBuilder descriptor) {
        long at = record();
        post(descriptor.completion(at));
        settle();
        byte[] record = os.peek(P, at, 32);
        assertThat(record[0]).describedAs("status").isNotZero();
        return record;
    }

    /** The status of a record without the bit of a write fault. */
    static int status(byte[] record) {
        return record[0] & 0x7f;
    }

    static int completed(byte[] record) {
        return (int) LittleEndian.get(record, 4, 4);
    }

    static long faultAddress(byte[] record) {
        return LittleEndian.get(record, 8, 8);
    }

    static long specific(byte[] record, int offset, int bytes) {
        return LittleEndian.get(record, offset, bytes);
    }

    /** Takes the error: code, or 0 if there is none. */
    int takeSoftwareError() {
        long error = get64(0xc0);
        set64(0xc0, 3);
        set(0x98, 1);
        return (error & 1) == 0 ? 0 : (int) (error >>> 8 & 0xff);
    }

    @Override
    public void close() {
        board.close();
    }
}
