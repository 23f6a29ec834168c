package nestor.cli.terminal;

import java.util.concurrent.CountDownLatch;
import sun.misc.Signal;

/**
 * A process with the terminal in raw mode that ends in the way its argument says; for {@link
 * TerminalTest}.
 */
final class RawProgram {
    private RawProgram() {}

    public static void main(String[] arguments) throws Exception {
        CountDownLatch stopped = new CountDownLatch(1);
        Terminal terminal = new Terminal();
        Signals signals =
                new Signals(
                        terminal,
                        () -> {
                            if (!arguments[0].equals("stuck")) {
                                stopped.countDown();
                            }
                        });
        terminal.raw(Terminal.Keys.TO_GUEST);
        run(
                "sh",
                "-c",
                "echo while: $(stty -a </dev/tty | tr ' ' '\\n' | grep -E '^-?(icanon|isig|opost);?$')");
        String self = Long.toString(ProcessHandle.current().pid());
        switch (arguments[0]) {
            case "end" -> {}
            case "throw" -> {
                try (terminal) {
                    throw new IllegalStateException("on purpose");
                }
            }
            case "term" -> {
                run("kill", "-TERM", self);
                stopped.await();
            }
            case "stuck" -> {
                run("kill", "-TERM", self);
                new CountDownLatch(1).await();
            }
            case "twice" -> {
                run("kill", "-TERM", self);
                stopped.await(); // each signal has a thread of its own: they could change places
                Signal.raise(new Signal("HUP")); // at once: the first one's deadline runs
                new CountDownLatch(1).await();
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        signals.close();
        terminal.close();
        System.exit(signals.received().isPresent() ? 128 + signals.received().getAsInt() : 0);
    }

    private static void run(String... command) throws Exception {
        new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
