package nestor.cli;

import java.util.Locale;
import nestor.cli.terminal.Terminal;
import nestor.guest.Progress;

/** Shows a long task on standard error: a bar on a terminal, one line elsewhere. */
final class ProgressBar implements Progress {
    private static final int WIDTH = 30;
    private static final long REDRAW_NANOS = 100_000_000;

    private final Log log;
    private final boolean drawn;

    ProgressBar(Log log, Terminal terminal) {
        this.log = log;
        this.drawn = terminal.isTerminal(2) && log.level() != Log.Level.QUIET;
    }

    @Override
    public Task begin(String what, long totalBytes) {
        if (!drawn) {
            log.info(what);
        }
        return new Bar(what, totalBytes);
    }

    private final class Bar implements Task {
        private final String what;
        private final long total;
        private long done;
        private long drawnAt = System.nanoTime() - REDRAW_NANOS;

        Bar(String what, long total) {
            this.what = what;
            this.total = total;
        }

        @Override
        public void advance(long bytes) {
            done += bytes;
            long now = System.nanoTime();
            if (drawn && now - drawnAt >= REDRAW_NANOS) {
                drawnAt = now;
                log.raw("\r\033[K" + text());
            }
        }

        @Override
        public void close() {
            if (drawn) {
                log.raw("\r\033[K");
            }
        }

        private String text() {
            if (total <= 0) {
                return String.format(Locale.ROOT, "%s: %.1f MB", what, done / 1e6);
            }
            int filled = (int) (Math.min(done, total) * WIDTH / total);
            return String.format(
                    Locale.ROOT,
                    "%s [%s%s] %.1f of %.1f MB",
                    what,
                    "#".repeat(filled),
                    " ".repeat(WIDTH - filled),
                    done / 1e6,
                    total / 1e6);
        }
    }
}
