package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Arrays;
import java.util.BitSet;
import nestor.pci.Requester;
import nestor.vmm.register.BitField;

/**
 * Which MSI-X entries descriptors may name, and how: MSIXPERM and interrupt handles (§3.6). Guarded
 * by the device's lock.
 */
final class InterruptTable {
    private static final BitField IGNORE = bit(2);
    private static final BitField PASID_ENABLE = bit(3);
    private static final BitField PASID = bits(31, 12);
    private static final int WRITABLE = 0xffff_f00c;

    /** Not an entry. */
    static final int NONE = -1;

    private static final int MAX_HANDLES = 64;

    private final DsaOptions options;
    private final int[] permissions;

    /** By handle: the MSI-X entry. */
    private final int[] entries = new int[MAX_HANDLES];

    private final BitSet handles = new BitSet();

    InterruptTable(DsaOptions options) {
        this.options = options;
        this.permissions = new int[options.vectors()];
    }

    /** Of the dword at {@code offset} in MSIXPERM. */
    int read(int offset) {
        int entry = offset / DsaRegisters.MSIXPERM_BYTES;
        boolean low = offset % DsaRegisters.MSIXPERM_BYTES == 0;
        return low && entry < permissions.length ? permissions[entry] : 0;
    }

    void write(int offset, int value) {
        int entry = offset / DsaRegisters.MSIXPERM_BYTES;
        if (offset % DsaRegisters.MSIXPERM_BYTES == 0 && entry < permissions.length) {
            permissions[entry] = value & WRITABLE;
        }
    }

    void reset() {
        Arrays.fill(permissions, 0);
        handles.clear();
    }

    void releaseAll() {
        handles.clear();
    }

    boolean hasEntry(int entry) {
        return entry < permissions.length;
    }

    /** A handle for the entry, or {@link #NONE} if all are given away. */
    int request(int entry) {
        int handle = handles.nextClearBit(0);
        if (handle >= MAX_HANDLES) {
            return NONE;
        }
        handles.set(handle);
        entries[handle] = entry;
        return handle;
    }

    /** Returns whether there was such a handle. */
    boolean release(int handle) {
        boolean given = handles.get(handle);
        handles.clear(handle);
        return given;
    }

    /** The MSI-X entry that the submission's client may signal by this handle, or {@link #NONE}. */
    int entry(int handle, Submission submission) {
        int entry = handle;
        if (options.interruptHandles() == DsaOptions.InterruptHandles.REQUESTED) {
            if (!handles.get(handle)) {
                return NONE;
            }
            entry = entries[handle];
        }
        if (!hasEntry(entry)) {
            return NONE;
        }
        boolean limited = submission.portal() == Submission.Portal.LIMITED;
        return !limited || permits(permissions[entry], submission.requester()) ? entry : NONE;
    }

    private static boolean permits(int permission, Requester requester) {
        if (IGNORE.isSet(permission)) {
            return true;
        }
        return PASID_ENABLE.isSet(permission)
                ? requester.pasid() == PASID.getInt(permission)
                : !requester.hasPasid();
    }
}
