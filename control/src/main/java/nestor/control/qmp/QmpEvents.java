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

    /** Empty if QMP has no such event. */
    static Optional<ObjectNode> of(MachineEvent event) {
        return Optional.ofNullable(switch (event) {
            case MachineEvent.Shutdown(MachineEvent.Cause cause) -> caused("SHUTDOWN", cause);
            case MachineEvent.Reset(MachineEvent.Cause cause) -> caused("RESET", cause);
            case MachineEvent.Stop _ -> named("STOP");
            case MachineEvent.Resume _ -> named("RESUME");
            case MachineEvent.Powerdown _ -> named("POWERDOWN");
            case MachineEvent.GuestPanicked _ -> {
                ObjectNode message = named("GUEST_PANICKED");
                message.putObject("data").put("action", "poweroff");
                yield message;
            }
            case MachineEvent.DeviceDeleted(String id) -> {
                ObjectNode message = named("DEVICE_DELETED");
                message.putObject("data")
                        .put("device", id)
                        .put("path", QmpObjects.PERIPHERAL + "/" + id);
                yield message;
            }
            case MachineEvent.Debugged _ -> null;
        });
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
