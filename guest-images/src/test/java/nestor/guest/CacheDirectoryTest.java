package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheDirectoryTest {
    @TempDir Path root;
    private CacheDirectory cache;

    @BeforeEach
    void openCache() {
        cache = new CacheDirectory(root.resolve("cache"));
    }

    private CacheDirectory.Lock lock() throws Exception {
        return cache.lock(() -> {});
    }

    private static void put(Path folder, String text) throws IOException {
        Files.writeString(folder.resolve("file"), text);
    }

    private long temporaries() throws IOException {
        Path temporary = cache.root().resolve("tmp");
        if (!Files.exists(temporary)) {
            return 0;
        }
        try (Stream<Path> left = Files.list(temporary)) {
            return left.count();
        }
    }

    @Test
    void anEntryIsNotSeenBeforeItIsComplete() throws Exception {
        try (CacheDirectory.Lock lock = lock()) {
            Path entry =
                    lock.add(
                            "kernels",
                            "one",
                            folder -> {
                                put(folder, "content");
                                assertThat(cache.find("kernels", "one")).isEmpty();
                            });

            assertThat(cache.find("kernels", "one")).contains(entry);
            assertThat(entry.resolve("file")).hasContent("content");
        }
        assertThat(temporaries()).isZero();
    }

    @Test
    void aFullDiskLeavesNeitherAnEntryNorATemporary() throws Exception {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.isWritable(full), "no /dev/full on this machine");

        try (CacheDirectory.Lock lock = lock()) {
            assertThatThrownBy(() ->
                            lock.add(
                                    "kernels",
                                    "one",
                                    folder -> {
                                        put(folder, "the first half");
                                        try (OutputStream out = Files.newOutputStream(full)) {
                                            out.write(1);
                                        }
                                    }))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(CacheDirectory.NO_SPACE);
        }

        assertThat(cache.find("kernels", "one")).isEmpty();
        assertThat(temporaries()).isZero();
    }

    @Test
    void whatACrashedProcessLeftIsRemovedByTheNextHolderOfTheLock() throws Exception {
        Path left = Files.createDirectories(cache.root().resolve("tmp/new123/deep"));
        put(left, "half");

        try (CacheDirectory.Lock _ = lock()) {
            assertThat(temporaries()).isZero();
        }
    }

    @Test
    void theSecondHolderIsToldAndWaitsForTheFirst() throws Exception {
        CountDownLatch waiting = new CountDownLatch(1);
        CacheDirectory same = new CacheDirectory(cache.root());
        FutureTask<Boolean> second =
                new FutureTask<>(() -> {
                    try (CacheDirectory.Lock _ = same.lock(waiting::countDown)) {
                        return cache.find("kernels", "one").isPresent();
                    }
                });

        try (CacheDirectory.Lock lock = lock()) {
            Thread.ofPlatform().start(second);
            waiting.await();
            lock.add("kernels", "one", folder -> put(folder, "content"));
        }

        assertThat(second.get()).isTrue();
    }

    @Test
    void anInterruptEndsTheWait() throws Exception {
        try (CacheDirectory.Lock _ = lock()) {
            CacheDirectory same = new CacheDirectory(cache.root());
            assertThatThrownBy(() -> same.lock(() -> Thread.currentThread().interrupt()))
                    .isInstanceOf(InterruptedException.class);
        }
    }

    @Test
    void anEntryWhichIsThereIsNotFilledAgain() throws Exception {
        try (CacheDirectory.Lock lock = lock()) {
            lock.add("kernels", "one", folder -> put(folder, "first"));
            lock.add("kernels", "one", folder -> put(folder, "second"));
        }
        assertThat(cache.entry("kernels", "one").resolve("file")).hasContent("first");
    }

    @Test
    void aDroppedKindIsGoneAndListedNoMore() throws Exception {
        try (CacheDirectory.Lock lock = lock()) {
            lock.add("kernels", "one", folder -> put(folder, "12345"));
            assertThat(cache.list("kernels"))
                    .extracting(CachedImage::sizeBytes)
                    .containsExactly(5L);

            lock.drop(cache.root().resolve("kernels"));

            assertThat(cache.list("kernels")).isEmpty();
            assertThat(temporaries()).isZero();
        }
    }
}
