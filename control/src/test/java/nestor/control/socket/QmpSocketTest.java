package nestor.control.socket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import nestor.control.ListenAddress;
import nestor.control.view.Views;
import nestor.machine.MachineOutcome;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** A session over a unix socket with a machine that runs, on both boards. */
@ParameterizedClass
@EnumSource
class QmpSocketTest {
    private final CountingGuest board;
    @TempDir private Path folder;
    private RunningGuest guest;

    QmpSocketTest(CountingGuest board) {
        this.board = board;
    }

    @BeforeEach
    void start() throws Exception {
        guest = new RunningGuest(board, folder);
    }

    @AfterEach
    void stop() throws Exception {
        guest.close();
        assertThat(guest.qmp).doesNotExist();
    }

    private static List<String> names(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .map(node -> node.get("name").asString())
                .toList();
    }

    @Test
    @DisplayName("QMP: greeting, negotiation, then commands")
    void theServerGreetsAndWantsNegotiationFirst() throws Exception {
        try (QmpClient client = new QmpClient(guest.qmp)) {
            JsonNode greeting = client.receive().get("QMP");
            assertThat(greeting.get("version").get("qemu").get("major").isInt()).isTrue();
            assertThat(greeting.get("capabilities").isArray()).isTrue();
            assertThat(client.call("query-status", "{}").get("error").get("class").asString())
                    .isEqualTo("CommandNotFound");
            assertThat(
                            client.call("qmp_capabilities", "{\"enable\": [\"oob\"]}")
                                    .get("error")
                                    .get("desc")
                                    .asString())
                    .isEqualTo("capability 'oob' is not offered");
            client.execute("qmp_capabilities", "{\"enable\": []}");
            assertThat(client.call("qmp_capabilities", "{}").get("error").get("class").asString())
                    .isEqualTo("CommandNotFound");
            assertThat(client.execute("query-status").get("running").asBoolean()).isTrue();
        }
    }

    @Test
    void stopAndContAreSeenByTheGuestAndTold() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            guest.awaitMoreThan(0);
            client.execute("stop");
            assertThat(client.event().get("event").asString()).isEqualTo("STOP");
            int count = guest.counter();
            assertThat(client.execute("query-status").get("status").asString()).isEqualTo("paused");
            String memory = client.human("xp /1wx 0x%x".formatted(board.counterGpa()));
            assertThat(memory).endsWith("0x%08x\r\n".formatted(count));
            assertThat(client.human("info registers")).startsWith("CPU#0\r\n");
            assertThat(client.human("x /2i $pc")).startsWith("Error: ");
            assertThat(client.human("x /2wx $pc")).contains(": 0x");
            assertThat(client.human("gva2gpa $pc")).startsWith("gpa: 0x");
            assertThat(guest.counter()).isEqualTo(count);

