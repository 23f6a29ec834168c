package nestor.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.iommu.host.HostException;

/** This host: {@link SystemCalls} with typed failures. Any thread. */
public final class LinuxHost {
    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;

    /** Loaded with the first use of this class. */
    private static final class Native {
        static final SystemCalls CALLS = new JnrSystemCalls();

        private Native() {}
    }

    private final SystemCalls calls;

    /** A host that makes its calls through {@code calls}. */
    public LinuxHost(SystemCalls calls) {
        this.calls = calls;
    }

    /**
     * The host this runs on. Loads jnr-ffi, a quarter of a second the first time: call it in runs
     * that use the host, not in others.
     *
     * @throws HostException {@code ENODEV} if native code cannot be loaded here
     */
    public static LinuxHost load() throws HostException {
        try {
            return new LinuxHost(Native.CALLS);
        } catch (LinkageError e) {
            HostException failure = new HostException("loading jnr-ffi", Errno.ENODEV);
            failure.initCause(e);
            throw failure;
        }
    }

    /** The calls themselves, for what cannot fail or must not allocate. */
    public SystemCalls calls() {
        return calls;
    }

    /** Opens a device file for reading and writing. */
    public HostFile open(String path) throws HostException {
        return new HostFile(
                this, path, checked("open(" + path + ")", calls.open(path, O_RDWR | O_CLOEXEC)));
    }

    /**
     * Maps the first {@code sizeBytes} of {@code file}, shared; unmapped when {@code arena} is
     * closed.
     */
    public MemorySegment map(HostFile file, long sizeBytes, Arena arena) throws HostException {
        return map(file, 0, sizeBytes, arena);
    }

    /** The same from {@code offset} on. */
    public MemorySegment map(HostFile file, long offset, long sizeBytes, Arena arena)
            throws HostException {
        long address = file.mapShared(offset, sizeBytes);
        if (address < 0 && address > -4096) {
            throw new HostException("mmap(" + file.name() + ")", (int) -address);
        }
        return segment(address, sizeBytes, arena);
    }

    // Restricted: the range was just mapped, and nobody else unmaps it.
    @SuppressWarnings("restricted")
    private MemorySegment segment(long address, long sizeBytes, Arena arena) {
        return MemorySegment.ofAddress(address)
                .reinterpret(sizeBytes, arena, _ -> calls.unmap(address, sizeBytes));
    }

    /**
     * What a call returned, if it succeeded.
     *
     * @param operation for the message, for example {@code ioctl(KVM_CREATE_VM)}
     * @param result the call's result, or the negative of an error number
     */
    public static int checked(String operation, int result) throws HostException {
        if (result < 0) {
            throw new HostException(operation, -result);
        }
        return result;
    }
}
