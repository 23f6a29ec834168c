package nestor.machine;

import java.util.List;

/**
 * A property of a device or machine type, as data: for checking and for {@code -device X,help}.
 *
 * @param name as QEMU spells it
 * @param kind what values it takes
 * @param choices the only values, for {@link Kind#CHOICE} and {@link Kind#CHAOS}; empty for other
 *     kinds
 * @param defaultValue the value that counts when the user gives none; empty if there is none
 * @param help one line
 */
public record DeviceProperty(
        String name, Kind kind, List<String> choices, String defaultValue, String help) {
    /** What values a property takes. */
    public enum Kind {
        /** {@code on} or {@code off}. */
        BOOLEAN("on/off"),
        /** One of the property's choices. */
        CHOICE("choice"),
        /** An unsigned number, decimal or with {@code 0x}. */
        NUMBER("number"),
        /** Any text. */
        TEXT("str"),
        /** A place on a PCI bus: {@code device} or {@code device.function}, hexadecimal. */
        PCI_ADDRESS("addr"),
        /** A range of I/O addresses and what they are for: {@code low:high:type}. */
        REGION("region"),
        /** Some of the property's choices, with {@code +} between. */
        CHAOS("keys"),
        /** Only the empty text is accepted. */
        EMPTY("empty");

        private final String title;

        Kind(String title) {
            this.title = title;
        }

        /** For a help listing. */
        public String title() {
            return title;
        }
    }

    /** The end of the name of a property that is a list, written as {@code name.0=…,name.1=…}. */
    static final String ANY_ELEMENT = ".N";

    public DeviceProperty {
        choices = List.copyOf(choices);
    }

    static DeviceProperty onOff(String name, String defaultValue, String help) {
        return new DeviceProperty(name, Kind.BOOLEAN, List.of(), defaultValue, help);
    }

    static DeviceProperty choice(String name, String defaultValue, String help, String... choices) {
        return new DeviceProperty(name, Kind.CHOICE, List.of(choices), defaultValue, help);
    }

    static DeviceProperty number(String name, String defaultValue, String help) {
        return new DeviceProperty(name, Kind.NUMBER, List.of(), defaultValue, help);
    }

    static DeviceProperty text(String name, String help) {
        return new DeviceProperty(name, Kind.TEXT, List.of(), "", help);
    }
}
