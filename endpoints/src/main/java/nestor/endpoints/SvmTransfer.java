package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import nestor.atc.Atc;
import nestor.atc.AtcEntry;
import nestor.atc.PageRequests;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import org.jspecify.annotations.Nullable;

/**
 * One command of the demo device under way (§3): translations of the rest of the buffer are
 * requested when the cache has none; pages without the access are requested, in one Page Request
 * Group; the device sleeps until the response; data moves by translated requests of up to 4 KiB.
 * Progress is kept across sleeps.
 *
 * <p>On the device's loop only; never waits.
 */
final class SvmTransfer {
    /** What a step ended with. */
    enum Step {
        /** There is more to do. */
        RUNNABLE,
        /** A page response is awaited. */
        SLEEPING,
        DONE,
        FAILED
    }

    static final int PIECE_BYTES = 4096;

    /** Byte i of the buffer is i modulo this. */
    static final int PATTERN_PERIOD = 251;

    /**
     * How often in a row the same page may be reported present without being so. An agent whose
     * queue overflows may answer by itself until software notices, so there must be some patience.
     */
    static final int MAX_FRUITLESS_RESPONSES = 10_000;

    /** Pieces of a step, after which others have their turn on the loop. */
    private static final int STEP_PIECES = 16;

    private static final MemorySegment PATTERN = pattern();

    private final PciFunction function;
    private final Atc atc;
    private final SvmCommand command;
    private final Requester requester;
    private final PageRequests pageRequests;
    private final BiConsumer<SvmTransfer, Step> awake;
    private final byte[] buffer = new byte[PIECE_BYTES];
    private final MemorySegment bufferSegment = MemorySegment.ofArray(buffer);

    private long moved;
    private int crc = SvmChecksum.INITIAL;
    private boolean awaitsPages;
    private long missing;
    private int fruitless;

    /** What waits for stalled requests; null for a function with ATS and PRI. */
    private final @Nullable StalledTransaction waiting;

    private boolean stalled;

    /** How the stalled request ended, if it is not to be sent again. */
    private @Nullable CompletionStatus terminated;

    /**
     * @param requester whose PASID is enabled, with the command's mode
     * @param pageRequests of the function
     * @param awake told, on the loop, how it goes on after a page response
     * @param waiting null unless the function's requests stall
     */
    SvmTransfer(
            PciFunction function,
            Atc atc,
            SvmCommand command,
            Requester requester,
            PageRequests pageRequests,
            BiConsumer<SvmTransfer, Step> awake,
            @Nullable StalledTransaction waiting) {
        this.function = function;
        this.atc = atc;
        this.command = command;
        this.requester = requester;
        this.pageRequests = pageRequests;
        this.awake = awake;
        this.waiting = waiting;
    }

