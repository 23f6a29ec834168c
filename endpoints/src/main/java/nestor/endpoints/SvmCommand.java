package nestor.endpoints;

import nestor.pci.Requester;
import nestor.pci.Translation;

/**
 * What a write of the command register started, as the registers were then.
 *
 * @param toMemory command 1, DMA write; otherwise command 2, DMA read
 * @param address of the first byte, in the process
 * @param bytes unsigned
 * @param privileged option bit 0: requests say Privileged Mode Requested
 */
record SvmCommand(boolean toMemory, long address, long bytes, boolean privileged) {
    /** What every page of the buffer must permit. */
    int access() {
        return toMemory ? Translation.WRITE : Translation.READ;
    }

    Requester requester(int rid, int pasid) {
        return new Requester(rid, pasid, privileged);
    }

    /** Whether the buffer runs past the end of the address space. */
    boolean wraps() {
        return bytes != 0 && Long.compareUnsigned(address + (bytes - 1), address) < 0;
    }
}
