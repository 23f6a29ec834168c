package nestor.cli;

import java.nio.charset.StandardCharsets;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;

/**
 * Listens to a kernel console for the line a panicking Linux prints ({@code Kernel panic - not
 * syncing: reason}) and the one that ends its report. Passes everything on. One writer at a time.
 */
final class PanicWatch implements CharBackend {
    private static final byte[] BEGIN = ascii("Kernel panic - not syncing");
    private static final byte[] END = ascii("[ end Kernel panic");

    private final CharBackend next;
    private final Runnable onEnd;
    private int beginMatched;
    private int endMatched;
    private volatile boolean panicked;

    /**
     * Watches what goes to {@code next}.
     *
     * @param onEnd runs once the report of the panic is complete, on the writing thread
     */
    PanicWatch(CharBackend next, Runnable onEnd) {
        this.next = next;
        this.onEnd = onEnd;
    }

    boolean panicked() {
        return panicked;
    }

    @Override
    public void write(byte[] data, int offset, int length) {
        next.write(data, offset, length);
        for (int i = offset; i < offset + length; i++) {
            beginMatched = advance(BEGIN, beginMatched, data[i]);
            if (beginMatched == BEGIN.length) {
                panicked = true;
                beginMatched = 0;
            }
            endMatched = advance(END, endMatched, data[i]);
            if (endMatched == END.length) {
                endMatched = 0;
                onEnd.run();
            }
        }
    }

    @Override
    public void connect(CharFrontend frontend) {
        next.connect(frontend);
    }

    @Override
    public void resume() {
        next.resume();
    }

    /** How much of the word has been seen; neither word's first byte occurs in it again. */
    private static int advance(byte[] word, int matched, byte b) {
        if (b == word[matched]) {
            return matched + 1;
        }
        return b == word[0] ? 1 : 0;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
