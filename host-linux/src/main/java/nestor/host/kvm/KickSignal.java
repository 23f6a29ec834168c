package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.host.HostFile;
import nestor.host.LinuxHost;
import nestor.host.SystemCalls;
import nestor.host.kvm.KvmAbi.SignalMask;
import nestor.iommu.host.HostException;
import org.jspecify.annotations.Nullable;

/**
 * Gets a thread out of KVM_RUN, from any other thread and without a race (api.rst §4.20,
 * KVM_SET_SIGNAL_MASK): a signal that the thread blocks, that the process ignores, and that only
 * KVM_RUN lets through. Sent too early, it stays pending and KVM_RUN returns at once; sent too
 * late, it stays pending and is taken off the queue. No handler ever runs.
 */
final class KickSignal {
    /** A real-time signal that neither the C library nor the Java machine uses. */
    private static final int NUMBER = 40;

    private static final int SIG_BLOCK = 0;
    private static final int SIG_SETMASK = 2;

    /** sigset_t of the C library; the kernel's is its first word. */
    private static final long SIGSET_BYTES = 128;

    private static final long BIT = 1L << NUMBER - 1;

    private final HostFile vcpu;
    private final SystemCalls calls;
    private final MemorySegment only;
    private final MemorySegment before;
    private final MemorySegment whileRunning;

    private @Nullable Thread runner;
    private long thread;
    private boolean sent;

    /**
     * @param arena what it allocates lives as long
     */
    KickSignal(HostFile vcpu, Arena arena) throws HostException {
        this.vcpu = vcpu;
        calls = vcpu.host().calls();
        only = arena.allocate(SIGSET_BYTES, Long.BYTES);
        only.set(JAVA_LONG_UNALIGNED, 0, BIT);
        before = arena.allocate(SIGSET_BYTES, Long.BYTES);
        whileRunning = arena.allocate(SignalMask.SIGSET + Long.BYTES, Long.BYTES);
        LinuxHost.checked("signal(SIG_IGN)", calls.ignoreSignal(NUMBER));
    }

    /** The calling thread is going to run the vCPU; {@link #leave} follows. */
    void enter() throws HostException {
        LinuxHost.checked(
                "pthread_sigmask",
                calls.threadSignalMask(SIG_BLOCK, only.address(), before.address()));
        whileRunning.set(JAVA_INT, SignalMask.LEN, Long.BYTES);
        whileRunning.set(
                JAVA_LONG_UNALIGNED, SignalMask.SIGSET, before.get(JAVA_LONG_UNALIGNED, 0) & ~BIT);
        try {
            vcpu.ioctl(KvmAbi.SET_SIGNAL_MASK, whileRunning);
        } catch (HostException e) {
            calls.threadSignalMask(SIG_SETMASK, before.address(), 0);
            throw e;
        }
        synchronized (this) {
            thread = calls.currentThread();
            runner = Thread.currentThread();
        }
    }

    /** The thread that {@link #enter}ed will not run it any more. */
    void leave() {
        synchronized (this) {
            runner = null;
        }
        take();
        calls.threadSignalMask(SIG_SETMASK, before.address(), 0);
    }

    /** Gets the running thread out, or makes its next KVM_RUN return at once. Any thread. */
    synchronized void send() {
        if (runner != null && !runner.equals(Thread.currentThread()) && !sent) {
            sent = true;
            calls.signalThread(thread, NUMBER);
        }
    }

    /** Takes what was sent. On the running thread, before it looks at why. */
    void take() {
        synchronized (this) {
            sent = false;
        }
        while (calls.takeSignal(only.address()) > 0) {
            // One that arrived while the last was being taken.
        }
    }
}
