package nestor.cpu.arm64;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.lang.foreign.Arena;
import java.util.OptionalLong;
import nestor.cpu.CodePages;
import nestor.cpu.JumpCache;
import nestor.cpu.RamMap;
import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.paging.PhysicalTables;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.vmm.register.BitField;

/**
 * Stage 1 of the EL1&amp;0 translation regime (DDI 0487, chapter D8) of one vCPU: which tables are
 * in use, the cached results, their maintenance, and the abort of each failed translation. vCPU
 * thread.
 */
final class Mmu {
    /** What an access wants. */
    enum Access {
        READ(Permissions.PRIVILEGED_READ, Permissions.USER_READ),
        WRITE(Permissions.PRIVILEGED_WRITE, Permissions.USER_WRITE),
        FETCH(Permissions.PRIVILEGED_EXECUTE, Permissions.USER_EXECUTE);

        private final int privileged;
        private final int user;

        Access(int privileged, int user) {
            this.privileged = privileged;
            this.user = user;
        }

        int needed(boolean asUser) {
            return asUser ? user : privileged;
        }
    }

    /** SCTLR_EL1, §D17.2.118. */
    static final BitField SCTLR_M = bit(0);

    static final BitField SCTLR_A = bit(1);
    private static final BitField SCTLR_WXN = bit(19);

    /** TCR_EL1, §D17.2.131. */
    private static final BitField T0SZ = bits(5, 0);

    private static final BitField EPD0 = bit(7);
    private static final BitField TG0 = bits(15, 14);
    private static final BitField T1SZ = bits(21, 16);
    private static final BitField A1 = bit(22);
    private static final BitField EPD1 = bit(23);
    private static final BitField TG1 = bits(31, 30);
    private static final BitField IPS = bits(34, 32);
    private static final BitField AS = bit(36);
    private static final BitField TBI0 = bit(37);
    private static final BitField TBI1 = bit(38);
    private static final BitField HPD0 = bit(41);
    private static final BitField HPD1 = bit(42);

    private static final BitField TTBR_ASID = bits(63, 48);

    /** log2 of the granule, by TG0 and by TG1; reserved values are 4 KiB. */
    private static final int[] TG0_GRANULE = {12, 16, 14, 12};

    private static final int[] TG1_GRANULE = {12, 14, 12, 16};

    /** Output address width by IPS; reserved values are what we implement. */
    private static final int[] IPS_BITS = {32, 36, 40, 42, 44, 48, 48, 48};

    /** ID_AA64MMFR0_EL1.PARange = 5. */
    private static final int PHYSICAL_BITS = 48;

    /** Without FEAT_TTST. */
    private static final int MAX_TXSZ = 39;

    private static final int MIN_TXSZ = 16;

    private static final int UPPER_RANGE = 55;

    /** ASIDs whose translations stay cached across a context switch. */
    private static final int USER_REGIMES = 8;

    private static final int EL1_JUMPS_LOG2 = 16;
    private static final int EL0_JUMPS_LOG2 = 13;

    private final Arm64Cpu cpu;
    private final RamMap ram;
    private final CodePages<A64Block> code;
    private final Walker walker;

    private final Regime privileged;
    private final Regime privilegedPan;
    private final Regime[] users = new Regime[USER_REGIMES];
    private int victim;
    private Regime user;
    private Regime current;

    private boolean enabled;
    private boolean checkAlignment;
    private VmsaV8Stage1 lower;
    private VmsaV8Stage1 upper;
    private boolean lowerDisabled;
    private boolean upperDisabled;

    /** Of the last {@link #resolve}: the mapping's memory type is Device. */
    private boolean device;

    Mmu(Arm64Cpu cpu, RamMap ram, CodePages<A64Block> code) {
        this.cpu = cpu;
        this.ram = ram;
        this.code = code;
        walker = new Walker(new PhysicalTables(ram.memory()));
        // Owned by the collector: a Regime is only reachable through its Mmu.
        Arena arena = Arena.ofAuto();
        keepAlive = arena;
        JumpCache<A64Block> kernelJumps = new JumpCache<>(EL1_JUMPS_LOG2, 2);
        privileged = new Regime(arena, kernelJumps, false, false);
        privilegedPan = new Regime(arena, kernelJumps, false, true);
        for (int i = 0; i < USER_REGIMES; i++) {
            users[i] = new Regime(arena, new JumpCache<>(EL0_JUMPS_LOG2, 2), true, false);
        }
        user = users[0];
        current = privileged;
        lower = format(false);
        upper = format(true);
    }

