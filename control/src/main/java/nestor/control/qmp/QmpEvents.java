package nestor.control.qmp;

import java.util.List;
import java.util.Optional;
import nestor.control.Json;
import nestor.machine.MachineEvent;
import tools.jackson.databind.node.ObjectNode;

/** Events of a machine as QMP spells them. */
final class QmpEvents {
    static final List<String> NAMES =
            List.of(
                    "SHUTDOWN",
                    "RESET",
                    "STOP",
                    "RESUME",
                    "POWERDOWN",
                    "GUEST_PANICKED",
                    "DEVICE_DELETED");

    private QmpEvents() {}

    /** The message of an event; empty if QMP has none for it. */
    static Optional<ObjectNode> of(MachineEvent event) {
        return switch (event) {
            case MachineEvent.Debugged _ -> Optional.empty(); // STOP follows
            case MachineEvent.Shutdown(MachineEvent.Cause cause) ->
                    Optional.of(caused("SHUTDOWN", cause));
            case MachineEvent.Reset(MachineEvent.Cause cause) ->
                    Optional.of(caused("RESET", cause));
            case MachineEvent.Stop _ -> Optional.of(named("STOP"));
            case MachineEvent.Resume _ -> Optional.of(named("RESUME"));
            case MachineEvent.Powerdown _ -> Optional.of(named("POWERDOWN"));
            case MachineEvent.GuestPanicked _ -> {
                ObjectNode message = named("GUEST_PANICKED");
                message.putObject("data").put("action", "poweroff");
                yield Optional.of(message);
            }
            case MachineEvent.DeviceDeleted(String id) -> {
                ObjectNode message = named("DEVICE_DELETED");
                message.putObject("data")
                        .put("device", id)
                        .put("path", QmpObjects.PERIPHERAL + "/" + id);
                yield Optional.of(message);
            }
        };
    }

    private static ObjectNode caused(String name, MachineEvent.Cause cause) {
        ObjectNode message = named(name);
        message.putObject("data").put("guest", cause.isGuest()).put("reason", cause.title());
        return message;
    }

    private static ObjectNode named(String name) {
        return Json.object().put("event", name);
    }
}
