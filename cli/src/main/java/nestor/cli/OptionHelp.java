package nestor.cli;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import nestor.machine.DeviceProperty;
import nestor.machine.DeviceType;
import nestor.machine.Machine;
import nestor.pci.ChaosKey;

/**
 * The lists that {@code -machine help}, {@code -cpu help}, {@code -device help} and {@code -device
 * X,help} print.
 */
final class OptionHelp {
    private OptionHelp() {}

    /** The list that the settings ask for, if they do. */
    static Optional<String> answer(Settings settings) throws CommandException {
        String machine = settings.text(Setting.MACHINE, "");
        if (asksForHelp(machine)) {
            return Optional.of(machines());
        }
        if (asksForHelp(settings.text(Setting.CPU, ""))) {
            return Optional.of(
                    "Known CPU models:\n  max   everything the software CPU implements\n");
        }
        for (OptionList device : settings.devices()) {
            if (asksForHelp(device.head())) {
                return Optional.of(devices());
            }
            if (device.properties().containsKey("help")) {
                return Optional.of(properties(device));
            }
        }
        return Optional.empty();
    }

    private static boolean asksForHelp(String text) {
        return text.equals("help") || text.equals("?");
    }

    private static String machines() {
        return Machine.types().stream()
                .map(type ->
                        "  %-8s %s%n".formatted(type.name(), type.description())
                                + lines(type.properties(), "           "))
                .collect(Collectors.joining("", "Known machines:\n", ""));
    }

    private static String devices() {
        return Machine.catalog().types().stream()
                .map(type ->
                        "  %-18s %-18s %s%n"
                                .formatted(type.driver(), type.bus(), type.description()))
                .collect(Collectors.joining("", "Known devices (name, bus, what it is):\n", ""));
    }

    private static String properties(OptionList device) throws CommandException {
        DeviceType type =
                Machine.catalog()
                        .find(device.head())
                        .orElseThrow(() ->
                                CommandException.usage(
                                        "%s: unknown driver '%s'; '-device help' lists them"
                                                .formatted(device.option(), device.head())));
        return type.driver() + " properties:\n" + lines(type.properties(), "  ");
    }

    private static String lines(List<DeviceProperty> properties, String indent) {
        return properties.stream()
                .map(property -> indent + line(property) + "\n")
                .collect(Collectors.joining());
    }

    private static String keys(List<String> titles) {
        return titles.stream()
                .flatMap(title -> ChaosKey.titled(title).stream())
                .map(key -> "%n      %-24s %s".formatted(key.title(), key.help()))
                .collect(Collectors.joining());
    }

    private static String line(DeviceProperty property) {
        if (property.kind() == DeviceProperty.Kind.CHAOS) {
            return "%s=<KEY+...> - %s; keys:%s"
                    .formatted(property.name(), property.help(), keys(property.choices()));
        }
        String values =
                property.choices().isEmpty()
                        ? property.kind().title()
                        : String.join("/", property.choices());
        String unset =
                property.defaultValue().isEmpty()
                        ? ""
                        : " (default " + property.defaultValue() + ")";
        return "%s=<%s> - %s%s".formatted(property.name(), values, property.help(), unset);
    }
}
