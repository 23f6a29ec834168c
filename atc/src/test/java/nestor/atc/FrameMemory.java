package nestor.atc;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import nestor.pci.CompletionStatus;
import nestor.pci.DmaPort;
import nestor.pci.Requester;

/** Memory from address 0 that notes who came how; untranslated requests move no data. */
final class FrameMemory implements DmaPort {
    /** A memory request. */
    record Move(Requester requester, long address, long bytes, boolean translated) {}

    final MemorySegment bytes;
    final List<Move> moves = new ArrayList<>();

    /** Runs while a request is being served. */
    Runnable duringMove = () -> {};

    /** Whether moves are noted; the list grows. */
    boolean counting = true;

    CompletionStatus status = CompletionStatus.SUCCESSFUL;

    FrameMemory(int sizeBytes) {
        bytes = MemorySegment.ofArray(new byte[sizeBytes]);
    }

    private CompletionStatus note(
            Requester requester, long address, long sizeBytes, boolean translated) {
        if (counting) {
            moves.add(new Move(requester, address, sizeBytes, translated));
        }
        duringMove.run();
        return status;
    }

    @Override
    public CompletionStatus read(Requester requester, long iova, MemorySegment dst) {
        return note(requester, iova, dst.byteSize(), false);
    }

    @Override
    public CompletionStatus write(Requester requester, long iova, MemorySegment src) {
        return note(requester, iova, src.byteSize(), false);
    }

    @Override
    public CompletionStatus readTranslated(Requester requester, long address, MemorySegment dst) {
        MemorySegment.copy(bytes, address, dst, 0, dst.byteSize());
        return note(requester, address, dst.byteSize(), true);
    }

    @Override
    public CompletionStatus writeTranslated(Requester requester, long address, MemorySegment src) {
        MemorySegment.copy(src, 0, bytes, address, src.byteSize());
        return note(requester, address, src.byteSize(), true);
    }
}
