package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import nestor.iommu.oracle.StaleReport;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What people and programs get to read of an oracle. */
final class OracleWatchTest {
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final Log log = new Log(new PrintStream(err, true, StandardCharsets.UTF_8));

    private static StaleReport report(long iova) {
        return new StaleReport(
                "smmuv3",
                "ATC",
                new Requester(0x18, 5, false),
                iova,
                new Translation.Mapping(iova, 12, 0x4000_0000L, Translation.READ),
                "TRANSLATION fault, stage 1, level 3",
                1_000_000_000L,
                1_500_000_000L,
                3_500_000_000L,
                2,
                "CMD_ATC_INV",
                Optional.of("1.400000 s  CMD_TLBI_NH_VA[...]"),
                List.of("1.400000 s  CMD_TLBI_NH_VA[...]", "1.400100 s  CMD_SYNC[...]"));
    }

    @Test
    void pagesOfOneCauseAreALineEach() {
        OracleWatch watch = new OracleWatch(log, "", 1, Optional.empty());
        watch.report(report(0x7000));
        watch.report(report(0x8000));
        assertThat(err.toString(StandardCharsets.UTF_8).lines())
                .containsExactly(
                        "nestor: oracle: smmuv3: stale translation of 00:03.0 PASID 5, IOVA 0x7000,"
                                + " in the ATC",
                        "nestor: oracle:   0x40000000 r--, cached at 1.000000 s; tables: TRANSLATION"
                                + " fault, stage 1, level 3, seen at 1.500000 s",
                        "nestor: oracle:   missing: CMD_ATC_INV; the address was in 1.400000 s "
                                + " CMD_TLBI_NH_VA[...]",
                        "nestor: oracle:   still so at 3.500000 s; DMAs that used it since: 2",
                        "nestor: oracle:     1.400000 s  CMD_TLBI_NH_VA[...]",
                        "nestor: oracle:     1.400100 s  CMD_SYNC[...]",
                        "nestor: oracle: smmuv3: stale translation of 00:03.0 PASID 5, IOVA 0x8000,"
                                + " in the ATC, the same");
    }

    @Test
    void programsGetAnObjectALineAndTheCountsLast(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("reports.jsonl");
        OracleWatch watch = new OracleWatch(log, "svm", 1, Optional.of(file));
        watch.report(report(0x7000));
        watch.finish();
        List<JsonNode> lines =
                Files.readAllLines(file).stream().map(new JsonMapper()::readTree).toList();
        assertThat(lines).hasSize(2);
        assertThat(lines.getFirst().get("device").asString()).isEqualTo("00:03.0");
        assertThat(lines.getFirst().get("pasid").asInt()).isEqualTo(5);
        assertThat(lines.getFirst().get("iova").asString()).isEqualTo("0x7000");
        assertThat(lines.getFirst().get("missing").asString()).isEqualTo("CMD_ATC_INV");
        assertThat(lines.getFirst().get("commands").size()).isEqualTo(2);
        assertThat(lines.getLast().get("run").asString()).isEqualTo("svm");
        assertThat(lines.getLast().get("dmas").asLong()).isZero();
    }

    @Test
    void anOracleThatSawNothingIsNoProof() throws IOException {
        OracleWatch watch = new OracleWatch(log, "", 1, Optional.empty());
        assertThat(watch.result(1).outcome()).isEqualTo(Ktap.Outcome.FAILED);
        assertThat(watch.defect(1, true).outcome()).isEqualTo(Ktap.Outcome.FAILED);
        assertThat(watch.defect(1, false).outcome()).isEqualTo(Ktap.Outcome.FAILED);
    }

    @Test
    void aDefectOfTheCatalogueIsReportedOrNotAsItsKernelHasIt() throws IOException {
        OracleWatch watch = new OracleWatch(log, "", 1, Optional.empty());
        watch.report(report(0x7000));
        assertThat(watch.defect(1, true).outcome()).isEqualTo(Ktap.Outcome.PASSED);
        assertThat(watch.defect(1, true).diagnostics()).contains("defect=present");
        assertThat(watch.defect(1, false).outcome()).isEqualTo(Ktap.Outcome.FAILED);
    }
}
