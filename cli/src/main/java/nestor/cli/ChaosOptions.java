package nestor.cli;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nestor.machine.ChaosPlan;
import nestor.machine.ChaosState;
import nestor.machine.ConfigException;
import nestor.machine.Machine;
import nestor.pci.ChaosKey;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --chaos}: the devices of the machine, those of a preset too, misbehave from the start. */
final class ChaosOptions {
    private static final String NAME = "--chaos";

    @Option(
            names = NAME,
            paramLabel = "KEY+…[,seed=N]",
            description = {
                "Have every device and IOMMU that knows the key behave as hardware seldom does. '-device NAME,help'"
                        + " lists its keys; '-device NAME,chaos=KEY' is for one device."
            })
    private @Nullable String text;

    boolean isGiven() {
        return text != null;
    }

    /** What is done to a machine. */
    @FunctionalInterface
    interface Plan {
        /** Before the guest runs. */
        void begin(Machine machine) throws ConfigException;

        /** Once it has ended. */
        default void ended(Machine machine) {}
    }

    /** What the option says, and says it for what {@code -device} says. */
    Plan plan(Log log) throws CommandException, ConfigException {
        Optional<ChaosPlan> wanted = text == null ? Optional.empty() : Optional.of(read(text));
        return new Plan() {
            @Override
            public void begin(Machine machine) throws ConfigException {
                if (wanted.isPresent()) {
                    machine.control().inject(NAME, Optional.empty(), wanted.get());
                }
                for (ChaosState state : machine.control().chaos()) {
                    if (!state.shown().isEmpty()) {
                        ChaosPlan shown = new ChaosPlan(state.shown(), state.seed());
                        log.info("%s: %s".formatted(state.device(), shown));
                    }
                }
            }

            @Override
            public void ended(Machine machine) {
                machine.control().chaos().forEach(state -> tell(log, state));
            }
        };
    }

    private static ChaosPlan read(String text) throws CommandException, ConfigException {
        int comma = text.indexOf(','); // keys hold equals signs, and no commas
        Optional<String> seed = Optional.empty();
        if (comma >= 0) {
            OptionList list = OptionList.parse(NAME, text.substring(comma + 1), "");
            seed = list.take("seed");
            list.expectEmpty(Set.of("seed"));
        }
        if (seed.isPresent() && !seed.get().matches("[0-9]{1,18}")) {
            throw CommandException.usage(
                    "%s: seed='%s' is not a number".formatted(NAME, seed.get()));
        }
        Set<ChaosKey> keys =
                ChaosPlan.keys(NAME + " ", comma < 0 ? text : text.substring(0, comma));
        return new ChaosPlan(keys, seed.map(Long::parseLong).orElseGet(ChaosPlan::anySeed));
    }

    private static void tell(Log log, ChaosState state) {
        List<String> struck =
                state.strikes().entrySet().stream()
                        .sorted(Map.Entry.comparingByKey())
                        .map(entry -> entry.getKey().title() + " " + entry.getValue())
                        .toList();
        if (!struck.isEmpty()) {
            log.info("%s: chaos struck: %s".formatted(state.device(), String.join(", ", struck)));
        }
    }
}
