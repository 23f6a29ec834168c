package nestor.cpu.x86;

import java.lang.foreign.Arena;
import nestor.cpu.SoftTlb;

/** Cached translations as one kind of access sees them: user, supervisor, supervisor under SMAP. */
final class Regime {
    final SoftTlb tlb;

    /** CPL 3. */
    final boolean user;

    /** Supervisor-mode access prevention is in force: no data access to user pages (3A §4.6.1). */
    final boolean smap;

    Regime(Arena arena, boolean user, boolean smap) {
        this.tlb = new SoftTlb(arena);
        this.user = user;
        this.smap = smap;
    }
}
