package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * A root port: a PCI-PCI bridge on bus 0 with one slot below it (PCIe Base §7.5.1.3, §7.5.3). The
 * slot is populated before the machine starts; there is no hot-plug.
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
    private final @Nullable PciFunction[] below = new @Nullable PciFunction[FUNCTIONS];
    private final AtomicBoolean down = new AtomicBoolean();
    private volatile int secondaryBus;
    private volatile int subordinateBus;
    private final AcsCapability acs = new AcsCapability();
    private volatile boolean forwardsUpstream;
    private volatile AccessControl accessControl = AccessControl.NONE;
    private volatile List<AddressRange> windows = List.of();

    RootPort(PciHost host, String id) {
        this.host = host;
        acs.onControl(host::reconfigure);
        this.function =
                PciFunction.builder(id)
                        .ids(VENDOR_RED_HAT, DEVICE_ROOT_PORT)
                        .classCode(CLASS_PCI_BRIDGE)
                        .rootPort(this)
                        .msi()
                        .capability(acs.capability())
                        .build();
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
        if (functionNumber < 0 || functionNumber >= FUNCTIONS || below[functionNumber] != null) {
            throw new IllegalArgumentException(
                    "no free function " + functionNumber + " behind " + function.name());
        }
        f.attach(host, this, functionNumber);
        below[functionNumber] = f;
        host.reconfigure();
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
        List<PciFunction> present = new ArrayList<>();
        for (PciFunction f : below) {
            if (f != null) {
                present.add(f);
            }
        }
        return present;
    }

    boolean populated() {
        return !functionsBelow().isEmpty();
    }

    boolean linkActive() {
        return populated() && !isDown();
    }

    int secondaryBus() {
        return secondaryBus;
    }

    /** The function that configuration requests for bus and device/function reach; null if none. */
    @Nullable PciFunction claim(int bus, int devfn) {
        boolean mine = bus == secondaryBus && bus <= subordinateBus && bus != 0 && linkActive();
        return mine && devfn < FUNCTIONS ? below[devfn] : null;
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
        accessControl = acs.accessControl();
        long command = config.get(ConfigHeader.COMMAND);
        forwardsUpstream =
                ConfigHeader.Command.BUS_MASTER.isSet(command)
                        && linkActive()
                        && secondaryBus != 0
                        && secondaryBus <= subordinateBus;
        List<AddressRange> open = new ArrayList<>();
        if (ConfigHeader.Command.MEMORY_SPACE.isSet(command) && linkActive()) {
            addWindow(
                    open,
                    address(config, ConfigHeader.MEMORY_BASE),
                    address(config, ConfigHeader.MEMORY_LIMIT));
            addWindow(
                    open,
                    address(config, ConfigHeader.PREFETCHABLE_BASE)
                            | config.get(ConfigHeader.PREFETCHABLE_BASE_UPPER) << 32,
                    address(config, ConfigHeader.PREFETCHABLE_LIMIT)
                            | config.get(ConfigHeader.PREFETCHABLE_LIMIT_UPPER) << 32);
        }
        windows = List.copyOf(open);
    }

    /** A limit below its base closes the window. */
    private static void addWindow(List<AddressRange> open, long base, long limit) {
        long last = limit | WINDOW_MASK;
        if (Long.compareUnsigned(base, last) <= 0) {
            open.add(new AddressRange(base, last));
        }
    }

    private static long address(RegisterFile config, Register register) {
        BitField field = ConfigHeader.WINDOW_ADDRESS;
        return field.getInPlace(config.get(register)) << WINDOW_SHIFT;
    }

    /** Secondary Bus Reset or Link Disable changed; either resets what is below when it begins. */
    void linkStateWritten() {
        boolean now = isDown();
        boolean before = down.getAndSet(now);
        host.reconfigure();
        if (now && !before) {
            functionsBelow().forEach(PciFunction::reset);
        }
    }

    private boolean isDown() {
        return ConfigHeader.BridgeControl.SECONDARY_BUS_RESET.isSet(
                        function.config().get(ConfigHeader.BRIDGE_CONTROL))
                || function.linkDisabled();
    }

    void reset() {
        function.reset();
        functionsBelow().forEach(PciFunction::reset);
        down.set(false);
    }
}
