package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.host.HostFile;
import nestor.host.kvm.KvmAbi.Cpuid2;
import nestor.iommu.host.HostException;
import nestor.vmm.register.BitField;

/**
 * What CPUID tells the guest: all that this KVM supports on this host, and who the asking vCPU is
 * (Intel SDM volume 2A, CPUID; api.rst §4.46).
 */
final class Cpuid {
    private static final int MAX_ENTRIES = 256;

    private static final int FEATURES = 0x1;
    private static final int DETERMINISTIC_CACHE = 0x4;
    private static final int EXTENDED_TOPOLOGY = 0xb;
    private static final int V2_EXTENDED_TOPOLOGY = 0x1f;

    private static final BitField INITIAL_APIC_ID = bits(31, 24);
    private static final BitField LOGICAL_PROCESSORS = bits(23, 16);
    private static final BitField HYPERVISOR = bit(31);
    private static final BitField TSC_DEADLINE = bit(24);
    private static final BitField HTT = bit(28);
    private static final BitField CORES_SHARING = bits(31, 26);
    private static final BitField THREADS_SHARING = bits(25, 14);

    /** Levels of leaf 0Bh: which, in ECX[15:8]. */
    private static final int SMT_LEVEL = 1 << 8;

    private static final int CORE_LEVEL = 2 << 8;

    private Cpuid() {}

    /** KVM_GET_SUPPORTED_CPUID. */
    static MemorySegment supported(HostFile kvm) throws HostException {
        MemorySegment table =
                Arena.ofAuto()
                        .allocate(Cpuid2.ENTRIES + (long) MAX_ENTRIES * Cpuid2.ENTRY_BYTES, 8);
        table.set(JAVA_INT, Cpuid2.NENT, MAX_ENTRIES);
        kvm.ioctl(KvmAbi.GET_SUPPORTED_CPUID, table);
        return table;
    }

    /**
     * The table for one vCPU of several, each a core of its own.
     *
     * @param supported what KVM offers; not changed
     * @param apicId of this vCPU
     * @param tscDeadline whether the local APIC has that timer mode
     */
    static MemorySegment forVcpu(
            MemorySegment supported, int apicId, int cpus, boolean tscDeadline, Arena arena) {
        MemorySegment table = arena.allocate(supported.byteSize(), 8);
        table.copyFrom(supported);
        int entries = table.get(JAVA_INT, Cpuid2.NENT);
        for (int i = 0; i < entries; i++) {
            MemorySegment entry =
                    table.asSlice(
                            Cpuid2.ENTRIES + (long) i * Cpuid2.ENTRY_BYTES, Cpuid2.ENTRY_BYTES);
            switch (entry.get(JAVA_INT, Cpuid2.FUNCTION)) {
                case FEATURES -> features(entry, apicId, cpus, tscDeadline);
                case DETERMINISTIC_CACHE -> cache(entry, cpus);
                case EXTENDED_TOPOLOGY, V2_EXTENDED_TOPOLOGY -> topology(entry, apicId, cpus);
                default -> {}
            }
        }
        return table;
    }

    private static void features(MemorySegment entry, int apicId, int cpus, boolean tscDeadline) {
        long ebx = entry.get(JAVA_INT, Cpuid2.EBX);
        ebx = INITIAL_APIC_ID.set(ebx, apicId & 0xff);
        ebx = LOGICAL_PROCESSORS.set(ebx, Math.min(cpus, 0xff));
        entry.set(JAVA_INT, Cpuid2.EBX, (int) ebx);
        long ecx = entry.get(JAVA_INT, Cpuid2.ECX);
        ecx = TSC_DEADLINE.set(HYPERVISOR.set(ecx, 1), tscDeadline ? 1 : 0);
        entry.set(JAVA_INT, Cpuid2.ECX, (int) ecx);
        long edx = entry.get(JAVA_INT, Cpuid2.EDX);
        entry.set(JAVA_INT, Cpuid2.EDX, (int) HTT.set(edx, cpus > 1 ? 1 : 0));
    }

    /** No cache is said to be shared: the host's sharing is not the guest's. */
    private static void cache(MemorySegment entry, int cpus) {
        long eax = entry.get(JAVA_INT, Cpuid2.EAX);
        eax = CORES_SHARING.set(eax, Math.min(cpus - 1, 63));
        entry.set(JAVA_INT, Cpuid2.EAX, (int) THREADS_SHARING.set(eax, 0));
    }

    private static void topology(MemorySegment entry, int apicId, int cpus) {
        int level = entry.get(JAVA_INT, Cpuid2.INDEX);
        int idBits = Integer.SIZE - Integer.numberOfLeadingZeros(cpus - 1);
        boolean core = level == 1;
        entry.set(JAVA_INT, Cpuid2.EAX, core ? idBits : 0);
        entry.set(JAVA_INT, Cpuid2.EBX, level == 0 ? 1 : core ? cpus : 0);
        int type = level == 0 ? SMT_LEVEL : core ? CORE_LEVEL : 0;
        entry.set(JAVA_INT, Cpuid2.ECX, type | level);
        entry.set(JAVA_INT, Cpuid2.EDX, apicId);
    }
}
