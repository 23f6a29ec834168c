package nestor.hostsim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import nestor.iommu.host.HostException;
import nestor.iommufd.Errno;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Struct;
import nestor.pci.PciFunction;
import org.jspecify.annotations.Nullable;

/**
 * The host: /dev/iommu, and devices by the path of their cdev. Any thread; one call at a time.
 *
 * <p>It fails on command, and counts its objects, so that a test can see what is left over.
 */
public final class SimulatedHost implements HostSystem {
    /** CAP_REG and ECAP_REG of a unit that does all that nesting takes. */
    private static final long VTD_CAP = 1L << 60 | 1L << 56; // FS5LP, FS1GP

    private static final long VTD_ECAP =
            1L << 47 | 1L << 43 | 1L << 40 | 19L << 35 | 1L << 34 | 1L << 31 | 1L << 29 | 1L << 26;

    /** SMMU_IDR0 to IDR5: both stages, ATS, 20-bit substreams, RIL, all granules. */
    private static final int[] SMMU_IDR = {
        0b11 | 0b10 << 2 | 1 << 10 | 1 << 12 | 1 << 19 | 0b01 << 27,
        16 | 20 << 6,
        0,
        1 << 10,
        0,
        0x75
    };

    private final ProcessMemory memory = new ProcessMemory();
    private final Map<Integer, HostFile> files = new HashMap<>();
    private final Map<String, SimulatedDevice> devices = new HashMap<>();
    private final Set<IommufdFile> contexts = new LinkedHashSet<>();
    private final MockHardware mock = new MockHardware();
    private final Map<String, String> names = new HashMap<>();
    private final List<Runnable> later = new ArrayList<>();
    private int nextFd = 3;
    private int callsUntilFailure = -1;
    private int errno;

    /** A VT-d unit that nests, with five levels, 20-bit PASIDs and all else. */
    public VirtualIommu vtd() {
        return vtd(VTD_CAP, VTD_ECAP);
    }

    /** A VT-d unit with these CAP and ECAP registers. */
    public VirtualIommu vtd(long cap, long ecap) {
        return new VirtualIommu(new VtdHardware(cap, ecap));
    }

    /** An SMMUv3 that nests. */
    public VirtualIommu smmuV3() {
        return smmuV3(SMMU_IDR);
    }

    /** An SMMUv3 with these SMMU_IDR0 to IDR5. */
    public VirtualIommu smmuV3(int... idr) {
        return new VirtualIommu(new SmmuHardware(idr));
    }

    /** One of the host's IOMMUs, to put devices behind. */
    public final class VirtualIommu {
        private final Hardware hardware;

        private VirtualIommu(Hardware hardware) {
            this.hardware = hardware;
        }

        /**
         * A device with PASIDs.
         *
         * @param path of its cdev
         * @param ats whether it caches translations of its own
         */
        public SimulatedDevice device(String path, boolean ats) {
            return add(path, ats, null);
        }

        /**
         * A device with a function behind it, which does its own DMA, ATS and PRI, and whose
         * registers and interrupts are those of the device's file.
         *
         * @param path of its cdev
         * @param maker makes the function, not plugged, each time the device is bound; memory that
         *     is not exposed by then is out of its reach
         */
        public SimulatedDevice function(String path, Supplier<PciFunction> maker) {
            return add(path, false, maker);
        }

        private SimulatedDevice add(
                String path, boolean ats, @Nullable Supplier<PciFunction> maker) {
            var device = new SimulatedDevice(SimulatedHost.this, hardware, ats, true, true, maker);
            synchronized (SimulatedHost.this) {
                devices.put(path, device);
            }
            return device;
        }
    }

    MockHardware mock() {
        return mock;
    }

    ProcessMemory memory() {
        return memory;
    }

    /** The ioctl after {@code calls} more fails, and changes nothing; none does if negative. */
    public synchronized void failAfter(int calls, int newErrno) {
        callsUntilFailure = calls;
        errno = newErrno;
    }

    /** Objects of all iommufds that are open. */
    public synchronized int objects() {
        return contexts.stream().mapToInt(IommufdFile::objects).sum();
    }

    /** Descriptors that are open. */
    public synchronized int openFiles() {
        return files.size();
    }

    int install(HostFile file) {
        files.put(nextFd, file);
        return nextFd++;
    }

    HostFile file(int fd) throws Refusal {
        HostFile file = files.get(fd);
        if (file == null) {
            throw new Refusal(Errno.EBADF);
        }
        return file;
    }

