package nestor.machine;

/**
 * Where vCPU threads wait while the machine is stopped: each passes it before it enters the guest.
 * Any thread.
 */
final class VcpuGate {
    private boolean closed;

    /** It is closed for a look only. */
    private boolean looking;

    /** No vCPU threads: they have been told to end, or are not there yet. */
    private boolean ending = true;

    /** Between the end of the threads and the next ones, the machine is being rebuilt. */
    private boolean rebuilding;

    private int threads;
    private int parked;

    /** The machine's parts are about to change under the hands of its own thread. */
    synchronized void rebuild() {
        rebuilding = true;
    }

    /** Threads are about to start, and count from now on. */
    synchronized void begin(int count) {
        rebuilding = false;
        ending = false;
        threads = count;
        notifyAll();
    }

    /** The threads are to end, those that wait here, too. */
    synchronized void end() {
        ending = true;
        notifyAll();
    }

    /** All threads are gone, and no others follow. */
    synchronized void ended() {
        rebuilding = false;
        notifyAll();
    }

    /** A thread has ended; it will not come again. */
    synchronized void leave() {
        threads--;
        notifyAll();
    }

    /** Waits while the gate is closed, unless the threads are to end; on a vCPU's thread. */
    synchronized void pass() throws InterruptedException {
        parked++;
        notifyAll();
        try {
            while (closed && !ending) {
                wait();
            }
        } finally {
            parked--;
        }
    }

    /** Whether this call closed it; one that is closed for a look stays closed after that, too. */
    synchronized boolean close() {
        boolean was = isClosed();
        closed = true;
        looking = false;
        return !was;
    }

    /** Closes it for a look at the machine, if it is open; only one at a time. */
    synchronized void closeForLook() {
        looking = !closed;
        closed = true;
    }

    /** Whether nobody has closed it since {@link #closeForLook} did: it is open again. */
    synchronized boolean openAfterLook() {
        return looking && open();
    }

    /** Whether this call opened it. */
    synchronized boolean open() {
        boolean was = closed;
        closed = false;
        looking = false;
        notifyAll();
        return was;
    }

    /** Whether the machine is stopped; it is not while somebody looks at it. */
    synchronized boolean isClosed() {
        return closed && !looking;
    }

    /** Waits until no vCPU is in the guest and nobody rebuilds the machine, or the gate is open. */
    synchronized void awaitParked() throws InterruptedException {
        while (closed && (rebuilding || parked < threads)) {
            wait();
        }
    }
}
