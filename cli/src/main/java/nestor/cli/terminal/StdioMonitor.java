package nestor.cli.terminal;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** A monitor on standard input and output (QEMU's {@code -monitor stdio}). */
public final class StdioMonitor {
    private final InputStream in;
    private final BoundedOutput out;
    private final Monitor monitor;

    /** Touches neither stream before {@link #start}. */
    public StdioMonitor(InputStream in, BoundedOutput out, Monitor monitor) {
        this.in = in;
        this.out = out;
        this.monitor = monitor;
    }

    /** Prompts, and reads on a thread of its own; the end of input leaves the machine running. */
    public void start() {
        print(monitor.greeting());
        Thread.ofPlatform().daemon().name("monitor reader").start(this::read);
    }

    private void read() {
        byte[] typed = new byte[1024];
        try {
            int count;
            while ((count = in.read(typed)) >= 0) {
                for (int i = 0; i < count; i++) {
                    print(monitor.accept(typed[i]));
                }
            }
        } catch (IOException e) {
            // Standard input is gone: the same as its end.
        }
    }

    private void print(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.write(bytes, 0, bytes.length);
    }
}
