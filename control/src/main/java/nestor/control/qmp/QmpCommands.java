package nestor.control.qmp;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import nestor.control.ControlledMachine;
import nestor.control.Json;
import nestor.control.hmp.HmpCommands;
import nestor.control.qmp.QmpException.ErrorClass;
import nestor.control.view.PasidQuery;
import nestor.control.view.TableQuery;
import nestor.control.view.Views;
import nestor.control.view.WalkQuery;
import nestor.control.view.WalkView;
import nestor.machine.Accelerator;
import nestor.machine.ConfigException;
import nestor.machine.DeviceConfig;
import nestor.machine.MachineControl;
import nestor.machine.MachineEvent;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The commands of QMP, by name, with QEMU's arguments and results where QEMU has the command; our
 * own begin with {@code x-nestor-}. Arguments are checked before anything is done. On the control
 * thread.
 */
public final class QmpCommands {
    static final String NEGOTIATE = "qmp_capabilities";

    /** The version of QEMU whose commands and spellings these are. */
    private static final int MAJOR = 10;

    private static final int MINOR = 2;

    @FunctionalInterface
    private interface Command {
        JsonNode execute(Arguments arguments)
                throws QmpException, ConfigException, InterruptedException;
    }

    /** A command without arguments that returns nothing. */
    @FunctionalInterface
    private interface Action {
        void run() throws ConfigException, InterruptedException;
    }

    /** A command without arguments. */
    @FunctionalInterface
    private interface Query {
        JsonNode answer();
    }

    private final Map<String, Command> commands = new TreeMap<>();
    private final ControlledMachine machine;
    private final MachineControl control;
    private final Views views;
    private final QmpObjects objects;
    private final HmpCommands hmp;

    /**
     * The commands of one machine.
     *
     * @param hmp executes {@code human-monitor-command}
     */
    public QmpCommands(ControlledMachine machine, HmpCommands hmp) {
        this.machine = machine;
        this.hmp = hmp;
        control = machine.machine().control();
        views = new Views(machine);
        objects = new QmpObjects(control);
        actions();
        queries();
        devices();
        commands.put("human-monitor-command", this::human);
        commands.put("x-nestor-info", this::info);
        QmpChaos chaos = new QmpChaos(control);
        commands.put("x-nestor-inject", chaos::inject);
        query("x-nestor-query-inject", chaos::query);
        commands.put("x-nestor-iommu-walk", this::walk);
        QmpTrace trace = new QmpTrace(machine.tracing());
        commands.put("trace-event-get-state", trace::state);
        commands.put("trace-event-set-state", trace::change);
    }

    private void actions() {
        action("stop", control::stop);
        action("cont", control::cont);
        action("system_reset", control::reset);
        action("system_powerdown", control::powerdown);
        action("quit", () -> control.quit(MachineEvent.Cause.HOST_QMP_QUIT));
    }

    private void queries() {
        query("query-version", this::version);
        query("query-commands", this::names);
        query("query-events", QmpCommands::events);
        query("query-qmp-schema", Json::array);
        query("query-name", this::name);
        query("query-status", this::status);
        query("query-kvm", this::kvm);
        query("query-cpus-fast", this::cpus);
        query("query-pci", this::pci);
        query("query-chardev", views::chardev);
        query("query-memdev", Json::array);
        query("query-migrate", Json::object);
    }

    private void devices() {
        commands.put("device_add", this::deviceAdd);
        commands.put("device_del", this::deviceDel);
        commands.put("x-nestor-device-remove-surprise", this::deviceRemoveSurprise);
        commands.put(
                "qom-list",
                arguments -> {
                    String path = arguments.text("path");
                    arguments.expectNoMore();
                    return objects.list(path);
                });
        commands.put(
                "qom-get",
                arguments -> {
                    String path = arguments.text("path");
                    String property = arguments.text("property");
                    arguments.expectNoMore();
                    return objects.get(path, property);
                });
        commands.put(
                "qom-set",
                arguments -> {
                    String path = arguments.text("path");
                    String property = arguments.text("property");
                    arguments.ignore("value");
                    arguments.expectNoMore();
                    throw objects.readOnly(path, property);
                });
    }

    private void action(String name, Action action) {
        commands.put(
                name,
                arguments -> {
                    arguments.expectNoMore();
                    action.run();
                    return Json.object();
                });
    }

    private void query(String name, Query query) {
        commands.put(
                name,
                arguments -> {
                    arguments.expectNoMore();
                    return query.answer();
                });
    }

    JsonNode execute(String name, Arguments arguments) throws QmpException, InterruptedException {
        Command command = commands.get(name);
        if (command == null) {
            throw new QmpException(
                    ErrorClass.COMMAND_NOT_FOUND, "there is no command '" + name + "'");
        }
        try {
            return command.execute(arguments);
        } catch (ConfigException e) {
            String message = e.getMessage();
            throw QmpException.generic(message == null ? "" : message);
        }
    }

    ObjectNode version() {
        ObjectNode version = Json.object();
        version.putObject("qemu").put("major", MAJOR).put("minor", MINOR).put("micro", 0);
        version.put("package", "nestor-" + machine.version());
        return version;
    }

    private ArrayNode names() {
        ArrayNode list = Json.array();
        list.addObject().put("name", NEGOTIATE);
        commands.keySet().forEach(name -> list.addObject().put("name", name));
        return list;
    }

