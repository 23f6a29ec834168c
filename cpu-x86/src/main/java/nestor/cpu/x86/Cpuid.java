package nestor.cpu.x86;

import java.util.HashMap;
import java.util.Map;

/**
 * What CPUID answers (2A, CPUID): a table by leaf and subleaf, with the few fields that depend on
 * the processor and on CR4 put in as they are read. A bit is set here only for what is implemented.
 */
final class Cpuid {
    /** The four registers. */
    record Registers(int eax, int ebx, int ecx, int edx) {
        static final Registers ZERO = new Registers(0, 0, 0, 0);
    }

    private record Key(int leaf, int subleaf) {}

    private static final int ANY = -1;
    private static final int EXTENDED = 0x8000_0000;

    /** Family 6, model 106, stepping 6: a server of about 2021. */
    private static final int SIGNATURE = 0x0001_06a6;

    private static final int CLFLUSH_64_BYTES = 8 << 8;

    /**
     * FPU, PSE, TSC, MSR, PAE, MCE, CX8, APIC, MTRR, PGE, CMOV, PAT, CLFLUSH, MMX, FXSR, SSE, SSE2.
     */
    private static final int LEAF1_EDX = 0x0789_b3f9;

    /** CX16, x2APIC, MOVBE, POPCNT, TSC deadline, XSAVE, hypervisor. */
    private static final int LEAF1_ECX =
            1 << 13 | 1 << 21 | 1 << 22 | 1 << 23 | 1 << 24 | 1 << 26 | 1 << 31;

    private static final int OSXSAVE = 1 << 27;

    /** FSGSBASE, TSC_ADJUST, SMEP, SMAP. */
    private static final int LEAF7_EBX = 1 | 1 << 1 | 1 << 7 | 1 << 20;

    /** UMIP, MOVDIRI, MOVDIR64B, ENQCMD. */
    private static final int LEAF7_ECX = 1 << 2 | 1 << 27 | 1 << 28 | 1 << 29;

    /** Of leaf D, subleaf 1: XSAVES. */
    private static final int LEAFD_XSAVES = 1 << 3;

    private static final int PASID_COMPONENT = 10;
    private static final int PASID_BYTES = 8;

    /** IA32_SPEC_CTRL with IBRS, IA32_PRED_CMD with IBPB, IA32_ARCH_CAPABILITIES. */
    private static final int LEAF7_EDX = 1 << 26 | 1 << 29;

    /** LAHF in 64-bit mode. */
    private static final int EXTENDED1_ECX = 1;

    /** SYSCALL, NX, 1 GiB pages, RDTSCP, long mode. */
    private static final int EXTENDED1_EDX = 1 << 11 | 1 << 20 | 1 << 26 | 1 << 27 | 1 << 29;

    private static final int INVARIANT_TSC = 1 << 8;

    /** ARAT: the local APIC's timer always runs. */
    private static final int LEAF6_EAX = 1 << 2;

    private static final int MAX_LEAF = 0x16;
    private static final int MAX_EXTENDED = EXTENDED | 8;
    private static final int LINEAR_BITS = 48;

    private final Map<Key, Registers> table = new HashMap<>();
    private final int cpus;

    Cpuid(int physicalBits, int cpus) {
        this.cpus = cpus;
        put(0, MAX_LEAF, 0x756e_6547, 0x6c65_746e, 0x4965_6e69); // GenuineIntel
        put(6, LEAF6_EAX, 0, 0, 0);
        table.put(new Key(7, 0), new Registers(0, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX));
        // The crystal's frequency over the TSC's, both Msrs.TSC_HZ.
        put(0x15, 1, 1, (int) Msrs.TSC_HZ, 0);
        int mhz = (int) (Msrs.TSC_HZ / 1_000_000);
        put(0x16, mhz, mhz, 100, 0);
        put(EXTENDED, MAX_EXTENDED, 0, 0, 0);
        put(EXTENDED | 1, 0, 0, EXTENDED1_ECX, EXTENDED1_EDX);
        put(EXTENDED | 7, 0, 0, 0, INVARIANT_TSC);
        put(EXTENDED | 8, LINEAR_BITS << 8 | physicalBits, 0, 0, 0);
        brand("Nestor software x86-64 CPU");
    }

    private void put(int leaf, int eax, int ebx, int ecx, int edx) {
        table.put(new Key(leaf, ANY), new Registers(eax, ebx, ecx, edx));
    }

    private void brand(String name) {
        for (int leaf = 0; leaf < 3; leaf++) {
            int[] words = new int[4];
            for (int i = 0; i < 16; i++) {
                int at = 16 * leaf + i;
                int octet = at < name.length() ? name.charAt(at) : 0;
                words[i / 4] |= octet << (8 * (i % 4));
            }
            put(EXTENDED | 2 + leaf, words[0], words[1], words[2], words[3]);
        }
    }

    /** The answer for one processor; of an unknown leaf zeros. */
    Registers read(int leaf, int subleaf, int apicId, long cr4, int xss) {
        return switch (leaf) {
            case 0xd -> subleaf == 1 ? supervisorState(xss) : state(subleaf);
            case 1 -> features(apicId, cr4);
            case 0xb -> topology(subleaf, apicId);
            default -> {
                Registers any = table.get(new Key(leaf, ANY));
                yield any != null
                        ? any
                        : table.getOrDefault(new Key(leaf, subleaf), Registers.ZERO);
            }
        };
    }

    private Registers features(int apicId, long cr4) {
        int osxsave = ControlRegister.CR4_OSXSAVE.isSet(cr4) ? OSXSAVE : 0;
        int logical = Math.min(cpus, 255) << 16;
        return new Registers(
                SIGNATURE,
                (apicId & 0xff) << 24 | logical | CLFLUSH_64_BYTES,
                LEAF1_ECX | osxsave,
                LEAF1_EDX);
    }

    private static Registers state(int subleaf) {
        int bytes = XsaveState.BYTES;
        return switch (subleaf) {
            case 0 -> new Registers(XsaveState.USER, bytes, bytes, 0);
            case PASID_COMPONENT -> new Registers(PASID_BYTES, 0, 1, 0);
            default -> Registers.ZERO;
        };
    }

    /** The size is of what XCR0 and IA32_XSS enable at the moment. */
    private static Registers supervisorState(int xss) {
        int bytes = XsaveState.BYTES + ((xss & XsaveState.PASID_BIT) != 0 ? PASID_BYTES : 0);
        return new Registers(LEAFD_XSAVES, bytes, XsaveState.PASID_BIT, 0);
    }

    /** One thread a core, all cores in one package. */
    private Registers topology(int subleaf, int apicId) {
        int width = 32 - Integer.numberOfLeadingZeros(cpus - 1);
        return switch (subleaf) {
            case 0 -> new Registers(0, 1, 1 << 8, apicId);
            case 1 -> new Registers(width, cpus, 2 << 8 | 1, apicId);
            default -> new Registers(0, 0, subleaf & 0xff, apicId);
        };
    }
}
