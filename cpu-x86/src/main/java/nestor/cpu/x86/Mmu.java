package nestor.cpu.x86;

import java.lang.foreign.Arena;
import java.util.OptionalLong;
import nestor.cpu.CodePages;
import nestor.cpu.JumpCache;
import nestor.cpu.RamMap;
import nestor.paging.Access;
import nestor.paging.Permissions;
import nestor.paging.PhysicalTables;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.paging.X86Paging;
import nestor.paging.X86Paging.ExecuteDisable;

/**
 * Paging of one processor (3A, chapter 4): which tables are in use, the cached results, their
 * maintenance, and the exception of each failed translation. 4-level and 5-level paging, or none.
 * vCPU thread.
 */
final class Mmu {
    /** What an access wants. */
    enum Kind {
        READ,
        WRITE,
        FETCH;

        Access access(boolean asUser) {
            return switch (this) {
                case READ -> asUser ? USER_READ : PRIVILEGED_READ;
                case WRITE -> asUser ? USER_WRITE : PRIVILEGED_WRITE;
                case FETCH -> asUser ? USER_FETCH : PRIVILEGED_FETCH;
            };
        }
    }

    private static final Access PRIVILEGED_READ = Access.of(Permissions.PRIVILEGED_READ);
    private static final Access USER_READ = Access.of(Permissions.USER_READ);
    private static final Access PRIVILEGED_WRITE = Access.of(Permissions.PRIVILEGED_WRITE);
    private static final Access USER_WRITE = Access.of(Permissions.USER_WRITE);
    private static final Access PRIVILEGED_FETCH = Access.of(Permissions.PRIVILEGED_EXECUTE);
    private static final Access USER_FETCH = Access.of(Permissions.USER_EXECUTE);

    /** Bits of a page fault's error code (3A §4.7). */
    static final int PF_PRESENT = 1;

    static final int PF_WRITE = 1 << 1;
    static final int PF_USER = 1 << 2;
    static final int PF_RESERVED = 1 << 3;
    static final int PF_FETCH = 1 << 4;

    private static final Access LOOK = Access.upTo(0);
    private static final int ALL_PERMISSIONS = 0x3f;
    private static final int SUPERVISOR_JUMPS_LOG2 = 18;
    private static final int USER_JUMPS_LOG2 = 15;
    private static final int JUMPS32_LOG2 = 12;

    private final X86Cpu cpu;
    private final RamMap ram;
    private final CodePages<X86Block> code;
    private final Walker walker;

    @SuppressWarnings("unused") // holds the native memory of the TLBs
    private final Arena keepAlive;

    private final Regime supervisor;
    private final Regime supervisorSmap;
    private final Regime user;
    private Regime current;

    private final JumpCache<X86Block> supervisorJumps = new JumpCache<>(SUPERVISOR_JUMPS_LOG2, 0);
    private final JumpCache<X86Block> supervisorJumps32 = new JumpCache<>(JUMPS32_LOG2, 0);
    private final JumpCache<X86Block> userJumps = new JumpCache<>(USER_JUMPS_LOG2, 0);
    private final JumpCache<X86Block> userJumps32 = new JumpCache<>(JUMPS32_LOG2, 0);

    /** Whether {@link #supervisorJumps} hold targets whose translation is not global. */
    private boolean localSupervisorJumps;

    private boolean lastGlobal;
    private boolean enabled;
    private X86Paging format;

    /** 64 minus the width of linear addresses. */
    private int canonicalShift;

    Mmu(X86Cpu cpu, RamMap ram, CodePages<X86Block> code) {
        this.cpu = cpu;
        this.ram = ram;
        this.code = code;
        walker = new Walker(new PhysicalTables(ram.memory()));
        // Owned by the collector: a Regime is only reachable through its Mmu.
        keepAlive = Arena.ofAuto();
        supervisor = new Regime(keepAlive, false, false);
        supervisorSmap = new Regime(keepAlive, false, true);
        user = new Regime(keepAlive, true, false);
        current = supervisor;
        format = format();
        canonicalShift = 16;
    }

    /** The regime of the running code's accesses. */
    Regime current() {
        return current;
    }

