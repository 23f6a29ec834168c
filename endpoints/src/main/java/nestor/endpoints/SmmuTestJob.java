package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/** One running command of a frame, and how far it is. On the engine's loop only. */
final class SmmuTestJob {
    /** How accesses are sent. */
    @FunctionalInterface
    interface Sender {
        /** As {@link DmaPath#move}; null if the access is stalled. */
        @Nullable CompletionStatus send(
                Requester requester, long iova, MemorySegment data, int access);
    }

    private static final int ASCENDING = 0;
    private static final int DESCENDING = 0xffff_ffff;
    private static final int PAGE_BYTES = 4096;
    private static final long NONE = -1;
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
    private Requester faultRequester;
    private int faultAccess;

    /** Whether the access at {@link #faultAddress} is stalled. */
    private boolean stalled;

    /** How the access at {@link #faultAddress} ended that was stalled, until it is done again. */
    private @Nullable CompletionStatus terminated;

    /** The unit under way; {@link #NONE} between units. */
    private long current = NONE;

    SmmuTestJob(int frame, SmmuTestCommand.Job command) {
        this.frame = frame;
        this.command = command;
        this.order = new SplittableRandom(command.seed());
        this.left = command.units();
        this.faultRequester = Requester.withoutPasid(0);
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

    /** Whose access failed. */
    Requester faultRequester() {
        return faultRequester;
    }

    /** What the failed access was for. */
    int faultAccess() {
        return faultAccess;
    }

    /** Whether the job waits for a stalled access. */
    boolean stalled() {
        return stalled;
    }

    /** The stalled access is sent again. */
    void resume() {
        stalled = false;
    }

    /** The stalled access is over; the job goes on with it as if it had ended so at once. */
    void resume(CompletionStatus ended) {
        stalled = false;
        terminated = ended;
    }

    /** Forgets the failure: the unit that failed is done again. */
    void retry() {
        failed = false;
    }

    /**
     * Does up to {@code units} accesses.
     *
     * @return whether there is no more to do, because all is done or an access failed; false also
     *     if one is {@link #stalled}
     */
    boolean advance(int units, Sender dma, int rid) {
        Requester reader = new Requester(rid, command.pasid(), command.source().privileged());
        Requester writer = new Requester(rid, command.pasid(), command.target().privileged());
        for (int i = 0; i < units && hasMore(); i++) {
            if (current == NONE) {
                current = pick();
            }
            switch (command.operation()) {
                case MEMCPY -> copy(current, dma, reader, writer);
                case RAND48 -> fill(current, dma, writer);
                case SUM64 -> add(current, dma, reader);
            }
            if (!failed && !stalled) {
                current = NONE;
            }
        }
        return !hasMore() && !stalled;
    }

    private boolean hasMore() {
        return !failed && !stalled && (left != 0 || current != NONE);
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

    private void copy(long unit, Sender dma, Requester reader, Requester writer) {
        long from = command.unitFirst(unit);
        long to = command.destination() + (from - command.first());
        MemorySegment data = buffer.asSlice(0, command.unitBytes(unit));
        if (read(dma, reader, from, data)) {
            write(dma, writer, to, data);
        }
    }

    private void fill(long unit, Sender dma, Requester writer) {
        long at = command.unitFirst(unit);
        MemorySegment data = buffer.asSlice(0, command.unitBytes(unit));
        Rand48 generator = Rand48.at(command.seed(), command.first(), at);
        for (long i = 0; i < data.byteSize(); i++) {
            data.set(ValueLayout.JAVA_BYTE, i, generator.nextByte());
        }
        write(dma, writer, at, data);
    }

    private void add(long unit, Sender dma, Requester reader) {
        MemorySegment data = buffer.asSlice(0, command.unitBytes(unit));
        if (read(dma, reader, command.unitFirst(unit), data)) {
            for (long i = 0; i < data.byteSize(); i += Long.BYTES) {
                sum += data.get(LONG, i);
            }
        }
    }

    private boolean read(Sender dma, Requester reader, long iova, MemorySegment data) {
        int execute = command.source().instruction() ? Translation.EXECUTE : 0;
        return access(dma, reader, iova, data, Translation.READ | execute);
    }

    /** Writes in accesses that do not cross a page, so that the fault address names the page. */
    private void write(Sender dma, Requester writer, long iova, MemorySegment data) {
        long done = 0;
        while (done < data.byteSize() && !failed && !stalled) {
            long at = iova + done;
            long bytes = Math.min(data.byteSize() - done, PAGE_BYTES - (at & PAGE_BYTES - 1));
            if (access(dma, writer, at, data.asSlice(done, bytes), Translation.WRITE)) {
                done += bytes;
            }
        }
    }

    private boolean access(
            Sender dma, Requester requester, long iova, MemorySegment data, int access) {
        CompletionStatus status = ended(iova, access, data);
        if (status == null) {
            launched++;
            status = dma.send(requester, iova, data, access);
        }
        if (status == CompletionStatus.SUCCESSFUL) {
            returned++;
            return true;
        }
        stalled = status == null;
        failed = !stalled;
        faultAddress = iova;
        faultRequester = requester;
        faultAccess = access;
        return false;
    }

    /** How this access ended while it was stalled; null if it is to be sent. RAZ/WI reads zeros. */
    private @Nullable CompletionStatus ended(long iova, int access, MemorySegment data) {
        CompletionStatus status = terminated;
        if (status == null || iova != faultAddress || access != faultAccess) {
            return null;
        }
        terminated = null;
        if (!DmaPath.writes(access)) {
            data.fill((byte) 0);
        }
        return status;
    }
}
