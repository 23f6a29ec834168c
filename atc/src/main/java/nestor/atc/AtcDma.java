package nestor.atc;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import nestor.pci.DmaPort;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.loop.DeviceLoop;

/**
 * Reads and writes memory of a requester through ATS and PRI: translations from the cache or from
 * the agent, page requests for what they do not permit, data by translated requests (PCIe Base 6.0,
 * chapter 10).
 *
 * <p>A transfer goes piece by piece, a piece being what lies in one 4 KiB page, each under a
 * translation that was live when the piece began. It never waits on a thread: it is a sequence of
 * tasks of the loop. Methods may be called on any thread.
 */
public final class AtcDma {
    /** How a transfer ended. */
    public enum Outcome {
        /** Every byte has moved. */
        DONE,
        /** Access is not permitted, and page requests are refused or not possible. */
        NO_ACCESS,
        /** The Page Request Interface failed. */
        PAGE_REQUESTS_FAILED,
        /** Pages were reported present again and again, and were not accessible. */
        NO_PROGRESS,
        /** Only Untranslated requests reach the range, and the device does not send them. */
        UNTRANSLATED_ONLY,
        /** A request failed, or the range passes the end of the address space. */
        ABORTED,
        /** Its PASID was stopped, or it was cancelled. */
        STOPPED,
        /** ATS was disabled, or the function reset, after the transfer began. */
        DISABLED
    }

    /**
     * What a device does about ranges that must be accessed untranslated: entries with U, and
     * functions whose Translation Requests are answered UR (§10.2.3).
     */
    public enum UntranslatedAccess {
        /** Accesses them with Untranslated requests, PASID included. */
        ALLOWED,
        /** Ends the transfer as {@link Outcome#UNTRANSLATED_ONLY}. */
        REFUSED
    }

    /** The device's side of a transfer. Called on the loop, in address order. */
    @FunctionalInterface
    public interface Data {
        /**
         * Where the next piece is: filled, for a write; to be filled, for a read. Called once for
         * each piece.
         *
         * @param offset from the transfer's start
         * @param bytes 1..4096
         * @return a segment of that size, which is the transfer's until the next call
         */
        MemorySegment piece(long offset, int bytes);

        /** The piece has moved. */
        default void moved(long offset, MemorySegment piece) {}
    }

    final DmaPort dma;
    final Atc atc;
    final PageRequests pages;
    final DeviceLoop loop;
    final UntranslatedAccess untranslatedAccess;

    /**
     * A device's way to memory.
     *
     * @param dma of the function that {@code atc} and {@code pages} belong to
     * @param loop where the data is asked for and outcomes are told
     */
    public AtcDma(
            DmaPort dma,
            Atc atc,
            PageRequests pages,
            DeviceLoop loop,
            UntranslatedAccess untranslatedAccess) {
        this.dma = dma;
        this.atc = atc;
        this.pages = pages;
        this.loop = loop;
        this.untranslatedAccess = untranslatedAccess;
    }

    /**
     * Reads {@code [iova, iova + bytes)}.
     *
     * @param requester its PASID is one the cache has started
     * @param bytes 0 or more
     * @param ended told once, on the loop
     */
    public AtcTransfer read(
            Requester requester, long iova, long bytes, Data data, Consumer<Outcome> ended) {
        return AtcTransfer.start(this, requester, Translation.READ, iova, bytes, data, ended);
    }

    /** Writes {@code [iova, iova + bytes)}; see {@link #read}. */
    public AtcTransfer write(
            Requester requester, long iova, long bytes, Data data, Consumer<Outcome> ended) {
        return AtcTransfer.start(this, requester, Translation.WRITE, iova, bytes, data, ended);
    }

    /** Reads as many bytes as {@code dst} has into it. */
    public AtcTransfer read(
            Requester requester, long iova, MemorySegment dst, Consumer<Outcome> ended) {
        return read(requester, iova, dst.byteSize(), dst::asSlice, ended);
    }

    /** Writes all of {@code src}. */
    public AtcTransfer write(
            Requester requester, long iova, MemorySegment src, Consumer<Outcome> ended) {
        return write(requester, iova, src.byteSize(), src::asSlice, ended);
    }
}
