package nestor.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nestor.control.ListenAddress;

/**
 * A monitor that the user asked for.
 *
 * @param control whether it speaks QMP; otherwise, HMP
 * @param at where it listens, or a terminal
 */
record MonitorPlan(boolean control, Chardev at) {
    /** From {@code -qmp}, {@code -monitor} and {@code -mon}; chardevs of the latter are taken. */
    static List<MonitorPlan> of(Settings settings, Map<String, Chardev> chardevs)
            throws CommandException {
        List<MonitorPlan> monitors = new ArrayList<>();
        if (settings.get(Setting.QMP).isPresent()) {
            add(monitors, true, settings, Setting.QMP);
        }
        if (settings.get(Setting.MONITOR).isPresent()) {
            add(monitors, false, settings, Setting.MONITOR);
        }
        for (OptionList given : settings.monitors()) {
            monitors.add(onChardev(given, chardevs));
        }
        return monitors;
    }

    private static void add(
            List<MonitorPlan> monitors, boolean control, Settings settings, Setting setting)
            throws CommandException {
        String text = settings.text(setting, "none");
        String origin = settings.origin(setting);
        if (ListenAddresses.isOne(text)) {
            monitors.add(
                    new MonitorPlan(
                            control, new Chardev.Socket(ListenAddresses.decode(origin, text))));
        } else if (text.equals("stdio") && !control) {
            monitors.add(new MonitorPlan(false, new Chardev.Stdio(false)));
        } else if (!text.equals("none")) {
            throw CommandException.usage(
                    "%s: unknown destination '%s'; known: %sunix:PATH,server=on,wait=off,"
                                    .formatted(origin, text, control ? "" : "stdio, ")
                            + " tcp:127.0.0.1:PORT,server=on,wait=off, none");
        }
    }

    private static MonitorPlan onChardev(OptionList given, Map<String, Chardev> chardevs)
            throws CommandException {
        OptionList list =
                new OptionList(
                        given.option(), given.head(), new LinkedHashMap<>(given.properties()));
        String id = list.head();
        String mode = list.take("mode").orElse("readline");
        list.expectEmpty(Set.of("chardev", "mode"));
        if (!mode.equals("control") && !mode.equals("readline")) {
            throw CommandException.usage(
                    "%s: unknown mode '%s'; known: control, readline"
                            .formatted(list.option(), mode));
        }
        if (!(chardevs.remove(id) instanceof Chardev.Socket(ListenAddress address))) {
            throw CommandException.usage(
                    "%s: there is no -chardev socket with id=%s".formatted(list.option(), id));
        }
        return new MonitorPlan(mode.equals("control"), new Chardev.Socket(address));
    }

    /** Whether it is on the terminal. */
    boolean isStdio() {
        return at instanceof Chardev.Stdio;
    }
}
