package nestor.debug.gdb;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Trap;
import nestor.vmm.vcpu.DebugPort.TrapKind;
import nestor.vmm.vcpu.DebugStop;

/**
 * The debugger's breakpoints and watchpoints, set on every vCPU. A software breakpoint and a
 * hardware one are the same to a vCPU, but the debugger wants to be told which it was.
 */
final class Traps {
    private static final long MAX_WATCHED_BYTES = 1 << 20;

    /** Packet types Z0 to Z4. */
    private enum Type {
        SOFTWARE(TrapKind.EXECUTE),
        HARDWARE(TrapKind.EXECUTE),
        WRITE(TrapKind.WRITE),
        READ(TrapKind.READ),
        ACCESS(TrapKind.ACCESS);

        private final TrapKind kind;

        Type(TrapKind kind) {
            this.kind = kind;
        }
    }

    private record Placed(Type type, Trap trap) {}

    private final Set<Placed> placed = new HashSet<>();

    /** Z and z packets; empty if the type is unknown. */
    Optional<Boolean> change(String packet, List<DebugPort> ports) {
        String[] fields = packet.substring(1).split("[,;]", -1);
        if (fields.length < 3) {
            throw new Packets.Malformed();
        }
        int number = Hex.number(fields[0], 16);
        if (number >= Type.values().length) {
            return Optional.empty();
        }
        Type type = Type.values()[number];
        boolean executes = type.kind == TrapKind.EXECUTE;
        long size = executes ? 1 : Hex.number(fields[2]);
        if (size <= 0 || size > MAX_WATCHED_BYTES) {
            return Optional.of(false);
        }
        Placed one = new Placed(type, new Trap(type.kind, Hex.number(fields[1]), size));
        return Optional.of(packet.startsWith("Z") ? place(one, ports) : take(one, ports));
    }

    private boolean place(Placed one, List<DebugPort> ports) {
        for (DebugPort port : ports) {
            if (!port.insert(one.trap)) {
                return false;
            }
        }
        placed.add(one);
        return true;
    }

    private boolean take(Placed one, List<DebugPort> ports) {
        placed.remove(one);
        boolean wanted = placed.stream().anyMatch(other -> other.trap.equals(one.trap));
        if (!wanted) {
            ports.forEach(port -> port.remove(one.trap));
        }
        return true;
    }

    /** The debugger has gone. */
    void clear(List<DebugPort> ports) {
        placed.clear();
        ports.forEach(DebugPort::clear);
    }

    /** What a stop reply says of the reason. */
    String reason(DebugStop stop) {
        return switch (stop) {
            case DebugStop.Step _ -> "";
            case DebugStop.Breakpoint(long va) ->
                    placed.contains(new Placed(Type.SOFTWARE, new Trap(TrapKind.EXECUTE, va, 1)))
                            ? "swbreak:;"
                            : "hwbreak:;";
            case DebugStop.Watchpoint(TrapKind kind, long va) -> "%s:%x;".formatted(name(kind), va);
        };
    }

    private static String name(TrapKind kind) {
        return switch (kind) {
            case READ -> "rwatch";
            case ACCESS -> "awatch";
            case WRITE, EXECUTE -> "watch";
        };
    }
}
