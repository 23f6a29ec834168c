package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import nestor.atc.Atc;
import nestor.atc.AtcEntry;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * DMA by translations from the function's cache, requested on a miss; a page without the access is
 * an Unsupported Request. Does not ask for pages. A range that is to be accessed untranslated (U)
 * is. Any thread.
 */
final class CachedDma implements DmaPath {
    private final PciFunction function;
    private final Atc atc;

    CachedDma(PciFunction function, Atc atc) {
        this.function = function;
        this.atc = atc;
    }

    @Override
    public CompletionStatus move(Requester requester, long iova, MemorySegment data, int access) {
        if (requester.hasPasid()) {
            atc.start(requester.pasid());
        }
        // Execute Requested is a bit of the PASID prefix.
        int needed = requester.hasPasid() ? access : access & ~Translation.EXECUTE;
        long done = 0;
        while (done < data.byteSize()) {
            long ticket = atc.enter();
            try {
                long at = iova + done;
                AtcEntry entry = find(requester, at, data.byteSize() - done, needed);
                if (entry == null || !entry.permits(needed)) {
                    return CompletionStatus.UNSUPPORTED_REQUEST;
                }
                long bytes = Math.min(data.byteSize() - done, entry.bytesFrom(at));
                CompletionStatus status =
                        move(entry, requester, at, data.asSlice(done, bytes), access);
                if (status != CompletionStatus.SUCCESSFUL) {
                    return status;
                }
                done += bytes;
            } finally {
                atc.exit(ticket);
            }
        }
        return CompletionStatus.SUCCESSFUL;
    }

    private @Nullable AtcEntry find(Requester requester, long at, long bytes, int access) {
        AtcEntry cached = atc.lookup(requester, at, access);
        if (cached != null) {
            return cached;
        }
        Atc.Fetched fetched = atc.fetch(requester, at, bytes, access);
        return fetched.entries().isEmpty() ? null : fetched.entries().getFirst();
    }

    private CompletionStatus move(
            AtcEntry entry, Requester requester, long at, MemorySegment data, int access) {
        return entry.untranslatedOnly()
                ? DmaPath.untranslated(function).move(requester, at, data, access)
                : DmaPath.translated(function)
                        .move(function.requester(), entry.translate(at), data, access);
    }
}
