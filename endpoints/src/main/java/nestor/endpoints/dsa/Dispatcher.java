package nestor.endpoints.dsa;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.function.Function;
import nestor.endpoints.dsa.Execution.Step;
import org.jspecify.annotations.Nullable;

/**
 * The engines (§5.5): takes descriptors out of work queues, and lets those taken go on by turns. A
 * descriptor that blocks keeps its place in the engine, not the loop. On the device's loop only.
 */
final class Dispatcher {
    /** Descriptors that an engine has in hand: others run while some block. */
    static final int DESCRIPTORS_PER_ENGINE = 8;

    /** A descriptor in the hand of an engine. */
    static final class Job {
        final Submission submission;
        final GroupConfig group;
        private @Nullable Execution execution;
        private boolean queued;
        private boolean live = true;

        private Job(Submission submission, GroupConfig group) {
            this.submission = submission;
            this.group = group;
        }

        /** Whether it may still touch memory. */
        boolean isLive() {
            return live;
        }
    }

    private final Configuration configuration;
    private final Function<Job, Execution> start;
    private final Set<Job> inHand = new LinkedHashSet<>();
    private final Queue<Job> runnable = new ArrayDeque<>();

    /** Read by anybody: whether the function has requests of its own to make. */
    private volatile boolean busy;

    /**
     * @param start makes the execution of a job; its wake is {@link #wake}
     */
    Dispatcher(Configuration configuration, Function<Job, Execution> start) {
        this.configuration = configuration;
        this.start = start;
    }

    boolean isBusy() {
        return busy;
    }

    /** Gives engines what they have room for. */
    void dispatch() {
        List<GroupConfig> groups = configuration.groups();
        for (GroupConfig group : groups) {
            int room = group.engineCount() * DESCRIPTORS_PER_ENGINE - inHandOf(group);
            for (; room > 0; room--) {
                Optional<Submission> next = configuration.take(group);
                if (next.isEmpty()) {
                    break;
                }
                Job job = new Job(next.get(), group);
                inHand.add(job);
                busy = true;
                job.execution = start.apply(job);
                wake(job);
            }
        }
    }

    private int inHandOf(GroupConfig group) {
        int count = 0;
        for (Job job : inHand) {
            count += job.group.equals(group) ? 1 : 0;
        }
        return count;
    }

    /** Lets a job have its turn again. */
    void wake(Job job) {
        if (job.live && !job.queued) {
            job.queued = true;
            runnable.add(job);
        }
    }

    /** Gives the next job its turn. */
    void turn() {
        Job job = runnable.poll();
        if (job != null) {
            job.queued = false;
            Execution execution = job.execution;
            Step step = job.live && execution != null ? execution.step() : Step.FINISHED;
            switch (step) {
                case RUNNABLE -> wake(job);
                case BLOCKED -> {}
                case FINISHED -> retire(job);
            }
        }
    }

    boolean hasRunnable() {
        return !runnable.isEmpty();
    }

    /** Whoever waits for others to end looks again. */
    private void retire(Job job) {
        job.live = false;
        if (inHand.remove(job)) {
            busy = !inHand.isEmpty();
            inHand.forEach(this::wakeDrain);
        }
    }

    private void wakeDrain(Job job) {
        Execution execution = job.execution;
        if (execution != null && execution.isDraining()) {
            wake(job);
        }
    }

    /** Whether a descriptor of the scope is in the hand of an engine. */
    boolean holds(Scope scope) {
        return inHand.stream().anyMatch(job -> scope.includes(job.submission));
    }

    /** Ends the jobs of the scope: no access and no record of theirs follows. */
    void discard(Scope scope) {
        List<Job> gone = inHand.stream().filter(job -> scope.includes(job.submission)).toList();
        gone.forEach(this::retire);
    }

    /** As {@link #discard}, for what was accepted before a reset of the function. */
    void discardOlder(int generation) {
        List<Job> gone =
                inHand.stream().filter(job -> job.submission.generation() != generation).toList();
        gone.forEach(this::retire);
    }
}
