/**
 * The command line: {@code nestor run|test|images|doctor|bench|config}, and QEMU's spellings as the
 * short face of {@code run}.
 *
 * <p>Called by the launcher {@code ./nestor} through {@link nestor.cli.Main}, on the main thread.
 * Standard output carries data (console, KTAP, lists), standard error everything else. Options
 * follow QEMU's manual page, exit codes are listed in {@link nestor.cli.ExitCode}.
 */
package nestor.cli;
