package nestor.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * A machine as the user described it, before defaults: a configuration file's settings, overridden
 * by the command line's. Lists add up; an element with the id of an earlier one replaces it.
 */
final class Settings {
    /**
     * A value and where it came from.
     *
     * @param origin an option, or file and JSON path, for messages
     */
    record Value(String origin, String text) {}

    private static final String PRESET = "--preset";

    private final Map<Setting, Value> values = new EnumMap<>(Setting.class);
    private final List<OptionList> drives = new ArrayList<>();
    private final List<OptionList> devices = new ArrayList<>();
    private final List<OptionList> objects = new ArrayList<>();
    private final List<OptionList> chardevs = new ArrayList<>();
    private final List<OptionList> monitors = new ArrayList<>();

    void set(Setting setting, String origin, String text) {
        values.put(setting, new Value(origin, text));
    }

    Optional<Value> get(Setting setting) {
        return Optional.ofNullable(values.get(setting));
    }

    /** The text of a setting, or the default. */
    String text(Setting setting, String unset) {
        return get(setting).map(Value::text).orElse(unset);
    }

    /** Where a setting came from; the option's name if it is not set. */
    String origin(Setting setting) {
        return get(setting).map(Value::origin).orElse(setting.option());
    }

    List<OptionList> drives() {
        return drives;
    }

    List<OptionList> devices() {
        return devices;
    }

    List<OptionList> objects() {
        return objects;
    }

    List<OptionList> chardevs() {
        return chardevs;
    }

    List<OptionList> monitors() {
        return monitors;
    }

    /** Lays other settings over these. */
    void override(Settings other) {
        values.putAll(other.values);
        addAll(drives, other.drives);
        addAll(devices, other.devices);
        addAll(objects, other.objects);
        addAll(chardevs, other.chardevs);
        addAll(monitors, other.monitors);
    }

    /**
     * Names the preset, so that what is added below does not count as a machine of the user's own.
     */
    void choose(Preset preset) {
        set(Setting.PRESET, PRESET, preset.profile().name());
    }

    /**
     * Adds a disk image and a preset's device for it.
     *
     * @param properties of the device besides the preset's, each with its comma before
     */
    void addDisk(Preset preset, String id, Path image, String readOnly, String properties)
            throws CommandException {
        SequencedMap<String, String> drive = new LinkedHashMap<>();
        drive.put("file", image.toString());
        drive.put("if", "none");
        drive.put("id", id);
        drive.put("readonly", readOnly);
        drives.add(new OptionList(PRESET, "", drive));
        devices.add(OptionList.parse(PRESET, preset.disk(id) + properties, "driver"));
    }

    /** Adds a virtio console to a preset. */
    void addConsole(Preset preset, String chardev) throws CommandException {
        for (String device : preset.console(chardev)) {
            devices.add(OptionList.parse(PRESET, device, "driver"));
        }
    }

    private static void addAll(List<OptionList> list, List<OptionList> added) {
        for (OptionList element : added) {
            String id = element.properties().get("id");
            list.removeIf(old -> id != null && id.equals(old.properties().get("id")));
            list.add(element);
        }
    }
}
