package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.TimeUnit;
import nestor.control.Json;
import nestor.control.socket.RunningGuest;
import nestor.control.view.Views;
import nestor.testkit.CountingGuest;
import nestor.trace.TraceRecord;
import nestor.trace.TraceRegistry;
import nestor.trace.Tracing;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A page's WebSocket, on a channel and a clock of the test's own. */
class SessionTest {
    private static final String ASK = "{\"id\": %d, \"views\": [\"status\"]}";

    @TempDir private static Path folder;
    private static RunningGuest guest;

    private final Timeline timeline =
            new Timeline(new Tracing(new TraceRegistry(List.of()), List.of(), _ -> {}));
    private final HeldWrites slow = new HeldWrites();
    private Session session;
    private EmbeddedChannel channel;

    @BeforeAll
    static void startGuest() throws Exception {
        guest = new RunningGuest(CountingGuest.VIRT, folder);
    }

    @AfterAll
    static void stopGuest() throws Exception {
        guest.close();
    }

    @BeforeEach
    void open() {
        session =
                new Session(
                        new Questions(new Views(guest.controlled), timeline),
                        timeline,
                        Runnable::run);
        channel = new EmbeddedChannel(session);
        channel.freezeTime();
    }

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
    }

    private void advance(long millis) {
        channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
        channel.runPendingTasks();
    }

    private void ask(String question) {
        channel.writeInbound(new TextWebSocketFrame(question));
    }

    private JsonNode answer() {
        TextWebSocketFrame frame = channel.readOutbound();
        try {
            return Json.read(frame.text().getBytes(StandardCharsets.UTF_8));
        } finally {
            frame.release();
        }
    }

    @Test
    void anAnswerCarriesTheIdOfItsQuestion() {
        ask(ASK.formatted(7));
        JsonNode answer = answer();
        assertThat(answer.get("id").asInt()).isEqualTo(7);
        assertThat(answer.get("views").get("status").get("running").isBoolean()).isTrue();
    }

    @Test
    void everyViewIsAnswered() {
        for (String topic : Views.topics()) {
            ask("{\"id\": 1, \"views\": [\"%s\"]}".formatted(topic));
            assertThat(answer().get("views").has(topic)).describedAs(topic).isTrue();
            advance(Session.PAUSE_MILLIS);
        }
    }

    @Test
    void aWalkIsAnsweredAndAWrongOneToldSo() {
        ask("{\"id\": 1, \"walk\": \"edu0 read 0x1000\"}");
        JsonNode walk = answer().get("walk");
        assertThat(walk.get("model").asString()).isEqualTo("smmuv3");
        assertThat(walk.get("result").get("kind").asString()).isNotEmpty();
        advance(Session.PAUSE_MILLIS);
        ask("{\"id\": 2, \"walk\": \"nobody 0x1000\"}");
        assertThat(answer().get("error").asString()).contains("nobody");
    }

    @Test
    void whatIsNoQuestionIsToldSo() {
        String nested = "[".repeat(2000);
        for (String wrong :
                List.of("", "hello", "[1]", "{}", "{\"views\": 1}", "{\"timeline\": 3}", nested)) {
            ask(wrong);
            assertThat(answer().get("error").asString()).describedAs(wrong).isNotEmpty();
            advance(Session.PAUSE_MILLIS);
        }
        ask("{\"id\": 3, \"views\": [\"status\", \"nothing\"]}");
        JsonNode answer = answer();
        assertThat(answer.get("error").asString()).startsWith("known views: atc, ");
        assertThat(answer.get("id").asInt()).isEqualTo(3);
    }

    @Test
    void aFloodOfQuestionsIsAnsweredOneAfterAnotherWithAPause() {
        for (int i = 0; i < 5; i++) {
            ask(ASK.formatted(i));
        }
        for (int i = 0; i < 5; i++) {
            assertThat(answer().get("id").asInt()).isEqualTo(i);
            advance(Session.PAUSE_MILLIS - 1);
            assertThat(channel.outboundMessages()).isEmpty();
            advance(1);
        }
    }

    @Test
    void whoDoesNotReadAnAnswerGetsNoOther() {
        channel.pipeline().addFirst(slow);
        for (int i = 0; i < 5; i++) {
            ask(ASK.formatted(i));
        }
        advance(10 * Session.PAUSE_MILLIS);
        assertThat(slow.count()).isEqualTo(1);
        slow.release();
        advance(Session.PAUSE_MILLIS);
        assertThat(slow.count()).isEqualTo(1);
    }

    @Test
    void whoDoesNotReadEventsHasOneBatchUnderWayAndForgetsTheOldest() {
        channel.pipeline().addFirst(slow);
        int many = 3 * EventRing.CAPACITY;
        for (int i = 0; i < many; i++) {
            session.ring().add(new TraceRecord("dma_write", i, 0, new LinkedHashMap<>()));
            session.ring().flush();
        }
        assertThat(slow.count()).isEqualTo(1);
        slow.release();
        assertThat(slow.count()).describedAs("the next batch").isEqualTo(1);
        JsonNode first = answer();
        assertThat(first.get("events").size()).isEqualTo(1);
        slow.release();
        JsonNode second = answer();
        assertThat(second.get("events").size()).isEqualTo(EventRing.BATCH);
        assertThat(second.get("events").get(0).get("nanos").asInt())
                .isEqualTo(many - EventRing.CAPACITY);
        assertThat(second.get("dropped").asInt()).isEqualTo(many - EventRing.CAPACITY - 1);
    }

    @Test
    @DisplayName("RFC 6455 §5.5: pings are answered, one at a time")
    void pingsAreAnswered() {
        channel.pipeline().addFirst(slow);
        channel.writeInbound(new PongWebSocketFrame());
        for (int i = 0; i < 100; i++) {
            channel.writeInbound(new PingWebSocketFrame(Unpooled.copyInt(i)));
        }
        assertThat(slow.count()).isEqualTo(1);
        slow.release();
        PongWebSocketFrame pong = channel.readOutbound();
        assertThat(pong.content().readInt()).isZero();
        pong.release();
    }

    @Test
    @DisplayName("RFC 6455 §7.4.1: 1003 for data of a kind that is not understood")
    void binaryFramesAndFragmentsEndTheSession() {
        channel.writeInbound(new BinaryWebSocketFrame(Unpooled.copyInt(1)));
        CloseWebSocketFrame close = channel.readOutbound();
        assertThat(close.statusCode()).isEqualTo(1003);
        close.release();
        assertThat(channel.isOpen()).isFalse();
    }

    @Test
    void aPageThatSaysNothingForThreeMinutesIsGone() {
        ask(ASK.formatted(1));
        advance(Session.PAUSE_MILLIS);
        advance(TimeUnit.SECONDS.toMillis(Session.IDLE_SECONDS) - 1);
        assertThat(channel.isOpen()).isTrue();
        advance(1);
        assertThat(channel.isOpen()).isFalse();
    }

    @Test
    void numbersThatJavaScriptWouldRoundAreText() {
        ask("{\"id\": 1, \"views\": [\"mtree\", \"iommu\", \"pci\"]}");
        assertThat(exact(answer())).isTrue();
    }

    private static boolean exact(JsonNode node) {
        if (node.isIntegralNumber()) {
            return Math.abs(node.asLong()) < 1L << 53;
        }
        for (JsonNode child : node) {
            if (!exact(child)) {
                return false;
            }
        }
        return true;
    }
}
