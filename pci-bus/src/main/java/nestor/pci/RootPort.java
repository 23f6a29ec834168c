package nestor.pci;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * A root port: a PCI-PCI bridge on bus 0 with one hot-plug slot below it (PCIe Base §7.5.1.3,
 * §7.5.3, §6.7). What is in the slot changes from any thread, with no lock held.
 *
 * <p>Requests from below always go up to the root complex and through its IOMMU, never sideways:
 * the redirection that Access Control Services ask for holds whether it is enabled or not. Only
 * translated requests go to a peer directly, if Direct Translated P2P says so.
 */
public final class RootPort {
    private static final int FUNCTIONS = 8;
    private static final int VENDOR_RED_HAT = 0x1b36;
    private static final int DEVICE_ROOT_PORT = 0x000c;
    private static final int CLASS_PCI_BRIDGE = 0x060400;

    /** Memory windows have 1 MiB granularity. */
    private static final long WINDOW_MASK = 0xf_ffffL;

    private static final int WINDOW_SHIFT = 16;

    private final PciHost host;
    private final PciFunction function;
    private final Object link = new Object();

    /** What runs when the guest lets the device go; null if nobody asked for that. */
    private final AtomicReference<@Nullable Runnable> removal = new AtomicReference<>();

    /** In order of their numbers; replaced with the host's routing lock held. */
    private volatile List<PciFunction> below = List.of();

    private boolean linkWasActive;
    private @Nullable Slot slot;
    private @Nullable RootPme rootPme;
    private volatile int secondaryBus;
    private volatile int subordinateBus;
    private final Optional<AcsCapability> acs;
    private final PowerManagement power;
    private volatile boolean forwardsUpstream;
    private volatile AccessControl accessControl = AccessControl.NONE;
    private volatile List<AddressRange> windows = List.of();

    RootPort(PciHost host, String id, boolean hasAcs) {
        this.host = host;
        this.power = new PowerManagement(this::powerChanged, this::sendPme);
        PciFunctionBuilder builder =
                PciFunction.builder(id)
                        .ids(VENDOR_RED_HAT, DEVICE_ROOT_PORT)
                        .classCode(CLASS_PCI_BRIDGE)
                        .rootPort(this)
                        .msi()
                        .capability(power.capability());
        this.acs = hasAcs ? Optional.of(new AcsCapability()) : Optional.empty();
        acs.ifPresent(services -> {
            services.onControl(host::reconfigure);
            builder.capability(services.capability());
        });
        this.function = builder.build();
    }

    /** The port's own function. */
    public PciFunction function() {
        return function;
    }

    /** Plugs function 0 of the device in the slot. */
    public void plug(PciFunction f) {
        plug(0, f);
    }

    /**
     * Plugs one function of the device in the slot; before the machine runs.
     *
     * @throws IllegalArgumentException if the place is taken or the function is not PCI Express
     */
    public void plug(int functionNumber, PciFunction f) {
        insert(functionNumber, f);
        slot().reset();
        refreshLink();
    }

    /**
     * Puts a device of one function in the empty slot while the machine runs, and presses the
     * attention button (§6.7.1.5); the guest then powers the slot.
     *
     * @throws IllegalArgumentException if the slot is taken or the function is not PCI Express
     */
    public void hotPlug(PciFunction f) {
        if (isPopulated()) {
            throw new IllegalArgumentException("the slot of " + function.name() + " is taken");
        }
        removal.set(null); // whoever asked meant another device
        insert(0, f);
        slot().event(refreshLink() | Slot.PRESENCE_DETECT_CHANGED | Slot.ATTENTION_BUTTON_PRESSED);
    }

    /** What {@link #unplug} came to. */
    public enum Unplug {
        /** The slot was off or empty: the device is out. */
        REMOVED,
        /** The guest was asked; the device leaves when it turns the slot off, or is reset. */
        REQUESTED,
        /**
         * The guest is turning the slot on or off, and would take the button as a change of mind.
         */
        BUSY
    }

