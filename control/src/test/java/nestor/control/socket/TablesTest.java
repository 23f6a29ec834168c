package nestor.control.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** {@code info pgtable} and {@code info pasid} by both protocols. */
class TablesTest {
    @TempDir private Path folder;

    @ParameterizedTest
    @EnumSource
    void aFunctionWhoseIommuIsOffPassesUntranslated(CountingGuest kind) throws Exception {
        try (RunningGuest guest = new RunningGuest(kind, folder);
                QmpClient client = QmpClient.ready(guest.qmp)) {
            String why =
                    kind == CountingGuest.VIRT ? "CR0.SMMUEN is clear" : "GSTS_REG.TES is clear";
            assertThat(client.human("info pgtable edu0 0x1000 0x2000"))
                    .isEqualTo(
                            "0000000000001000-0000000000002fff rwx untranslated: %s\r\n"
                                    .formatted(why));
            JsonNode view =
                    client.execute(
                            "x-nestor-info",
                            "{\"topic\": \"pgtable\", \"function\": \"edu0\","
                                    + " \"iova\": \"0x1000\", \"size\": 8192}");
            JsonNode run = view.get("mapped").get(0);
            assertThat(run.get("last").asString()).isEqualTo("0x2fff");
            assertThat(run.get("untranslated").asString()).isEqualTo(why);
            assertThat(client.human("info pasid edu0")).endsWith(": no PASIDs\r\n");
            assertThat(client.execute("x-nestor-info", "{\"topic\": \"pasid\"}").toString())
                    .contains("\"pasids\":[]");
        }
    }

    @Test
    void aWrongQuestionIsOneLine() throws Exception {
        try (RunningGuest guest = new RunningGuest(CountingGuest.VIRT, folder);
                QmpClient client = QmpClient.ready(guest.qmp)) {
            for (String question :
                    new String[] {
                        "pgtable",
                        "pgtable nobody",
                        "pgtable edu0 pasid",
                        "pgtable edu0 pasid 0x100000",
                        "pgtable edu0 privileged",
                        "pgtable edu0 0x1000 0x1000 0x1000",
                        "pgtable edu0 0xffffffffffffffff 2",
                        "pasid nobody",
                        "pasid edu0 -1",
                    }) {
                assertThat(client.human("info " + question))
                        .describedAs(question)
                        .startsWith("Error: ")
                        .hasLineCount(1);
            }
            assertThat(client.call("x-nestor-info", "{\"topic\": \"pgtable\"}").get("error"))
                    .isNotNull();
            assertThat(
                            client.call(
                                            "x-nestor-info",
                                            "{\"topic\": \"pasid\", \"privileged\": true}")
                                    .get("error"))
                    .isNotNull();
        }
    }
}
