package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import jdk.jfr.Name;
import nestor.vmm.trace.TracePoint;
import org.junit.jupiter.api.Test;

class TracingTest {
    @Name("test_step")
    static final class Step extends TracePoint {
        int number;

        static void commit(int number) {
            Step step = new Step();
            if (step.shouldCommit()) {
                step.number = number;
                step.commit();
            }
        }
    }

    @Name("test_other")
    static final class Other extends TracePoint {}

    private static final class Collected implements TraceSink {
        final List<String> items = new ArrayList<>();
        boolean closed;

        @Override
        public void take(TraceRecord item) {
            items.add(item.name() + " " + item.number("number"));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {
            closed = true;
        }
    }

    private final TraceRegistry registry =
            new TraceRegistry(List.of(() -> List.of(Step.class, Other.class)));
    private final Collected sink = new Collected();

    @Test
    void whatIsRecordedWhileAPointIsOnIsDeliveredByTheEnd() {
        try (Tracing tracing = new Tracing(registry, List.of(sink), _ -> {})) {
            Step.commit(1);
            assertThat(tracing.set("test_st*", true)).containsExactly("test_step");
            Step.commit(2);
            new Other().commit();
            tracing.set("*", false);
            Step.commit(3);
            assertThat(new Step().isEnabled()).isFalse();
        }
        assertThat(sink.items).containsExactly("test_step 2");
        assertThat(sink.closed).isTrue();
    }

    @Test
    void aWatcherGetsItsPointsAndNobodyElseDoes() {
        Collected watcher = new Collected();
        try (Tracing tracing = new Tracing(registry, List.of(sink), _ -> {})) {
            tracing.watch(watcher, Set.of("test_step"));
            Step.commit(4);
            assertThat(tracing.isEnabled("test_step")).isFalse();
        }
        assertThat(watcher.items).containsExactly("test_step 4");
        assertThat(watcher.closed).isTrue();
        assertThat(sink.items).isEmpty();
    }

    @Test
    void whatAWatcherLeavesBehindGoesNowhereElse() {
        Collected watcher = new Collected();
        try (Tracing tracing = new Tracing(registry, List.of(sink), _ -> {})) {
            tracing.watch(watcher, Set.of("test_step"));
            Step.commit(5);
            tracing.unwatch(watcher);
            assertThat(new Step().isEnabled()).isFalse();
        }
        assertThat(sink.items).isEmpty();
        assertThat(watcher.closed).isFalse();
    }

    @Test
    void withoutAPointTheFlightRecorderRests() {
        new Tracing(registry, List.of(sink), _ -> {}).close();
        assertThat(new Step().isEnabled()).isFalse();
        assertThat(sink.closed).isTrue();
    }
}