    /** A file of the kernel's own goes, with its object. */
    void uninstall(HostFile file) {
        files.values().remove(file);
    }

    /** What {@link #cdev} answers for the directory {@code sysfs}. */
    public synchronized void name(String sysfs, String path) {
        names.put(sysfs, path);
    }

    @Override
    public synchronized String cdev(String sysfs) throws HostException {
        String path = names.get(sysfs);
        if (path == null) {
            throw new HostException("finding the VFIO device of " + sysfs, Errno.ENODEV);
        }
        return path;
    }

    @Override
    public synchronized int open(String path) {
        if (path.equals(IOMMU)) {
            var context = new IommufdFile(this);
            contexts.add(context);
            return install(context);
        }
        SimulatedDevice device = devices.get(path);
        return device == null ? -Errno.ENOENT : install(new VfioFile(this, device));
    }

    /** Has {@code task} run when the call that is under way has let go of the lock. */
    void later(Runnable task) {
        later.add(task);
    }

    /** What functions are told. They may do DMA meanwhile, on threads of their own. */
    private void settle() {
        List<Runnable> tasks;
        do {
            synchronized (this) {
                tasks = List.copyOf(later);
                later.clear();
                notifyAll();
            }
            tasks.forEach(Runnable::run);
        } while (!tasks.isEmpty());
    }

    @Override
    public int close(int fd) {
        synchronized (this) {
            HostFile file = files.remove(fd);
            if (file == null) {
                return -Errno.EBADF;
            }
            file.closed();
            if (file instanceof IommufdFile context) {
                contexts.remove(context);
            }
        }
        settle();
        return 0;
    }

    @Override
    public int ioctl(int fd, int request, MemorySegment argument) {
        int result;
        synchronized (this) {
            if (callsUntilFailure == 0) {
                callsUntilFailure = -1;
                return -errno;
            }
            if (callsUntilFailure > 0) {
                callsUntilFailure--;
            }
            try {
                result = file(fd).ioctl(request, argument);
            } catch (Refusal refusal) {
                result = -refusal.errno();
            }
        }
        settle();
        return result;
    }

    @Override
    public synchronized int read(int fd, MemorySegment into) {
        try {
            return file(fd).read(new Struct(into), into.byteSize());
        } catch (Refusal refusal) {
            return -refusal.errno();
        }
    }

    @Override
    public int write(int fd, MemorySegment from) {
        int result;
        synchronized (this) {
            try {
                result = file(fd).write(new Struct(from), from.byteSize());
            } catch (Refusal refusal) {
                result = -refusal.errno();
            }
        }
        settle();
        return result;
    }

    private synchronized HostFile lookup(int fd) throws Refusal {
        return file(fd);
    }

    @Override
    public int pread(int fd, MemorySegment into, long offset) {
        try {
            return lookup(fd).pread(new Struct(into), into.byteSize(), offset);
        } catch (Refusal refusal) {
            return -refusal.errno();
        }
    }

    @Override
    public int pwrite(int fd, MemorySegment from, long offset) {
        try {
            return lookup(fd).pwrite(new Struct(from), from.byteSize(), offset);
        } catch (Refusal refusal) {
            return -refusal.errno();
        }
    }

    @Override
    public synchronized int poll(int[] fds, boolean[] readable, int timeoutMillis) {
        long end = System.nanoTime() + timeoutMillis * 1_000_000L;
        for (; ; ) {
            int ready = 0;
            for (int i = 0; i < fds.length; i++) {
                if (!files.containsKey(fds[i])) {
                    return -Errno.EBADF;
                }
                readable[i] = isReadable(fds[i]);
                ready += readable[i] ? 1 : 0;
            }
            long left = timeoutMillis < 0 ? Long.MAX_VALUE : (end - System.nanoTime()) / 1_000_000;
            if (ready != 0 || timeoutMillis == 0 || left <= 0) {
                return ready;
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return 0;
            }
        }
    }

    /** None of its files has memory. */
    @Override
    public synchronized MemorySegment map(int fd, long offset, long sizeBytes, Arena arena)
            throws HostException {
        throw new HostException("mmap", files.containsKey(fd) ? Errno.ENODEV : Errno.EBADF);
    }

    @Override
    public synchronized int eventfd() {
        return install(new EventCounter());
    }

    @Override
    public synchronized boolean isReadable(int fd) {
        HostFile file = files.get(fd);
        return file != null && file.isReadable();
    }

    @Override
    public synchronized void expose(MemorySegment segment) {
        memory.expose(segment);
    }
}
