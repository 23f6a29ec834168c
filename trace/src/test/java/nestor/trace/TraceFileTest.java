package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceFileTest {
    @TempDir private Path folder;

    private final List<String> warnings = new ArrayList<>();

    @Test
    void aFileEndsBehindTheLastWholePieceBelowItsLimit() throws IOException {
        Path path = folder.resolve("trace");
        TraceFile file = TraceFile.create(path, 10, warnings::add);
        file.write("12345");
        file.write("67890");
        file.write("x");
        file.write("");
        file.close("]");
        assertThat(Files.readString(path)).isEqualTo("1234567890]");
        assertThat(warnings).singleElement().asString().contains("limit of 10 bytes");
    }

    @Test
    void aFullDiskIsOneWarning() throws IOException {
        Path full = Path.of("/dev/full");
        assumeThat(Files.isWritable(full)).as("/dev/full").isTrue();
        TraceFile file = TraceFile.create(full, 1 << 20, warnings::add);
        for (int i = 0; i < 3; i++) {
            file.write("record");
            file.flush();
        }
        file.close("]");
        assertThat(warnings)
                .filteredOn(line -> line.contains("nothing more is written"))
                .hasSize(1);
        assertThat(warnings).hasSizeLessThanOrEqualTo(2);
    }
}
