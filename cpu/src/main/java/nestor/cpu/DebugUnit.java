package nestor.cpu;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Trap;
import nestor.vmm.vcpu.DebugPort.TrapKind;
import nestor.vmm.vcpu.DebugStop;
import org.jspecify.annotations.Nullable;

/**
 * The traps of one vCPU's debugger, as its interpreter meets them. A vCPU nobody debugs has none of
 * this. Looked at where blocks are looked up and where the software TLB has no answer, never on the
 * paths that are fast: code with a breakpoint in it stays out of the {@link JumpCache}, and a page
 * with watched bytes out of the {@link SoftTlb}. vCPU thread, or the debugger's while that stands
 * still.
 */
public final class DebugUnit {
    /** Thrown from an access before any byte has moved. Has no stack trace. */
    public static final class WatchedAccess extends RuntimeException {
        private static final long serialVersionUID = 1;

        private WatchedAccess() {
            super(null, null, false, false);
        }
    }

    private static final long ALL = Long.MAX_VALUE;

    private final boolean stopsBeforeAccess;
    private final WatchedAccess watchedAccess = new WatchedAccess();
    private final List<Trap> breakpoints = new ArrayList<>();
    private final List<Trap> watchpoints = new ArrayList<>();
    private boolean stepping;
    private boolean interrupts = true;
    private boolean muted;
    private @Nullable DebugStop stop;

    /** The next instruction is executed whatever traps it meets: it has been stopped at. */
    private boolean passing;

    private @Nullable DebugStop reported;
    private long reportedPc;

    /**
     * Without traps.
     *
     * @param stopsBeforeAccess whether the instruction that made a watched access has still to be
     *     executed when the debugger is told
     */
    public DebugUnit(boolean stopsBeforeAccess) {
        this.stopsBeforeAccess = stopsBeforeAccess;
    }

    /** See {@link DebugPort#insert}. */
    public boolean insert(Trap trap) {
        List<Trap> traps = of(trap);
        if (traps.contains(trap)) {
            return true;
        }
        if (breakpoints.size() + watchpoints.size() >= DebugPort.MAX_TRAPS) {
            return false;
        }
        return traps.add(trap);
    }

    /** See {@link DebugPort#remove}. */
    public void remove(Trap trap) {
        of(trap).remove(trap);
    }

    private List<Trap> of(Trap trap) {
        return trap.kind() == TrapKind.EXECUTE ? breakpoints : watchpoints;
    }

    /** See {@link DebugPort#clear}. */
    public void clear() {
        breakpoints.clear();
        watchpoints.clear();
        stepping = false;
        interrupts = true;
        reported = null;
    }

    /** See {@link DebugPort#step}. */
    public void step(boolean withInterrupts) {
        stepping = true;
        interrupts = withInterrupts;
    }

    /** The vCPU begins to run at {@code pc}. */
    public void resume(long pc) {
        passing = reported != null && pc == reportedPc;
        reported = null;
    }

    /** Whether the next instruction has to be executed by itself. */
    public boolean single() {
        return stepping || passing;
    }

    /** Whether interrupts may be taken now. */
    public boolean interruptible() {
        return interrupts;
    }

    /** An instruction that was executed by itself is done. */
    public void stepped() {
        if (stepping && stop == null) {
            stop = new DebugStop.Step();
        }
        passing = false;
    }

    /** Whether the instruction at {@code pc} must not be executed now; notes why. */
    public boolean stopsAt(long pc) {
        if (passing || breakpoints.isEmpty() || !holds(pc, 1)) {
            return false;
        }
        stop = new DebugStop.Breakpoint(pc);
        return true;
    }

    /** Whether a breakpoint is among {@code sizeBytes} at {@code pc}. */
    public boolean holds(long pc, long sizeBytes) {
        for (Trap trap : breakpoints) {
            if (Long.compareUnsigned(trap.va() - pc, sizeBytes) < 0) {
                return true;
            }
        }
        return false;
    }

    /** Bytes from {@code pc} to the next breakpoint behind it. */
    public long room(long pc) {
        long room = ALL;
        for (Trap trap : breakpoints) {
            long distance = trap.va() - pc;
            if (distance > 0 && distance < room) {
                room = distance;
            }
        }
        return room;
    }

    /** Whether any byte of the page of {@code va} is watched: it must have no TLB entry. */
    public boolean watchesPage(long va) {
        return watching(va & SoftTlb.PAGE_MASK, RamMap.PAGE_BYTES, true, true) != null;
    }

    /** An access that the TLB did not answer; throws if it has to wait for the debugger. */
    public void access(long va, long sizeBytes, boolean reads, boolean writes) {
        if (muted || passing || watchpoints.isEmpty()) {
            return;
        }
        Trap trap = watching(va, sizeBytes, reads, writes);
        if (trap != null) {
            stop = new DebugStop.Watchpoint(trap.kind(), trap.va());
            throw watchedAccess;
        }
    }

    private @Nullable Trap watching(long va, long sizeBytes, boolean reads, boolean writes) {
        for (Trap trap : watchpoints) {
            boolean overlaps =
                    Long.compareUnsigned(va - trap.va(), trap.sizeBytes()) < 0
                            || Long.compareUnsigned(trap.va() - va, sizeBytes) < 0;
            boolean matches =
                    switch (trap.kind()) {
                        case READ -> reads;
                        case WRITE -> writes;
                        case ACCESS -> true;
                        case EXECUTE -> false;
                    };
            if (overlaps && matches) {
                return trap;
            }
        }
        return null;
    }

    /**
     * Accesses that no instruction makes, such as the frame of an exception, are not watched.
     *
     * @return what to give to {@link #unmute}
     */
    public boolean mute() {
        boolean before = muted;
        muted = true;
        return before;
    }

    /** Ends what {@link #mute} began. */
    public void unmute(boolean before) {
        muted = before;
    }

    /** Whether a watched access has stopped the instruction at hand. */
    public boolean isWatchpointPending() {
        return stop instanceof DebugStop.Watchpoint;
    }

    /** Lets the instruction at hand run to its end although it was stopped. */
    public void passOver() {
        passing = true;
    }

    /** Why the vCPU, now at {@code pc}, has to return to the debugger; null if it need not. */
    public @Nullable DebugStop takeStop(long pc) {
        DebugStop taken = stop;
        if (taken != null) {
            stop = null;
            stepping = false;
            interrupts = true;
            passing = false;
            boolean ahead =
                    taken instanceof DebugStop.Breakpoint
                            || taken instanceof DebugStop.Watchpoint && stopsBeforeAccess;
            reported = ahead ? taken : null;
            reportedPc = pc;
        }
        return taken;
    }
}