    @SuppressWarnings("unused") // holds the native memory of the TLBs
    private final Arena keepAlive;

    /** The regime of data accesses and fetches now. */
    Regime current() {
        return current;
    }

    /** The regime of LDTR, STTR and of accesses from EL0. */
    Regime user() {
        return user;
    }

    /** Whether a misaligned access through the last {@link #resolve} must fault. */
    boolean alignmentRequired() {
        return device || checkAlignment;
    }

    /** Whether the last {@link #resolve} met Device memory. */
    boolean device() {
        return device;
    }

    /**
     * Translates a fetch. The result of an earlier walk may answer.
     *
     * @return the guest-physical address, in RAM
     * @throws Arm64Exception an Instruction Abort
     */
    long fetch(long va) {
        long host = current.tlb.fetchAddress(va);
        if (host != RamMap.NONE) {
            return ram.gpa(host);
        }
        long gpa = resolve(current, va, Access.FETCH);
        if (ram.hostAddress(gpa) == RamMap.NONE) {
            throw cpu.abort(va, Access.FETCH, Syndrome.EXTERNAL);
        }
        return gpa;
    }

    /** The address a branch goes to: without its tag, where tags are ignored (§D8.8). */
    long canonical(long va) {
        boolean tagged = enabled && (isUpper(va) ? TBI1 : TBI0).isSet(cpu.system[Slot.TCR]);
        return tagged ? va << 8 >> 8 : va;
    }

    /** PSTATE.EL or PSTATE.PAN has changed. */
    void modeChanged() {
        current = cpu.el == 0 ? user : cpu.pan ? privilegedPan : privileged;
        cpu.jumps = current.jumps;
        cpu.tlb = current.tlb.base();
        cpu.userTlb = user.tlb.base();
    }

    /** SCTLR_EL1, TCR_EL1 or MAIR_EL1 has changed: what is cached may be wrong. */
    void controlsChanged() {
        long sctlr = cpu.system[Slot.SCTLR];
        long tcr = cpu.system[Slot.TCR];
        enabled = SCTLR_M.isSet(sctlr);
        checkAlignment = SCTLR_A.isSet(sctlr);
        lowerDisabled = EPD0.isSet(tcr);
        upperDisabled = EPD1.isSet(tcr);
        lower = format(false);
        upper = format(true);
        flushAll();
        selectUser();
    }

    /** TTBR0_EL1 or TTBR1_EL1 has changed; the TLBs are the guest's to maintain. */
    void tablesChanged(boolean upperTables) {
        if (upperTables) {
            upper = format(true);
        } else {
            lower = format(false);
            flushLowerAtEl1();
        }
        selectUser();
    }

    private VmsaV8Stage1 format(boolean upperRange) {
        return format(upperRange, AccessTracking.SOFTWARE);
    }

    private VmsaV8Stage1 format(boolean upperRange, AccessTracking tracking) {
        long tcr = cpu.system[Slot.TCR];
        int granule = upperRange ? TG1_GRANULE[TG1.getInt(tcr)] : TG0_GRANULE[TG0.getInt(tcr)];
        int size = (upperRange ? T1SZ : T0SZ).getInt(tcr);
        return new VmsaV8Stage1(
                new VmsaV8Geometry(
                        granule,
                        64 - Math.clamp(size, MIN_TXSZ, MAX_TXSZ),
                        IPS_BITS[IPS.getInt(tcr)],
                        false),
                cpu.system[upperRange ? Slot.TTBR1 : Slot.TTBR0],
                upperRange,
                (upperRange ? TBI1 : TBI0).isSet(tcr),
                (upperRange ? HPD1 : HPD0).isSet(tcr),
                SCTLR_WXN.isSet(cpu.system[Slot.SCTLR]),
                tracking);
    }

    private int asid() {
        long tcr = cpu.system[Slot.TCR];
        int asid = TTBR_ASID.getInt(cpu.system[A1.isSet(tcr) ? Slot.TTBR1 : Slot.TTBR0]);
        return maskAsid(asid);
    }

    private int maskAsid(int asid) {
        return AS.isSet(cpu.system[Slot.TCR]) ? asid : asid & 0xff;
    }

