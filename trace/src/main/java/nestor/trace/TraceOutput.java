package nestor.trace;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** What leaves the program piece by piece; a piece is written whole or not at all. */
public interface TraceOutput {
    /** Writes a piece of text, unless there is no room for it. */
    default void write(String piece) {
        write(piece.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes a piece, unless there is no room for it. */
    void write(byte[] piece);

    /** Hands on what was written. */
    void flush();

    /** Ends with a piece for which room was kept. */
    void close(String last);

    /** A stream that stays open. */
    static TraceOutput to(PrintStream stream) {
        return new TraceOutput() {
            @Override
            public void write(byte[] piece) {
                stream.writeBytes(piece);
            }

            @Override
            public void flush() {
                stream.flush();
            }

            @Override
            public void close(String last) {
                stream.print(last);
                stream.flush();
            }
        };
    }
}
