package nestor.control.hmp;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nestor.machine.ChaosPlan;
import nestor.machine.ChaosState;
import nestor.machine.ConfigException;
import nestor.machine.MachineControl;
import nestor.pci.ChaosKey;

/** {@code inject}: how devices misbehave. */
final class ChaosCommand {
    private static final String NAME = "inject";
    private static final String OFF = "off";
    private static final String DEVICE = "device=";
    private static final String SEED = "seed=";

    private final MachineControl control;

    ChaosCommand(MachineControl control) {
        this.control = control;
    }

    /** Takes keys, a device and a seed in any order. */
    String inject(String argument) throws HmpException, ConfigException {
        if (argument.isBlank()) {
            return list(control.chaos());
        }
        Optional<String> device = Optional.empty();
        Optional<Long> seed = Optional.empty();
        List<String> keys = new ArrayList<>();
        for (String word : argument.strip().split("\\s+", -1)) {
            if (word.startsWith(DEVICE)) {
                device = Optional.of(word.substring(DEVICE.length()));
            } else if (word.startsWith(SEED)) {
                seed = Optional.of(seed(word.substring(SEED.length())));
            } else {
                keys.add(word);
            }
        }
        if (keys.isEmpty()) {
            throw new HmpException(NAME + ": the keys are missing");
        }
        if (keys.equals(List.of(OFF))) {
            control.behave(NAME, device);
            return "";
        }
        Set<ChaosKey> wanted = ChaosPlan.keys(NAME + ": ", String.join("+", keys));
        ChaosPlan plan = new ChaosPlan(wanted, seed.orElseGet(ChaosPlan::anySeed));
        control.inject(NAME, device, plan);
        return plan + "\n";
    }

    private static long seed(String text) throws HmpException {
        if (!text.matches("[0-9]{1,18}")) {
            throw new HmpException("inject: seed= takes a number");
        }
        return Long.parseLong(text);
    }

    private static String list(List<ChaosState> states) {
        StringBuilder text = new StringBuilder();
        for (ChaosState state : states) {
            text.append(state.device()).append(": ").append(shown(state)).append('\n');
            state.strikes().entrySet().stream()
                    .sorted(Map.Entry.comparingByKey())
                    .forEach(entry ->
                            text.append(
                                    "  %-24s %d times%n"
                                            .formatted(entry.getKey().title(), entry.getValue())));
        }
        return text.isEmpty() ? "No device misbehaves, or can.\n" : text.toString();
    }

    private static String shown(ChaosState state) {
        return state.shown().isEmpty()
                ? "behaves; knows " + String.join(", ", ChaosKey.titles(state.known()))
                : new ChaosPlan(state.shown(), state.seed()).toString();
    }
}
