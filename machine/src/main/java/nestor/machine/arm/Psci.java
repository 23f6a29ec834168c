package nestor.machine.arm;

import nestor.cpu.arm64.HypercallPort;

/**
 * Firmware calls by HVC: PSCI 1.1 (DEN 0022, chapter 5) and the SMC Calling Convention's own
 * functions (DEN 0028, chapter 7). Everything else answers NOT_SUPPORTED.
 *
 * <p>Called on the vCPU's thread.
 */
public final class Psci {
    /** What the calls do to the machine. Any vCPU's thread. */
    public interface Power {
        /** The number of the vCPU with that affinity (MPIDR format); negative if there is none. */
        int cpuAt(long mpidr);

        /** Whether the vCPU is on. */
        boolean isOn(int cpu);

        /** Turns on a vCPU that is off. */
        void turnOn(int cpu, long entry, long context);

        /** Turns off the calling vCPU, number {@code cpu}. */
        void turnOff(int cpu);

        /** Whether instructions can be fetched from that physical address. */
        boolean isRam(long gpa);

        /** The machine goes off; vCPU {@code cpu} executes nothing more. */
        void powerOff(int cpu);

        /** The machine starts again; vCPU {@code cpu} executes nothing more. */
        void reset(int cpu);
    }

    private static final int SMCCC_VERSION = 0x8000_0000;
    private static final int SMCCC_ARCH_FEATURES = 0x8000_0001;
    private static final int PSCI_VERSION = 0x8400_0000;
    private static final int CPU_SUSPEND = 0x8400_0001;
    private static final int CPU_SUSPEND_64 = 0xc400_0001;
    private static final int CPU_OFF = 0x8400_0002;
    private static final int CPU_ON = 0x8400_0003;
    private static final int CPU_ON_64 = 0xc400_0003;
    private static final int AFFINITY_INFO = 0x8400_0004;
    private static final int AFFINITY_INFO_64 = 0xc400_0004;
    private static final int MIGRATE_INFO_TYPE = 0x8400_0006;
    private static final int SYSTEM_OFF = 0x8400_0008;
    private static final int SYSTEM_RESET = 0x8400_0009;
    private static final int PSCI_FEATURES = 0x8400_000a;

    private static final long SUCCESS = 0;
    private static final long NOT_SUPPORTED = -1;
    private static final long INVALID_PARAMETERS = -2;
    private static final long ALREADY_ON = -4;
    private static final long INVALID_ADDRESS = -9;

    private static final long PSCI_1_1 = 0x1_0001;
    private static final long SMCCC_1_1 = 0x1_0001;
    private static final long AFFINITY_ON = 0;
    private static final long AFFINITY_OFF = 1;

    /** MIGRATE_INFO_TYPE: no Trusted OS that would have to migrate. */
    private static final long NO_MIGRATION = 2;

    private static final int WORD64 = 0x4000_0000;
    private static final long LOW_WORD = 0xffff_ffffL;

    private final Power power;

    public Psci(Power power) {
        this.power = power;
    }

    /** The calls of vCPU number {@code cpu}. */
    public HypercallPort callsOf(int cpu) {
        return (function, arg1, arg2, arg3) -> {
            boolean wide = ((int) function & WORD64) != 0;
            long mask = wide ? -1L : LOW_WORD;
            return call(cpu, (int) function, arg1 & mask, arg2 & mask, arg3 & mask);
        };
    }

    private long call(int cpu, int function, long arg1, long arg2, long arg3) {
        return switch (function) {
            case PSCI_VERSION -> PSCI_1_1;
            case SMCCC_VERSION -> SMCCC_1_1;
            case PSCI_FEATURES -> isPsci((int) arg1) ? SUCCESS : NOT_SUPPORTED;
            case SMCCC_ARCH_FEATURES -> isSmccc((int) arg1) ? SUCCESS : NOT_SUPPORTED;
            case CPU_ON, CPU_ON_64 -> turnOn(arg1, arg2, arg3);
            case CPU_OFF -> {
                power.turnOff(cpu);
                yield SUCCESS;
            }
            // A standby state may be left at any time: at once.
            case CPU_SUSPEND, CPU_SUSPEND_64 -> SUCCESS;
            case AFFINITY_INFO, AFFINITY_INFO_64 -> affinityInfo(arg1, arg2);
            case MIGRATE_INFO_TYPE -> NO_MIGRATION;
            case SYSTEM_OFF -> {
                power.powerOff(cpu);
                yield SUCCESS;
            }
            case SYSTEM_RESET -> {
                power.reset(cpu);
                yield SUCCESS;
            }
            default -> NOT_SUPPORTED;
        };
    }

    private static boolean isPsci(int function) {
        return switch (function) {
            case PSCI_VERSION,
                    PSCI_FEATURES,
                    SMCCC_VERSION,
                    CPU_ON,
                    CPU_ON_64,
                    CPU_OFF,
                    CPU_SUSPEND,
                    CPU_SUSPEND_64,
                    AFFINITY_INFO,
                    AFFINITY_INFO_64,
                    MIGRATE_INFO_TYPE,
                    SYSTEM_OFF,
                    SYSTEM_RESET ->
                    true;
            default -> false;
        };
    }

    private static boolean isSmccc(int function) {
        return function == SMCCC_VERSION || function == SMCCC_ARCH_FEATURES;
    }

    private long turnOn(long mpidr, long entry, long context) {
        int target = power.cpuAt(mpidr);
        if (target < 0) {
            return INVALID_PARAMETERS;
        }
        if (!power.isRam(entry)) {
            return INVALID_ADDRESS;
        }
        if (power.isOn(target)) {
            return ALREADY_ON;
        }
        power.turnOn(target, entry, context);
        return SUCCESS;
    }

    private long affinityInfo(long mpidr, long lowestLevel) {
        int target = power.cpuAt(mpidr);
        if (target < 0 || lowestLevel != 0) {
            return INVALID_PARAMETERS;
        }
        return power.isOn(target) ? AFFINITY_ON : AFFINITY_OFF;
    }
}
