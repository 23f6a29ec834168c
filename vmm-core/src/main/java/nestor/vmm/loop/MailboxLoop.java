package nestor.vmm.loop;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The loop of a running machine: work runs where it is posted. Whoever posts to an idle loop owns
 * it and drains up to {@code budget} tasks before returning; what is left over goes to the loop's
 * own thread, started on first need. A post to an owned loop leaves the task for the owner.
 */
public final class MailboxLoop implements DeviceLoop, AutoCloseable {
    private final String name;
    private final int budget;
    private final Thread.UncaughtExceptionHandler onEscape;
    private final Queue<Runnable> mailbox = new ConcurrentLinkedQueue<>();
    private final AtomicReference<@Nullable Thread> owner = new AtomicReference<>();
    private volatile boolean closed;
    private @Nullable Thread worker;

    /**
     * An idle loop.
     *
     * @param name of the loop's thread, for example {@code virtio-blk0}
     * @param budget tasks a poster runs before the rest is handed to the loop's thread, at least 1
     * @param onEscape told of an exception that escapes a task: a bug of ours
     */
    public MailboxLoop(String name, int budget, Thread.UncaughtExceptionHandler onEscape) {
        if (budget < 1) {
            throw new IllegalArgumentException("budget must be at least 1");
        }
        this.name = name;
        this.budget = budget;
        this.onEscape = onEscape;
    }

    @Override
    public void post(Runnable task) {
        mailbox.add(task);
        drain(budget);
    }

    @Override
    public boolean inLoop() {
        return Thread.currentThread().equals(owner.get());
    }

    /** Stops taking tasks; a task that runs is not interrupted, what waits is dropped. */
    @Override
    public void close() {
        closed = true;
        synchronized (this) {
            LockSupport.unpark(worker);
        }
    }

    /** Runs up to {@code limit} tasks if the loop is idle; leaves more than that to the worker. */
    private void drain(int limit) {
        Thread self = Thread.currentThread();
        int done = 0;
        // The emptiness check after giving up ownership catches a task posted in between.
        while (!closed && !mailbox.isEmpty() && owner.compareAndSet(null, self)) {
            try {
                Runnable task;
                while (done < limit && !closed && (task = mailbox.poll()) != null) {
                    done++;
                    run(task);
                }
            } finally {
                owner.set(null);
            }
            if (done >= limit) {
                if (!mailbox.isEmpty()) {
                    wakeWorker();
                }
                return;
            }
        }
    }

    private void run(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | Error escaped) {
            onEscape.uncaughtException(Thread.currentThread(), escaped);
        }
    }

    private synchronized void wakeWorker() {
        if (worker == null) {
            worker = Thread.ofPlatform().daemon().name(name).start(this::work);
        } else {
            LockSupport.unpark(worker);
        }
    }

    private void work() {
        while (!closed) {
            drain(Integer.MAX_VALUE);
            if (mailbox.isEmpty() || owner.get() != null) {
                LockSupport.park(this);
            }
        }
    }
}
