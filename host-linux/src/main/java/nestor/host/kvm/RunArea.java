package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import nestor.host.kvm.KvmAbi.Run;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;

/**
 * What a vCPU shares with the kernel (api.rst §5, {@code struct kvm_run}): why it left the guest,
 * and where the answer goes. The vCPU's thread only.
 */
final class RunArea {
    private final MemorySegment area;

    RunArea(MemorySegment area) {
        this.area = area;
    }

    /** One of {@link KvmAbi.Exit}. */
    int exitReason() {
        return area.get(JAVA_INT, Run.EXIT_REASON);
    }

    /** KVM_EXIT_IO: IN or OUT, or as many elements of INS or OUTS as the kernel took at once. */
    void resolve(PortBus ports) {
        int port = Short.toUnsignedInt(area.get(JAVA_SHORT, Run.IO_PORT));
        int sizeBytes = area.get(JAVA_BYTE, Run.IO_SIZE);
        int count = area.get(JAVA_INT, Run.IO_COUNT);
        long offset = area.get(JAVA_LONG, Run.IO_DATA_OFFSET);
        boolean out = area.get(JAVA_BYTE, Run.IO_DIRECTION) == Run.IO_OUT;
        for (int i = 0; i < count; i++, offset += sizeBytes) {
            if (out) {
                ports.write(port, sizeBytes, (int) get(offset, sizeBytes));
            } else {
                set(offset, sizeBytes, ports.read(port, sizeBytes));
            }
        }
    }

    /** KVM_EXIT_MMIO: up to 8 bytes, of any length when an access straddles two pages. */
    void resolve(MmioBus mmio) {
        long gpa = area.get(JAVA_LONG, Run.MMIO_PHYS_ADDR);
        int length = area.get(JAVA_INT, Run.MMIO_LEN);
        boolean write = area.get(JAVA_BYTE, Run.MMIO_IS_WRITE) != 0;
        int done = 0;
        while (done < length) {
            int part = Integer.highestOneBit(length - done);
            if (write) {
                mmio.write(gpa + done, part, get(Run.MMIO_DATA + done, part));
            } else {
                set(Run.MMIO_DATA + done, part, mmio.read(gpa + done, part));
            }
            done += part;
        }
    }

    private long get(long offset, int sizeBytes) {
        return switch (sizeBytes) {
            case 1 -> Byte.toUnsignedLong(area.get(JAVA_BYTE, offset));
            case 2 -> Short.toUnsignedLong(area.get(JAVA_SHORT_UNALIGNED, offset));
            case 4 -> Integer.toUnsignedLong(area.get(JAVA_INT_UNALIGNED, offset));
            case 8 -> area.get(JAVA_LONG_UNALIGNED, offset);
            default -> throw new IllegalStateException("an access of " + sizeBytes + " bytes");
        };
    }

    private void set(long offset, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> area.set(JAVA_BYTE, offset, (byte) value);
            case 2 -> area.set(JAVA_SHORT_UNALIGNED, offset, (short) value);
            case 4 -> area.set(JAVA_INT_UNALIGNED, offset, (int) value);
            case 8 -> area.set(JAVA_LONG_UNALIGNED, offset, value);
            default -> throw new IllegalStateException("an access of " + sizeBytes + " bytes");
        }
    }

    /** KVM_EXIT_IOAPIC_EOI: the vector. */
    int endedVector() {
        return Byte.toUnsignedInt(area.get(JAVA_BYTE, Run.EOI_VECTOR));
    }

    /** KVM_EXIT_FAIL_ENTRY: what the processor said. */
    long entryFailure() {
        return area.get(JAVA_LONG, Run.FAIL_ENTRY_REASON);
    }

    /** KVM_EXIT_INTERNAL_ERROR, in words. */
    String internalError() {
        int suberror = area.get(JAVA_INT, Run.INTERNAL_SUBERROR);
        if (suberror != Run.INTERNAL_ERROR_EMULATION) {
            return "KVM internal error " + suberror;
        }
        // Two words are there when the bytes are: flags, then their number and themselves.
        boolean withBytes =
                area.get(JAVA_INT, Run.INTERNAL_NDATA) >= 3
                        && (area.get(JAVA_LONG, Run.EMULATION_FAILURE_FLAGS)
                                        & Run.EMULATION_FLAG_INSTRUCTION_BYTES)
                                != 0;
        if (!withBytes) {
            return "KVM cannot emulate an instruction";
        }
        int size =
                Math.min(
                        Byte.toUnsignedInt(area.get(JAVA_BYTE, Run.EMULATION_FAILURE_INSN_SIZE)),
                        Run.INSTRUCTION_BYTES);
        byte[] bytes = area.asSlice(Run.EMULATION_FAILURE_INSN_BYTES, size).toArray(JAVA_BYTE);
        return "KVM cannot emulate the instruction " + HexFormat.ofDelimiter(" ").formatHex(bytes);
    }
}