    private void selectUser() {
        int asid = asid();
        if (user.asid != asid) {
            flushLowerAtEl1();
            user = userOf(asid);
        }
        modeChanged();
    }

    private Regime userOf(int asid) {
        for (Regime regime : users) {
            if (regime.asid == asid) {
                return regime;
            }
        }
        victim = (victim + 1) % USER_REGIMES;
        Regime regime = users[victim];
        regime.flush();
        regime.asid = asid;
        return regime;
    }

    private void flushLowerAtEl1() {
        if (privileged.lower) {
            privileged.flush();
        }
        if (privilegedPan.lower) {
            privilegedPan.flush();
        }
    }

    /** TLBI VMALLE1, and whenever more precision does not pay. */
    void flushAll() {
        privileged.flush();
        privilegedPan.flush();
        for (Regime regime : users) {
            regime.flush();
        }
    }

    /** TLBI ASIDE1. */
    void flushAsid(int operandAsid) {
        int asid = maskAsid(operandAsid);
        for (Regime regime : users) {
            if (regime.asid == asid) {
                regime.flush();
            }
        }
        flushLowerAtEl1();
    }

    /** TLBI VAE1: this ASID, and global entries. */
    void drop(long va, int operandAsid) {
        int asid = maskAsid(operandAsid);
        for (Regime regime : users) {
            if (regime.asid == asid || regime.global) {
                regime.drop(va);
            }
        }
        privileged.drop(va);
        privilegedPan.drop(va);
    }

    /** TLBI VAAE1: all ASIDs. */
    void dropAllAsids(long va) {
        for (Regime regime : users) {
            regime.drop(va);
        }
        privileged.drop(va);
        privilegedPan.drop(va);
    }

    /** CPACR_EL1 has changed: blocks with FP instructions may have to trap, or no longer. */
    void flushJumps() {
        privileged.jumps.flush();
        for (Regime regime : users) {
            regime.jumps.flush();
        }
    }

    /** See {@link CodePages}: takes the write tags of one page of RAM out of every TLB. */
    void withdrawWrites(long hostPage) {
        privileged.tlb.withdrawWrite(hostPage);
        privilegedPan.tlb.withdrawWrite(hostPage);
        for (Regime regime : users) {
            regime.tlb.withdrawWrite(hostPage);
        }
    }

    /**
     * Translates one address, and caches the page if it is RAM.
     *
     * @return the guest-physical address
     * @throws Arm64Exception the abort
     */
    long resolve(Regime regime, long va, Access access) {
        WalkResult result = walk(va);
        if (result instanceof WalkResult.Fault fault) {
            throw abort(va, access, fault);
        }
        WalkResult.Mapping mapping = (WalkResult.Mapping) result;
        int granted = granted(regime, mapping.permissions());
        if (!Permissions.allow(granted, access.needed(regime.user))) {
            throw cpu.abort(va, access, Syndrome.PERMISSION + mapping.level());
        }
        device = isDevice(mapping.leaf());
        long gpa = mapping.translate(va);
        long host = ram.hostAddress(gpa);
        if (host != RamMap.NONE) {
            cache(regime, va, gpa, host, granted, mapping);
        }
        return gpa;
    }

    private void cache(
            Regime regime, long va, long gpa, long host, int granted, WalkResult.Mapping mapping) {
        boolean watched = cpu.debug != null && cpu.debug.watchesPage(va);
        boolean data = !alignmentRequired() && !watched;
        boolean read = data && Permissions.allow(granted, Access.READ.needed(regime.user));
        boolean write =
                data
                        && Permissions.allow(granted, Access.WRITE.needed(regime.user))
                        && !code.holdsCode(gpa);
        if (write) {
            code.noteWritable(gpa);
        }
        boolean fetch = Permissions.allow(granted, Access.FETCH.needed(regime.user));
        regime.tlb.fill(va, host, mapping.sizeLog2(), read, write, fetch);
        regime.lower |= !isUpper(va);
        regime.global |= mapping.global();
    }

    /** PAN (§D8.4.4): no privileged data access where EL0 has one. */
    private static int granted(Regime regime, int permissions) {
        return regime.pan && (permissions & Permissions.USER_READ) != 0
                ? permissions & ~(Permissions.PRIVILEGED_READ | Permissions.PRIVILEGED_WRITE)
                : permissions;
    }

