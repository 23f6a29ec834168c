package nestor.virtio.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MappingLimitTest {
    @Test
    void tenMillionMapRequestsEndInNomemInASmallHeap() throws IOException, InterruptedException {
        Process small =
                new ProcessBuilder(
                                List.of(
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString(),
                                        "-Xmx" + GreedyDriver.HEAP_MIB + "m",
                                        "-XX:+UseSerialGC",
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        GreedyDriver.class.getName()))
                        .redirectErrorStream(true)
                        .start();
        String output = new String(small.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(small.waitFor()).describedAs(output).isZero();
    }
}
