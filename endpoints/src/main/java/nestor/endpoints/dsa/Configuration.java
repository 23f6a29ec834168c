package nestor.endpoints.dsa;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nestor.pci.AtsPort;
import nestor.pci.Requester;

/**
 * What software has configured, and the state it has brought device and work queues to (§3.4 to
 * §3.6). Every method takes the device's lock, a leaf: nothing is called under it.
 */
final class Configuration {
    /** GENSTS. */
    enum DeviceState {
        DISABLED(0),
        ENABLED(1),
        /** Being disabled. */
        DRAINING(2);

        final int code;

        DeviceState(int code) {
            this.code = code;
        }
    }

    /** What a portal did with a write. */
    enum Acceptance {
        ACCEPTED,
        /** Shared, and full: the writer is to retry. */
        RETRY,
        WRONG_WRITE,
        NOT_ENABLED,
        OVERFLOW
    }

    private final Object lock = new Object();
    private final DsaOptions options;
    private final int[] groupTable;
    private final int[] queueTable;
    private final InterruptTable interrupts;
    private final List<WorkQueue> queues = new ArrayList<>();

    private DeviceState state = DeviceState.DISABLED;
    private List<GroupConfig> groups = List.of();
    private long sequence;

    /** Counts resets from outside; what began before one is to end without a trace. */
    private volatile int generation;

    /** The generation that the loop's turn serves: what an older one decided, changes nothing. */
    private int served;

    Configuration(DsaOptions options) {
        this.options = options;
        this.groupTable = new int[options.groups() * GroupConfig.DWORDS];
        this.queueTable = new int[options.workQueues() * WqConfig.DWORDS];
        this.interrupts = new InterruptTable(options);
        for (int i = 0; i < options.workQueues(); i++) {
            queues.add(new WorkQueue(i));
        }
    }

    int generation() {
        return generation;
    }

    /** Begins a turn of the loop. */
    int serve() {
        synchronized (lock) {
            served = generation;
            return served;
        }
    }

    private boolean isStale() {
        return served != generation;
    }

    DeviceState state() {
        synchronized (lock) {
            return state;
        }
    }

    /** The dword at {@code offset} of BAR 0, behind the registers. */
    int read(int offset) {
        synchronized (lock) {
            if (offset >= DsaRegisters.MSIXPERM) {
                return interrupts.read(offset - DsaRegisters.MSIXPERM);
            }
            if (offset >= DsaRegisters.WQCFG) {
                int index = (offset - DsaRegisters.WQCFG) / Integer.BYTES;
                if (index < queueTable.length && index % WqConfig.DWORDS == WqConfig.STATUS_DWORD) {
                    return queues.get(index / WqConfig.DWORDS).status();
                }
                return index < queueTable.length ? queueTable[index] : 0;
            }
            int index = (offset - DsaRegisters.GRPCFG) / Integer.BYTES;
            return index >= 0 && index < groupTable.length ? groupTable[index] : 0;
        }
    }

    /** Ignored where a table is read-only now. */
    void write(int offset, int value) {
        synchronized (lock) {
            if (offset >= DsaRegisters.MSIXPERM) {
                interrupts.write(offset - DsaRegisters.MSIXPERM, value);
            } else if (offset >= DsaRegisters.WQCFG) {
                writeQueue((offset - DsaRegisters.WQCFG) / Integer.BYTES, value);
            } else {
                int index = (offset - DsaRegisters.GRPCFG) / Integer.BYTES;
                if (index >= 0 && index < groupTable.length && state == DeviceState.DISABLED) {
                    groupTable[index] = value & GroupConfig.writable(index % GroupConfig.DWORDS);
                }
            }
        }
    }

    private void writeQueue(int index, int value) {
        if (index < queueTable.length
                && queues.get(index / WqConfig.DWORDS).state == WorkQueue.State.DISABLED) {
            queueTable[index] = value & WqConfig.writable(index % WqConfig.DWORDS, options);
        }
    }

    /**
     * Takes a descriptor, or says why not.
     *
     * @param deferrable whether the writer waits for the answer
     */
    Acceptance submit(
            int queue, Submission.Portal portal, boolean deferrable, long[] block, int rid) {
        synchronized (lock) {
            WorkQueue target = queues.get(queue);
            WqConfig config = target.config;
            if (target.state != WorkQueue.State.ENABLED || config == null) {
                return Acceptance.NOT_ENABLED;
            }
            if (portal.isIms() || deferrable != config.isShared()) {
                return Acceptance.WRONG_WRITE;
            }
            boolean limited = config.isShared() && portal == Submission.Portal.LIMITED;
            if (target.entries.size() >= (limited ? config.threshold() : config.size())) {
                return config.isShared() ? Acceptance.RETRY : Acceptance.OVERFLOW;
            }
            Descriptor descriptor = new Descriptor(block, 0);
            Requester requester = Submission.requester(rid, descriptor, config);
            target.entries.add(
                    new Submission(
                            target, config, descriptor, requester, portal, sequence, generation));
            sequence++;
            return Acceptance.ACCEPTED;
        }
    }

    /** A scope of what has been accepted so far. */
    Scope soFar(long workQueues, int pasid) {
        synchronized (lock) {
            return new Scope(workQueues, pasid, sequence);
        }
    }

    /** Whether a descriptor of the scope waits in a work queue. */
    boolean holds(Scope scope) {
        synchronized (lock) {
            return queues.stream()
                    .anyMatch(queue -> queue.entries.stream().anyMatch(scope::includes));
        }
    }