    private static MemorySegment pattern() {
        byte[] bytes = new byte[PATTERN_PERIOD + PIECE_BYTES];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i % PATTERN_PERIOD);
        }
        return MemorySegment.ofArray(bytes).asReadOnly();
    }

    SvmCommand command() {
        return command;
    }

    /** The CRC-8 of what was read so far. */
    int crc() {
        return crc;
    }

    Step step() {
        if (awaitsPages || stalled) {
            return Step.SLEEPING;
        }
        if (command.wraps()) {
            return Step.FAILED;
        }
        for (int i = 0; i < STEP_PIECES; i++) {
            if (moved == command.bytes()) {
                return Step.DONE;
            }
            Step ended = waiting == null ? piece() : piece(waiting);
            if (ended != Step.RUNNABLE) {
                return ended;
            }
        }
        return Step.RUNNABLE;
    }

    private void answered(PageRequests.Outcome outcome) {
        awaitsPages = false;
        boolean there = outcome == PageRequests.Outcome.SUCCESS;
        awake.accept(this, there ? Step.RUNNABLE : Step.FAILED);
    }

    /**
     * The stalled request may be sent again, or is over.
     *
     * @param ended null to send it again
     */
    Step resume(@Nullable CompletionStatus ended) {
        stalled = false;
        terminated = ended;
        return Step.RUNNABLE;
    }

    /** Moves one piece by an untranslated request, which may stall. */
    private Step piece(StalledTransaction stalling) {
        long at = command.address() + moved;
        int count = count(PIECE_BYTES - (at & PIECE_BYTES - 1));
        MemorySegment data = data(count);
        CompletionStatus status = terminated;
        terminated = null;
        if (status == null) {
            status =
                    command.toMemory()
                            ? function.dma().write(requester, at, data, stalling)
                            : function.dma().read(requester, at, data, stalling);
        } else if (!command.toMemory()) {
            data.fill((byte) 0);
        }
        if (status == null) {
            stalled = true;
            return Step.SLEEPING;
        }
        return moved(count, status);
    }

    /** Moves one piece, or asks for what it needs. Invalidations complete after it. */
    private Step piece() {
        long at = command.address() + moved;
        long ticket = atc.enter();
        try {
            AtcEntry entry = atc.lookup(requester, at, command.access());
            if (entry != null) {
                return move(entry, at);
            }
            Atc.Fetched fetched = atc.fetch(requester, at, wanted(), command.access());
            if (fetched.entries().isEmpty()) {
                return Step.FAILED;
            }
            List<AtcEntry> misses = misses(fetched.entries());
            return misses.isEmpty()
                    ? move(fetched.entries().getFirst(), at)
                    : requestPages(misses, at);
        } finally {
            atc.exit(ticket);
        }
    }

    /** How much to ask translations for; without a cache, no more than is used at once. */
    private long wanted() {
        long rest = command.bytes() - moved;
        // A signed count: the port cuts the request to what one can ask for anyway.
        long most = atc.options().capacity() == 0 ? 1 : Long.MAX_VALUE;
        return Long.compareUnsigned(rest, most) < 0 ? rest : most;
    }

    private List<AtcEntry> misses(List<AtcEntry> entries) {
        List<AtcEntry> misses = new ArrayList<>();
        for (AtcEntry entry : entries) {
            if (!entry.permits(command.access())) {
                misses.add(entry);
            }
        }
        return misses;
    }

    private Step requestPages(List<AtcEntry> misses, long at) {
        AtcEntry first = misses.getFirst();
        fruitless = first.iovaBase() == missing ? fruitless + 1 : 0;
        missing = first.iovaBase();
        if (fruitless > MAX_FRUITLESS_RESPONSES) {
            return Step.FAILED;
        }
        List<PageRequests.Page> pages = new ArrayList<>(misses.size());
        for (AtcEntry miss : misses) {
            long page = miss.contains(at) ? at : miss.iovaBase();
            pages.add(new PageRequests.Page(page, command.access()));
        }
        awaitsPages = true;
        pageRequests.request(requester, pages, this::answered);
        return Step.SLEEPING;
    }

    private Step move(AtcEntry entry, long at) {
        if (entry.untranslatedOnly()) {
            return Step.FAILED;
        }
        int count = count(Math.min(entry.bytesFrom(at), PIECE_BYTES));
        long address = entry.translate(at);
        MemorySegment data = data(count);
        CompletionStatus status =
                command.toMemory()
                        ? function.dma().writeTranslated(function.requester(), address, data)
                        : function.dma().readTranslated(function.requester(), address, data);
        return moved(count, status);
    }

    private int count(long most) {
        long rest = command.bytes() - moved;
        return (int) (Long.compareUnsigned(rest, most) < 0 ? rest : most);
    }

    /** What is written next, or where to read it to. */
    private MemorySegment data(int count) {
        return command.toMemory()
                ? PATTERN.asSlice(Long.remainderUnsigned(moved, PATTERN_PERIOD), count)
                : bufferSegment.asSlice(0, count);
    }

    private Step moved(int count, CompletionStatus status) {
        if (status != CompletionStatus.SUCCESSFUL) {
            return Step.FAILED;
        }
        if (!command.toMemory()) {
            crc = SvmChecksum.update(crc, buffer, count);
        }
        moved += count;
        return Step.RUNNABLE;
    }
}
