package nestor.iommu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongFunction;
import nestor.paging.Access;
import nestor.paging.WalkResult;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.Translation;

/** How walks become the completion of a Translation Request (PCIe Base §10.2.3). Any thread. */
public final class AtsAnswer {
    private static final AtsCompletion FAILED =
            new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT);

    private AtsAnswer() {}

    /** What to walk with: whatever the tables grant of what was asked for. */
    public static Access wanted(AtsRequest request) {
        int asked = Translation.READ;
        asked |= request.noWrite() ? 0 : Translation.WRITE;
        asked |= request.execute() ? Translation.EXECUTE : 0;
        return Access.upTo(AccessRights.permissions(asked, request.requester().privileged()));
    }

    /** An entry without access, for one translation unit. */
    public static AtsEntry nothing(AtsRequest request) {
        return AtsEntry.of(0, request.smallestUnitLog2(), privileged(request));
    }

    /**
     * The entry for what a walk with {@link #wanted} found.
     *
     * @param output translated address of the mapping's first byte
     */
    public static AtsEntry of(AtsRequest request, WalkResult.Mapping mapping, long output) {
        int access = AccessRights.granted(mapping.permissions(), request.requester().privileged());
        if (!request.execute() || (access & Translation.READ) == 0) {
            access &= ~Translation.EXECUTE;
        }
        if ((access & (Translation.READ | Translation.WRITE)) == 0
                || mapping.sizeLog2() < request.smallestUnitLog2()) {
            return nothing(request);
        }
        return AtsEntry.of(output, mapping.sizeLog2(), privileged(request) | flags(access));
    }

    /** The entry of a range that is not translated and has all access but to execute. */
    public static AtsEntry identity(AtsRequest request, long iova, int sizeLog2) {
        return iova >>> sizeLog2 == 0
                ? AtsEntry.of(0, sizeLog2, flags(Translation.READ | Translation.WRITE))
                : nothing(request);
    }

    private static long flags(int access) {
        long flags = (access & Translation.READ) != 0 ? AtsEntry.READ.mask() : 0;
        flags |= (access & Translation.WRITE) != 0 ? AtsEntry.WRITE.mask() : 0;
        return flags | ((access & Translation.EXECUTE) != 0 ? AtsEntry.EXECUTE.mask() : 0);
    }

    private static long privileged(AtsRequest request) {
        return request.requester().privileged() ? AtsEntry.PRIVILEGED.mask() : 0;
    }

    /**
     * The completion: {@link #entries}, or a Completer Abort if there are none.
     *
     * @param entry for the address of a unit; empty for an abort, which ends the list
     */
    public static AtsCompletion completion(
            AtsRequest request, LongFunction<Optional<AtsEntry>> entry) {
        List<AtsEntry> entries = entries(request, entry);
        return entries.isEmpty() ? FAILED : new AtsCompletion.Entries(entries);
    }

    /**
     * Entries one after the other, until all units asked for are covered.
     *
     * @param entry for the address of a unit; empty to end the list
     */
    public static List<AtsEntry> entries(
            AtsRequest request, LongFunction<Optional<AtsEntry>> entry) {
        int unitLog2 = request.smallestUnitLog2();
        long first = request.address() & -1L << unitLog2;
        long bytes = (long) request.translations() << unitLog2;
        List<AtsEntry> entries = new ArrayList<>();
        long done = 0;
        while (done < bytes) {
            long iova = first + done;
            Optional<AtsEntry> next = entry.apply(iova);
            if (next.isEmpty()) {
                break;
            }
            entries.add(next.get());
            if (next.get().sizeLog2() >= Long.SIZE - 1) {
                break;
            }
            long size = 1L << next.get().sizeLog2();
            done += size - (iova & size - 1);
        }
        return entries;
    }
}
