package nestor.pci;

import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/**
 * The host bridge: ECAM (PCIe Base §7.2.2), the memory windows, bus 0 and the root ports on it, and
 * the IOMMU in front of memory.
 *
 * <p>Bus 0 is plugged before the machine runs; what is behind root ports comes and goes. That, and
 * configuration writes that change routing (BARs, Memory Space, Bus Master, bridge windows and bus
 * numbers), publish a new routing snapshot under the host's one lock; MMIO and DMA read snapshots
 * and take no lock.
 */
public final class PciHost {
    /** Configuration space per bus. */
    public static final int ECAM_BYTES_PER_BUS = 1 << 20;

    /**
     * Where the host's windows lie in guest-physical space. A window of 0 bytes does not exist.
     *
     * @param ecamGpa configuration space, 1 MiB per bus
     * @param buses 1..256, numbered from 0
     * @param mem32Gpa window for 32-bit BARs
     * @param mem32Bytes its size
     * @param mem64Gpa window for 64-bit BARs
     * @param mem64Bytes its size
     * @param ioGpa the I/O window: claimed, but no function has I/O BARs
     * @param ioBytes its size
     */
    public record Layout(
            long ecamGpa,
            int buses,
            long mem32Gpa,
            long mem32Bytes,
            long mem64Gpa,
            long mem64Bytes,
            long ioGpa,
            long ioBytes) {
        public Layout {
            if (buses < 1 || buses > 256) {
                throw new IllegalArgumentException("1..256 buses, not " + buses);
            }
        }

        List<AddressRange> windows() {
            List<AddressRange> windows = new ArrayList<>();
            if (mem32Bytes > 0) {
                windows.add(AddressRange.ofSize(mem32Gpa, mem32Bytes));
            }
            if (mem64Bytes > 0) {
                windows.add(AddressRange.ofSize(mem64Gpa, mem64Bytes));
            }
            return windows;
        }
    }

    private record Iommu(TranslationAgent agent, IntPredicate rids) {}

    private static final int DEVICES = 32;
    private static final int FUNCTIONS = 8;

    /** Functions of one bus. */
    private static final int DEVFNS = DEVICES * FUNCTIONS;

    /** The fields of an ECAM offset (§7.2.2, table 7-1). */
    private static final BitField ECAM_BUS = bits(27, 20);

    private static final BitField ECAM_DEVFN = bits(19, 12);
    private static final BitField ECAM_REGISTER = bits(11, 0);

    private static final BitField RID_BUS = bits(15, 8);
    private static final BitField RID_DEVFN = bits(7, 0);

    private final Layout layout;
    private final Completer completer;
    private final Object routing = new Object();

    /** By bus number; complete before the machine runs. */
    private final NavigableMap<Integer, @Nullable PciFunction[]> rootBuses = new TreeMap<>();

    private volatile List<Iommu> iommus = List.of();

    /**
     * An empty host whose windows are mapped on {@code bus}.
     *
     * @param memory where DMA ends after translation
     * @param doorbell where DMA writes become interrupts
     */
    public PciHost(Layout layout, GuestMemory memory, MmioBus bus, MsiDoorbell doorbell) {
        this.layout = layout;
        this.completer = new Completer(memory, doorbell);
        addRootBus(0);
        bus.map(layout.ecamGpa(), (long) layout.buses() * ECAM_BYTES_PER_BUS, new Ecam());
        for (AddressRange window : layout.windows()) {
            long sizeBytes = window.last() - window.first() + 1;
            bus.map(window.first(), sizeBytes, new Window(window.first()));
        }
        if (layout.ioBytes() > 0) {
            bus.map(layout.ioGpa(), layout.ioBytes(), new NothingThere());
        }
    }

    /**
     * Adds a root bus beside bus 0, as a further root complex has: the buses up to the next root
     * bus are its own. Before the machine runs.
     *
     * @param number 1..255, less than the host's number of buses
     * @throws IllegalArgumentException if there is one of this number
     */
    public void addRootBus(int number) {
        if (number < 0 || number >= layout.buses() || rootBuses.containsKey(number)) {
            throw new IllegalArgumentException("no room for root bus " + number);
        }
        rootBuses.put(number, new @Nullable PciFunction[DEVFNS]);
    }

    /** Numbers of the root buses, in order; 0 is always among them. */
    public List<Integer> rootBuses() {
        return List.copyOf(rootBuses.keySet());
    }

    /** The last bus number before the root bus after {@code root}. */
    public int lastBusOf(int root) {
        Integer next = rootBuses.higherKey(root);
        return next == null ? layout.buses() - 1 : next - 1;
    }

