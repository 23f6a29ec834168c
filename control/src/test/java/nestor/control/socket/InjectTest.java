package nestor.control.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** {@code inject} and {@code x-nestor-inject} while a guest runs. */
class InjectTest {
    @TempDir private Path folder;
    private RunningGuest guest;
    private QmpClient client;

    @BeforeEach
    void start() throws Exception {
        guest = new RunningGuest(CountingGuest.VIRT, folder);
        client = QmpClient.ready(guest.qmp);
        client.execute(
                "device_add",
                "{\"driver\": \"svm-demo\", \"id\": \"svm0\", \"bus\": \"rp1\","
                        + " \"chaos\": \"prq=dup\", \"chaos-seed\": 3}");
    }

    @AfterEach
    void stop() throws Exception {
        client.close();
        guest.close();
    }

    private JsonNode device(String name) throws Exception {
        for (JsonNode device : client.execute("x-nestor-query-inject")) {
            if (device.get("device").asString().equals(name)) {
                return device;
            }
        }
        throw new AssertionError("no " + name);
    }

    @Test
    void aHotPluggedDeviceMisbehavesAsItWasTold() throws Exception {
        JsonNode device = device("svm0");
        assertThat(device.get("keys").toString()).isEqualTo("[\"prq=dup\"]");
        assertThat(device.get("seed").asLong()).isEqualTo(3);
        assertThat(device.get("known").toString()).contains("surprise-removal");
        assertThat(client.human("inject")).contains("svm0: chaos=prq=dup,chaos-seed=3\r\n");
    }

    @Test
    void keysComeAndGoWhileTheGuestRuns() throws Exception {
        JsonNode injected =
                client.execute(
                        "x-nestor-inject",
                        "{\"keys\": \"devtlb=slow+devtlb=reorder\", \"device\": \"svm0\"}");
        assertThat(device("svm0").get("seed")).isEqualTo(injected.get("seed"));
        assertThat(device("svm0").get("keys").toString())
                .isEqualTo("[\"devtlb=slow\",\"devtlb=reorder\"]");

        assertThat(client.human("inject prq=late device=svm0 seed=9"))
                .isEqualTo("chaos=prq=late,chaos-seed=9\r\n");
        assertThat(client.human("inject off")).isEmpty();
        assertThat(device("svm0").get("keys")).isEmpty();
        assertThat(client.human("inject devtlb=gone seed=1")).contains("devtlb=gone");
        client.execute("x-nestor-inject", "{\"keys\": \"\", \"device\": \"svm0\"}");
        assertThat(client.human("inject")).contains("svm0: behaves; knows devtlb=slow, ");
        assertThat(guest.outcome).isNotDone();
    }

    @Test
    void mistakesAreOneLine() throws Exception {
        assertThat(client.human("inject prq=lat"))
                .isEqualTo("Error: inject: 'prq=lat': unknown key; did you mean prq=late?\r\n");
        assertThat(client.human("inject prq=late device=svm1"))
                .startsWith("Error: inject: no device 'svm1' that misbehaves; did you mean svm0");
        assertThat(client.human("inject device=svm0"))
                .isEqualTo("Error: inject: the keys are missing\r\n");
        assertThat(client.human("inject prq=late seed=x"))
                .isEqualTo("Error: inject: seed= takes a number\r\n");
        assertThat(
                        client.call("x-nestor-inject", "{\"keys\": \"prq=late\", \"seed\": \"x\"}")
                                .get("error")
                                .get("desc")
                                .asString())
                .startsWith("argument 'seed' must be an integer");
        assertThat(device("svm0").get("keys").toString()).isEqualTo("[\"prq=dup\"]");
    }
}
