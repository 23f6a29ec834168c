package nestor.machine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Properties that have been checked against their table: names known, values of the right kind.
 *
 * @param origin for messages, for example {@code -device edu}
 */
record DeviceOptions(String origin, List<DeviceProperty> table, Map<String, String> given) {
    private static final int MAX_SUGGESTIONS = 3;
    private static final String NUMBER = "(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})";

    /** The end of a list element's name: {@code .2}, or {@code [2]} in older spelling. */
    private static final String ELEMENT = "(\\.[0-9]{1,3}|\\[[0-9]{1,3}\\])$";

    private static final String PCI_ADDRESS = "(0x)?[0-9a-fA-F]{1,2}(\\.[0-7])?";

    /** Checks a device against the catalog. */
    static DeviceOptions of(DeviceConfig device) throws ConfigException {
        return of("-device", device);
    }

    /**
     * Checks a device against the catalog.
     *
     * @param command what the user wrote it with, for messages
     */
    static DeviceOptions of(String command, DeviceConfig device) throws ConfigException {
        DeviceCatalog catalog = Machine.catalog();
        Optional<DeviceType> type = catalog.find(device.driver());
        if (type.isEmpty()) {
            List<String> names = catalog.types().stream().map(DeviceType::driver).toList();
            throw new ConfigException(
                    "%s %s: unknown device%s"
                            .formatted(command, device.driver(), suggest(device.driver(), names)));
        }
        return check(command + " " + device.driver(), type.get().properties(), device.properties());
    }

    /** Checks {@code given} against {@code table}. */
    static DeviceOptions check(String origin, List<DeviceProperty> table, Map<String, String> given)
            throws ConfigException {
        for (Map.Entry<String, String> entry : given.entrySet()) {
            String name = entry.getKey();
            DeviceProperty property = find(table, name);
            if (property == null) {
                List<String> names = table.stream().map(DeviceProperty::name).toList();
                throw new ConfigException(
                        "%s: unknown property '%s'%s"
                                .formatted(origin, name, suggest(name, names)));
            }
            String expected = complaint(property, entry.getValue());
            if (!expected.isEmpty()) {
                throw new ConfigException(
                        "%s: %s='%s': must be %s"
                                .formatted(origin, name, entry.getValue(), expected));
            }
        }
        return new DeviceOptions(origin, table, given);
    }

    /** What the value should have been; empty if it is right. */
    private static String complaint(DeviceProperty property, String value) {
        boolean right =
                switch (property.kind()) {
                    case BOOLEAN -> value.matches("on|off|true|false|yes|no");
                    case CHOICE -> property.choices().contains(value);
                    case NUMBER -> value.matches(NUMBER);
                    case PCI_ADDRESS -> value.matches(PCI_ADDRESS);
                    case REGION -> ReservedRegions.SYNTAX.matcher(value).matches();
                    case EMPTY -> value.isEmpty();
                    case TEXT, CHAOS -> true;
                };
        if (right) {
            return "";
        }
        return switch (property.kind()) {
            case BOOLEAN -> "on or off";
            case CHOICE -> "one of " + String.join(", ", property.choices());
            case NUMBER -> "a number";
            case PCI_ADDRESS -> "a slot, such as 4 or 4.1";
            case REGION -> "low:high:type, with type 0 (reserved) or 1 (MSI)";
            case EMPTY -> "empty";
            case TEXT, CHAOS -> "text";
        };
    }

    private static @org.jspecify.annotations.Nullable DeviceProperty find(
            List<DeviceProperty> table, String name) {
        String family = name.replaceFirst(ELEMENT, DeviceProperty.ANY_ELEMENT);
        return table.stream()
                .filter(p -> p.name().equals(name) || p.name().equals(family))
                .findFirst()
                .orElse(null);
    }

    boolean has(String name) {
        return find(table, name) != null;
    }

    /** The value given, or the default. */
    String text(String name) {
        DeviceProperty property = find(table, name);
        if (property == null) {
            throw new IllegalStateException(origin + " has no property " + name);
        }
        return given.getOrDefault(name, property.defaultValue());
    }

    /** The names given of the elements of list {@code name}, by index. */
    List<String> elements(String name) {
        return given.keySet().stream()
                .filter(key -> key.replaceFirst(ELEMENT, "").equals(name) && !key.equals(name))
                .sorted(Comparator.comparingInt(key -> Integer.parseInt(key.replaceAll("\\D", ""))))
                .toList();
    }

    boolean on(String name) {
        return text(name).matches("on|true|yes");
    }

    long number(String name) throws ConfigException {
        String value = text(name);
        try {
            return value.startsWith("0x") || value.startsWith("0X")
                    ? Long.parseUnsignedLong(value, 2, value.length(), 16)
                    : Long.parseUnsignedLong(value);
        } catch (NumberFormatException e) {
            throw new ConfigException("%s: %s='%s': too large".formatted(origin, name, value));
        }
    }

    ConfigException wrong(String name, String problem) {
        return new ConfigException("%s: %s='%s': %s".formatted(origin, name, text(name), problem));
    }

    /** A clause that names near matches, or where to look. */
    static String suggest(String wrong, Collection<String> names) {
        List<String> near = new ArrayList<>();
        for (String name : names) {
            if (distance(wrong, name) <= Math.max(2, wrong.length() / 3)
                    || (wrong.length() > 2 && (name.startsWith(wrong) || wrong.startsWith(name)))) {
                near.add(name);
            }
        }
        near.sort(Comparator.comparingInt(name -> distance(wrong, name)));
        if (near.isEmpty()) {
            return "; known: " + String.join(", ", names);
        }
        return "; did you mean "
                + String.join(", ", near.subList(0, Math.min(MAX_SUGGESTIONS, near.size())))
                + "?";
    }

    /** Levenshtein distance. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