    /** {@link #plug(int, int, int, PciFunction)} on bus 0. */
    public void plug(int device, int function, PciFunction f) {
        plug(0, device, function, f);
    }

    /**
     * Plugs an integrated function on a root bus.
     *
     * @param root number of the bus
     * @param device 0..31
     * @param function 0..7
     * @throws IllegalArgumentException if there is no such bus or the place is taken
     */
    public void plug(int root, int device, int function, PciFunction f) {
        @Nullable PciFunction[] bus = rootBuses.get(root);
        int devfn = device * FUNCTIONS + function;
        if (bus == null
                || device < 0
                || device >= DEVICES
                || function < 0
                || function >= FUNCTIONS) {
            throw new IllegalArgumentException(
                    "no such place: %02x:%x.%x".formatted(root, device, function));
        }
        if (bus[devfn] != null) {
            throw new IllegalArgumentException(
                    "%02x:%02x.%x is taken".formatted(root, device, function));
        }
        f.attach(this, null, root, devfn);
        bus[devfn] = f;
        f.asPort().ifPresent(RootPort::attached);
        reconfigure();
    }

    /** {@link #addRootPort(String, int, int, boolean)} on bus 0, with Access Control Services. */
    public RootPort addRootPort(String id, int device) {
        return addRootPort(id, 0, device, true);
    }

    /**
     * Adds a root port as function 0 of {@code device} on a root bus.
     *
     * @param id of the port, for messages
     * @param root number of the bus
     * @param acs whether it has the ACS Extended Capability (PCIe Base §7.7.11); to software that
     *     looks for it, what is below a port without is not isolated
     * @throws IllegalArgumentException if there is no such bus or the place is taken
     */
    public RootPort addRootPort(String id, int root, int device, boolean acs) {
        RootPort port = new RootPort(this, id, acs);
        plug(root, device, 0, port.function());
        return port;
    }

    /**
     * Puts {@code agent} in front of memory for the RIDs that {@code rids} accepts and no earlier
     * agent does; RIDs of none access memory untranslated. Of an agent that is given twice the last
     * predicate counts. The predicate runs on every DMA: it must be quick and lock-free. Before the
     * machine runs.
     */
    public void iommu(TranslationAgent agent, IntPredicate rids) {
        List<Iommu> more = new ArrayList<>(iommus);
        more.removeIf(iommu -> iommu.agent().equals(agent));
        more.add(new Iommu(agent, rids));
        iommus = List.copyOf(more);
    }

    /** Puts {@code instead} in the place of an agent that is there. Before the machine runs. */
    public void interpose(TranslationAgent agent, TranslationAgent instead) {
        iommus =
                iommus.stream()
                        .map(iommu ->
                                iommu.agent().equals(agent)
                                        ? new Iommu(instead, iommu.rids())
                                        : iommu)
                        .toList();
    }

    /**
     * Where an IOMMU sends Invalidate Requests and PRG Responses for {@code rid}. Empty if no
     * function with ATS has that RID now: software mistook it, or the function is gone, and the
     * message gets the answer that the IOMMU's architecture has for it (Unsupported Request, or
     * none at all). A function whose ATS is disabled, or in which nobody caches translations,
     * completes an invalidation at once.
     *
     * @param rid any number; 16 bits count
     */
    public Optional<AtsEndpoint> atsEndpoint(int rid) {
        PciFunction f = configTarget(RID_BUS.getInt(rid), RID_DEVFN.getInt(rid));
        return f == null ? Optional.empty() : f.atsEndpoint();
    }

    /** Whether {@link #iommu} has put something in front of memory. */
    public boolean hasIommu() {
        return !iommus.isEmpty();
    }

    /** All functions, root ports included: root buses in device order, then behind each port. */
    public List<PciFunction> functions() {
        List<PciFunction> all = new ArrayList<>(onRootBuses());
        rootPorts().forEach(port -> all.addAll(port.functionsBelow()));
        return all;
    }

    /** Everything as fresh: registers, pending interrupts, and each device's own reset. */
    public void reset() {
        for (PciFunction f : onRootBuses()) {
            f.asPort().ifPresentOrElse(RootPort::reset, f::reset);
        }
        reconfigure();
    }

    Completer completer() {
        return completer;
    }

    /** What is in front of memory for a RID; empty if nothing is. Any thread. */
    public Optional<TranslationAgent> iommuOf(int rid) {
        return Optional.ofNullable(agentOf(rid));
    }