    /**
     * Asks the guest, by the attention button, to let the device in the slot go.
     *
     * @param left runs once, on any thread with no lock held, when the device is out and the last
     *     of its requests is done; not at all if {@link #removeSurprise} comes first, or the slot
     *     is empty already
     */
    public Unplug unplug(Runnable left) {
        if (!isPopulated()) {
            return Unplug.REMOVED;
        }
        if (slot().isOff()) {
            eject(left);
            return Unplug.REMOVED;
        }
        if (slot().isInTransition()) {
            return Unplug.BUSY;
        }
        removal.set(left);
        slot().event(Slot.ATTENTION_BUTTON_PRESSED);
        ejectIfOff(); // it may have been turned off meanwhile
        return Unplug.REQUESTED;
    }

    /**
     * Takes the device out with no word to the guest: from here on it reads as all ones, claims no
     * address, and gets UR for whatever it requests.
     *
     * @param left as for {@link #unplug}
     */
    public void removeSurprise(Runnable left) {
        removal.set(null);
        eject(left);
    }

    private void insert(int functionNumber, PciFunction f) {
        if (functionNumber < 0
                || functionNumber >= FUNCTIONS
                || below.stream().anyMatch(other -> other.devfn() == functionNumber)) {
            throw new IllegalArgumentException(
                    "no free function " + functionNumber + " behind " + function.name());
        }
        f.attach(host, this, function.rootBus(), functionNumber);
        List<PciFunction> more = new ArrayList<>(below);
        more.add(f);
        more.sort(Comparator.comparingInt(PciFunction::devfn));
        host.reconfigure(() -> below = List.copyOf(more));
    }

    private void eject(Runnable left) {
        List<PciFunction> gone = new ArrayList<>();
        host.reconfigure(() -> {
            gone.addAll(below);
            below = List.of();
            gone.forEach(PciFunction::detach);
        });
        if (gone.isEmpty()) {
            return;
        }
        gone.forEach(PciFunction::endAts);
        slot().event(refreshLink() | Slot.PRESENCE_DETECT_CHANGED);
        AtomicInteger busy = new AtomicInteger(gone.size());
        for (PciFunction f : gone) {
            f.whenRequestsLeft(() -> {
                if (busy.decrementAndGet() == 0) {
                    left.run();
                }
            });
        }
    }

    private void ejectIfOff() {
        if (slot().isOff()) {
            Runnable left = removal.getAndSet(null);
            if (left != null) {
                eject(left);
            }
        }
    }

    /** Software wrote Slot Control: power may have changed, and with it the link. */
    void slotCommanded() {
        linkStateWritten();
        ejectIfOff();
    }

    /** Gives the port its slot and what tells of PMEs, once the registers exist. */
    void slot(Slot made, RootPme pme) {
        slot = made;
        rootPme = pme;
    }

    private void powerChanged() {
        host.reconfigure();
        wakeIfAsleep();
    }

    /**
     * A port that sleeps while an enabled hot-plug event is set asks to be woken (§6.7.3.4),
     * whichever came first: drivers turn the interrupt off before they put the port to sleep.
     */
    void wakeIfAsleep() {
        if (power.isD3Hot() && slot().hasEnabledEvent()) {
            power.wake();
        }
    }

    /** The port's PMEs end in its own root complex. */
    private void sendPme() {
        if (rootPme != null) {
            rootPme.received(function.rid());
        }
    }

    private Slot slot() {
        if (slot == null) {
            throw new IllegalStateException(function.name() + " is not plugged");
        }
        return slot;
    }

    /** Hangs the bridge's side effects on its registers, once they exist. */
    void attached() {
        RegisterFile config = function.config();
        for (Register register : ConfigHeader.type1()) {
            config.onWrite(register, _ -> host.reconfigure());
        }
        config.onWrite(ConfigHeader.BRIDGE_CONTROL, _ -> linkStateWritten());
    }

    List<PciFunction> functionsBelow() {
        return below;
    }

    /** Whether a device is in the slot. */
    public boolean isPopulated() {
        return !below.isEmpty();
    }

    boolean linkActive() {
        return isPopulated() && slot().isPowered() && !isDown();
    }

    /** A port in D3hot takes configuration requests for itself only (§5.3.1.4.1). */
    private boolean forwards() {
        return linkActive() && !power.isD3Hot();
    }

    int secondaryBus() {
        return secondaryBus;
    }

    /** The function that configuration requests for bus and device/function reach; null if none. */
    @Nullable PciFunction claim(int bus, int devfn) {
        if (bus != secondaryBus || bus > subordinateBus || bus == 0 || !forwards()) {
            return null;
        }
        for (PciFunction f : below) {
            if (f.devfn() == devfn) {
                return f;
            }
        }
        return null;
    }

