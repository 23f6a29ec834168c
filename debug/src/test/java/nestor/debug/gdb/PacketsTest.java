package nestor.debug.gdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PacketsTest {
    /** Gives what it was made with, byte by byte, and keeps what is written. */
    private static final class Line implements ByteChannel {
        private final ByteBuffer input;
        private final ByteArrayOutputStream output = new ByteArrayOutputStream();

        Line(String text) {
            input = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
        }

        @Override
        public int read(ByteBuffer into) {
            if (!input.hasRemaining()) {
                return -1;
            }
            into.put(input.get());
            return 1;
        }

        @Override
        public int write(ByteBuffer from) {
            int size = from.remaining();
            while (from.hasRemaining()) {
                output.write(from.get());
            }
            return size;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}

        String written() {
            return output.toString(StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void goodPacketIsAcknowledgedAndABadOneAskedForAgain() throws IOException {
        Line line = new Line("+$g#00$g#67");
        assertThat(new Packets(line).next()).isEqualTo("g");
        assertThat(line.written()).isEqualTo("-+");
    }

    @Test
    void escapedBytesAreUnescapedBothWays() throws IOException {
        Line line =
                new Line("$X}\003}\004}]#" + "%02x".formatted('X' + 3 * '}' + 3 + 4 + ']' & 0xff));
        Packets packets = new Packets(line);
        assertThat(packets.next()).isEqualTo("X#$}");
        packets.send("a#b");
        assertThat(line.written())
                .endsWith("$a}\003b#" + "%02x".formatted('a' + '}' + 3 + 'b' & 0xff));
    }

    @Test
    void interruptBetweenPacketsIsSeen() throws IOException {
        Packets packets = new Packets(new Line("\003$?#3f"));
        assertThat(packets.next()).isEqualTo(Packets.INTERRUPT);
        assertThat(packets.next()).isEqualTo("?");
        assertThatThrownBy(packets::next).isInstanceOf(EOFException.class);
    }

    @Test
    void lastPacketIsSentAgainWhenAskedFor() throws IOException {
        Line line = new Line("-");
        Packets packets = new Packets(line);
        packets.send("OK");
        assertThatThrownBy(packets::next).isInstanceOf(EOFException.class);
        assertThat(line.written()).isEqualTo("$OK#9a$OK#9a");
    }

    @Test
    void packetBeyondTheBoundEndsTheSession() {
        Packets packets = new Packets(new Line("$" + "a".repeat(Packets.MAX_BYTES + 1)));
        assertThatThrownBy(packets::next).hasMessageContaining("16384");
    }
}
