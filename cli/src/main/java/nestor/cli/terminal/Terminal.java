package nestor.cli.terminal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

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

    /**
     * What is called of the C library; {@code isatty} is linked first and by itself. To link costs
     * a tenth of a second of processor time, which a run in a script need not spend.
     */
    private static final class CLibrary {
        private final MethodHandle tcgetattr = function("tcgetattr", JAVA_INT, JAVA_INT, ADDRESS);
        private final MethodHandle tcsetattr =
                function("tcsetattr", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
        private final MethodHandle cfmakeraw =
                handle("cfmakeraw", FunctionDescriptor.ofVoid(ADDRESS));
        private final MethodHandle tcgetpgrp = function("tcgetpgrp", JAVA_INT, JAVA_INT);
        private final MethodHandle getpgrp = function("getpgrp", JAVA_INT);
        private final MethodHandle kill = function("kill", JAVA_INT, JAVA_INT, JAVA_INT);
    }

    private final Supplier<CLibrary> library = new Once<>(CLibrary::new);
    private final Supplier<MethodHandle> isatty =
            new Once<>(() -> function("isatty", JAVA_INT, JAVA_INT));
    private final MemorySegment original = Arena.ofAuto().allocate(TERMIOS_BYTES, 8);
    private final MemorySegment rawModes = Arena.ofAuto().allocate(TERMIOS_BYTES, 8);
    private boolean wanted;

    /** Whether a file descriptor (0, 1, 2) is a terminal. */
    public boolean isTerminal(int descriptor) {
        return mayBeTerminal(descriptor) && call(isatty.get(), descriptor) == 1;
    }

    /** Files, pipes and /dev/null are not; proc(5) says what is open. */
    private static boolean mayBeTerminal(int descriptor) {
        try {
            String open = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
            return open.startsWith("/dev/") && !open.equals("/dev/null");
        } catch (IOException e) {
            return true;
        }
    }

    /**
     * Enters raw mode; output processing stays on, so that a line feed still returns the carriage.
     */
    public synchronized void raw(Keys keys) {
        if (wanted || !isTerminal(STDIN) || call(library.get().tcgetattr, STDIN, original) != 0) {
            return;
        }
        rawModes.copyFrom(original);
        try {
            library.get().cfmakeraw.invokeExact(rawModes);
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
        call(library.get().kill, (int) ProcessHandle.current().pid(), SIGSTOP);
    }

    /** SIGCONT: takes the terminal again. */
    public synchronized void resumed() {
        if (wanted) {
            apply(rawModes);
        }
    }

    private void apply(MemorySegment modes) {
        if (call(library.get().tcgetpgrp, STDIN) == call(library.get().getpgrp)) {
            call(library.get().tcsetattr, STDIN, TCSANOW, modes);
        }
    }

    /** Made when it is first asked for. */
    private static final class Once<T> implements Supplier<T> {
        private final Supplier<T> maker;
        private @Nullable T made;

        Once(Supplier<T> maker) {
            this.maker = maker;
        }

        @Override
        public synchronized T get() {
            T known = made;
            if (known == null) {
                known = maker.get();
                made = known;
            }
            return known;
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
