package nestor.pci;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What software must not do with the capabilities of ATS is recorded, and nothing else is. */
class MisuseTraceTest {
    @TempDir private Path folder;

    private List<String> sectionsOf(Runnable software) throws IOException {
        try (Recording recording = new Recording()) {
            recording.enable("pci_cfg_misuse");
            recording.start();
            software.run();
            recording.stop();
            Path file = folder.resolve("misuse.jfr");
            recording.dump(file);
            return RecordingFile.readAllEvents(file).stream()
                    .map(event -> event.getString("section"))
                    .toList();
        }
    }

    @Test
    @DisplayName("§7.8.9.3, §10.5.1.3, §10.5.2.2, §10.5.2.5: what changes only while disabled")
    void aMisusedCapabilityIsRecorded() throws IOException {
        assertThat(
                        sectionsOf(() -> {
                            try (AtsBoard board = new AtsBoard()) {
                                board.enabled();
                                board.write(AtsBoard.ATS_CONTROL, 2, AtsBoard.ATS_ENABLE);
                                board.write(AtsBoard.ATS_CONTROL, 2, AtsBoard.ATS_ENABLE | 2);
                                board.write(AtsBoard.PASID_CONTROL, 2, 1);
                                board.write(AtsBoard.PRI_ALLOCATION, 4, 1);
                                board.write(AtsBoard.PRI_CONTROL, 2, 3);
                            }
                        }))
                .containsExactly("§10.5.1.3", "§7.8.9.3", "§10.5.2.5", "§10.5.2.2");
    }
}
