package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TextSinkTest {
    private final Recorded output = new Recorded();

    @Test
    void aLineIsTimeNameAndFields() {
        new TextSink(output)
                .take(
                        Recorded.event(
                                "smmuv3_record_event",
                                1_234_567_890L,
                                "type",
                                16,
                                "sid",
                                0x18,
                                "address",
                                0xffff_0000_0000_1000L,
                                "last",
                                true));
        assertThat(output.text.toString().strip())
                .isEqualTo(
                        "1.234567 smmuv3_record_event type 16 sid 0x18"
                                + " address 0xffff000000001000 last true");
    }

    @Test
    void aJsonLineEscapesWhatAGuestNamed() {
        new JsonLinesSink(output)
                .take(Recorded.lasting("dma_read", 5, 7, "status", "a\"b\\\n\u00e9", "rid", 8));
        assertThat(output.text.toString())
                .isEqualTo(
                        "{\"name\":\"dma_read\",\"ns\":5,\"duration_ns\":7,"
                                + "\"fields\":{\"status\":\"a\\\"b\\\\\\u000a\\u00e9\",\"rid\":8}}\n");
    }
}
