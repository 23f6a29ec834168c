package nestor.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import nestor.machine.boot.BootFileException;
import nestor.machine.boot.Initrd;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.memory.GuestMemory;

/** What every board takes from the host: boot files, memory, a character backend. */
final class BoardFiles {
    /** How a boot file is read and checked. */
    @FunctionalInterface
    interface Opener<T> {
        T open(Path file) throws BootFileException, IOException;
    }

    private BoardFiles() {}

    /**
     * Reads and checks a file that the user named.
     *
     * @param option that named it, for messages
     */
    static <T> T open(String option, Path file, Opener<T> opener) throws ConfigException {
        checkFile(option, file);
        try {
            return opener.open(file);
        } catch (BootFileException | IOException e) {
            throw new ConfigException(option + " " + file + ": " + e.getMessage(), e);
        }
    }

    static Optional<Initrd> initrd(MachineConfig config) throws ConfigException {
        return config.initrd().isPresent()
                ? Optional.of(open("-initrd", config.initrd().get(), Initrd::open))
                : Optional.empty();
    }

    private static void checkFile(String option, Path file) throws ConfigException {
        if (!Files.exists(file)) {
            throw new ConfigException(option + " " + file + ": no such file");
        }
        if (Files.isDirectory(file)) {
            throw new ConfigException(option + " " + file + ": not a file");
        }
        if (!Files.isReadable(file)) {
            throw new ConfigException(option + " " + file + ": no permission to read it");
        }
    }

    /**
     * Guest RAM.
     *
     * @throws IOException if the host refuses
     */
    static GuestMemory ram(List<GuestMemory.Range> ranges) throws ConfigException, IOException {
        try {
            return GuestMemory.shared(ranges);
        } catch (OutOfMemoryError e) {
            throw new ConfigException("-m: the host has not enough memory for it", e);
        }
    }

    /** The character backend of a board without one. */
    static final class Nowhere implements CharBackend {
        @Override
        public void write(byte[] data, int offset, int length) {}

        @Override
        public void connect(CharFrontend frontend) {}

        @Override
        public void resume() {}
    }
}