    private static boolean isUpper(long va) {
        return (va >>> UPPER_RANGE & 1) != 0;
    }

    /** Walks the tables in use, or maps flat while the MMU is off. */
    private WalkResult walk(long va) {
        if (!enabled) {
            return flat(va);
        }
        boolean upperRange = isUpper(va);
        if (upperRange ? upperDisabled : lowerDisabled) {
            return WalkResult.Fault.of(WalkResult.Kind.TRANSLATION, 1, 0, va);
        }
        return walker.walk(upperRange ? upper : lower, va);
    }

    /** Where {@code va} is mapped to, for a debugger: without permissions, and without a trace. */
    OptionalLong probe(long va) {
        boolean upperRange = isUpper(va);
        if (enabled && (upperRange ? upperDisabled : lowerDisabled)) {
            return OptionalLong.empty();
        }
        WalkResult result =
                enabled
                        ? walker.walk(
                                format(upperRange, AccessTracking.IGNORED),
                                va,
                                nestor.paging.Access.probe(0))
                        : flat(va);
        return result instanceof WalkResult.Mapping mapping
                ? OptionalLong.of(mapping.translate(va))
                : OptionalLong.empty();
    }

    private static final int ALL_PERMISSIONS = 0x3f;

    /**
     * The MMU is off (§D8.2.10). Data accesses would be Device-nGnRnE; they are let pass misaligned
     * all the same, which no correct program can tell.
     */
    private static WalkResult flat(long va) {
        return va >>> PHYSICAL_BITS != 0
                ? WalkResult.Fault.of(WalkResult.Kind.ADDRESS_SIZE, 1, 0, va)
                : new WalkResult.Mapping(
                        va & -RamMap.PAGE_BYTES,
                        RamMap.PAGE_LOG2,
                        RamMap.PAGE_LOG2,
                        0,
                        ALL_PERMISSIONS,
                        true,
                        0);
    }

    /** MAIR_EL1 (§D17.2.97): Attr 0b0000xxxx is Device memory. */
    private boolean isDevice(long leaf) {
        if (!enabled) {
            return false;
        }
        int shift = 8 * VmsaV8Stage1.ATTR_INDEX.getInt(leaf);
        return (cpu.system[Slot.MAIR] >>> shift & 0xf0) == 0;
    }

    private Arm64Exception abort(long va, Access access, WalkResult.Fault fault) {
        return cpu.abort(va, access, faultStatus(fault));
    }

    private static int faultStatus(WalkResult.Fault fault) {
        return switch (fault.kind()) {
            case TRANSLATION, INPUT_RANGE, RESERVED -> Syndrome.TRANSLATION + fault.level();
            case ADDRESS_SIZE -> Syndrome.ADDRESS_SIZE + fault.level();
            case ACCESS_FLAG -> Syndrome.ACCESS_FLAG + fault.level();
            case PERMISSION -> Syndrome.PERMISSION + fault.level();
            case EXTERNAL_ABORT, UPDATE_FAILED -> Syndrome.EXTERNAL_ON_WALK + fault.level();
        };
    }

    /** PAR_EL1 (§D17.2.107) after AT S1Exx, as EL0 or EL1 without regard to PAN. */
    long addressTranslation(long va, Access access, boolean asUser) {
        WalkResult result = walk(va);
        if (result instanceof WalkResult.Mapping mapping) {
            if (!Permissions.allow(mapping.permissions(), access.needed(asUser))) {
                return failed(Syndrome.PERMISSION + mapping.level());
            }
            int shift = 8 * VmsaV8Stage1.ATTR_INDEX.getInt(mapping.leaf());
            long attributes = enabled ? cpu.system[Slot.MAIR] >>> shift & 0xff : 0;
            long shareability = VmsaV8Stage1.SHAREABILITY.get(mapping.leaf());
            return attributes << 56
                    | PAR_PA.getInPlace(mapping.translate(va))
                    | PAR_RES1
                    | shareability << 7;
        }
        return failed(faultStatus((WalkResult.Fault) result));
    }

    private static final BitField PAR_PA = bits(47, 12);
    private static final long PAR_RES1 = 1L << 11;
    private static final long PAR_F = 1;

    private static long failed(int status) {
        return PAR_RES1 | (long) status << 1 | PAR_F;
    }
}
