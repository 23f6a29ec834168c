package nestor.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class StdioBackendTest {
    private static final long LONG = TimeUnit.MINUTES.toNanos(2);

    private final ByteArrayOutputStream screen = new ByteArrayOutputStream();
    private final BoundedOutput out = new BoundedOutput("test", screen, 1 << 16, LONG);
    private final CountDownLatch quit = new CountDownLatch(1);

    /** A guest that takes {@code step} bytes at a time and then asks for more. */
    private static final class SlowGuest {
        private final StringBuilder taken = new StringBuilder();
        private final CountDownLatch complete;
        private final int wanted;

        SlowGuest(int wanted) {
            this.wanted = wanted;
            this.complete = new CountDownLatch(1);
        }

        void attach(StdioBackend backend, int step) {
            backend.connect((data, offset, length) -> {
                int count = Math.min(step, length);
                taken.append(new String(data, offset, count, StandardCharsets.UTF_8));
                if (taken.length() >= wanted) {
                    complete.countDown();
                }
                if (count < length) {
                    backend.resume();
                }
                return count;
            });
        }
    }

    @Test
    void aSlowGuestGetsEveryPipedByteInOrder() throws InterruptedException {
        String text = "0123456789".repeat(2_000);
        StdioBackend backend =
                new StdioBackend(input(text), false, out, Optional.empty(), quit::countDown);
        SlowGuest guest = new SlowGuest(text.length());
        guest.attach(backend, 16);
        guest.complete.await();

        assertThat(guest.taken.toString()).isEqualTo(text);
    }

    @Test
    void theEscapeWorksThoughTheGuestReadsNothing() throws InterruptedException {
        String typed = "a".repeat(10_000) + "\u0001x";
        StdioBackend backend =
                new StdioBackend(input(typed), true, out, Optional.of(monitor()), quit::countDown);
        backend.connect((_, _, _) -> 0);

        assertThat(quit.await(LONG, TimeUnit.NANOSECONDS)).isTrue();
    }

    @Test
    void theMonitorTakesWhatIsTypedUntilTheNextSwitch() throws InterruptedException {
        String typed = "ab\u0001chelq\bp\r\u0001ccd\u0001\u0001\u0001x";
        StdioBackend backend =
                new StdioBackend(input(typed), true, out, Optional.of(monitor()), quit::countDown);
        SlowGuest guest = new SlowGuest(5);
        guest.attach(backend, 100);
        guest.complete.await();
        quit.await();
        out.flush(LONG);

        assertThat(guest.taken.toString()).isEqualTo("abcd\u0001");
        assertThat(screen.toString(StandardCharsets.UTF_8)).contains("answer to help\n(nestor) ");
    }

    @Test
    void withoutAMonitorCtrlAIsAByteLikeAnyOther() throws InterruptedException {
        StdioBackend backend =
                new StdioBackend(input("\u0001x"), true, out, Optional.empty(), quit::countDown);
        SlowGuest guest = new SlowGuest(2);
        guest.attach(backend, 1);
        guest.complete.await();

        assertThat(guest.taken.toString()).isEqualTo("\u0001x");
        assertThat(quit.getCount()).isEqualTo(1);
    }

    private static Monitor monitor() {
        return new Monitor(line -> "answer to " + line + "\n");
    }

    private static ByteArrayInputStream input(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }
}