    private static ArrayNode events() {
        ArrayNode list = Json.array();
        QmpEvents.NAMES.forEach(name -> list.addObject().put("name", name));
        return list;
    }

    private ObjectNode name() {
        ObjectNode name = Json.object();
        if (!machine.name().isEmpty()) {
            name.put("name", machine.name());
        }
        return name;
    }

    private ObjectNode status() {
        ObjectNode status = views.status();
        status.remove("instructions");
        return status.put("singlestep", false);
    }

    private ObjectNode kvm() {
        boolean enabled = machine.configuration().accelerator() == Accelerator.KVM;
        return Json.object().put("enabled", enabled).put("present", enabled);
    }

    private ArrayNode cpus() {
        ArrayNode list = Json.array();
        String target = machine.configuration().type().equals("virt") ? "aarch64" : "x86_64";
        for (int cpu = 0; cpu < machine.configuration().cpus(); cpu++) {
            list.addObject()
                    .put("cpu-index", cpu)
                    .put("qom-path", "/machine/unattached/cpu[" + cpu + "]")
                    .put("thread-id", 0)
                    .put("target", target);
        }
        return list;
    }

    private ArrayNode pci() {
        return QmpPci.of(views.pci());
    }

    private JsonNode deviceAdd(Arguments arguments) throws QmpException, ConfigException {
        String driver = arguments.text("driver");
        control.deviceAdd(new DeviceConfig(driver, arguments.rest()));
        return Json.object();
    }

    private JsonNode deviceDel(Arguments arguments) throws QmpException, ConfigException {
        String id = device(arguments);
        control.deviceDel(id);
        return Json.object();
    }

    private JsonNode deviceRemoveSurprise(Arguments arguments)
            throws QmpException, ConfigException {
        String id = device(arguments);
        machine.machine().deviceRemoveSurprise(id);
        return Json.object();
    }

    private String device(Arguments arguments) throws QmpException {
        String id = arguments.text("id");
        arguments.expectNoMore();
        String name = id.substring(id.lastIndexOf('/') + 1);
        if (control.devices().stream().noneMatch(node -> node.name().equals(name))) {
            throw new QmpException(ErrorClass.DEVICE_NOT_FOUND, "there is no device '" + id + "'");
        }
        return name;
    }

    private JsonNode human(Arguments arguments) throws QmpException {
        String line = arguments.text("command-line");
        arguments.ignoreInteger("cpu-index");
        arguments.expectNoMore();
        return Json.object().stringNode(hmp.execute(line).replace("\n", "\r\n"));
    }

    private JsonNode walk(Arguments arguments) throws QmpException {
        String function = arguments.text("function");
        OptionalLong pasid = arguments.optionalNumber("pasid");
        OptionalLong iova = arguments.optionalNumber("iova");
        String access = arguments.optionalText("access").orElse("read");
        boolean privileged = arguments.optionalFlag("privileged");
        arguments.expectNoMore();
        if (iova.isEmpty()) {
            throw QmpException.generic("argument 'iova' is missing");
        }
        try {
            OptionalInt number =
                    pasid.isEmpty()
                            ? OptionalInt.empty()
                            : OptionalInt.of(WalkQuery.pasid(pasid.getAsLong()));
            return WalkView.of(
                    views.walk(
                            new WalkQuery(function, number, iova.getAsLong(), access, privileged)));
        } catch (WalkQuery.WrongQueryException e) {
            throw QmpException.generic(String.valueOf(e.getMessage()));
        }
    }

    private JsonNode info(Arguments arguments) throws QmpException {
        String topic = arguments.text("topic");
        if (topic.equals(TableQuery.TOPIC) || topic.equals(PasidQuery.TOPIC)) {
            return tables(topic, arguments);
        }
        arguments.expectNoMore();
        Optional<JsonNode> view = views.of(topic);
        return view.orElseThrow(() ->
                QmpException.generic(
                        "there is no topic '%s'; known: %s"
                                .formatted(
                                        topic,
                                        String.join(", ", Views.topics())
                                                + ", "
                                                + PasidQuery.TOPIC
                                                + ", "
                                                + TableQuery.TOPIC)));
    }

    private JsonNode tables(String topic, Arguments arguments) throws QmpException {
        Optional<String> function = arguments.optionalText("function");
        OptionalLong pasid = arguments.optionalNumber("pasid");
        try {
            OptionalInt number =
                    pasid.isEmpty()
                            ? OptionalInt.empty()
                            : OptionalInt.of(WalkQuery.pasid(pasid.getAsLong()));
            if (topic.equals(PasidQuery.TOPIC)) {
                arguments.expectNoMore();
                return views.pasids(new PasidQuery(function, number.orElse(0)));
            }
            boolean privileged = arguments.optionalFlag("privileged");
            long iova = arguments.optionalNumber("iova").orElse(0);
            long size = arguments.optionalNumber("size").orElse(0);
            arguments.expectNoMore();
            return views.pageTable(
                    TableQuery.of(
                            function.orElseThrow(
                                    () -> QmpException.generic("argument 'function' is missing")),
                            number,
                            privileged,
                            iova,
                            size));
        } catch (WalkQuery.WrongQueryException e) {
            throw QmpException.generic(String.valueOf(e.getMessage()));
        }
    }
}
