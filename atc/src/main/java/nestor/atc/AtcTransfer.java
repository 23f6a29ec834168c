package nestor.atc;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import nestor.atc.AtcDma.Outcome;
import nestor.atc.AtcDma.UntranslatedAccess;
import nestor.pci.AtsCompletion;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * One transfer of an {@link AtcDma}: where it stands, and what it does next.
 *
 * <p>Translations come for as much of the rest as one request can ask for. If the next page lacks
 * the permission, it is requested, and in its group all others that do; nothing moves until the
 * response, and then the translations are requested again. What a completion brought is used even
 * if the cache has no room for it, as long as no invalidation has overtaken it.
 */
public final class AtcTransfer {
    private static final int PAGE_BYTES = 4096;

    /** A task moves no more than this, so that others of the loop get their turn. */
    private static final int PIECES_PER_TASK = 64;

    /** Translation Requests in a row without a piece moved. */
    static final int MAX_FRUITLESS_REQUESTS = 64;

    /** What the answer UR to a Translation Request is taken to hold for. */
    private static final long UNTRANSLATED_BYTES = 1L << 21;

    private final AtcDma owner;
    private final Requester requester;

    /** Translated requests carry a PASID only if yet another enable says so (§6.20). */
    private final Requester translatedRequester;

    private final int access;
    private final AtcDma.Data data;
    private final Consumer<Outcome> whenEnded;
    private final long disables;

    // The rest belongs to the loop.
    private final long start;
    private final long bytes;
    private long done;
    private @Nullable MemorySegment piece;
    private Atc.@Nullable Fetched fetched;
    private long untranslatedUntil;
    private int fruitlessRequests;
    private boolean ended;

    private AtcTransfer(
            AtcDma owner,
            Requester requester,
            int access,
            long start,
            long bytes,
            AtcDma.Data data,
            Consumer<Outcome> whenEnded) {
        this.owner = owner;
        this.requester = requester;
        this.translatedRequester = Requester.withoutPasid(requester.rid());
        this.access = access;
        this.start = start;
        this.bytes = bytes;
        this.data = data;
        this.whenEnded = whenEnded;
        this.disables = owner.atc.disables();
    }

    static AtcTransfer start(
            AtcDma owner,
            Requester requester,
            int access,
            long start,
            long bytes,
            AtcDma.Data data,
            Consumer<Outcome> whenEnded) {
        var transfer = new AtcTransfer(owner, requester, access, start, bytes, data, whenEnded);
        owner.loop.post(transfer::begin);
        return transfer;
    }

    /** Ends the transfer as {@link Outcome#STOPPED}, unless it has ended; no piece moves after. */
    public void cancel() {
        owner.loop.post(() -> end(Outcome.STOPPED));
    }

    private void begin() {
        boolean wraps = Long.compareUnsigned(start + bytes - 1, start) < 0;
        if (bytes < 0 || bytes > 0 && wraps) {
            end(Outcome.ABORTED);
        } else {
            run();
        }
    }

    private void run() {
        for (int n = 0; n < PIECES_PER_TASK && isLive(); n++) {
            if (done == bytes) {
                end(Outcome.DONE);
            } else if (!movePiece() && !translate()) {
                return; // ended, or sleeps until a response
            }
        }
        if (!ended) {
            owner.loop.post(this::run);
        }
    }

    /** Whether the transfer may go on: what void means is decided here, by the loop. */
    private boolean isLive() {
        if (owner.atc.disables() != disables) {
            end(Outcome.DISABLED);
        } else if (!owner.atc.isStarted(requester.pasid())) {
            end(Outcome.STOPPED);
        }
        return !ended;
    }

    /** Returns false if there is no translation to move the next piece with. */
    private boolean movePiece() {
        long iova = start + done;
        MemorySegment segment = nextPiece(iova);
        CompletionStatus status;
        if (done < untranslatedUntil) {
            status = moveUntranslated(iova, segment);
        } else {
            long ticket = owner.atc.enter();
            try {
                AtcEntry entry = translation(iova);
                if (entry == null) {
                    return false;
                }
                if (!entry.untranslatedOnly()) {
                    status = moveTranslated(entry.translate(iova), segment);
                } else if (owner.untranslatedAccess == UntranslatedAccess.ALLOWED) {
                    status = moveUntranslated(iova, segment);
                } else {
                    end(Outcome.UNTRANSLATED_ONLY);
                    return true;
                }
            } finally {
                owner.atc.exit(ticket);
            }
        }
        if (status == CompletionStatus.SUCCESSFUL) {
            moved(segment);
        } else {
            end(Outcome.ABORTED);
        }
        return true;
    }

