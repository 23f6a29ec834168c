package nestor.cpu;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The vCPUs of a machine that keep one view of memory and of translations (Arm: the Inner Shareable
 * domain). What one of them must do to all, such as a broadcast TLB invalidation, runs while every
 * other one stands still between two blocks; with a single vCPU that costs nothing.
 */
public final class ShareableDomain {
    /** One vCPU. */
    public interface Member {
        /** Come to {@link ShareableDomain#safepoint} soon, if running. Any thread. */
        void interrupt();
    }

    private final List<Member> members = new CopyOnWriteArrayList<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean several;
    private int running;
    private volatile boolean stopping;

    /** Adds a vCPU, before any runs. */
    public void join(Member member) {
        members.add(member);
        several = members.size() > 1;
    }

    /** A store-release is done: with several vCPUs, no later load-acquire may pass it. */
    public void afterRelease() {
        if (several) {
            HostMemory.fullFence();
        }
    }

    /** The calling vCPU begins to execute guest code. */
    public void enter() {
        lock.lock();
        try {
            while (stopping) {
                changed.awaitUninterruptibly();
            }
            running++;
        } finally {
            lock.unlock();
        }
    }

    /** The calling vCPU no longer executes guest code: it sleeps, or is off. */
    public void leave() {
        lock.lock();
        try {
            running--;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Called by each vCPU between blocks, often: stands still while another needs that. */
    public void safepoint() {
        if (stopping) {
            leave();
            enter();
        }
    }

    /**
     * Runs {@code action} while no other vCPU executes guest code.
     *
     * @param action short; calls nothing that waits; may throw a guest's exception
     */
    public void exclusively(Runnable action) {
        if (!several) {
            action.run();
            return;
        }
        lock.lock();
        try {
            running--;
            changed.signalAll();
            while (stopping) {
                changed.awaitUninterruptibly();
            }
            stopping = true;
            members.forEach(Member::interrupt);
            while (running > 0) {
                changed.awaitUninterruptibly();
            }
            try {
                action.run();
            } finally {
                running++;
                stopping = false;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }
}
