package nestor.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class BoundedOutputTest {
    private static final long LONG = TimeUnit.MINUTES.toNanos(2);

    @Test
    void everyByteArrivesInOrderThroughASmallBuffer() {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        BoundedOutput output = new BoundedOutput("test", sink, 7, LONG);
        StringBuilder expected = new StringBuilder();
        for (int i = 0; i < 1000; i++) {
            write(output, i + ",");
            expected.append(i).append(',');
        }

        assertThat(output.flush(LONG)).isTrue();
        assertThat(sink.toString(StandardCharsets.UTF_8)).isEqualTo(expected.toString());
        assertThat(output.lostBytes()).isZero();
    }

    @Test
    void aReaderThatStaysAwayLosesOutputButDoesNotHoldTheGuest() {
        CountDownLatch never = new CountDownLatch(1);
        BoundedOutput output = new BoundedOutput("test", blockedUntil(never), 16, 0);
        write(output, "x".repeat(100));
        write(output, "y".repeat(100));

        assertThat(output.lostBytes()).isBetween(150L, 200L);
        assertThat(output.flush(0)).isFalse();
        never.countDown();
    }

    @Test
    void closingFreesAWriterThatWaitsForRoom() throws InterruptedException {
        CountDownLatch never = new CountDownLatch(1);
        BoundedOutput output =
                new BoundedOutput("test", blockedUntil(never), 16, Long.MAX_VALUE / 2);
        Thread guest = Thread.ofPlatform().start(() -> write(output, "x".repeat(100)));
        awaitHeld(guest);
        output.close();
        guest.join();
        never.countDown();
    }

    @Test
    void hurryingFreesAWriterThatWaitsForRoomAndKeepsTheBuffer() throws InterruptedException {
        CountDownLatch reader = new CountDownLatch(1);
        BoundedOutput output =
                new BoundedOutput("test", blockedUntil(reader), 16, Long.MAX_VALUE / 2);
        Thread guest = Thread.ofPlatform().start(() -> write(output, "x".repeat(100)));
        awaitHeld(guest);
        output.hurry();
        guest.join();
        reader.countDown();

        assertThat(output.flush(LONG)).isTrue();
        assertThat(output.lostBytes()).isBetween(60L, 84L);
    }

    @Test
    void aSinkThatFailsSwallowsTheRest() {
        BoundedOutput output =
                new BoundedOutput(
                        "test",
                        new OutputStream() {
                            @Override
                            public void write(int b) throws IOException {
                                throw new IOException("Broken pipe");
                            }
                        },
                        16,
                        Long.MAX_VALUE / 2);
        write(output, "x".repeat(100));
        write(output, "x".repeat(100));

        assertThat(output.flush(LONG)).isFalse();
        assertThat(output.isBroken()).isTrue();
    }

    /** Until a thread is where only {@link BoundedOutput#write} can hold it. */
    private static void awaitHeld(Thread writer) {
        while (writer.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
    }

    private static OutputStream blockedUntil(CountDownLatch latch) {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                try {
                    latch.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
            }
        };
    }

    private static void write(BoundedOutput output, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        output.write(bytes, 0, bytes.length);
    }
}
