package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.host.HostFile;
import nestor.host.kvm.KvmAbi.Dtable;
import nestor.host.kvm.KvmAbi.Msrs;
import nestor.host.kvm.KvmAbi.Regs;
import nestor.host.kvm.KvmAbi.Segment;
import nestor.host.kvm.KvmAbi.Sregs;
import nestor.iommu.host.HostException;

/**
 * Registers of a vCPU, taken from the kernel and given back (api.rst §4.11 to §4.14): read, change,
 * {@link #apply}. One thread; the vCPU does not run.
 */
final class VcpuState {
    /** Descriptor types (Intel SDM volume 3A, §3.4.5.1 and §3.5). */
    static final int CODE = 0xb;

    static final int DATA = 0x3;
    static final int BUSY_TSS = 0xb;

    private final HostFile vcpu;
    private final MemorySegment regs;
    private final MemorySegment sregs;

    VcpuState(HostFile vcpu, Arena arena) throws HostException {
        this.vcpu = vcpu;
        regs = arena.allocate(Regs.BYTES, Long.BYTES);
        sregs = arena.allocate(Sregs.BYTES, Long.BYTES);
        vcpu.ioctl(KvmAbi.GET_REGS, regs);
        vcpu.ioctl(KvmAbi.GET_SREGS, sregs);
    }

    /**
     * A general register.
     *
     * @param offset of {@link Regs}
     */
    long register(int offset) {
        return regs.get(JAVA_LONG, offset);
    }

    void setRegister(int offset, long value) {
        regs.set(JAVA_LONG, offset, value);
    }

    /**
     * A control register, EFER or the like.
     *
     * @param offset of {@link Sregs}
     */
    long systemRegister(int offset) {
        return sregs.get(JAVA_LONG, offset);
    }

    void setSystemRegister(int offset, long value) {
        sregs.set(JAVA_LONG, offset, value);
    }

    /**
     * GDTR or IDTR.
     *
     * @param offset of {@link Sregs}
     */
    void setTable(int offset, long base, int limit) {
        sregs.set(JAVA_LONG, offset + Dtable.BASE, base);
        sregs.set(JAVA_SHORT, offset + Dtable.LIMIT, (short) limit);
    }

    /** What a descriptor holds beside its base and limit. */
    record Attributes(
            int selector, int type, int dpl, boolean system, boolean wide, boolean large) {
        /** A 4 GiB or a 64-bit segment of code or data. */
        static Attributes flat(int selector, int type, boolean is64Bit) {
            return new Attributes(selector, type, selector & 3, false, is64Bit, !is64Bit);
        }
    }

    /** A segment from 0 to 4 GiB, or one of 64-bit mode, where limits mean nothing. */
    void setSegment(int offset, Attributes attributes) {
        MemorySegment segment = sregs.asSlice(offset, Segment.BYTES);
        segment.fill((byte) 0);
        segment.set(JAVA_INT, Segment.LIMIT, attributes.system ? 0x67 : -1);
        segment.set(JAVA_SHORT, Segment.SELECTOR, (short) attributes.selector);
        segment.set(JAVA_BYTE, Segment.TYPE, (byte) attributes.type);
        segment.set(JAVA_BYTE, Segment.PRESENT, (byte) 1);
        segment.set(JAVA_BYTE, Segment.DPL, (byte) attributes.dpl);
        segment.set(JAVA_BYTE, Segment.DB, (byte) (attributes.large ? 1 : 0));
        segment.set(JAVA_BYTE, Segment.S, (byte) (attributes.system ? 0 : 1));
        segment.set(JAVA_BYTE, Segment.L, (byte) (attributes.wide ? 1 : 0));
        segment.set(JAVA_BYTE, Segment.G, (byte) (attributes.system ? 0 : 1));
    }

    /** Gives all of it to the kernel. */
    void apply() throws HostException {
        vcpu.ioctl(KvmAbi.SET_SREGS, sregs);
        vcpu.ioctl(KvmAbi.SET_REGS, regs);
    }

    /** KVM_SET_MSRS of one. */
    static void setMsr(HostFile vcpu, int index, long value) throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment msrs = arena.allocate(Msrs.ENTRIES + Msrs.ENTRY_BYTES, Long.BYTES);
            msrs.set(JAVA_INT, Msrs.NMSRS, 1);
            msrs.set(JAVA_INT, Msrs.ENTRIES + Msrs.ENTRY_INDEX, index);
            msrs.set(JAVA_LONG, Msrs.ENTRIES + Msrs.ENTRY_DATA, value);
            if (vcpu.ioctl(KvmAbi.SET_MSRS, msrs) != 1) {
                throw new HostException(
                        "ioctl(KVM_SET_MSRS) of MSR 0x%x".formatted(index),
                        nestor.host.Errno.EINVAL);
            }
        }
    }
}
