package nestor.debug.gdb;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalLong;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.vcpu.DebugPort;

/**
 * RAM as the debugger asks for it: by virtual addresses of one vCPU, through the tables it uses
 * now, or by guest-physical ones. Devices are not touched: reading them has effects.
 */
final class GuestView {
    private static final long PAGE_BYTES = 1L << GuestMemory.PAGE_LOG2;

    private final GuestMemory memory;
    private boolean physical;

    GuestView(GuestMemory memory) {
        this.memory = memory;
    }

    boolean isPhysical() {
        return physical;
    }

    void setPhysical(boolean on) {
        physical = on;
    }

    /** As many bytes as can be read, up to {@code sizeBytes}. */
    byte[] read(DebugPort port, long address, int sizeBytes) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        while (bytes.size() < sizeBytes) {
            long at = address + bytes.size();
            byte[] piece = new byte[inPage(at, sizeBytes - bytes.size())];
            OptionalLong gpa = gpa(port, at);
            try {
                if (gpa.isEmpty()) {
                    break;
                }
                memory.copyOut(gpa.getAsLong(), MemorySegment.ofArray(piece));
            } catch (GuestAccessException e) {
                break;
            }
            bytes.writeBytes(piece);
        }
        return bytes.toByteArray();
    }

    /** Whether all bytes were written; of those that could not be, none after the first was. */
    boolean write(DebugPort port, long address, byte[] bytes) {
        int done = 0;
        while (done < bytes.length) {
            long at = address + done;
            int size = inPage(at, bytes.length - done);
            OptionalLong gpa = gpa(port, at);
            try {
                if (gpa.isEmpty()) {
                    return false;
                }
                byte[] piece = Arrays.copyOfRange(bytes, done, done + size);
                memory.copyIn(MemorySegment.ofArray(piece), gpa.getAsLong());
            } catch (GuestAccessException e) {
                return false;
            }
            done += size;
        }
        return true;
    }

    private OptionalLong gpa(DebugPort port, long address) {
        return physical ? OptionalLong.of(address) : port.translate(address);
    }

    private static int inPage(long address, int sizeBytes) {
        return (int) Math.min(sizeBytes, PAGE_BYTES - (address & (PAGE_BYTES - 1)));
    }
}