    /**
     * Whether requests from below go on: the port masters the bus, its link is up, and software has
     * given the bus below a number (which Source Validation asks for).
     */
    boolean forwardsUpstream() {
        return forwardsUpstream;
    }

    /** What Access Control Services do to requests from below. */
    AccessControl accessControl() {
        return accessControl;
    }

    /** The addresses that are forwarded down. */
    List<AddressRange> windows() {
        return windows;
    }

    /** Reads the routing registers; called by the host with its routing lock held. */
    void decode() {
        RegisterFile config = function.config();
        secondaryBus = (int) config.get(ConfigHeader.SECONDARY_BUS);
        subordinateBus = (int) config.get(ConfigHeader.SUBORDINATE_BUS);
        accessControl = acs.map(AcsCapability::accessControl).orElse(AccessControl.NONE);
        long command = config.get(ConfigHeader.COMMAND);
        forwardsUpstream =
                ConfigHeader.Command.BUS_MASTER.isSet(command)
                        && forwards()
                        && secondaryBus != 0
                        && secondaryBus <= subordinateBus;
        List<AddressRange> open = new ArrayList<>();
        if (ConfigHeader.Command.MEMORY_SPACE.isSet(command) && forwards()) {
            FunctionInfo.BridgeInfo bridge = info();
            addWindow(open, bridge.memoryBase(), bridge.memoryLimit());
            addWindow(open, bridge.prefetchableBase(), bridge.prefetchableLimit());
        }
        windows = List.copyOf(open);
    }

    /** What the routing registers say. */
    FunctionInfo.BridgeInfo info() {
        RegisterFile config = function.config();
        return new FunctionInfo.BridgeInfo(
                (int) config.get(ConfigHeader.SECONDARY_BUS),
                (int) config.get(ConfigHeader.SUBORDINATE_BUS),
                address(config, ConfigHeader.MEMORY_BASE),
                address(config, ConfigHeader.MEMORY_LIMIT) | WINDOW_MASK,
                address(config, ConfigHeader.PREFETCHABLE_BASE)
                        | config.get(ConfigHeader.PREFETCHABLE_BASE_UPPER) << 32,
                address(config, ConfigHeader.PREFETCHABLE_LIMIT)
                        | config.get(ConfigHeader.PREFETCHABLE_LIMIT_UPPER) << 32
                        | WINDOW_MASK);
    }

    /** A limit below its base closes the window. */
    private static void addWindow(List<AddressRange> open, long base, long last) {
        if (Long.compareUnsigned(base, last) <= 0) {
            open.add(new AddressRange(base, last));
        }
    }

    private static long address(RegisterFile config, Register register) {
        BitField field = ConfigHeader.WINDOW_ADDRESS;
        return field.getInPlace(config.get(register)) << WINDOW_SHIFT;
    }

    /** Secondary Bus Reset, Link Disable or power changed. */
    void linkStateWritten() {
        long events = refreshLink();
        if (events != 0) {
            slot().event(events);
        }
    }

    /**
     * Derives the link's state; a link that goes down resets what is below.
     *
     * @return {@link Slot#LINK_STATE_CHANGED} if it changed, else 0
     */
    private long refreshLink() {
        host.reconfigure();
        boolean active;
        boolean changed;
        synchronized (link) {
            active = linkActive();
            changed = active != linkWasActive;
            linkWasActive = active;
        }
        if (changed && !active) {
            below.forEach(PciFunction::reset);
        }
        return changed ? Slot.LINK_STATE_CHANGED : 0;
    }

    private boolean isDown() {
        return ConfigHeader.BridgeControl.SECONDARY_BUS_RESET.isSet(
                        function.config().get(ConfigHeader.BRIDGE_CONTROL))
                || function.linkDisabled();
    }

    /** With the whole machine; a device that is asked to leave is gone afterwards. */
    void reset() {
        Runnable left = removal.getAndSet(null);
        if (left != null) {
            eject(left);
        }
        function.reset();
        power.reset();
        slot().reset();
        if (rootPme != null) {
            rootPme.reset();
        }
        below.forEach(PciFunction::reset);
        refreshLink();
    }
}
