package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import nestor.pci.CompletionStatus;
import nestor.pci.DmaPort;
import nestor.pci.Requester;

/** One running command of a frame, and how far it is. On the engine's loop only. */
final class SmmuTestJob {
    private static final int ASCENDING = 0;
    private static final int DESCENDING = 0xffff_ffff;
    private static final int PAGE_BYTES = 4096;
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int frame;
    private final SmmuTestCommand.Job command;
    private final SplittableRandom order;
    private final MemorySegment buffer = MemorySegment.ofArray(new byte[PAGE_BYTES]);

    /** Units not done yet: {@code front .. front + left - 1}. */
    private long front;

    private long left;
    private long sum;
    private int launched;
    private int returned;
    private boolean failed;
    private long faultAddress;

    SmmuTestJob(int frame, SmmuTestCommand.Job command) {
        this.frame = frame;
        this.command = command;
        this.order = new SplittableRandom(command.seed());
        this.left = command.units();
    }

    int frame() {
        return frame;
    }

    SmmuTestCommand.Job command() {
        return command;
    }

    long sum() {
        return sum;
    }

    int launched() {
        return launched;
    }

    int returned() {
        return returned;
    }

    boolean failed() {
        return failed;
    }

    long faultAddress() {
        return faultAddress;
    }

    /**
     * Does up to {@code units} accesses.
     *
     * @return whether the command has ended, well or not
     */
    boolean advance(int units, DmaPort dma, int rid) {
        Requester reader = new Requester(rid, command.pasid(), command.source().privileged());
        Requester writer = new Requester(rid, command.pasid(), command.target().privileged());
        for (int i = 0; i < units && left != 0 && !failed; i++) {
            long unit = pick();
            switch (command.operation()) {
                case MEMCPY -> copy(unit, dma, reader, writer);
                case RAND48 -> fill(unit, dma, writer);
                case SUM64 -> add(unit, dma, reader);
            }
        }
        return left == 0 || failed;
    }

    private long pick() {
        left--;
        boolean fromFront =
                switch (command.seed()) {
                    case ASCENDING -> true;
                    case DESCENDING -> false;
                    default -> order.nextBoolean();
                };
        return fromFront ? front++ : front + left;
    }

    private void copy(long unit, DmaPort dma, Requester reader, Requester writer) {
        long from = command.unitFirst(unit);
        long to = command.destination() + (from - command.first());
        MemorySegment data = buffer.asSlice(0, command.unitBytes(unit));
        if (read(dma, reader, from, data)) {
            write(dma, writer, to, data);
        }
    }

    private void fill(long unit, DmaPort dma, Requester writer) {
        long at = command.unitFirst(unit);
        MemorySegment data = buffer.asSlice(0, command.unitBytes(unit));
        Rand48 generator = Rand48.at(command.seed(), command.first(), at);
        for (long i = 0; i < data.byteSize(); i++) {
            data.set(ValueLayout.JAVA_BYTE, i, generator.nextByte());
        }
        write(dma, writer, at, data);
    }

    private void add(long unit, DmaPort dma, Requester reader) {
        MemorySegment data = buffer.asSlice(0, command.unitBytes(unit));
        if (read(dma, reader, command.unitFirst(unit), data)) {
            for (long i = 0; i < data.byteSize(); i += Long.BYTES) {
                sum += data.get(LONG, i);
            }
        }
    }

    private boolean read(DmaPort dma, Requester reader, long iova, MemorySegment data) {
        launched++;
        return ends(dma.read(reader, iova, data), iova);
    }

    /** Writes in accesses that do not cross a page, so that the fault address names the page. */
    private void write(DmaPort dma, Requester writer, long iova, MemorySegment data) {
        long done = 0;
        while (done < data.byteSize() && !failed) {
            long at = iova + done;
            long bytes = Math.min(data.byteSize() - done, PAGE_BYTES - (at & PAGE_BYTES - 1));
            launched++;
            if (ends(dma.write(writer, at, data.asSlice(done, bytes)), at)) {
                done += bytes;
            }
        }
    }

    private boolean ends(CompletionStatus status, long iova) {
        if (status == CompletionStatus.SUCCESSFUL) {
            returned++;
            return true;
        }
        failed = true;
        faultAddress = iova;
        return false;
    }
}
