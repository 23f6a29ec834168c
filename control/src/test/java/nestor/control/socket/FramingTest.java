package nestor.control.socket;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FramingTest {
    private static List<String> pieces(Framing framing, byte[] bytes) {
        List<String> pieces = new ArrayList<>();
        // A byte at a time: where the network cuts must not matter.
        for (byte one : bytes) {
            ByteBuf in = Unpooled.wrappedBuffer(new byte[] {one});
            Framing.Piece piece;
            while ((piece = framing.next(in)) != null) {
                pieces.add(
                        switch (piece) {
                            case Framing.Piece.Message message ->
                                    new String(message.bytes(), StandardCharsets.ISO_8859_1);
                            case Framing.Piece.TooLong _ -> "too long";
                        });
            }
        }
        return pieces;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{}{} | {}/{}",
                "{\"a\":\"}\"} {'b':'\\'}'} | {\"a\":\"}\"}/{'b':'\\'}'}",
                "{\"a\":{\"b\":[1,2]}} | {\"a\":{\"b\":[1,2]}}",
                "{\"a\":~{\"b\":1} | {\"b\":1}",
                "GET {}#{} | GET {}/{}",
                "{\"a#{} | {\"a/{}",
                "}}#{} | }}/{}",
            })
    void messagesAreJsonValuesWithOrWithoutLines(String bytes, String expected) {
        String raw = bytes.replace('#', '\n').replace('~', '\u00ff');
        assertThat(pieces(Framing.json(), raw.getBytes(StandardCharsets.ISO_8859_1)))
                .containsExactly(expected.split("/", -1));
    }

    @FuzzTest
    void anyBytesAreCutIntoBoundedPieces(byte[] bytes) {
        for (Framing framing : List.of(Framing.json(), Framing.lines())) {
            int total = 0;
            for (String piece : pieces(framing, bytes)) {
                assertThat(piece.length()).isLessThanOrEqualTo(Framing.MAX_BYTES);
                total += piece.length();
            }
            assertThat(total).isLessThanOrEqualTo(bytes.length);
        }
    }
}
