package nestor.hostsim;

import java.util.HashMap;
import java.util.Map;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.IrqInfo;
import nestor.iommufd.Uapi.IrqSet;
import org.jspecify.annotations.Nullable;

/**
 * A VFIO PCI device's interrupts: which eventfd each vector writes to. Under the simulated host's
 * lock.
 */
final class VfioInterrupts {
    private static final int DATA = IrqSet.DATA_NONE | IrqSet.DATA_BOOL | IrqSet.DATA_EVENTFD;
    private static final int ACTIONS =
            IrqSet.ACTION_MASK | IrqSet.ACTION_UNMASK | IrqSet.ACTION_TRIGGER;

    private final SimulatedHost host;
    private final @Nullable PhysicalFunction function;
    private final Map<Integer, @Nullable EventCounter[]> triggers = new HashMap<>();

    VfioInterrupts(SimulatedHost host, @Nullable PhysicalFunction function) {
        this.host = host;
        this.function = function;
    }

    /** Vectors of one kind. Without interrupt pins there is no INTx. */
    int count(int index) {
        PhysicalFunction f = function;
        if (f == null) {
            return index == IrqInfo.INDEX_REQ ? 1 : 0;
        }
        return switch (index) {
            case IrqInfo.INDEX_MSI -> f.vectors(PhysicalFunction.MSI);
            case IrqInfo.INDEX_MSIX -> f.vectors(PhysicalFunction.MSIX);
            case IrqInfo.INDEX_ERR -> f.capability(PhysicalFunction.EXPRESS) == 0 ? 0 : 1;
            case IrqInfo.INDEX_REQ -> 1;
            default -> 0;
        };
    }

    void info(Struct struct) throws Refusal {
        int index = struct.word(IrqInfo.INDEX);
        Refusal.when(index < 0 || index >= IrqInfo.NUM_IRQS, Errno.EINVAL);
        Refusal.when(index == IrqInfo.INDEX_ERR && count(index) == 0, Errno.EINVAL);
        int flags =
                index == IrqInfo.INDEX_INTX
                        ? IrqInfo.FLAG_MASKABLE | IrqInfo.FLAG_AUTOMASKED
                        : IrqInfo.FLAG_NORESIZE;
        struct.word(IrqInfo.FLAGS, IrqInfo.FLAG_EVENTFD | flags).word(IrqInfo.COUNT, count(index));
    }

    void set(Struct struct, long room) throws Refusal {
        int flags = struct.word(IrqSet.FLAGS);
        int index = struct.word(IrqSet.INDEX);
        int start = struct.word(IrqSet.START);
        int count = struct.word(IrqSet.COUNT);
        Refusal.when(index < 0 || index >= IrqInfo.NUM_IRQS, Errno.EINVAL);
        Refusal.when((flags & ~(DATA | ACTIONS)) != 0, Errno.EINVAL);
        int max = count(index);
        Refusal.when(start < 0 || start >= max || count < 0 || count > max - start, Errno.EINVAL);
        int bytes = dataBytes(flags & DATA) * count;
        Refusal.when(struct.word(0) - IrqSet.DATA < bytes, Errno.EINVAL);
        Refusal.when(room - IrqSet.DATA < bytes, Errno.EFAULT);
        Refusal.when(Integer.bitCount(flags & ACTIONS) != 1, Errno.ENOTTY);
        Refusal.when((flags & ACTIONS) != IrqSet.ACTION_TRIGGER, Errno.ENOTTY);
        trigger(struct, flags & DATA, index, start, count);
    }

    private static int dataBytes(int data) throws Refusal {
        return switch (data) {
            case IrqSet.DATA_NONE -> 0;
            case IrqSet.DATA_BOOL -> 1;
            case IrqSet.DATA_EVENTFD -> Integer.BYTES;
            default -> throw new Refusal(Errno.EINVAL);
        };
    }

    private void trigger(Struct struct, int data, int index, int start, int count) throws Refusal {
        @Nullable EventCounter[] now = triggers.get(index);
        if (data == IrqSet.DATA_NONE && count == 0) {
            disable(index);
        } else if (data == IrqSet.DATA_EVENTFD) {
            connect(struct, index, start, count);
        } else {
            Refusal.when(now == null, Errno.EINVAL);
            for (int i = 0; i < count; i++) {
                if (data == IrqSet.DATA_NONE || struct.octet(IrqSet.DATA + i) != 0) {
                    signal(index, start + i);
                }
            }
        }
    }

    /** The first call makes as many vectors as it reaches; later ones reach no further. */
    private void connect(Struct struct, int index, int start, int count) throws Refusal {
        boolean messages = index == IrqInfo.INDEX_MSI || index == IrqInfo.INDEX_MSIX;
        int other = IrqInfo.INDEX_MSI + IrqInfo.INDEX_MSIX - index;
        Refusal.when(messages && triggers.containsKey(other), Errno.EINVAL);
        @Nullable EventCounter[] before = triggers.get(index);
        Refusal.when(before != null && start + count > before.length, Errno.EINVAL);
        @Nullable EventCounter[] now =
                new EventCounter[before == null ? start + count : before.length];
        if (before != null) {
            System.arraycopy(before, 0, now, 0, before.length);
        }
        for (int i = 0; i < count; i++) {
            now[start + i] = counter(struct.word(IrqSet.DATA + Integer.BYTES * i));
        }
        triggers.put(index, now);
        if (messages && before == null && function != null) {
            function.enableVectors(
                    index == IrqInfo.INDEX_MSI ? PhysicalFunction.MSI : PhysicalFunction.MSIX);
        }
    }

    private @Nullable EventCounter counter(int fd) throws Refusal {
        if (fd == -1) {
            return null;
        }
        if (host.file(fd) instanceof EventCounter counter) {
            return counter;
        }
        throw new Refusal(Errno.EINVAL);
    }

    private void disable(int index) {
        if (triggers.remove(index) != null && function != null) {
            if (index == IrqInfo.INDEX_MSI) {
                function.disableVectors(PhysicalFunction.MSI);
            } else if (index == IrqInfo.INDEX_MSIX) {
                function.disableVectors(PhysicalFunction.MSIX);
            }
        }
    }

    /** A vector fires. */
    void signal(int index, int vector) {
        @Nullable EventCounter[] all = triggers.get(index);
        if (all != null && vector < all.length) {
            EventCounter counter = all[vector];
            if (counter != null) {
                counter.signal();
            }
        }
    }

    void end() {
        triggers.clear();
    }
}
