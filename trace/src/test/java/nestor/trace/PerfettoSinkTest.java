package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class PerfettoSinkTest {
    private static final Pattern FLOW =
            Pattern.compile("\"ph\":\"([stf])\",\"bp\":\"e\",\"id\":(\\d+).*\"ts\":([0-9.]+)");

    private final Recorded output = new Recorded();
    private final PerfettoSink sink = new PerfettoSink(output);

    private List<String> flows() {
        List<String> flows = new ArrayList<>();
        Matcher matcher = FLOW.matcher(output.text);
        while (matcher.find()) {
            flows.add(matcher.group(1) + matcher.group(2) + "@" + matcher.group(3));
        }
        return flows;
    }

    private void translation(long micros, long address) {
        sink.take(
                Recorded.event(
                        "ats_translation_request",
                        micros * 1000,
                        "rid",
                        8,
                        "pasid",
                        1,
                        "address",
                        address));
    }

    private void pageRequest(long micros, long address, int prgIndex) {
        sink.take(
                Recorded.event(
                        "pri_page_request",
                        micros * 1000,
                        "rid",
                        8,
                        "pasid",
                        1,
                        "address",
                        address,
                        "prgIndex",
                        prgIndex));
    }

    private void response(long micros, int prgIndex) {
        response(micros, prgIndex, 0);
    }

    private void response(long micros, int prgIndex, int code) {
        sink.take(
                Recorded.event(
                        "pri_page_response",
                        micros * 1000,
                        "rid",
                        8,
                        "pasid",
                        -1,
                        "prgIndex",
                        prgIndex,
                        "code",
                        code));
    }

    private void dma(long micros, long lengthMicros, long address) {
        sink.take(
                Recorded.lasting(
                        "dma_write",
                        micros * 1000,
                        lengthMicros * 1000,
                        "rid",
                        8,
                        "pasid",
                        1,
                        "address",
                        address));
    }

    @Test
    @DisplayName("PCIe §10.4: miss, page request, response, retry and memory request are one flow")
    void aFaultedPageIsOneFlow() {
        translation(1, 0x5010);
        pageRequest(2, 0x5000, 3);
        response(5, 3);
        translation(6, 0x5010);
        dma(7, 1, 0x5010);
        sink.close();
        assertThat(flows())
                .containsExactly("s1@1.000", "t1@2.000", "t1@5.000", "t1@6.000", "f1@7.000");
    }

    @Test
    @DisplayName("PCIe §10.2.3: a translated request belongs to the page it was translated from")
    void aTranslatedMemoryRequestEndsTheFlow() {
        translation(1, 0x5010);
        pageRequest(2, 0x5000, 3);
        response(5, 3);
        sink.take(
                Recorded.event(
                        "ats_translation_request",
                        6000,
                        "rid",
                        8,
                        "pasid",
                        1,
                        "address",
                        0x5000L,
                        "entries",
                        "9003"));
        sink.take(
                Recorded.event(
                        "dma_write",
                        7000,
                        "rid",
                        8,
                        "pasid",
                        -1,
                        "address",
                        0x9010L,
                        "translated",
                        true));
        translation(8, 0x5010);
        sink.close();
        assertThat(flows())
                .containsExactly("s1@1.000", "t1@2.000", "t1@5.000", "t1@6.000", "f1@7.000");
    }

    @Test
    @DisplayName("PCIe §10.4.2: a page request that is refused leads nowhere")
    void aRefusalEndsTheFlow() {
        translation(1, 0x5010);
        pageRequest(2, 0x5000, 3);
        response(5, 3, 1);
        translation(6, 0x5010);
        pageRequest(7, 0x5000, 3);
        response(8, 3);
        dma(9, 1, 0x5010);
        sink.close();
        assertThat(flows())
                .containsExactly(
                        "s1@1.000",
                        "t1@2.000",
                        "f1@5.000",
                        "s2@6.000",
                        "t2@7.000",
                        "t2@8.000",
                        "f2@9.000");
    }

    @Test
    void whatFindsItsTranslationBeginsNoFlow() {
        translation(1, 0x5000);
        dma(2, 1, 0x5000);
        sink.close();
        assertThat(flows()).isEmpty();
    }

    @Test
    void aFlowThatGoesNowhereEndsAtItsLastStep() {
        translation(1, 0x5000);
        pageRequest(2, 0x5000, 0);
        translation(3, 0x6000);
        pageRequest(4, 0x6000, 1);
        response(5, 1);
        sink.close();
        assertThat(flows())
                .containsExactly(
                        "s1@1.000",
                        "t1@2.000",
                        "s2@3.000",
                        "t2@4.000",
                        "t2@5.000",
                        "f1@2.000",
                        "f2@5.000");
    }

    @Test
    void eachOfManyFlowsIsClosed() {
        for (int page = 0; page < 3 * 4096; page++) {
            translation(page, (long) page << 12);
            pageRequest(page, (long) page << 12, page & 0x1ff);
            if (page % 3 == 0) {
                response(page, page & 0x1ff);
            }
        }
        sink.close();
        assertThat(flows().stream().filter(flow -> flow.startsWith("s")).count())
                .isEqualTo(3 * 4096)
                .isEqualTo(flows().stream().filter(flow -> flow.startsWith("f")).count());
    }

    @Test
    void memoryRequestsThatOverlapAreOnDifferentThreads() {
        dma(0, 10, 0x1000);
        dma(5, 10, 0x2000);
        dma(11, 1, 0x3000);
        sink.close();
        Matcher slices = Pattern.compile("\"ph\":\"X\".*?\"tid\":(\\d+)").matcher(output.text);
        assertThat(slices.results().map(slice -> slice.group(1))).containsExactly("1", "2", "1");
    }

    @Test
    void theFileIsOneJsonObject() {
        sink.close();
        assertThat(output.text.toString())
                .isEqualTo("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n\n]}\n");
    }
}