    /** Asked for once, however often its translation turns out to be void. */
    private MemorySegment nextPiece(long iova) {
        MemorySegment segment = piece;
        if (segment == null) {
            long toPageEnd = PAGE_BYTES - (iova & PAGE_BYTES - 1);
            segment = data.piece(done, (int) Math.min(toPageEnd, bytes - done));
            piece = segment;
        }
        return segment;
    }

    private void moved(MemorySegment segment) {
        long offset = done;
        done += segment.byteSize();
        piece = null;
        fruitlessRequests = 0;
        data.moved(offset, segment);
    }

    /** From the cache, or else what the latest completion brought. */
    private @Nullable AtcEntry translation(long iova) {
        AtcEntry cached = owner.atc.lookup(requester, iova, access);
        if (cached != null || fetched == null) {
            return cached;
        }
        for (AtcEntry entry : fetched.entries()) {
            if (entry.contains(iova)) {
                boolean good = permits(entry) && !owner.atc.isOvertaken(entry, fetched.epoch());
                return good ? entry : null;
            }
        }
        return null;
    }

    private boolean permits(AtcEntry entry) {
        return entry.usable() && entry.permits(access);
    }

    private CompletionStatus moveTranslated(long address, MemorySegment segment) {
        return access == Translation.READ
                ? owner.dma.readTranslated(translatedRequester, address, segment)
                : owner.dma.writeTranslated(translatedRequester, address, segment);
    }

    private CompletionStatus moveUntranslated(long iova, MemorySegment segment) {
        return access == Translation.READ
                ? owner.dma.read(requester, iova, segment)
                : owner.dma.write(requester, iova, segment);
    }

    /** Returns whether to go on; if not, the transfer has ended or sleeps. */
    private boolean translate() {
        fruitlessRequests++;
        if (fruitlessRequests > MAX_FRUITLESS_REQUESTS) {
            end(Outcome.NO_PROGRESS);
            return false;
        }
        Atc.Fetched news = owner.atc.fetch(requester, start + done, bytes - done, access);
        fetched = news;
        return switch (news.completion()) {
            case AtsCompletion.Entries _ -> requestMissing(news.entries());
            case AtsCompletion.Failed(CompletionStatus status) -> isLive() && goOnWithout(status);
        };
    }

    private boolean goOnWithout(CompletionStatus status) {
        if (status != CompletionStatus.UNSUPPORTED_REQUEST) {
            end(Outcome.ABORTED);
        } else if (owner.untranslatedAccess == UntranslatedAccess.REFUSED) {
            end(Outcome.UNTRANSLATED_ONLY);
        } else {
            untranslatedUntil = done + Math.min(bytes - done, UNTRANSLATED_BYTES);
        }
        return !ended;
    }

    /**
     * Requests the pages that lack the permission, if the next one does: then every response that
     * keeps its promise lets a piece move, however little the credit is.
     */
    private boolean requestMissing(List<AtcEntry> entries) {
        List<PageRequests.Page> missing = new ArrayList<>();
        long next = start + done;
        for (AtcEntry entry : entries) {
            if (entry.contains(next) && permits(entry)) {
                return true;
            }
            long at = entry.contains(next) ? next : entry.iovaBase();
            boolean wanted = Long.compareUnsigned(at - next, bytes - done) < 0;
            if (wanted && !permits(entry)) {
                missing.add(new PageRequests.Page(at, access));
            }
        }
        if (!missing.isEmpty()) {
            owner.pages.request(
                    requester, missing, outcome -> owner.loop.post(() -> answered(outcome)));
        }
        return missing.isEmpty();
    }

    private void answered(PageRequests.Outcome outcome) {
        fetched = null;
        switch (outcome) {
            case SUCCESS -> run();
            case INVALID_REQUEST, NOT_PERMITTED, NO_CREDIT -> end(Outcome.NO_ACCESS);
            case RESPONSE_FAILURE -> end(Outcome.PAGE_REQUESTS_FAILED);
            case STOPPED -> end(Outcome.STOPPED);
            case DISABLED -> end(Outcome.DISABLED);
        }
    }

    private void end(Outcome outcome) {
        if (!ended) {
            ended = true;
            piece = null;
            fetched = null;
            whenEnded.accept(outcome);
        }
    }
}
