package nestor.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class StdioMonitorTest {
    private static final long LONG = TimeUnit.MINUTES.toNanos(2);

    private final ByteArrayOutputStream screen = new ByteArrayOutputStream();
    private final BoundedOutput out = new BoundedOutput("test", screen, 1 << 16, LONG);
    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final CountDownLatch last = new CountDownLatch(1);

    private String answer(String line) {
        lines.add(line);
        if (line.equals("last")) {
            last.countDown();
        }
        return "answer to " + line + "\n";
    }

    private void run(InputStream in) throws InterruptedException {
        new StdioMonitor(in, out, new Monitor(this::answer)).start();
        assertThat(last.await(LONG, TimeUnit.NANOSECONDS)).isTrue();
    }

    private static InputStream typed(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void eachLineIsACommandAndItsAnswerIsPrintedBehindThePrompt() throws Exception {
        run(typed("info status\r\n  \nlast\n"));
        out.flush(LONG);
        assertThat(lines).containsExactly("info status", "last");
        assertThat(screen.toString(StandardCharsets.UTF_8))
                .startsWith("\nNestor monitor: ")
                .contains("(nestor) info status\nanswer to info status\n(nestor) ");
    }

    @Test
    void aLongLineIsCutAndControlBytesAreNoPartOfIt() throws Exception {
        run(typed("a".repeat(100_000) + "\n\u0007la\u001bst\n"));
        assertThat(lines.getFirst()).hasSizeLessThan(1000).matches("a+");
        assertThat(lines.getLast()).isEqualTo("last");
    }

    @Test
    void aLineWithoutAnEndIsNoCommandAndABrokenInputIsTheEnd() throws Exception {
        CountDownLatch broken = new CountDownLatch(1);
        InputStream in =
                new FilterInputStream(typed("last\nquit")) {
                    @Override
                    public int read(byte[] bytes, int offset, int length) throws IOException {
                        int count = super.read(bytes, offset, length);
                        if (count < 0) {
                            broken.countDown();
                            throw new IOException("input/output error");
                        }
                        return count;
                    }
                };
        run(in);
        assertThat(broken.await(LONG, TimeUnit.NANOSECONDS)).isTrue();
        assertThat(lines).containsExactly("last");
    }
}
