package nestor.control.qmp;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import nestor.control.Json;
import nestor.machine.ChaosPlan;
import nestor.machine.ChaosState;
import nestor.machine.ConfigException;
import nestor.machine.MachineControl;
import nestor.pci.ChaosKey;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code x-nestor-inject} and {@code x-nestor-query-inject}: how devices misbehave. */
final class QmpChaos {
    private static final String NAME = "x-nestor-inject";

    private final MachineControl control;

    QmpChaos(MachineControl control) {
        this.control = control;
    }

    /** An empty {@code keys} has devices behave. Returns the seed. */
    JsonNode inject(Arguments arguments) throws QmpException, ConfigException {
        String keys = arguments.text("keys");
        Optional<String> device = arguments.optionalText("device");
        OptionalLong seed = arguments.optionalNumber("seed");
        arguments.expectNoMore();
        if (keys.isEmpty()) {
            control.behave(NAME, device);
            return Json.object();
        }
        Set<ChaosKey> wanted = ChaosPlan.keys(NAME + ": ", keys);
        ChaosPlan plan = new ChaosPlan(wanted, seed.orElseGet(ChaosPlan::anySeed));
        control.inject(NAME, device, plan);
        return Json.object().put("seed", plan.seed());
    }

    ArrayNode query() {
        ArrayNode list = Json.array();
        for (ChaosState state : control.chaos()) {
            ObjectNode one = list.addObject().put("device", state.device());
            one.put("seed", state.seed());
            texts(one.putArray("keys"), ChaosKey.titles(state.shown()));
            texts(one.putArray("known"), ChaosKey.titles(state.known()));
            ObjectNode strikes = one.putObject("strikes");
            state.strikes().forEach((key, count) -> strikes.put(key.title(), count));
        }
        return list;
    }

    private static void texts(ArrayNode array, List<String> texts) {
        texts.forEach(array::add);
    }
}
