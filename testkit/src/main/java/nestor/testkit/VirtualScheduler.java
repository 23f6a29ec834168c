package nestor.testkit;

import java.util.ArrayList;
import java.util.List;

/**
 * Runs concurrent tasks on one thread, a step of one after a step of another, in an order that
 * {@link Choices} decide: between two steps is where a thread could be interrupted.
 */
public final class VirtualScheduler {
    /** A thread of execution, cut into steps that nothing interrupts. */
    @FunctionalInterface
    public interface Task {
        /** Runs the next step; says whether there is another. */
        boolean step();
    }

    private record Named(String name, Task task) {}

    private final List<Named> runnable = new ArrayList<>();
    private final List<String> schedule = new ArrayList<>();

    /** Adds a task. Tasks may add tasks. */
    public void spawn(String name, Task task) {
        runnable.add(new Named(name, task));
    }

    /** Runs until every task has ended. */
    public void run(Choices choices) {
        while (!runnable.isEmpty()) {
            Named next = runnable.get(choices.below(runnable.size()));
            schedule.add(next.name);
            if (!next.task.step()) {
                runnable.remove(next);
            }
        }
    }

    /** Whose steps ran, in order. */
    public List<String> schedule() {
        return List.copyOf(schedule);
    }
}
