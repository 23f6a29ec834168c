package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import nestor.testkit.Choices;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/** A demo device on a board, its operating system, and a driver's moves. */
final class SvmBench implements AutoCloseable {
    static final int COMMAND = 0x00;
    static final int ADDRESS = 0x08;
    static final int CRC = 0x10;
    static final int LENGTH = 0x18;
    static final int OPTIONS = 0x20;
    static final int PASID = 0x50;
    static final long DISABLED = 1 << 20;
    static final long WRITE = 1;
    static final long READ = 2;
    static final int MESSAGE = 0x31;

    final Board board;
    final ManualLoop loop = new ManualLoop();
    final SvmDemo device;
    final SvmOs os;

    SvmBench(int atcEntries, long ramBytes) {
        this(atcEntries, GuestMemory.anonymous(Board.RAM, ramBytes), ramBytes);
    }

    /**
     * @param spanBytes from the start of RAM to its end, holes included
     */
    SvmBench(int atcEntries, GuestMemory ram, long spanBytes) {
        board = new Board(ram);
        device = new SvmDemo("svm", loop, atcEntries, PageFaults.PRI);
        board.plug(device.function());
        os = new SvmOs(board.host.atsEndpoint(Board.RID).orElseThrow(), Board.RAM, spanBytes);
        board.host.iommu(os, _ -> true);
        enable(32);
    }

    /** PASID with Privileged Mode, PRI with so much credit, ATS; in the order Linux does it. */
    void enable(int credit) {
        board.program();
        board.enableMsi(MESSAGE);
        board.config(board.extendedCapability(0x1b) + 6, 2, 5);
        int pri = board.extendedCapability(0x13);
        board.config(pri + 4, 2, 0);
        board.config(pri + 12, 4, credit);
        board.config(pri + 4, 2, 1);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
    }

    void set(int offset, long value) {
        board.mmio.write(Board.BAR + offset, offset < PASID ? 8 : 4, value);
    }

    long get(int offset) {
        return board.mmio.read(Board.BAR + offset, 8);
    }

    void pasid(long pasid) {
        set(PASID, pasid);
        loop.runUntilIdle();
    }

    void start(long command, long address, long length) {
        set(ADDRESS, address);
        set(LENGTH, length);
        set(COMMAND, command);
        loop.runUntilIdle();
    }

    /** Runs a command to its end: its result, with exactly one message. */
    long run(long command, long address, long length) {
        int before = board.messages.size();
        start(command, address, length);
        while (board.messages.size() == before) {
            assertThat(os.answer()).describedAs("the device waits for something").isTrue();
            loop.runUntilIdle();
        }
        return result(before);
    }

    /** As {@link #run}, with pages going and groups waiting as the seed has it. */
    long run(long command, long address, long length, Choices choices, Runnable disturb) {
        int before = board.messages.size();
        start(command, address, length);
        for (int i = 0; board.messages.size() == before; i++) {
            assertThat(i).describedAs("rounds").isLessThan(100_000);
            if (i < 40 && choices.oneIn(3)) {
                disturb.run();
            } else {
                os.answer();
            }
            loop.runUntilIdle();
        }
        return result(before);
    }

    private long result(int before) {
        assertThat(board.messages).hasSize(before + 1);
        assertThat(board.messages.getLast()).isEqualTo(MESSAGE);
        assertThat(os.violations).isEmpty();
        return get(ADDRESS);
    }

    byte peek(int pasid, long iova) throws GuestAccessException {
        return board.memory.getByte(os.frameOf(pasid, iova));
    }

    void poke(int pasid, long iova, byte[] values) throws GuestAccessException {
        for (int done = 0; done < values.length; ) {
            int count = Math.min(values.length - done, toPageEnd(iova + done));
            board.memory.copyIn(
                    MemorySegment.ofArray(values), done, os.frameOf(pasid, iova + done), count);
            done += count;
        }
    }

    /** Asserts that a buffer holds the device's pattern. */
    void assertPattern(int pasid, long iova, int bytes) throws GuestAccessException {
        byte[] seen = new byte[bytes];
        for (int done = 0; done < bytes; ) {
            int count = Math.min(bytes - done, toPageEnd(iova + done));
            board.memory.copyOut(
                    os.frameOf(pasid, iova + done), MemorySegment.ofArray(seen), done, count);
            done += count;
        }
        for (int i = 0; i < bytes; i++) {
            if (seen[i] != (byte) (i % 251)) {
                throw new AssertionError("byte " + i + " is " + seen[i]);
            }
        }
    }

    private static int toPageEnd(long iova) {
        return 4096 - ((int) iova & 4095);
    }

    @Override
    public void close() {
        board.close();
    }
}
