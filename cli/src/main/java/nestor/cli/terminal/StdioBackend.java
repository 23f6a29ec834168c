package nestor.cli.terminal;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;

/**
 * Standard input and output as a guest's console. End of input leaves the guest running. With a
 * monitor (QEMU's {@code mon:stdio}) Ctrl-A is the escape key.
 */
public final class StdioBackend implements CharBackend {
    private static final String HELP =
            """

            Ctrl-A x       stop the virtual machine
            Ctrl-A c       switch between console and monitor
            Ctrl-A h       this help
            Ctrl-A Ctrl-A  send Ctrl-A
            """;

    private final InputStream in;
    private final BoundedOutput out;
    private final Optional<Monitor> monitor;
    private final Runnable quit;
    private final EscapeKey escape = new EscapeKey();
    private final InputQueue input = new InputQueue();
    private final boolean interactive;
    private boolean inMonitor;

    /**
     * Touches neither stream before {@link #connect}.
     *
     * @param interactive input comes from a person's keyboard
     * @param monitor what Ctrl-A c shows; empty passes every byte to the guest
     * @param quit what Ctrl-A x does
     */
    public StdioBackend(
            InputStream in,
            boolean interactive,
            BoundedOutput out,
            Optional<Monitor> monitor,
            Runnable quit) {
        this.in = in;
        this.interactive = interactive;
        this.out = out;
        this.monitor = monitor;
        this.quit = quit;
    }

    @Override
    public void write(byte[] data, int offset, int length) {
        out.write(data, offset, length);
    }

    @Override
    public void connect(CharFrontend frontend) {
        input.start(frontend);
        Thread.ofPlatform().daemon().name("console reader").start(this::read);
    }

    @Override
    public void resume() {
        input.resume();
    }

    private void read() {
        byte[] typed = new byte[1024];
        try {
            int count;
            while ((count = in.read(typed)) >= 0) {
                for (int i = 0; i < count; i++) {
                    accept(typed[i]);
                }
            }
        } catch (IOException e) {
            // Standard input is gone: the same as its end.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Sorts typed bytes into those for the guest, those for the monitor, and escapes. */
    private void accept(byte typed) throws InterruptedException {
        if (monitor.isEmpty()) {
            input.put(typed);
            return;
        }
        switch (escape.accept(typed)) {
            case INPUT -> {
                if (inMonitor) {
                    print(monitor.get().accept(typed));
                } else if (interactive) {
                    // A guest that does not read must not keep Ctrl-A x from being seen.
                    input.offer(typed);
                } else {
                    input.put(typed);
                }
            }
            case SWITCH -> {
                inMonitor = !inMonitor;
                print(inMonitor ? monitor.get().greeting() : "\n");
            }
            case HELP -> print(HELP);
            case QUIT -> quit.run();
            case PENDING, UNKNOWN -> {}
        }
    }

    private void print(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.write(bytes, 0, bytes.length);
    }
}
