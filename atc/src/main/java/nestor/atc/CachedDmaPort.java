package nestor.atc;

import java.lang.foreign.MemorySegment;
import nestor.pci.AtsPort;
import nestor.pci.CompletionStatus;
import nestor.pci.DmaPort;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * The way to memory of a device that uses ATS and never asks for pages: while ATS is enabled its
 * Untranslated requests become Translated ones, by translations from the function's cache,
 * requested on a miss (PCIe Base 6.0, §10.2.4).
 *
 * <p>What no translation permits, and what is to be accessed untranslated (U), goes untranslated:
 * the agent then judges the request as it judges those of a device without a cache, and reports it.
 * A hit allocates nothing and takes no lock. Any thread.
 */
public final class CachedDmaPort implements DmaPort {
    private final DmaPort dma;
    private final AtsPort ats;
    private final Atc atc;

    /**
     * A cached way to memory.
     *
     * @param dma of the function
     * @param ats of the same function
     * @param atc registered at {@code ats}
     */
    public CachedDmaPort(DmaPort dma, AtsPort ats, Atc atc) {
        this.dma = dma;
        this.ats = ats;
        this.atc = atc;
    }

    @Override
    public CompletionStatus read(Requester requester, long iova, MemorySegment dst) {
        return move(requester, iova, dst, Translation.READ);
    }

    @Override
    public CompletionStatus write(Requester requester, long iova, MemorySegment src) {
        return move(requester, iova, src, Translation.WRITE);
    }

    @Override
    public CompletionStatus readTranslated(Requester requester, long address, MemorySegment dst) {
        return dma.readTranslated(requester, address, dst);
    }

    @Override
    public CompletionStatus writeTranslated(Requester requester, long address, MemorySegment src) {
        return dma.writeTranslated(requester, address, src);
    }

    private CompletionStatus move(Requester requester, long iova, MemorySegment data, int access) {
        if (!ats.atsEnabled()) {
            return untranslated(requester, iova, data, access);
        }
        long left = data.byteSize();
        while (left > 0) {
            long done = data.byteSize() - left;
            long ticket = atc.enter();
            try {
                AtcEntry entry = find(requester, iova + done, left, access);
                if (entry == null) {
                    return untranslated(requester, iova + done, slice(data, done, left), access);
                }
                long bytes = Math.min(left, entry.bytesFrom(iova + done));
                CompletionStatus status =
                        translated(
                                requester,
                                entry.translate(iova + done),
                                slice(data, done, bytes),
                                access);
                if (status != CompletionStatus.SUCCESSFUL) {
                    return status;
                }
                left -= bytes;
            } finally {
                atc.exit(ticket);
            }
        }
        return CompletionStatus.SUCCESSFUL;
    }

    /** A translation that permits the access; null if it must go untranslated. */
    private @Nullable AtcEntry find(Requester requester, long iova, long bytes, int access) {
        AtcEntry entry = atc.lookup(requester, iova, access);
        if (entry == null) {
            Atc.Fetched fetched = atc.fetch(requester, iova, bytes, access);
            entry = fetched.entries().isEmpty() ? null : fetched.entries().getFirst();
        }
        return entry != null && entry.usable() && entry.permits(access) && !entry.untranslatedOnly()
                ? entry
                : null;
    }

    private static MemorySegment slice(MemorySegment data, long offset, long bytes) {
        return bytes == data.byteSize() ? data : data.asSlice(offset, bytes);
    }

    private CompletionStatus untranslated(
            Requester requester, long iova, MemorySegment data, int access) {
        return access == Translation.WRITE
                ? dma.write(requester, iova, data)
                : dma.read(requester, iova, data);
    }

    private CompletionStatus translated(
            Requester requester, long address, MemorySegment data, int access) {
        return access == Translation.WRITE
                ? dma.writeTranslated(requester, address, data)
                : dma.readTranslated(requester, address, data);
    }
}
