package nestor.cpu.arm64;

import java.lang.foreign.Arena;
import nestor.cpu.JumpCache;
import nestor.cpu.SoftTlb;

/**
 * What one combination of Exception level, PSTATE.PAN and (at EL0) ASID sees of the EL1&amp;0
 * translation regime: cached translations and cached jump targets.
 */
final class Regime {
    /** No ASID has this value. */
    static final int NO_ASID = -1;

    final SoftTlb tlb;
    final JumpCache<A64Block> jumps;

    /** EL0 permissions apply. */
    final boolean user;

    /** PSTATE.PAN applies. */
    final boolean pan;

    /** Of the non-global entries, where this is a regime of EL0. */
    int asid = NO_ASID;

    /** Whether there are entries whose mapping is global. */
    boolean global;

    /** Whether there are entries of the lower address range (TTBR0). */
    boolean lower;

    Regime(Arena arena, JumpCache<A64Block> jumps, boolean user, boolean pan) {
        this.tlb = new SoftTlb(arena);
        this.jumps = jumps;
        this.user = user;
        this.pan = pan;
    }

    void flush() {
        tlb.flush();
        jumps.flush();
        global = false;
        lower = false;
    }

    void drop(long va) {
        tlb.drop(va);
        jumps.drop(va);
    }
}
