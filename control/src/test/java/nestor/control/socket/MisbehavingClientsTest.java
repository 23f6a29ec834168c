package nestor.control.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Clients that are many, slow, mute, wrong or greedy. The guest goes on; so do the others. */
class MisbehavingClientsTest {
    private static final int MANY = 100;
    private static final int LINE_BYTES = 10 << 20;

    @TempDir private Path folder;
    private RunningGuest guest;

    @BeforeEach
    void start() throws Exception {
        guest = new RunningGuest(CountingGuest.VIRT, folder);
        guest.awaitMoreThan(0);
    }

    /** The guest has made progress, and a client that behaves is served. */
    @AfterEach
    void theGuestGoesOnAndAGoodClientIsServed() throws Exception {
        long before = guest.machine.retiredInstructions();
        while (guest.machine.retiredInstructions() == before) {
            Thread.onSpinWait();
        }
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            assertThat(client.execute("query-status").get("running").asBoolean()).isTrue();
        }
        guest.close();
    }

    @Test
    void ofAHundredMuteClientsThoseThatFitStayAndANewOneGetsIn() throws Exception {
        List<QmpClient> mute = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            QmpClient client = new QmpClient(guest.qmp);
            client.receive();
            mute.add(client);
        }
        assertThat(guest.monitors.clientCount()).isEqualTo(Monitors.MAX_CLIENTS);
        assertThat(mute.getFirst().isClosed()).isTrue();
        for (QmpClient client : mute) {
            client.close();
        }
    }

    @Test
    void oneClientTooManyIsRefusedInOneMessage() throws Exception {
        List<QmpClient> good = new ArrayList<>();
        for (int i = 0; i < Monitors.MAX_CLIENTS; i++) {
            good.add(QmpClient.ready(guest.qmp));
        }
        try (QmpClient refused = new QmpClient(guest.qmp)) {
            assertThat(refused.receive().get("error").get("desc").asString())
                    .isEqualTo("there are 32 clients already");
            assertThat(refused.isClosed()).isTrue();
        }
        for (QmpClient client : good) {
            assertThat(client.execute("query-status").get("running").asBoolean()).isTrue();
            client.close();
        }
        while (guest.monitors.clientCount() == Monitors.MAX_CLIENTS) {
            Thread.onSpinWait();
        }
    }

    @Test
    void aMessageOfTenMebibytesIsRefusedOnceAndTheClientMayGoOn() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            client.send("{\"execute\": \"" + "x".repeat(LINE_BYTES) + "\"}\n");
            assertThat(client.receive().get("error").get("desc").asString())
                    .isEqualTo("a message has 65536 bytes at most");
            assertThat(client.execute("query-status").get("running").asBoolean()).isTrue();
        }
    }

    @Test
    @DisplayName("QMP: who does not begin with JSON, as a browser, is told so and shown the door")
    void aClientOfAnotherProtocolIsToldOnce() throws Exception {
        try (QmpClient browser = new QmpClient(guest.qmp)) {
            browser.receive();
            browser.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n{\"execute\": \"qmp_capabilities\"}\n");
            assertThat(browser.receive().get("error").get("desc").asString())
                    .startsWith("not JSON");
            assertThat(browser.isClosed()).isTrue();
        }
    }

    @Test
    void aFloodIsAnsweredInOrderWithoutLoss() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            int count = 500;
            StringBuilder flood = new StringBuilder();
            for (int i = 0; i < count; i++) {
                flood.append("{\"execute\":\"query-status\",\"id\":").append(i).append('}');
            }
            client.send(flood.toString());
            for (int i = 0; i < count; i++) {
                JsonNode reply = client.receive();
                assertThat(reply.get("id").asInt()).isEqualTo(i);
            }
        }
    }

    @Test
    void aClientThatDoesNotReadLosesEventsAndNobodyWaitsForIt() throws Exception {
        try (QmpClient slow = QmpClient.ready(guest.qmp)) {
            while (guest.monitors.lostEvents() == 0) {
                guest.machine.control().stop();
                guest.machine.control().cont();
            }
            assertThat(slow.receive().get("event").asString()).isEqualTo("STOP");
        }
    }
}
