package nestor.control.socket;

import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import org.jspecify.annotations.Nullable;

/** Cuts a client's bytes into messages. Holds {@link #MAX_BYTES} at most. Netty's loop. */
public abstract sealed class Framing {
    /** The longest message; what comes behind is dropped up to the next line feed. */
    public static final int MAX_BYTES = 1 << 16;

    /** A piece of the client's bytes. */
    sealed interface Piece {
        /** A whole one. */
        final class Message implements Piece {
            private final byte[] bytes;

            private Message(byte[] bytes) {
                this.bytes = bytes;
            }

            byte[] bytes() {
                return bytes;
            }
        }

        /** One that was longer than it may be; it has been dropped. */
        record TooLong() implements Piece {}
    }

    private final ByteArrayOutputStream message = new ByteArrayOutputStream();
    private boolean dropping;

    private Framing() {}

    /** What a byte means to the message that is being collected. */
    enum Part {
        /** Belongs to it. */
        INSIDE,
        /** Is its last. */
        LAST,
        /** Separates it from the next, and belongs to neither. */
        BETWEEN,
        /** The client starts anew; what was collected counts for nothing. */
        RESTART
    }

    /** Looks at the next byte. */
    abstract Part part(byte next);

    /** Forgets what it knows of the message that is being collected. */
    abstract void clear();

    /** The next message; null if there is none yet, and everything has been read. */
    final @Nullable Piece next(ByteBuf in) {
        while (in.isReadable()) {
            byte next = in.readByte();
            if (dropping) {
                dropping = next != '\n';
                continue;
            }
            switch (part(next)) {
                case INSIDE -> message.write(next);
                case LAST -> {
                    message.write(next);
                    return take();
                }
                case BETWEEN -> {
                    if (message.size() > 0) {
                        return take();
                    }
                }
                case RESTART -> reset();
            }
            if (message.size() > MAX_BYTES) {
                dropping = true;
                reset();
                return new Piece.TooLong();
            }
        }
        return null;
    }

    private Piece take() {
        byte[] bytes = message.toByteArray();
        reset();
        return new Piece.Message(bytes);
    }

    private void reset() {
        message.reset();
        clear();
    }

    /** Lines, each with the line feed that ends it. */
    public static Framing lines() {
        return new Lines();
    }

    /**
     * JSON values, one after the other, with or without line feeds between them. What begins as no
     * object and no list is a message up to the end of its line.
     */
    public static Framing json() {
        return new JsonValues();
    }

    private static final class Lines extends Framing {
        @Override
        Part part(byte next) {
            return next == '\n' ? Part.LAST : Part.INSIDE;
        }

        @Override
        void clear() {}
    }

    private static final class JsonValues extends Framing {
        private static final byte NONE = 0;

        /** QMP: a byte that no UTF-8 has makes the server forget what came before. */
        private static final byte RESET = (byte) 0xff;

        private int depth;
        private byte quote = NONE;
        private boolean escaped;
        private boolean garbage;

        @Override
        Part part(byte next) {
            if (next == RESET) {
                return Part.RESTART;
            }
            if (garbage) {
                return next == '\n' ? Part.BETWEEN : Part.INSIDE;
            }
            return quote == NONE ? outsideString(next) : insideString(next);
        }

        private Part outsideString(byte next) {
            switch (next) {
                case '{', '[' -> depth++;
                case '}', ']' -> {
                    depth--;
                    if (depth == 0) {
                        return Part.LAST;
                    }
                    garbage = depth < 0;
                }
                case ' ', '\t', '\r', '\n' -> {
                    return depth == 0 ? Part.BETWEEN : Part.INSIDE;
                }
                case '"', '\'' -> {
                    quote = next;
                    garbage = depth == 0;
                }
                default -> garbage = depth == 0;
            }
            return Part.INSIDE;
        }

        private Part insideString(byte next) {
            if (next >= 0 && next < ' ') {
                return Part.BETWEEN; // no string has that: what was collected is no JSON
            }
            if (escaped) {
                escaped = false;
            } else if (next == '\\') {
                escaped = true;
            } else if (next == quote) {
                quote = NONE;
            }
            return Part.INSIDE;
        }

        @Override
        void clear() {
            depth = 0;
            quote = NONE;
            escaped = false;
            garbage = false;
        }
    }
}
