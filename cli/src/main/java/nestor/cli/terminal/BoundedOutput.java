package nestor.cli.terminal;

import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A guest's output on its way to a sink that may be slow, full or gone.
 *
 * <p>Policy. Bytes wait in a buffer that the writer thread empties. When it is full, {@link #write}
 * holds its caller, usually the vCPU, for at most {@code patienceNanos} until there is room: a
 * pager or a slow terminal loses nothing. A reader that stays away longer loses output, counted by
 * {@link #lostBytes}, until the buffer is half empty: the guest goes on. A sink that fails (EPIPE)
 * swallows the rest silently, as QEMU does, so that the guest still ends as it would have. Any
 * thread.
 */
public final class BoundedOutput implements AutoCloseable {
    private static final int TRANSFER_BYTES = 8192;

    private final OutputStream sink;
    private final byte[] ring;
    private final long patienceNanos;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private int head;
    private int used;
    private boolean dropping;
    private boolean closed;
    private boolean hurried;
    private boolean broken;
    private boolean idle = true;
    private long lost;

    /**
     * Starts the writer thread.
     *
     * @param capacityBytes of the buffer
     */
    public BoundedOutput(String name, OutputStream sink, int capacityBytes, long patienceNanos) {
        this.sink = sink;
        this.ring = new byte[capacityBytes];
        this.patienceNanos = patienceNanos;
        Thread.ofPlatform().daemon().name(name + " writer").start(this::drain);
    }

    /** Accepts everything, sooner or later; see the policy above. */
    public void write(byte[] data, int offset, int length) {
        lock.lock();
        try {
            int done = 0;
            while (done < length) {
                if (!awaitRoom()) {
                    lost += broken ? 0 : length - done;
                    return;
                }
                int tail = (head + used) % ring.length;
                int count =
                        Math.min(length - done, Math.min(ring.length - used, ring.length - tail));
                System.arraycopy(data, offset + done, ring, tail, count);
                used += count;
                done += count;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * From now on nobody waits for room: the machine is to stop. What is in the buffer still
     * leaves.
     */
    public void hurry() {
        lock.lock();
        try {
            hurried = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until all that was written has reached the sink, or the time is over. */
    public boolean flush(long timeoutNanos) {
        lock.lock();
        try {
            long left = timeoutNanos;
            while ((used > 0 || !idle) && !broken) {
                if (left <= 0) {
                    return false;
                }
                left = changed.awaitNanos(left);
            }
            return !broken;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Bytes nobody will see: the sink was too slow. */
    public long lostBytes() {
        lock.lock();
        try {
            return lost;
        } finally {
            lock.unlock();
        }
    }

    /** Takes nothing more and frees a caller held in {@link #write}; call {@link #flush} first. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private boolean awaitRoom() {
        long left = patienceNanos;
        dropping &= used > ring.length / 2;
        while (used == ring.length && !closed && !broken && !dropping) {
            if (left <= 0 || hurried) {
                dropping = true;
                break;
            }
            try {
                left = changed.awaitNanos(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return !closed && !broken && !dropping;
    }

    private void drain() {
        byte[] chunk = new byte[Math.min(ring.length, TRANSFER_BYTES)];
        int count;
        while ((count = takeChunk(chunk)) > 0) {
            try {
                sink.write(chunk, 0, count);
                sink.flush();
            } catch (IOException e) {
                abandon();
                return;
            }
        }
    }

    private int takeChunk(byte[] chunk) {
        lock.lock();
        try {
            idle = true;
            changed.signalAll();
            while (used == 0) {
                if (closed) {
                    return 0;
                }
                changed.await();
            }
            idle = false;
            int count = Math.min(chunk.length, Math.min(used, ring.length - head));
            System.arraycopy(ring, head, chunk, 0, count);
            head = (head + count) % ring.length;
            used -= count;
            changed.signalAll();
            return count;
        } catch (InterruptedException e) {
            return 0;
        } finally {
            lock.unlock();
        }
    }

    private void abandon() {
        lock.lock();
        try {
            broken = true;
            used = 0;
            idle = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Whether the sink failed. */
    public boolean isBroken() {
        lock.lock();
        try {
            return broken;
        } finally {
            lock.unlock();
        }
    }
}
