package nestor.vmm.loop;

import java.util.ArrayDeque;
import java.util.Queue;

/** A loop for tests: tasks wait until the test runs them, on the test's thread. */
public final class ManualLoop implements DeviceLoop {
    private final Queue<Runnable> mailbox = new ArrayDeque<>();
    private boolean running;

    @Override
    public void post(Runnable task) {
        mailbox.add(task);
    }

    @Override
    public boolean inLoop() {
        return running;
    }

    /** Runs tasks, also those that tasks post, until none is left. */
    public void runUntilIdle() {
        Runnable task;
        while ((task = mailbox.poll()) != null) {
            running = true;
            try {
                task.run();
            } finally {
                running = false;
            }
        }
    }
}
