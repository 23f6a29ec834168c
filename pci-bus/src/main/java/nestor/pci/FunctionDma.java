package nestor.pci;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * One function's requests: first whether it may send them, then the IOMMU of its RID, one
 * translation per block, then whatever completes the translated address.
 *
 * <p>A block is what one translation maps, cut further where {@link Completer} says so. A request
 * that wraps around the end of the address space is refused whole.
 */
final class FunctionDma implements DmaPort {
    private static final ValueLayout.OfInt MESSAGE =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** The least that one translation covers. */
    private static final long GRANULE_BYTES = 4096;

    private final PciFunction function;
    private final FunctionAts ats;
    private final boolean behindIommu;

    /**
     * @param ats what the function may send
     * @param behindIommu whether requests pass the IOMMU of the function's RID, if it has one
     */
    FunctionDma(PciFunction function, FunctionAts ats, boolean behindIommu) {
        this.function = function;
        this.ats = ats;
        this.behindIommu = behindIommu;
    }

    @Override
    public CompletionStatus read(Requester requester, long iova, MemorySegment dst) {
        return ended(read(requester, AddressType.UNTRANSLATED, iova, dst, null));
    }

    @Override
    public CompletionStatus write(Requester requester, long iova, MemorySegment src) {
        return ended(write(requester, AddressType.UNTRANSLATED, iova, src, null));
    }

    @Override
    public CompletionStatus readTranslated(Requester requester, long address, MemorySegment dst) {
        return ended(read(requester, AddressType.TRANSLATED, address, dst, null));
    }

    @Override
    public CompletionStatus writeTranslated(Requester requester, long address, MemorySegment src) {
        return ended(write(requester, AddressType.TRANSLATED, address, src, null));
    }

    @Override
    public @Nullable CompletionStatus read(
            Requester requester, long iova, MemorySegment dst, StalledTransaction waiting) {
        return read(requester, AddressType.UNTRANSLATED, iova, dst, waiting);
    }

    @Override
    public @Nullable CompletionStatus write(
            Requester requester, long iova, MemorySegment src, StalledTransaction waiting) {
        return write(requester, AddressType.UNTRANSLATED, iova, src, waiting);
    }

    /** Only a request that can wait is stalled. */
    private static CompletionStatus ended(@Nullable CompletionStatus status) {
        if (status == null) {
            throw new IllegalStateException("a request was stalled that cannot wait");
        }
        return status;
    }

    /** Writes an interrupt message. Posted: a message that faults is the IOMMU's to record. */
    void writeMessage(long address, int data) {
        MemorySegment message = MemorySegment.ofArray(new byte[Integer.BYTES]);
        message.set(MESSAGE, 0, data);
        write(function.requester(), address, message);
    }

    private @Nullable CompletionStatus read(
            Requester requester,
            AddressType type,
            long address,
            MemorySegment dst,
            @Nullable StalledTransaction waiting) {
        PciFunction.State state = function.state();
        if (!ats.maySend(state, requester, type)) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        CompletionStatus status =
                traced(state, requester, type, address, dst, Translation.READ, waiting);
        if (status != null && status != CompletionStatus.SUCCESSFUL) {
            function.noteCompletion(status);
        }
        return status;
    }

    private @Nullable CompletionStatus write(
            Requester requester,
            AddressType type,
            long address,
            MemorySegment src,
            @Nullable StalledTransaction waiting) {
        PciFunction.State state = function.state();
        return ats.maySend(state, requester, type)
                ? traced(state, requester, type, address, src, Translation.WRITE, waiting)
                : CompletionStatus.UNSUPPORTED_REQUEST;
    }

    private @Nullable CompletionStatus traced(
            PciFunction.State state,
            Requester requester,
            AddressType type,
            long address,
            MemorySegment data,
            int access,
            @Nullable StalledTransaction waiting) {
        PciTrace.@Nullable Dma event = PciTrace.dma(access);
        CompletionStatus status = request(state, requester, type, address, data, access, waiting);
        PciTrace.ended(event, requester, type, address, data.byteSize(), status);
        return status;
    }

