package nestor.debug.gdb;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Packets over a byte stream (appendix E.1): framing, checksums, acknowledgements. Reading belongs
 * to one thread; any thread sends.
 */
final class Packets {
    /** Bound on a packet's content, in bytes; what {@code qSupported} announces. */
    static final int MAX_BYTES = 0x4000;

    /** Stands for a Ctrl-C between packets. */
    static final String INTERRUPT = "\003";

    private static final char ESCAPE = '}';
    private static final int ESCAPED = 0x20;

    /** What came makes no sense. Has no stack trace. */
    static final class Malformed extends RuntimeException {
        private static final long serialVersionUID = 1;

        Malformed() {
            super("malformed packet", null, false, false);
        }
    }

    private final ByteChannel channel;
    private final ByteBuffer input = ByteBuffer.allocate(4096).flip();
    private boolean acknowledging = true;
    private byte[] last = new byte[0];

    Packets(ByteChannel channel) {
        this.channel = channel;
    }

    /** The next packet's content, a byte for each character, or {@link #INTERRUPT}. */
    String next() throws IOException {
        while (true) {
            int c = octet();
            switch (c) {
                case '$' -> {
                    String content = content();
                    if (content != null) {
                        return content;
                    }
                }
                case '-' -> write(last);
                case 3 -> {
                    return INTERRUPT;
                }
                default -> {
                    // an acknowledgement, or noise
                }
            }
        }
    }

    /** Null if the checksum is wrong: it will come again. */
    private @Nullable String content() throws IOException {
        StringBuilder content = new StringBuilder();
        int sum = 0;
        for (int c = octet(); c != '#'; c = octet()) {
            if (c == '$') { // a new one; the old one was cut off
                content.setLength(0);
                sum = 0;
                continue;
            }
            sum += c;
            if (c == ESCAPE) {
                int escaped = octet();
                sum += escaped;
                c = escaped ^ ESCAPED;
            }
            if (content.length() == MAX_BYTES) {
                throw new IOException("a packet of more than %d bytes".formatted(MAX_BYTES));
            }
            content.append((char) c);
        }
        int told = Character.digit(octet(), 16) << 4 | Character.digit(octet(), 16);
        boolean good = told == (sum & 0xff);
        if (acknowledging) {
            write(new byte[] {(byte) (good ? '+' : '-')});
        }
        return good || !acknowledging ? content.toString() : null;
    }

    private int octet() throws IOException {
        if (!input.hasRemaining()) {
            input.clear();
            int read = channel.read(input);
            input.flip();
            if (read < 0) {
                throw new EOFException();
            }
        }
        return input.get() & 0xff;
    }

    /** No acknowledgements from now on. */
    void stopAcknowledging() {
        acknowledging = false;
    }

    /** Sends a packet. */
    synchronized void send(String content) throws IOException {
        StringBuilder packet = new StringBuilder("$");
        int sum = 0;
        for (int i = 0; i < content.length(); i++) {
            char c = content.charAt(i);
            if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
                packet.append(ESCAPE);
                sum += ESCAPE;
                c = (char) (c ^ ESCAPED);
            }
            packet.append(c);
            sum += c;
        }
        packet.append("#%02x".formatted(sum & 0xff));
        last = packet.toString().getBytes(StandardCharsets.ISO_8859_1);
        write(last);
    }

    private synchronized void write(byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
