package nestor.control.view;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import nestor.atc.AtcStatistics;
import nestor.control.ControlledMachine;
import nestor.control.Json;
import nestor.iommu.walk.WalkReport;
import nestor.machine.DeviceNode;
import nestor.machine.DriveConfig;
import nestor.machine.IommuState;
import nestor.machine.MachineControl;
import nestor.machine.MachineControl.RunState;
import nestor.machine.MappedRange;
import nestor.pci.FunctionInfo;
import nestor.pci.Requester;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A machine's views, by topic. Numbers are numbers; addresses and registers, too. */
public final class Views {
    private final ControlledMachine machine;

    public Views(ControlledMachine machine) {
        this.machine = machine;
    }

    /** {@code query-status}, and how far the guest has come. */
    public ObjectNode status() {
        RunState state = machine.machine().control().state();
        return Json.object()
                .put("status", state.title())
                .put("running", state == RunState.RUNNING)
                .put("instructions", machine.machine().retiredInstructions());
    }

    public ObjectNode version() {
        return Json.object().put("nestor", machine.version());
    }

    /** What a request would meet; see {@link WalkQuery}. */
    public WalkReport walk(WalkQuery query) throws WalkQuery.WrongQueryException {
        MachineControl control = machine.machine().control();
        Requester requester = query.requester(control.pciFunctions());
        return control.explore(requester, query.iova(), query.accessBits())
                .orElseThrow(() ->
                        new WalkQuery.WrongQueryException(
                                "no IOMMU is in front of " + WalkView.place(requester.rid())));
    }

    /** What is mapped for a requester; see {@link TableQuery}. */
    public ObjectNode pageTable(TableQuery query) throws WalkQuery.WrongQueryException {
        return new TableView(machine.machine().control()).pageTable(query);
    }

    /** The PASIDs of functions, and what they point to; see {@link PasidQuery}. */
    public ArrayNode pasids(PasidQuery query) throws WalkQuery.WrongQueryException {
        return new TableView(machine.machine().control()).pasids(query);
    }

    /** Every PCI function and how software has programmed it. */
    public ArrayNode pci() {
        return pci(machine.machine().pciFunctions());
    }

    /** The same of functions that somebody has. */
    public static ArrayNode pci(List<FunctionInfo> functions) {
        ArrayNode list = Json.array();
        for (FunctionInfo function : functions) {
            ObjectNode node = list.addObject();
            node.put("bus", function.rid() >>> 8)
                    .put("slot", function.rid() >>> 3 & 0x1f)
                    .put("function", function.rid() & 7)
                    .put("id", function.name())
                    .put("class", function.classCode())
                    .put("vendor", function.vendor())
                    .put("device", function.device())
                    .put("subsystem-vendor", function.subsystemVendor())
                    .put("subsystem", function.subsystem())
                    .put("bus-master", function.busMaster());
            ArrayNode capabilities = node.putArray("capabilities");
            function.capabilities()
                    .forEach(one ->
                            capabilities
                                    .addObject()
                                    .put("name", one.name())
                                    .put("enabled", one.enabled())
                                    .put("detail", one.detail()));
            ArrayNode bars = node.putArray("bars");
            for (FunctionInfo.BarInfo bar : function.bars()) {
                ObjectNode one = bars.addObject();
                one.put("bar", bar.index())
                        .put("kind", bar.kind().name().toLowerCase(Locale.ROOT))
                        .put("size", bar.sizeBytes());
                if (bar.decoded()) {
                    one.put("address", bar.address());
                }
            }
            function.bridge().ifPresent(bridge -> bridge(node.putObject("bridge"), bridge));
        }
        return list;
    }

    private static void bridge(ObjectNode node, FunctionInfo.BridgeInfo bridge) {
        node.put("secondary", bridge.secondaryBus())
                .put("subordinate", bridge.subordinateBus())
                .put("memory-base", bridge.memoryBase())
                .put("memory-limit", bridge.memoryLimit())
                .put("prefetchable-base", bridge.prefetchableBase())
                .put("prefetchable-limit", bridge.prefetchableLimit());
    }

    /** The tree of buses and devices, each device under the bus that it is on. */
    public ArrayNode qtree() {
        List<DeviceNode> devices = machine.machine().control().devices();
        ArrayNode buses = Json.array();
        for (String bus : devices.stream().map(DeviceNode::bus).distinct().toList()) {
            // A bus that is a root port's is shown below that port.
            if (devices.stream().noneMatch(device -> device.name().equals(bus))) {
                bus(buses.addObject(), bus, devices);
            }
        }
        return buses;
    }

