package nestor.pci;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * One function's requests: bus mastering first, then the IOMMU of its RID, one translation per
 * block, then whatever completes the translated address.
 *
 * <p>A block is what one translation maps, cut further where {@link Completer} says so. A request
 * that wraps around the end of the address space is refused whole.
 */
final class FunctionDma implements DmaPort {
    private static final ValueLayout.OfInt MESSAGE =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final PciFunction function;
    private final boolean translated;

    /**
     * @param translated whether requests pass the IOMMU of the function's RID, if it has one
     */
    FunctionDma(PciFunction function, boolean translated) {
        this.function = function;
        this.translated = translated;
    }

    @Override
    public CompletionStatus read(Requester requester, long iova, MemorySegment dst) {
        PciFunction.State state = function.state();
        if (!state.mayMaster() || requester.hasPasid()) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        CompletionStatus status = request(state, iova, dst, Translation.READ);
        if (status != CompletionStatus.SUCCESSFUL) {
            function.noteCompletion(status);
        }
        return status;
    }

    @Override
    public CompletionStatus write(Requester requester, long iova, MemorySegment src) {
        PciFunction.State state = function.state();
        if (!state.mayMaster() || requester.hasPasid()) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        return request(state, iova, src, Translation.WRITE);
    }

    @Override
    public CompletionStatus readTranslated(Requester requester, long address, MemorySegment dst) {
        return CompletionStatus.UNSUPPORTED_REQUEST;
    }

    @Override
    public CompletionStatus writeTranslated(Requester requester, long address, MemorySegment src) {
        return CompletionStatus.UNSUPPORTED_REQUEST;
    }

    /** Writes an interrupt message. Posted: a message that faults is the IOMMU's to record. */
    void writeMessage(long address, int data) {
        MemorySegment message = MemorySegment.ofArray(new byte[Integer.BYTES]);
        message.set(MESSAGE, 0, data);
        write(function.requester(), address, message);
    }

    /** Marks the request as under way for the removal of its function, which waits for that. */
    private CompletionStatus request(
            PciFunction.State state, long iova, MemorySegment data, int access) {
        Quiescence requests = function.requests();
        if (requests == null) {
            return translateAndMove(state, iova, data, access);
        }
        long ticket = requests.enter();
        try {
            return function.state().mayMaster() // it may have left meanwhile
                    ? translateAndMove(state, iova, data, access)
                    : CompletionStatus.UNSUPPORTED_REQUEST;
        } finally {
            requests.exit(ticket);
        }
    }

    private CompletionStatus translateAndMove(
            PciFunction.State state, long iova, MemorySegment data, int access) {
        long sizeBytes = data.byteSize();
        if (sizeBytes == 0) {
            return CompletionStatus.SUCCESSFUL;
        }
        if (Long.compareUnsigned(iova + sizeBytes - 1, iova) < 0) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        TranslationAgent agent =
                translated ? function.host().agentOf(state.requester().rid()) : null;
        if (agent == null) {
            return move(state, null, iova, data, access);
        }
        long ticket = agent.enterDma();
        try {
            return move(state, agent, iova, data, access);
        } finally {
            agent.exitDma(ticket);
        }
    }

    private CompletionStatus move(
            PciFunction.State state,
            @Nullable TranslationAgent agent,
            long iova,
            MemorySegment data,
            int access) {
        Completer completer = function.host().completer();
        long sizeBytes = data.byteSize();
        long done = 0;
        while (done < sizeBytes) {
            long at = iova + done;
            long gpa = at;
            long bytes = sizeBytes - done;
            if (agent != null) {
                switch (agent.translate(state.requester(), AddressType.UNTRANSLATED, at, access)) {
                    case Translation.Mapping mapping -> {
                        gpa = mapping.gpa(at);
                        bytes = Math.min(bytes, mapping.bytesFrom(at));
                    }
                    case Translation.Rejected rejected -> {
                        return rejected.status();
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
