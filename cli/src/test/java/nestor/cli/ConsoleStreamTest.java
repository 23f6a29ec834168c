package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What listens to a guest's console: {@link PanicWatch} and {@link LineBackend}. */
final class ConsoleStreamTest {
    @Test
    void aPanicIsSeenHoweverTheBytesAreCut() {
        String text =
                "[ 1.0] Kernel panKernel panic - not syncing: VFS\n[ 1.1] ---[ end Kernel panic - not\n";
        for (int cut = 1; cut < text.length(); cut++) {
            List<String> ends = new ArrayList<>();
            PanicWatch watch = new PanicWatch(new LineBackend(_ -> {}), () -> ends.add("end"));
            write(watch, text.substring(0, cut));
            write(watch, text.substring(cut));

            assertThat(watch.panicked()).isTrue();
            assertThat(ends).containsExactly("end");
        }
    }

    @Test
    void anOrdinaryLogIsNoPanic() {
        PanicWatch watch = new PanicWatch(new LineBackend(_ -> {}), () -> {});
        write(watch, "Kernel command line: panic=-1\nKernel panic timeout set\n");

        assertThat(watch.panicked()).isFalse();
    }

    @Test
    void linesLoseTheirEndsAndLongOnesAreCut() {
        List<String> lines = new ArrayList<>();
        LineBackend backend = new LineBackend(lines::add);
        write(backend, "one\r\ntwo\n\n" + "x".repeat(70_000) + "\nrest");
        backend.finish();

        assertThat(lines.subList(0, 3)).containsExactly("one", "two", "");
        assertThat(lines.get(3)).hasSize(1 << 16);
        assertThat(lines.getLast()).isEqualTo("rest");
    }

    @Test
    void aCommandSurvivesTheKernelCommandLine() {
        assertThat(GuestTest.percentEncode("dmesg | grep -i 'ü'"))
                .isEqualTo("dmesg%20%7C%20grep%20-i%20%27%C3%BC%27");
    }

    private static void write(nestor.vmm.chardev.CharBackend backend, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        backend.write(bytes, 0, bytes.length);
    }
}