    /** The regime of accesses to descriptor tables, the TSS and a new stack (3A §4.6.1). */
    Regime supervisor() {
        return ControlRegister.CR4_SMAP.isSet(cpu.cr4) ? supervisorSmap : supervisor;
    }

    /** Blocks by address in the current mode. */
    JumpCache<X86Block> jumps() {
        if (cpu.cpl == 3) {
            return cpu.mode64 ? userJumps : userJumps32;
        }
        return cpu.mode64 ? supervisorJumps : supervisorJumps32;
    }

    /** 1 §3.3.7.1. */
    boolean isCanonical(long va) {
        return va << canonicalShift >> canonicalShift == va;
    }

    /**
     * Translates a fetch. The result of an earlier walk may answer.
     *
     * @return the guest-physical address, in RAM
     * @throws X86Exception the fault; of code outside RAM, which is not supported, #GP
     */
    long fetch(long va) {
        long host = current.tlb.fetchAddress(va);
        if (host != RamMap.NONE) {
            return ram.gpa(host);
        }
        long gpa = resolve(current, va, Kind.FETCH);
        if (ram.hostAddress(gpa) == RamMap.NONE) {
            throw cpu.generalProtection();
        }
        localSupervisorJumps |= !lastGlobal && !current.user;
        return gpa;
    }

    /** CPL, RFLAGS.AC or the code segment's mode has changed. */
    void modeChanged() {
        if (cpu.cpl == 3) {
            current = user;
        } else {
            boolean smap =
                    ControlRegister.CR4_SMAP.isSet(cpu.cr4) && (cpu.otherFlags & Flags.AC) == 0;
            current = smap ? supervisorSmap : supervisor;
        }
        cpu.jumps = jumps();
        cpu.tlb = current.tlb.base();
    }

    /** CR0, CR4 or EFER has changed: what is cached may be wrong. */
    void controlsChanged() {
        enabled = ControlRegister.CR0_PG.isSet(cpu.cr0);
        canonicalShift = ControlRegister.CR4_LA57.isSet(cpu.cr4) ? 7 : 16;
        format = format();
        flushAll();
        modeChanged();
    }

    /** MOV to CR3: drops all but global translations, where those are enabled. */
    void tablesChanged() {
        format = format();
        supervisor.tlb.flushLocal();
        supervisorSmap.tlb.flushLocal();
        user.tlb.flush();
        if (localSupervisorJumps || !ControlRegister.CR4_PGE.isSet(cpu.cr4)) {
            supervisorJumps.flush();
            localSupervisorJumps = false;
        }
        supervisorJumps32.flush();
        userJumps.flush();
        userJumps32.flush();
    }

    private X86Paging format() {
        return new X86Paging(
                ControlRegister.CR4_LA57.isSet(cpu.cr4) ? 5 : 4,
                cpu.cr3,
                cpu.cluster.model.physicalBits(),
                true,
                ControlRegister.EFER_NXE.isSet(cpu.efer)
                        ? ExecuteDisable.ENABLED
                        : ExecuteDisable.RESERVED,
                ControlRegister.CR0_WP.isSet(cpu.cr0),
                ControlRegister.CR4_SMEP.isSet(cpu.cr4));
    }

    /** Drops everything, global translations too. */
    void flushAll() {
        supervisor.tlb.flush();
        supervisorSmap.tlb.flush();
        tablesChanged();
        supervisorJumps.flush();
        localSupervisorJumps = false;
    }

    /** INVLPG. */
    void drop(long va) {
        supervisor.tlb.drop(va);
        supervisorSmap.tlb.drop(va);
        user.tlb.drop(va);
        supervisorJumps.drop(va);
        supervisorJumps32.drop(va);
        userJumps.drop(va);
        userJumps32.drop(va);
    }

    /** See {@link CodePages}: takes the write tags of one page of RAM out of every TLB. */
    void withdrawWrites(long hostPage) {
        supervisor.tlb.withdrawWrite(hostPage);
        supervisorSmap.tlb.withdrawWrite(hostPage);
        user.tlb.withdrawWrite(hostPage);
    }

