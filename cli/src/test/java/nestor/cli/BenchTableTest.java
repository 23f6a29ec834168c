package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BenchTableTest {
    @Test
    void speedCountsFromTheStartOfTheProgramToo() {
        Duel.Round nestor =
                new Duel.Round(9, 10, Map.of("instructions", 1_200_000_000.0, "mips", 150.0));
        Duel.Round qemu = new Duel.Round(3, 4, Map.of());

        String table = BenchTable.boot(new Duel.Score(List.of(nestor), List.of(qemu)), "title");

        assertThat(table)
                .contains("| wall to power-off, s | 10.00 (10.00–10.00) | 4.00 (4.00–4.00) |")
                .contains("| instructions, M | 1200.00 (1200.00–1200.00) |  |  |")
                .contains("| MIPS from the machine's start | 150.00 (150.00–150.00) |  |  |")
                .contains("| MIPS from the program's start | 120.00 (120.00–120.00) |  |  |");
    }
}
