package nestor.machine;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import nestor.atc.Atc;
import nestor.endpoints.RawFile;
import nestor.pci.PciFunction;
import nestor.virtio.VirtqueueState;
import nestor.vmm.loop.MailboxLoop;

/** A device that the machine made: what is plugged, the loop it lives on, and its disk. */
final class Endpoint {
    private final PciPlan.Placement place;
    private final PciFunction function;
    private final MailboxLoop loop;
    private final Optional<RawFile> disk;
    private final Optional<Atc> atc;
    private final Consumer<Runnable> leave;
    private final Runnable onClose;
    private final AtomicBoolean closed = new AtomicBoolean();
    private Supplier<List<VirtqueueState>> queues = List::of;

    /**
     * @param leave has the device's loop run a task that takes the device off the bus, and stops it
     */
    Endpoint(
            PciPlan.Placement place,
            PciFunction function,
            MailboxLoop loop,
            Optional<RawFile> disk,
            Optional<Atc> atc,
            Consumer<Runnable> leave) {
        this(place, function, loop, disk, atc, leave, () -> {});
    }

    /**
     * @param leave has the device's loop run a task that takes the device off the bus, and stops it
     * @param onClose gives back what else the device holds
     */
    Endpoint(
            PciPlan.Placement place,
            PciFunction function,
            MailboxLoop loop,
            Optional<RawFile> disk,
            Optional<Atc> atc,
            Consumer<Runnable> leave,
            Runnable onClose) {
        this.onClose = onClose;
        this.place = place;
        this.function = function;
        this.loop = loop;
        this.disk = disk;
        this.atc = atc;
        this.leave = leave;
    }

    String name() {
        return place.name();
    }

    PciPlan.Placement place() {
        return place;
    }

    PciFunction function() {
        return function;
    }

    MailboxLoop loop() {
        return loop;
    }

    /** With the queues of a virtio device; before the endpoint is plugged. */
    Endpoint withQueues(Supplier<List<VirtqueueState>> states) {
        queues = states;
        return this;
    }

    /** Its virtqueues at this moment. */
    List<VirtqueueState> queues() {
        return queues.get();
    }

    /** The cache of translations of its function, if the machine knows it. */
    Optional<Atc> atc() {
        return atc;
    }

    /**
     * Has the loop run {@code removal}, which takes the device off the bus, and stop the device.
     */
    void leave(Runnable removal) {
        leave.accept(removal);
    }

    /** Everything written is on stable storage when this returns. */
    void flush() throws IOException {
        if (disk.isPresent() && !disk.get().isReadOnly() && !closed.get()) {
            disk.get().flush();
        }
    }

    /** Ends the loop, which must be at rest or be the caller, and gives the disk back; once. */
    void close() throws IOException {
        if (closed.compareAndSet(false, true)) {
            onClose.run();
            loop.close();
            if (disk.isPresent()) {
                disk.get().close();
            }
        }
    }
}