    private static void bus(ObjectNode node, String bus, List<DeviceNode> devices) {
        node.put("bus", bus);
        ArrayNode on = node.putArray("devices");
        for (DeviceNode device : devices) {
            if (device.bus().equals(bus)) {
                ObjectNode one = on.addObject();
                one.put("id", device.name())
                        .put("driver", device.driver())
                        .put("slot", device.slot())
                        .put("function", device.function());
                ObjectNode properties = one.putObject("properties");
                device.properties().entrySet().stream()
                        .sorted(Map.Entry.comparingByKey())
                        .forEach(entry -> properties.put(entry.getKey(), entry.getValue()));
                if (devices.stream().anyMatch(other -> other.bus().equals(device.name()))) {
                    bus(one.putObject("child"), device.name(), devices);
                }
            }
        }
    }

    /** The guest-physical address space, by address. */
    public ArrayNode mtree() {
        ArrayNode list = Json.array();
        for (MappedRange range : machine.machine().control().addresses()) {
            list.addObject()
                    .put("address", range.gpa())
                    .put("size", range.sizeBytes())
                    .put("name", range.name());
        }
        return list;
    }

    /** Each IOMMU: its registers, and what it has counted. */
    public ArrayNode iommu() {
        List<FunctionInfo> functions = machine.machine().pciFunctions();
        ArrayNode list = Json.array();
        for (IommuState state : machine.machine().control().iommus()) {
            ObjectNode one = list.addObject();
            one.put("id", state.name())
                    .put("driver", state.driver())
                    .put("enabled", state.enabled());
            ArrayNode translates = one.putArray("translates");
            functions.stream()
                    .filter(function -> state.translates().test(function.rid()))
                    .forEach(function -> translates.add(function.name()));
            numbers(one.putObject("registers"), state.registers());
            numbers(one.putObject("counters"), state.counters());
        }
        return list;
    }

    /** How full the queues of IOMMUs and virtio devices are. */
    public ArrayNode queues() {
        MachineControl control = machine.machine().control();
        ArrayNode list = Json.array();
        for (IommuState state : control.iommus()) {
            QueueGauge.of(state).forEach(gauge -> queue(list, state.name(), gauge));
        }
        control.virtqueues()
                .forEach((name, queues) ->
                        queues.forEach(queue -> queue(list, name, QueueGauge.of(queue))));
        return list;
    }

    private static void queue(ArrayNode list, String of, QueueGauge gauge) {
        list.addObject()
                .put("of", of)
                .put("queue", gauge.name())
                .put("enabled", gauge.enabled())
                .put("size", gauge.entries())
                .put("producer", gauge.producer())
                .put("consumer", gauge.consumer())
                .put("waiting", gauge.waiting())
                .put("error", gauge.error());
    }

    private static void numbers(ObjectNode node, SequencedMap<String, Long> numbers) {
        numbers.forEach(node::put);
    }

    /** The address translation cache of each device that has one and lets it be counted. */
    public ArrayNode atc() {
        ArrayNode list = Json.array();
        for (Map.Entry<String, AtcStatistics> entry :
                machine.machine().atcStatistics().entrySet()) {
            AtcStatistics counted = entry.getValue();
            list.addObject()
                    .put("id", entry.getKey())
                    .put("hits", counted.hits())
                    .put("misses", counted.misses())
                    .put("permission-misses", counted.permissionMisses())
                    .put("requests", counted.requests())
                    .put("stale-drops", counted.staleDrops())
                    .put("evictions", counted.evictions())
                    .put("pasid-range-invalidations", counted.pasidRangeInvalidations())
                    .put("pasid-invalidations", counted.pasidInvalidations())
                    .put("range-invalidations", counted.rangeInvalidations())
                    .put("function-invalidations", counted.functionInvalidations());
        }
        return list;
    }

    public ArrayNode chardev() {
        ArrayNode list = Json.array();
        for (ControlledMachine.Chardev chardev : machine.chardevs()) {
            list.addObject()
                    .put("label", chardev.label())
                    .put("filename", chardev.filename())
                    .put("frontend-open", true);
        }
        return list;
    }

    /** The drives of the configuration. */
    public ArrayNode block() {
        ArrayNode list = Json.array();
        for (DriveConfig drive : machine.configuration().drives()) {
            list.addObject()
                    .put("device", drive.id())
                    .put("file", drive.file().toString())
                    .put("read-only", drive.readOnly());
        }
        return list;
    }

    /** The view of a topic of {@code info}; empty if there is none. */
    public Optional<JsonNode> of(String topic) {
        return Optional.ofNullable(
                switch (topic) {
                    case "status" -> status();
                    case "version" -> version();
                    case "pci" -> pci();
                    case "queues" -> queues();
                    case "qtree" -> qtree();
                    case "mtree" -> mtree();
                    case "iommu" -> iommu();
                    case "atc" -> atc();
                    case "chardev" -> chardev();
                    case "block" -> block();
                    default -> null;
                });
    }

    /** The topics of {@link #of}. */
    public static List<String> topics() {
        return List.of(
                "atc", "block", "chardev", "iommu", "mtree", "pci", "qtree", "queues", "status",
                "version");
    }
}