    @Nullable TranslationAgent agentOf(int rid) {
        List<Iommu> all = iommus;
        for (int i = 0; i < all.size(); i++) { // no iterator on the way of every DMA
            Iommu iommu = all.get(i);
            if (iommu.rids().test(rid)) {
                return iommu.agent();
            }
        }
        return null;
    }

    /** Whether the device of function 0 at {@code f}'s place has more functions (§7.5.1.1.9). */
    boolean isMultiFunction(PciFunction f) {
        List<PciFunction> siblings =
                f.above().isPresent() ? f.above().get().functionsBelow() : onRootBuses();
        return siblings.stream()
                .anyMatch(s ->
                        s != f && s.rootBus() == f.rootBus() && s.devfn() >>> 3 == f.devfn() >>> 3);
    }

    /** Derives routing from the registers; after every write that may change it. */
    void reconfigure() {
        reconfigure(() -> {});
    }

    /** {@link #reconfigure()} after {@code change} of what is plugged, as one step. */
    void reconfigure(Runnable change) {
        synchronized (routing) {
            change.run();
            List<RootPort> ports = rootPorts();
            ports.forEach(RootPort::decode);
            ports.sort(Comparator.comparingInt(RootPort::secondaryBus));
            BarRoutes routes = new BarRoutes();
            for (PciFunction f : onRootBuses()) {
                f.decode();
                f.route(routes, layout.windows());
            }
            for (RootPort port : ports) {
                List<AddressRange> windows = reachable(port);
                for (PciFunction f : port.functionsBelow()) {
                    f.decode();
                    f.route(routes, windows);
                }
            }
            completer.routes(routes);
        }
        functions().forEach(PciFunction::tellRenumbered);
    }

    private List<AddressRange> reachable(RootPort port) {
        List<AddressRange> reachable = new ArrayList<>();
        for (AddressRange outer : layout.windows()) {
            for (AddressRange inner : port.windows()) {
                AddressRange common = outer.intersect(inner);
                if (common != null) {
                    reachable.add(common);
                }
            }
        }
        return reachable;
    }

    private List<PciFunction> onRootBuses() {
        List<PciFunction> present = new ArrayList<>();
        for (@Nullable PciFunction[] bus : rootBuses.values()) {
            for (PciFunction f : bus) {
                if (f != null) {
                    present.add(f);
                }
            }
        }
        return present;
    }

    private List<RootPort> rootPorts() {
        List<RootPort> ports = new ArrayList<>();
        onRootBuses().forEach(f -> f.asPort().ifPresent(ports::add));
        return ports;
    }

    /** Which function answers configuration requests; of ports with one number, the first. */
    private @Nullable PciFunction configTarget(int bus, int devfn) {
        @Nullable PciFunction[] root = rootBuses.get(bus);
        if (root != null) {
            return root[devfn];
        }
        for (PciFunction f : onRootBuses()) {
            RootPort port = f.asPort().orElse(null);
            PciFunction target = port == null ? null : port.claim(bus, devfn);
            if (target != null) {
                return target;
            }
        }
        return null;
    }

    /** Configuration space; functions that are not there read as all ones. */
    private final class Ecam implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            PciFunction f = configTarget(ECAM_BUS.getInt(offset), ECAM_DEVFN.getInt(offset));
            if (f == null) {
                return -1L;
            }
            long value = f.config().read(ECAM_REGISTER.get(offset), sizeBytes);
            PciTrace.configRead(f.rid(), ECAM_REGISTER.getInt(offset), sizeBytes, value);
            return value;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            PciFunction f = configTarget(ECAM_BUS.getInt(offset), ECAM_DEVFN.getInt(offset));
            if (f != null) {
                PciTrace.configWritten(f.rid(), ECAM_REGISTER.getInt(offset), sizeBytes, value);
                f.config().write(ECAM_REGISTER.get(offset), sizeBytes, value);
            }
        }

        @Override
        public int maxAccessBytes() {
            return 4;
        }
    }

    /** A memory window: whatever the BARs say now. */
    private final class Window implements MmioRegion {
        private final long base;

        Window(long base) {
            this.base = base;
        }

        @Override
        public long read(long offset, int sizeBytes) {
            return completer.routes().read(base + offset, sizeBytes);
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            completer.routes().write(base + offset, sizeBytes, value);
        }

        @Override
        public boolean writeBlock(long offset, long[] block) {
            completer.routes().writeBlock(base + offset, block);
            return true;
        }

        @Override
        public boolean writeDeferrable(long offset, long[] block) {
            return completer.routes().writeDeferrable(base + offset, block);
        }
    }

    /** The I/O window: claimed by the host, answered by nobody. */
    private static final class NothingThere implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            return -1L;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {}
    }
}
