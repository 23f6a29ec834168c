package nestor.machine.vfio;

import java.util.concurrent.atomic.AtomicBoolean;
import nestor.iommu.host.HostException;
import nestor.iommufd.Errno;
import nestor.iommufd.Uapi.IrqInfo;
import nestor.iommufd.VfioDevice;
import nestor.pci.PciFunction;
import nestor.pci.PciFunctionListener;
import org.jspecify.annotations.Nullable;

/**
 * A function of the host's in the guest. The guest sees a configuration space of ours; what it
 * enables there (memory, bus master, MSI, MSI-X) is enabled at the host, and interrupts come back
 * as this function's own messages, so that they pass the guest's IOMMU and its remapping. The
 * function's DMA is the host's business.
 *
 * <p>What a host refuses while the guest runs is logged once for a device, and the guest sees a
 * device that does not answer.
 */
public final class VfioFunction implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(VfioFunction.class.getName());

    private final String name;
    private final VfioDevice device;
    private final EventReader reader;
    private final HostConfigSpace config;
    private final PciFunction function;
    private final Runnable onRenumbered;
    private final AtomicBoolean complained = new AtomicBoolean();

    /** Guards what is enabled at the host; held during calls to it. */
    private final Object lock = new Object();

    private @Nullable VectorTable vectors;
    private boolean closed;

    /**
     * The function behind a device that is bound.
     *
     * @param name for messages
     * @param offer what of ATS, PRI and PASID the guest is shown
     * @param onRenumbered told of another RID, on the thread of the access that made it
     * @throws HostException if the device does not say what it is
     */
    public VfioFunction(
            String name,
            VfioDevice device,
            EventReader reader,
            ExtendedOffer offer,
            Runnable onRenumbered)
            throws HostException {
        this.name = name;
        this.device = device;
        this.reader = reader;
        this.onRenumbered = onRenumbered;
        this.config = new HostConfigSpace(device);
        this.function =
                new FunctionShape(name, device, config, this::complain)
                        .builder(offer)
                        .onReset(this::reset)
                        .listener(new Settings())
                        .build();
    }

    /** To be plugged. */
    public PciFunction function() {
        return function;
    }

    private final class Settings implements PciFunctionListener {
        @Override
        public void configured() {
            synchronized (lock) {
                if (!closed) {
                    reconcile();
                }
            }
        }

        @Override
        public void renumbered() {
            onRenumbered.run();
        }
    }

    /** Makes the host's half what the guest's says. */
    private void reconcile() {
        try {
            int command = function.memoryEnabled() ? HostConfigSpace.MEMORY_SPACE : 0;
            command |= function.mayMaster() ? HostConfigSpace.BUS_MASTER : 0;
            config.write(HostConfigSpace.COMMAND, 2, command);
            int wanted =
                    function.msixEnabled()
                            ? IrqInfo.INDEX_MSIX
                            : function.msiEnabled() ? IrqInfo.INDEX_MSI : -1;
            VectorTable now = vectors;
            if (now != null && now.index() != wanted) {
                vectors = null;
                now.disable();
                now = null;
            }
            if (now == null && wanted >= 0) {
                int count = device.irqs(wanted).count();
                vectors =
                        VectorTable.enable(
                                device,
                                reader,
                                wanted,
                                count,
                                wanted == IrqInfo.INDEX_MSIX
                                        ? function::signalMsix
                                        : function::signalMsi);
            }
        } catch (HostException e) {
            complain(e);
        }
    }

    /** The guest's Function Level Reset, or its machine's. Without one at the host DMA is off. */
    private void reset() {
        try {
            device.reset();
        } catch (HostException e) {
            if (e.errno() != Errno.ENOTTY) {
                complain(e);
            }
        }
    }

    private void complain(HostException e) {
        if (complained.compareAndSet(false, true)) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    name + ": " + e.getMessage() + "; no more is said of this device");
        }
    }

    /** Interrupts end, and the device is given back. */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
            VectorTable now = vectors;
            vectors = null;
            if (now != null) {
                try {
                    now.disable();
                } catch (HostException e) {
                    complain(e);
                }
            }
            device.close();
        }
    }
}
