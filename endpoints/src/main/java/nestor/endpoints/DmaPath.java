package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.pci.Translation;

/** How a test function's accesses reach memory: any address type, one method. */
interface DmaPath {
    /**
     * Moves all of {@code data}, or fails as {@link nestor.pci.DmaPort} says.
     *
     * @param access {@link Translation#WRITE}, or {@link Translation#READ}, to which {@link
     *     Translation#EXECUTE} may be or'ed
     */
    CompletionStatus move(Requester requester, long iova, MemorySegment data, int access);

    static boolean writes(int access) {
        return (access & Translation.WRITE) != 0;
    }

    /** Untranslated requests. There is none that asks for execute permission: it is a read. */
    static DmaPath untranslated(PciFunction function) {
        return (requester, iova, data, access) ->
                writes(access)
                        ? function.dma().write(requester, iova, data)
                        : function.dma().read(requester, iova, data);
    }

    /** Translated requests to the very address: not what a well-behaved function does. */
    static DmaPath translated(PciFunction function) {
        return (requester, iova, data, access) ->
                writes(access)
                        ? function.dma().writeTranslated(requester, iova, data)
                        : function.dma().readTranslated(requester, iova, data);
    }
}
