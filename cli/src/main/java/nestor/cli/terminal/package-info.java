/**
 * The host's side of the guest's console: the controlling terminal in raw mode (termios(3)),
 * bounded output, the escape key Ctrl-A, and signals.
 *
 * <p>Called by the commands that show a guest's console. Output arrives on any thread and leaves on
 * the writer thread; input leaves on the reader thread.
 */
package nestor.cli.terminal;
