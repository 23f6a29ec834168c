package nestor.cli.terminal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The terminal on standard input, by termios(3). Left alone unless {@link #raw} is called, it is a
 * terminal, and this process is in its foreground: a background job that changes the modes would be
 * stopped (SIGTTOU). Any thread.
 */
// The C library is reached through restricted methods; the descriptors below match its prototypes.
@SuppressWarnings("restricted")
public final class Terminal implements AutoCloseable {
    /** Whether Ctrl-C and Ctrl-Z still signal this process ({@code ISIG}). */
    public enum Keys {
        /** QEMU's {@code mon:stdio}: every key goes to the guest or the escape. */
        TO_GUEST,
        /** QEMU's {@code stdio}: Ctrl-C ends this process. */
        SIGNAL
    }

    private static final int STDIN = 0;
    private static final int TCSANOW = 0;
    private static final int SIGSTOP = 19;

    // struct termios of glibc and musl on Linux x86-64 and aarch64: four 32-bit flag words come
    // first.
    private static final long TERMIOS_BYTES = 60;
    private static final long OFLAG = 4;
    private static final long LFLAG = 12;
    private static final int OPOST = 0x1;
    private static final int ISIG = 0x1;

    private final MethodHandle isatty;
    private final MethodHandle tcgetattr;
    private final MethodHandle tcsetattr;
    private final MethodHandle cfmakeraw;
    private final MethodHandle tcgetpgrp;
    private final MethodHandle getpgrp;
    private final MethodHandle kill;
    private final MemorySegment original;
    private final MemorySegment rawModes;
    private boolean wanted;

    /** Looks up the C library; changes nothing. */
    public Terminal() {
        isatty = function("isatty", JAVA_INT, JAVA_INT);
        tcgetattr = function("tcgetattr", JAVA_INT, JAVA_INT, ADDRESS);
        tcsetattr = function("tcsetattr", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
        cfmakeraw = handle("cfmakeraw", FunctionDescriptor.ofVoid(ADDRESS));
        tcgetpgrp = function("tcgetpgrp", JAVA_INT, JAVA_INT);
        getpgrp = function("getpgrp", JAVA_INT);
        kill = function("kill", JAVA_INT, JAVA_INT, JAVA_INT);
        original = Arena.ofAuto().allocate(TERMIOS_BYTES, 8);
        rawModes = Arena.ofAuto().allocate(TERMIOS_BYTES, 8);
    }

    /** Whether a file descriptor (0, 1, 2) is a terminal. */
    public boolean isTerminal(int descriptor) {
        return call(isatty, descriptor) == 1;
    }

    /**
     * Enters raw mode; output processing stays on, so that a line feed still returns the carriage.
     */
    public synchronized void raw(Keys keys) {
        if (wanted || !isTerminal(STDIN) || call(tcgetattr, STDIN, original) != 0) {
            return;
        }
        rawModes.copyFrom(original);
        try {
            cfmakeraw.invokeExact(rawModes);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        rawModes.set(JAVA_INT, OFLAG, rawModes.get(JAVA_INT, OFLAG) | OPOST);
        if (keys == Keys.SIGNAL) {
            rawModes.set(JAVA_INT, LFLAG, rawModes.get(JAVA_INT, LFLAG) | ISIG);
        }
        wanted = true;
        apply(rawModes);
    }

    /** Puts the modes back. Idempotent. */
    @Override
    public synchronized void close() {
        if (wanted) {
            wanted = false;
            apply(original);
        }
    }

    /** SIGTSTP: gives the terminal back, then stops this process. */
    public void suspend() {
        synchronized (this) {
            if (wanted) {
                apply(original);
            }
        }
        call(kill, (int) ProcessHandle.current().pid(), SIGSTOP);
    }

    /** SIGCONT: takes the terminal again. */
    public synchronized void resumed() {
        if (wanted) {
            apply(rawModes);
        }
    }

    private void apply(MemorySegment modes) {
        if (call(tcgetpgrp, STDIN) == call(getpgrp)) {
            call(tcsetattr, STDIN, TCSANOW, modes);
        }
    }

    private static MethodHandle function(
            String name, MemoryLayout result, MemoryLayout... arguments) {
        return handle(name, FunctionDescriptor.of(result, arguments));
    }

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }

    private static int call(MethodHandle handle, Object... arguments) {
        try {
            return (int) handle.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
