package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.P;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** First steps of a dedicated work queue. */
class DsaOperationTest {
    private static final long A = 0x10_0000;
    private final DsaBench bench = DsaBench.start();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void aMoveMoves() {
        bench.os.map(P, A, 8 * 4096, DsaOs.READ_WRITE);
        bench.os.poke(P, A + 5, new byte[] {1, 2, 3});
        byte[] record = bench.run(descriptor(3).source(A + 5).destination(A + 4095).size(3));
        assertThat(record[0]).isEqualTo((byte) 1);
        assertThat(bench.os.peek(P, A + 4095, 3)).containsExactly(1, 2, 3);
    }
}
