package nestor.cli.terminal;

import java.util.OptionalInt;
import sun.misc.Signal;

/**
 * SIGTERM, SIGINT and SIGHUP while a machine runs: the first asks it to stop and gives it two
 * seconds, the second ends the process at once; either way the terminal is restored first. SIGTSTP
 * and SIGCONT hand it over and take it back.
 */
public final class Signals implements AutoCloseable {
    private static final long GRACE_MILLIS = 1600;
    private static final long HOOK_MILLIS = 200;

    private final Terminal terminal;
    private final Runnable stop;
    private int received;
    private boolean done;

    /** Installs the handlers. {@code stop} runs on the signal thread and must not wait. */
    public Signals(Terminal terminal, Runnable stop) {
        this.terminal = terminal;
        this.stop = stop;
        for (String name : new String[] {"TERM", "INT", "HUP"}) {
            Signal.handle(new Signal(name), this::terminate);
        }
        Signal.handle(new Signal("TSTP"), _ -> terminal.suspend());
        Signal.handle(new Signal("CONT"), _ -> terminal.resumed());
    }

    /** The number of the first terminating signal. */
    public synchronized OptionalInt received() {
        return received == 0 ? OptionalInt.empty() : OptionalInt.of(received);
    }

    /** The machine has stopped: no deadline any more. */
    @Override
    public synchronized void close() {
        done = true;
        notifyAll();
    }

    private void terminate(Signal signal) {
        synchronized (this) {
            if (received != 0 || done) {
                halt(signal.getNumber());
            }
            received = signal.getNumber();
        }
        Thread.ofPlatform().daemon().name("signal deadline").start(this::awaitEnd);
        stop.run();
    }

    private synchronized void awaitEnd() {
        long deadline = System.nanoTime() + GRACE_MILLIS * 1_000_000;
        try {
            long left;
            while (!done && (left = deadline - System.nanoTime()) > 0) {
                wait(left / 1_000_000 + 1);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!done) {
            halt(received);
        }
    }

    /** Ends the process; shutdown hooks, which remove temporary files, get a moment. */
    private void halt(int number) {
        terminal.close();
        Thread exit = Thread.ofPlatform().daemon().start(() -> System.exit(128 + number));
        try {
            exit.join(HOOK_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(128 + number);
    }
}
