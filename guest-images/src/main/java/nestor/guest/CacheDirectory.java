package nestor.guest;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Folders that are there completely or not at all. An entry is filled in a folder of {@code tmp},
 * flushed to the disk and renamed; what a crashed process left in {@code tmp} is removed by the
 * next one that holds the lock.
 */
final class CacheDirectory {
    private static final long LOCK_POLL_MILLIS = 100;
    private static final long EXIT_SECONDS = 10;
    private static final String TEMPORARY = "tmp";

    /** How the operating system puts it (ENOSPC). */
    static final String NO_SPACE = "No space left on device";

    /** Fills the folder of a new entry. */
    @FunctionalInterface
    interface Filler {
        void fill(Path folder) throws IOException, ImageException, InterruptedException;
    }

    /**
     * The right to change the cache, against every other process. If this process is told to end
     * meanwhile, the thread that holds the lock is interrupted and has a moment to clear up.
     */
    final class Lock implements AutoCloseable {
        private final FileChannel channel;
        private final CountDownLatch closed = new CountDownLatch(1);
        private final Thread atExit;

        private Lock(FileChannel channel) {
            Thread owner = Thread.currentThread();
            this.channel = channel;
            this.atExit = new Thread(() -> stop(owner), "nestor-cache-exit");
            Runtime.getRuntime().addShutdownHook(atExit);
        }

        private void stop(Thread owner) {
            owner.interrupt();
            try {
                if (!closed.await(EXIT_SECONDS, TimeUnit.SECONDS)) {
                    // The next holder of the lock clears up.
                    return;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /**
         * Adds an entry unless it is there, or leaves nothing behind.
         *
         * @return the entry's folder
         */
        Path add(String kind, String name, Filler filler)
                throws IOException, ImageException, InterruptedException {
            Path target = entry(kind, name);
            if (Files.isDirectory(target)) {
                return target;
            }
            scratch(folder -> {
                filler.fill(folder);
                force(folder);
                Path parent = Files.createDirectories(root.resolve(kind));
                drop(target);
                Files.move(folder, target, StandardCopyOption.ATOMIC_MOVE);
                forceOne(parent);
            });
            return target;
        }

        /** Lends a folder that is gone afterwards, however this process ends. */
        void scratch(Filler user) throws IOException, ImageException, InterruptedException {
            Path temporary = root.resolve(TEMPORARY);
            Files.createDirectories(temporary);
            Path folder = Files.createTempDirectory(temporary, "new");
            try {
                user.fill(folder);
            } finally {
                remove(folder);
            }
        }

        /** Removes an entry or a whole kind; other processes see all of it or nothing. */
        void drop(Path entry) throws IOException {
            if (Files.exists(entry, LinkOption.NOFOLLOW_LINKS)) {
                Path temporary = Files.createDirectories(root.resolve(TEMPORARY));
                Path doomed = Files.createTempDirectory(temporary, "old");
                Files.move(entry, doomed.resolve("entry"), StandardCopyOption.ATOMIC_MOVE);
                remove(doomed);
            }
        }

        @Override
        public void close() throws IOException {
            channel.close();
            closed.countDown();
            try {
                Runtime.getRuntime().removeShutdownHook(atExit);
            } catch (IllegalStateException e) {
                // This process is ending, and the hook is what interrupted us.
                return;
            }
        }
    }

    private final Path root;

    CacheDirectory(Path root) {
        this.root = root.toAbsolutePath().normalize();
    }

    Path root() {
        return root;
    }

    Path entry(String kind, String name) {
        return root.resolve(kind).resolve(name);
    }

    Optional<Path> find(String kind, String name) {
        return Optional.of(entry(kind, name)).filter(Files::isDirectory);
    }

    /**
     * Waits for the lock and clears what crashed processes left.
     *
     * @param waiting called once if another process holds it
     */
    Lock lock(Runnable waiting) throws IOException, InterruptedException {
        Files.createDirectories(root);
        FileChannel channel =
                FileChannel.open(
                        root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        boolean locked = false;
        try {
            if (!tryLock(channel)) {
                waiting.run();
                do {
                    TimeUnit.MILLISECONDS.sleep(LOCK_POLL_MILLIS);
                } while (!tryLock(channel));
            }
            locked = true;
        } finally {
            if (!locked) {
                channel.close();
            }
        }
        remove(root.resolve(TEMPORARY));
        return new Lock(channel);
    }

    /** Waits for the lock, and says so if it takes time. */
    Lock lock(Progress progress) throws IOException, InterruptedException {
        List<Progress.Task> waiting = new ArrayList<>();
        try {
            return lock(() ->
                    waiting.add(
                            progress.begin("waiting for another nestor which uses the cache", -1)));
        } finally {
            waiting.forEach(Progress.Task::close);
        }
    }

    private static boolean tryLock(FileChannel channel) throws IOException {
        try {
            // Released when the channel is closed.
            @SuppressWarnings("resource")
            FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            // Another store of this process has it.
            return false;
        }
    }

    /** The entries of a kind, sorted by name. */
    List<CachedImage> list(String kind) throws IOException {
        Path folder = root.resolve(kind);
        List<CachedImage> images = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> entries = Files.list(folder)) {
                for (Path entry : entries.filter(Files::isDirectory).sorted().toList()) {
                    images.add(
                            new CachedImage(
                                    kind, entry.getFileName().toString(), entry, sizeBytes(entry)));
                }
            }
        }
        return images;
    }

    /**
     * The sum of a folder's files, as far as they can be read while another process changes them.
     */
    static long sizeBytes(Path folder) {
        AtomicLong sum = new AtomicLong();
        try {
            Files.walkFileTree(
                    folder,
                    new SimpleFileVisitor<>() {
                        @Override
                        public FileVisitResult visitFile(
                                Path file, BasicFileAttributes attributes) {
                            sum.addAndGet(attributes.isRegularFile() ? attributes.size() : 0);
                            return FileVisitResult.CONTINUE;
                        }

                        @Override
                        public FileVisitResult visitFileFailed(Path file, IOException e) {
                            return FileVisitResult.CONTINUE;
                        }
                    });
        } catch (IOException e) {
            // A folder vanished under the walk: what was counted counts.
            return sum.get();
        }
        return sum.get();
    }

    /** One line about a full disk. */
    static String diskFull(Path folder) {
        return "the disk is full: no room for images in "
                + folder
                + "; free some space, run \"nestor images clear\", or set XDG_CACHE_HOME to a folder on another disk";
    }

    /** Flushes a folder and everything in it to the disk. */
    private static void force(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.toList()) {
                if (!Files.isSymbolicLink(path)) {
                    forceOne(path);
                }
            }
        }
    }

    private static void forceOne(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static void remove(Path path) throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        } catch (NoSuchFileException e) {
            // There was nothing to remove.
            return;
        }
    }
}