            client.execute("cont");
            JsonNode resume = client.event();
            assertThat(resume.get("event").asString()).isEqualTo("RESUME");
            assertThat(resume.get("timestamp").get("seconds").asLong()).isPositive();
            guest.awaitMoreThan(count);
        }
    }

    @Test
    void aResetIsToldAndTheGuestCountsFromTheBeginning() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            guest.awaitMoreThan(100_000);
            client.execute("system_reset");
            JsonNode reset = client.event();
            assertThat(reset.get("event").asString()).isEqualTo("RESET");
            assertThat(reset.get("data").get("guest").asBoolean()).isFalse();
            assertThat(reset.get("data").get("reason").asString())
                    .isEqualTo("host-qmp-system-reset");
            guest.awaitMoreThan(0);
        }
    }

    @Test
    void quitAnswersAndTellsBeforeTheEnd() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            client.execute("quit");
            JsonNode shutdown = client.event();
            assertThat(shutdown.get("event").asString()).isEqualTo("SHUTDOWN");
            assertThat(shutdown.get("data").get("reason").asString()).isEqualTo("host-qmp-quit");
            assertThat(guest.outcome.get(2, TimeUnit.MINUTES))
                    .isEqualTo(new MachineOutcome.Stopped());
            guest.monitors.close();
            assertThat(client.isClosed()).isTrue();
        }
    }

    @Test
    void everyQueryOfAStockClientIsAnswered() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            for (String name : names(client.execute("query-commands"))) {
                if (name.startsWith("query-")) {
                    assertThat(client.execute(name)).describedAs(name).isNotNull();
                }
            }
            assertThat(names(client.execute("query-events"))).contains("STOP", "DEVICE_DELETED");
            assertThat(client.execute("query-cpus-fast")).hasSize(1);
            assertThat(client.execute("query-pci").get(0).get("devices").toString())
                    .contains("edu0", "rp1");
            assertThat(client.execute("query-name").get("name").asString()).isEqualTo("test");
        }
    }

    @Test
    void everyTopicHasTextAndJson() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            for (String topic : Views.topics()) {
                assertThat(client.execute("x-nestor-info", "{\"topic\": \"%s\"}".formatted(topic)))
                        .describedAs(topic)
                        .isNotNull();
                assertThat(client.human("info " + topic)).doesNotStartWith("Error");
            }
            assertThat(client.human("info iommu")).contains("not translating");
            assertThat(client.human("info mtree")).contains(" ram\r\n");
            assertThat(client.human("info qtree")).contains("dev: edu, id \"edu0\"");
            assertThat(client.human("help").split("\r\n")).hasSizeGreaterThan(10);
        }
    }

    @Test
    void aDeviceComesAndGoes() throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            client.execute(
                    "device_add", "{\"driver\": \"edu\", \"id\": \"hot\", \"bus\": \"rp1\"}");
            assertThat(names(client.execute("qom-list", "{\"path\": \"/machine/peripheral\"}")))
                    .contains("hot");
            assertThat(
                            client.execute(
                                            "qom-get",
                                            "{\"path\": \"hot\", \"property\": \"parent_bus\"}")
                                    .asString())
                    .isEqualTo("rp1");
            client.execute("x-nestor-device-remove-surprise", "{\"id\": \"hot\"}");
            JsonNode deleted = client.event();
            assertThat(deleted.get("event").asString()).isEqualTo("DEVICE_DELETED");
            assertThat(deleted.get("data").get("device").asString()).isEqualTo("hot");
            assertThat(deleted.get("data").get("path").asString())
                    .isEqualTo("/machine/peripheral/hot");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'execute':'frob'} | CommandNotFound | there is no command 'frob'",
                "{'execute':'stop','arguments':{'now':1}} | GenericError | argument 'now' is not"
                        + " known",
                "{'execute':'stop','control':{}} | GenericError | member 'control' is not known",
                "{'arguments':{}} | GenericError | member 'execute' must be there, a string",
                "{'execute':'stop','arguments':[]} | GenericError | member 'arguments' must be an"
                        + " object",
                "[1] | GenericError | a message must be a JSON object",
                "{'execute':'stop','execute':'cont'} | GenericError | not JSON: Duplicate Object"
                        + " property \"execute\"",
                "{'execute':'device_add'} | GenericError | argument 'driver' is missing",
                "{'execute':'device_add','arguments':{'driver':'edu','bus':{}}} | GenericError |"
                        + " argument 'bus' must be a string, a number, true or false",
                "{'execute':'device_del','arguments':{'id':'x'}} | DeviceNotFound | there is no"
                        + " device 'x'",
                "{'execute':'device_del','arguments':{'id':'edu0'}} | GenericError | device_del"
                        + " edu0: not hot-pluggable: it is integrated on pcie.0",
                "{'execute':'human-monitor-command','arguments':{'command-line':'stop','x':1}} |"
                        + " GenericError | argument 'x' is not known",
                "{'execute':'qom-set','arguments':{'path':'edu0','property':'type','value':1}} |"
                        + " GenericError | property 'type' of 'edu0' cannot be changed",
            })
    void anErrorIsOneReplyAndChangesNothing(String message, String errorClass, String text)
            throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            client.send(message);
            JsonNode error = client.receive().get("error");
            assertThat(error.get("class").asString()).isEqualTo(errorClass);
            assertThat(error.get("desc").asString()).startsWith(text);
            assertThat(client.execute("query-status").get("running").asBoolean()).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "frob | unknown command 'frob'; 'help' lists them",
                "info usb | info: unknown topic 'usb'; known: atc, block, chardev",
                "device_del | device_del: the device's id is missing",
                "device_del x | device_del x: no such device",
                "stop now | stop: takes nothing, not 'now'",
                "xp | xp: '/COUNT FORMAT SIZE ADDRESS' is missing",
                "xp /99999x 0 | at most 4096 units",
                "xp /4x 0xffffffffffff | there is no RAM at 0xffffffffffff",
                "x /x $nothing | '$nothing' is no address",
                "gva2gpa | gva2gpa: the address is missing",
            })
    void anErrorOfTheMonitorIsOneLine(String line, String answer) throws Exception {
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            assertThat(client.human(line)).startsWith("Error: " + answer);
            assertThat(client.human(line).indexOf('\n')).isEqualTo(client.human(line).length() - 1);
        }
    }

    @Test
    void theSocketIsForItsOwnerOnlyAndAServedOneIsNotTaken() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(guest.qmp)))
                .isEqualTo("rw-------");
        try (SocketServer second = new SocketServer()) {
            assertThat(
                            catchThrowable(() ->
                                    second.listen(new ListenAddress.Unix(guest.qmp), _ -> {})))
                    .hasMessageContaining("another process listens there");
        }
        try (QmpClient client = QmpClient.ready(guest.qmp)) {
            client.execute("query-version");
        }
    }
}
