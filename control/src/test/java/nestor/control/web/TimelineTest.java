package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import jdk.jfr.Name;
import nestor.trace.TraceRegistry;
import nestor.trace.Tracing;
import nestor.vmm.trace.TracePoint;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class TimelineTest {
    @Name("dma_test")
    static final class Dma extends TracePoint {
        int rid;
        long address;

        static void commit(int rid, long address) {
            Dma event = new Dma();
            if (event.shouldCommit()) {
                event.rid = rid;
                event.address = address;
                event.commit();
            }
        }
    }

    private final Tracing tracing =
            new Tracing(new TraceRegistry(List.of(() -> List.of(Dma.class))), List.of(), _ -> {});
    private final Timeline timeline = new Timeline(tracing);
    private final EventRing looks = new EventRing(() -> {});
    private final EventRing other = new EventRing(() -> {});

    @Test
    void pointsAreOnOnlyWhileAPageLooks() {
        assertThat(new Dma().isEnabled()).isFalse();
        timeline.join(looks);
        timeline.join(other);
        assertThat(new Dma().isEnabled()).isTrue();
        timeline.leave(other);
        assertThat(new Dma().isEnabled()).isTrue();
        timeline.leave(looks);
        timeline.leave(looks);
        assertThat(new Dma().isEnabled()).isFalse();
        tracing.close();
    }

    @Test
    void whoLooksIsToldAndOthersAreNot() {
        timeline.join(looks);
        for (int i = 0; i < 3; i++) {
            Dma.commit(0x18, 0x1000L * i);
        }
        tracing.close();
        JsonNode batch = timeline.batch(looks);
        assertThat(batch.get("events").size()).isEqualTo(3);
        JsonNode last = batch.get("events").get(2);
        assertThat(last.get("name").asString()).isEqualTo("dma_test");
        assertThat(last.get("rid").asInt()).isEqualTo(0x18);
        assertThat(last.get("fields").get("address").asString()).isEqualTo("0x2000");
        assertThat(batch.get("counts").get(0).get("count").asInt()).isEqualTo(3);
        assertThat(other.isEmpty()).isTrue();
    }
}
