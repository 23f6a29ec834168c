package nestor.endpoints.dsa;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import nestor.atc.Atc;
import nestor.atc.AtcEntry;
import nestor.atc.PageRequests;
import nestor.pci.AtsCompletion;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * How the operands of one descriptor reach memory (§7): by translations from the function's cache,
 * requested on a miss, or untranslated where ATS is disabled, for the function or the work queue.
 *
 * <p>An access moves all of its bytes or none, and never waits. Why it did not move, {@link
 * #trouble} says. On the device's loop only.
 */
final class OperandMemory {
    static final int PAGE_BYTES = 4096;

    /** Room for a DIF block with its field, and for the delta entries of a page. */
    static final int BUFFER_BYTES = 2 * PAGE_BYTES;

    /** How much to request translations for at a time, and pages in a group. */
    private static final long MOST_AHEAD_BYTES = 64L * PAGE_BYTES;

    /** Why an access did not happen. */
    enum Trouble {
        NONE,
        /** The page lacks the permission. */
        PAGE_FAULT,
        /** The Translation Request failed. */
        TRANSLATION_FAILED,
        /** The request itself failed. */
        REQUEST_FAILED,
        /** The descriptor is not to touch memory any more. */
        ABANDONED
    }

    /** What all descriptors of a device share: one works at a time, and keeps nothing here. */
    static final class Buffers {
        private final byte[] first = new byte[BUFFER_BYTES];
        private final byte[] second = new byte[BUFFER_BYTES];
    }

    private final PciFunction function;
    private final Atc atc;
    private final Buffers buffers;
    private final Requester requester;
    private final boolean atsDisabled;
    private final BooleanSupplier live;

    private Trouble trouble = Trouble.NONE;
    private long faultAddress;
    private int faultAccess;
    private List<PageRequests.Page> missing = List.of();

    /**
     * @param atsDisabled for the work queue
     * @param live asked before each access whether the descriptor may still touch memory
     */
    OperandMemory(
            PciFunction function,
            Atc atc,
            Buffers buffers,
            Requester requester,
            boolean atsDisabled,
            BooleanSupplier live) {
        this.function = function;
        this.atc = atc;
        this.buffers = buffers;
        this.requester = requester;
        this.atsDisabled = atsDisabled;
        this.live = live;
    }

    /** Whether the descriptor may still touch memory. */
    boolean isLive() {
        return live.getAsBoolean();
    }

    Requester requester() {
        return requester;
    }

    byte[] first() {
        return buffers.first;
    }

    byte[] second() {
        return buffers.second;
    }

    /** Why the latest access that returned false did not happen. */
    Trouble trouble() {
        return trouble;
    }

    /** The first byte that was not accessed. */
    long faultAddress() {
        return faultAddress;
    }

    boolean faultedOnWrite() {
        return faultAccess == Translation.WRITE;
    }

    /** The pages to ask for: the one that faulted, and what else is known to lack. */
    List<PageRequests.Page> missing() {
        return missing;
    }

    static int bytesToPageEnd(long iova) {
        return PAGE_BYTES - (int) (iova & PAGE_BYTES - 1);
    }

    /** The most that lies in one page of both. */
    static int piece(long first, long second, long bytes) {
        int most = Math.min(bytesToPageEnd(first), bytesToPageEnd(second));
        return (int) Math.min(most, bytes);
    }

    /**
     * Reads {@code bytes} into the start of {@code buffer}.
     *
     * @param ahead how many bytes from {@code iova} on will be read in all, at least {@code bytes}
     */
    boolean read(long iova, byte[] buffer, int bytes, long ahead) {
        return move(iova, buffer, 0, bytes, ahead, Translation.READ);
    }

    /** Writes the first {@code bytes} of {@code buffer}; see {@link #read}. */
    boolean write(long iova, byte[] buffer, int bytes, long ahead) {
        return move(iova, buffer, 0, bytes, ahead, Translation.WRITE);
    }

    boolean write(long iova, byte[] buffer, int offset, int bytes, long ahead) {
        return move(iova, buffer, offset, bytes, ahead, Translation.WRITE);
    }

    /** Page by page; those before the one that is in trouble have moved. */
    private boolean move(long iova, byte[] buffer, int offset, int bytes, long ahead, int access) {
        MemorySegment all = MemorySegment.ofArray(buffer);
        for (int done = 0; done < bytes; ) {
            int count = Math.min(bytes - done, bytesToPageEnd(iova + done));
            MemorySegment data = all.asSlice(offset + done, count);
            if (!access(iova + done, data, ahead - done, access)) {
                return false;
            }
            done += count;
        }
        return true;
    }

    /** An access within a page. */
    private boolean access(long iova, MemorySegment data, long ahead, int access) {
        faultAddress = iova;
        faultAccess = access;
        if (!isLive()) {
            trouble = Trouble.ABANDONED;
            return false;
        }
        if (atsDisabled || !function.ats().atsEnabled()) {
            return ended(untranslated(iova, data, access));
        }
        long ticket = atc.enter();
        try {
            AtcEntry entry = atc.lookup(requester, iova, access);
            if (entry == null) {
                entry = fetch(iova, ahead, access);
            }
            if (entry == null) {
                return false;
            }
            return ended(
                    entry.untranslatedOnly()
                            ? untranslated(iova, data, access)
                            : translated(entry.translate(iova), data, access));
        } finally {
            atc.exit(ticket);
        }
    }

    /** Requests translations; null if there is none that permits the access. */
    private @Nullable AtcEntry fetch(long iova, long ahead, int access) {
        // Without a cache nothing would be left of the others.
        long wanted = atc.options().capacity() == 0 ? 1 : Math.min(ahead, MOST_AHEAD_BYTES);
        Atc.Fetched fetched = atc.fetch(requester, iova, wanted, access);
        if (fetched.completion() instanceof AtsCompletion.Failed || fetched.entries().isEmpty()) {
            trouble = Trouble.TRANSLATION_FAILED;
            return null;
        }
        AtcEntry entry = fetched.entries().getFirst();
        if (permits(entry, access)) {
            return entry;
        }
        trouble = Trouble.PAGE_FAULT;
        missing = new ArrayList<>();
        for (AtcEntry other : fetched.entries()) {
            long at = other.contains(iova) ? iova : other.iovaBase();
            if (!permits(other, access) && Long.compareUnsigned(at - iova, wanted) < 0) {
                missing.add(new PageRequests.Page(at, access));
            }
        }
        return null;
    }

    private static boolean permits(AtcEntry entry, int access) {
        return entry.usable() && entry.permits(access);
    }

    private boolean ended(CompletionStatus status) {
        trouble = status == CompletionStatus.SUCCESSFUL ? Trouble.NONE : Trouble.REQUEST_FAILED;
        return trouble == Trouble.NONE;
    }

    private CompletionStatus untranslated(long iova, MemorySegment data, int access) {
        return access == Translation.READ
                ? function.dma().read(requester, iova, data)
                : function.dma().write(requester, iova, data);
    }

    private CompletionStatus translated(long address, MemorySegment data, int access) {
        return access == Translation.READ
                ? function.dma().readTranslated(function.requester(), address, data)
                : function.dma().writeTranslated(function.requester(), address, data);
    }
}