    /**
     * Translates one address, and caches the page if it is RAM.
     *
     * @return the guest-physical address
     * @throws X86Exception the fault
     */
    long resolve(Regime regime, long va, Kind kind) {
        boolean userPagesBarred = regime.smap && kind != Kind.FETCH;
        WalkResult result = walk(va, userPagesBarred ? LOOK : kind.access(regime.user));
        if (result instanceof WalkResult.Mapping mapping && userPagesBarred && enabled) {
            // No trace of a write that is not allowed: only now the walk that marks it dirty.
            result =
                    (mapping.permissions() & Permissions.USER_READ) != 0
                            ? WalkResult.Fault.of(WalkResult.Kind.PERMISSION, 1, 0, va)
                            : walk(va, kind.access(false));
        }
        return switch (result) {
            case WalkResult.Fault fault -> throw fault(regime, va, kind, fault);
            case WalkResult.Mapping mapping -> {
                lastGlobal = mapping.global();
                long gpa = mapping.translate(va);
                long host = ram.hostAddress(gpa);
                if (host != RamMap.NONE) {
                    cache(regime, va, gpa, host, mapping);
                }
                yield gpa;
            }
        };
    }

    private void cache(Regime regime, long va, long gpa, long host, WalkResult.Mapping mapping) {
        int granted = mapping.permissions();
        boolean watched = cpu.debug != null && cpu.debug.watchesPage(va);
        boolean barred =
                watched || enabled && regime.smap && (granted & Permissions.USER_READ) != 0;
        boolean read = !barred && allows(granted, Kind.READ, regime);
        boolean write = !barred && allows(granted, Kind.WRITE, regime) && !code.holdsCode(gpa);
        if (write) {
            code.noteWritable(gpa);
        }
        boolean fetch = allows(granted, Kind.FETCH, regime);
        if (mapping.global() && !regime.user && ControlRegister.CR4_PGE.isSet(cpu.cr4)) {
            regime.tlb.fillGlobal(va, host, mapping.sizeLog2(), read, write, fetch);
        } else {
            regime.tlb.fill(va, host, mapping.sizeLog2(), read, write, fetch);
        }
    }

    private static boolean allows(int granted, Kind kind, Regime regime) {
        return Permissions.allow(granted, kind.access(regime.user).needed());
    }

    private WalkResult walk(long va, Access access) {
        return enabled ? walker.walk(format, va, access) : flat(va);
    }

    /** Where {@code va} is mapped to, for a debugger: without permissions, and without a trace. */
    OptionalLong probe(long va) {
        return walk(va, Access.probe(0)) instanceof WalkResult.Mapping mapping
                ? OptionalLong.of(mapping.translate(va))
                : OptionalLong.empty();
    }

    /** Paging is off: 32-bit addresses. */
    private static WalkResult flat(long va) {
        return new WalkResult.Mapping(
                va & 0xffff_ffffL & -RamMap.PAGE_BYTES,
                RamMap.PAGE_LOG2,
                RamMap.PAGE_LOG2,
                0,
                ALL_PERMISSIONS,
                false,
                0);
    }

    /** 3A §4.7; what the tables cannot be read from is as if it read all ones. */
    private X86Exception fault(Regime regime, long va, Kind kind, WalkResult.Fault fault) {
        int code = kind == Kind.WRITE ? PF_WRITE : 0;
        code |= regime.user ? PF_USER : 0;
        boolean fetchTold =
                ControlRegister.EFER_NXE.isSet(cpu.efer) || ControlRegister.CR4_SMEP.isSet(cpu.cr4);
        code |= kind == Kind.FETCH && fetchTold ? PF_FETCH : 0;
        return switch (fault.kind()) {
            case INPUT_RANGE -> cpu.nonCanonical();
            case TRANSLATION, ACCESS_FLAG -> cpu.pageFault(va, code);
            case PERMISSION -> cpu.pageFault(va, code | PF_PRESENT);
            case RESERVED, ADDRESS_SIZE, EXTERNAL_ABORT, UPDATE_FAILED ->
                    cpu.pageFault(va, code | PF_PRESENT | PF_RESERVED);
        };
    }
}