    /** Forgets the waiting descriptors of the scope. */
    void discard(Scope scope) {
        synchronized (lock) {
            if (!isStale()) {
                queues.forEach(queue -> queue.entries.removeIf(scope::includes));
            }
        }
    }

    List<GroupConfig> groups() {
        synchronized (lock) {
            return groups;
        }
    }

    /**
     * The next descriptor of a group: work queues with descriptors take turns, weighted by their
     * priorities.
     */
    Optional<Submission> take(GroupConfig group) {
        synchronized (lock) {
            WorkQueue best = null;
            int total = 0;
            for (WorkQueue queue : queues) {
                WqConfig config = queue.config;
                if (group.has(queue.index) && !queue.entries.isEmpty() && config != null) {
                    total += config.priority();
                    queue.credit += config.priority();
                    best = best == null || queue.credit > best.credit ? queue : best;
                }
            }
            if (best == null) {
                return Optional.empty();
            }
            best.credit -= total;
            return Optional.ofNullable(best.entries.poll());
        }
    }

    /** Enable Device, but for what the function must permit. */
    int enableDevice() {
        synchronized (lock) {
            if (isStale() || state != DeviceState.DISABLED) {
                return CommandError.DEVICE_NOT_DISABLED;
            }
            int entries = 0;
            for (int at = 0; at < queueTable.length; at += WqConfig.DWORDS) {
                entries += WqConfig.SIZE.getInt(queueTable[at]);
            }
            if (entries > options.workQueueEntries()) {
                return CommandError.WQ_SIZES;
            }
            List<GroupConfig> decoded = GroupConfig.decodeAll(groupTable, options);
            int error = GroupConfig.check(decoded, options);
            if (error == CommandError.NONE) {
                groups = decoded;
                state = DeviceState.ENABLED;
            }
            return error;
        }
    }

    /** Enable WQ. */
    int enableQueue(int index, AtsPort port) {
        WqConfig config;
        int free = options.workQueueEntries();
        synchronized (lock) {
            if (state != DeviceState.ENABLED) {
                return CommandError.DEVICE_NOT_ENABLED;
            }
            if (index >= queues.size()) {
                return CommandError.INVALID_WQ;
            }
            if (queues.get(index).state != WorkQueue.State.DISABLED) {
                return CommandError.WQ_NOT_DISABLED;
            }
            for (WorkQueue queue : queues) {
                free -= queue.sizeTaken();
            }
            config = WqConfig.decode(queueTable, index * WqConfig.DWORDS);
        }
        int error = config.check(options, free, port);
        if (error != CommandError.NONE) {
            return error;
        }
        synchronized (lock) {
            boolean isServed = groups.stream().anyMatch(group -> group.has(index));
            if (isStale() || !isServed) {
                return isServed ? CommandError.DEVICE_NOT_ENABLED : CommandError.INVALID_WQ;
            }
            WorkQueue queue = queues.get(index);
            queue.config = config;
            queue.credit = 0;
            queue.state = WorkQueue.State.ENABLED;
            return CommandError.NONE;
        }
    }

    /** The work queues stop taking descriptors. */
    void close(long workQueues) {
        setStates(workQueues, WorkQueue.State.BUSY);
    }

    /** Closed work queues are disabled; their configuration stays. */
    void disable(long workQueues) {
        setStates(workQueues, WorkQueue.State.DISABLED);
    }

    private void setStates(long workQueues, WorkQueue.State next) {
        synchronized (lock) {
            for (WorkQueue queue : queues) {
                boolean meant = (workQueues >>> queue.index & 1) != 0;
                if (meant && !isStale() && queue.state != WorkQueue.State.DISABLED) {
                    queue.state = next;
                }
            }
        }
    }

    /** Reset WQ: disabled, its configuration as at power-on. */
    void resetQueues(long workQueues) {
        synchronized (lock) {
            if (!isStale()) {
                clearQueues(workQueues);
            }
        }
    }

    private void clearQueues(long workQueues) {
        for (WorkQueue queue : queues) {
            if ((workQueues >>> queue.index & 1) != 0) {
                queue.state = WorkQueue.State.DISABLED;
                queue.config = null;
                queue.entries.clear();
                int at = queue.index * WqConfig.DWORDS;
                Arrays.fill(queueTable, at, at + WqConfig.DWORDS, 0);
            }
        }
    }

    void drainDevice() {
        synchronized (lock) {
            if (!isStale()) {
                state = DeviceState.DRAINING;
            }
        }
    }

    void disableDevice() {
        synchronized (lock) {
            if (!isStale()) {
                state = DeviceState.DISABLED;
                groups = List.of();
            }
        }
    }

    /** Reset Device: what MSI-X entries permit stays. */
    void resetDevice() {
        synchronized (lock) {
            if (!isStale()) {
                clear();
            }
        }
    }

    private void clear() {
        clearQueues(-1L);
        Arrays.fill(groupTable, 0);
        interrupts.releaseAll();
        state = DeviceState.DISABLED;
        groups = List.of();
    }

    /** A reset of the function. */
    void resetFunction() {
        synchronized (lock) {
            generation = generation + 1;
            clear();
            interrupts.reset();
        }
    }

    int interruptEntry(int handle, Submission submission) {
        synchronized (lock) {
            return interrupts.entry(handle, submission);
        }
    }

    boolean hasInterruptEntry(int entry) {
        return interrupts.hasEntry(entry);
    }

    int requestHandle(int entry) {
        synchronized (lock) {
            return isStale() ? InterruptTable.NONE : interrupts.request(entry);
        }
    }

    boolean releaseHandle(int handle) {
        synchronized (lock) {
            return !isStale() && interrupts.release(handle);
        }
    }
}