    /** Marks the request as under way for the removal of its function, which waits for that. */
    private @Nullable CompletionStatus request(
            PciFunction.State state,
            Requester given,
            AddressType type,
            long address,
            MemorySegment data,
            int access,
            @Nullable StalledTransaction waiting) {
        Quiescence requests = function.requests();
        if (requests == null) {
            return translateAndMove(state, given, type, address, data, access, waiting);
        }
        long ticket = requests.enter();
        try {
            return function.state().mayMaster() // it may have left meanwhile
                    ? translateAndMove(state, given, type, address, data, access, waiting)
                    : CompletionStatus.UNSUPPORTED_REQUEST;
        } finally {
            requests.exit(ticket);
        }
    }

    private @Nullable CompletionStatus translateAndMove(
            PciFunction.State state,
            Requester given,
            AddressType type,
            long address,
            MemorySegment data,
            int access,
            @Nullable StalledTransaction waiting) {
        long sizeBytes = data.byteSize();
        if (sizeBytes == 0) {
            return CompletionStatus.SUCCESSFUL;
        }
        if (Long.compareUnsigned(address + sizeBytes - 1, address) < 0) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        Requester requester = ats.own(state, given);
        TranslationAgent agent = behindIommu ? function.host().agentOf(requester.rid()) : null;
        if (agent == null) {
            // A PASID, and an address that somebody translated, mean nothing without an IOMMU.
            return type == AddressType.UNTRANSLATED && !requester.hasPasid()
                    ? move(state, null, requester, type, address, data, access, waiting)
                    : CompletionStatus.UNSUPPORTED_REQUEST;
        }
        long ticket = agent.enterDma();
        try {
            // Disabling ATS completes invalidations; what enters later must see it disabled.
            if (type == AddressType.TRANSLATED && !ats.maySend(state, requester, type)) {
                return CompletionStatus.UNSUPPORTED_REQUEST;
            }
            return move(state, agent, requester, type, address, data, access, waiting);
        } finally {
            agent.exitDma(ticket);
        }
    }

    private @Nullable CompletionStatus move(
            PciFunction.State state,
            @Nullable TranslationAgent agent,
            Requester requester,
            AddressType type,
            long address,
            MemorySegment data,
            int access,
            @Nullable StalledTransaction waiting) {
        Completer completer = function.host().completer();
        boolean direct = type == AddressType.TRANSLATED && state.accessControl().directTranslated();
        long sizeBytes = data.byteSize();
        long done = 0;
        while (done < sizeBytes) {
            long at = address + done;
            long gpa = at;
            long bytes = sizeBytes - done;
            if (agent != null && !(direct && completer.isPeer(state, at))) {
                Translation translation =
                        waiting == null
                                ? agent.translate(requester, type, at, access)
                                : agent.translate(requester, at, access, waiting);
                switch (translation) {
                    case Translation.Mapping mapping -> {
                        gpa = mapping.gpa(at);
                        bytes = Math.min(bytes, mapping.bytesFrom(at));
                    }
                    case Translation.Rejected rejected -> {
                        return rejected.status();
                    }
                    case Translation.Ignored _ -> {
                        bytes = Math.min(bytes, GRANULE_BYTES - (at & GRANULE_BYTES - 1));
                        if (access == Translation.READ) {
                            data.asSlice(done, bytes).fill((byte) 0);
                        }
                        done += bytes;
                        continue;
                    }
                    case Translation.Stalled _ -> {
                        return null;
                    }
                }
            }
            bytes = completer.blockBytes(gpa, bytes);
            CompletionStatus status =
                    access == Translation.READ
                            ? completer.read(state, gpa, data, done, bytes)
                            : completer.write(state, gpa, data, done, bytes);
            if (status != CompletionStatus.SUCCESSFUL) {
                return status;
            }
            done += bytes;
        }
        return CompletionStatus.SUCCESSFUL;
    }
}
