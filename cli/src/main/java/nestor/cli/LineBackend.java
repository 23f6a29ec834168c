package nestor.cli;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;

/** A console read line by line. A line longer than the limit is cut there. One writer at a time. */
final class LineBackend implements CharBackend {
    private static final int MAX_LINE = 1 << 16;

    private final Consumer<String> lines;
    private final byte[] line = new byte[MAX_LINE];
    private int length;

    /** Hands each line, without its end, to {@code lines} on the writing thread. */
    LineBackend(Consumer<String> lines) {
        this.lines = lines;
    }

    @Override
    public synchronized void write(byte[] data, int offset, int count) {
        for (int i = offset; i < offset + count; i++) {
            if (data[i] == '\n' || length == MAX_LINE) {
                emit();
            }
            if (data[i] != '\n') {
                line[length++] = data[i];
            }
        }
    }

    /** Hands over what has no line end. */
    synchronized void finish() {
        if (length > 0) {
            emit();
        }
    }

    @Override
    public void connect(CharFrontend frontend) {}

    @Override
    public void resume() {}

    private void emit() {
        int end = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
        length = 0;
        lines.accept(new String(line, 0, end, StandardCharsets.UTF_8));
    }
}
