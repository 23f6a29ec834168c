package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A stock Chromium shows a guest while it runs. With {@code -Dnestor.screenshots=FOLDER} it leaves
 * there what docs/web-view.md shows.
 */
@Timeout(value = 8, unit = TimeUnit.MINUTES)
class WebViewIT {
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration BOOT = Duration.ofMinutes(4);
    private static final Pattern URL = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/\\?token=\\w+");

    @TempDir Path folder;

    private static void show(Chromium browser, String page, String heading) {
        browser.evaluate("location.hash = '#%s'".formatted(page));
        browser.await("document.querySelector('h2')?.textContent === '%s'".formatted(heading));
    }

    private static void screenshot(Chromium browser, String name) throws IOException {
        String to = System.getProperty("nestor.screenshots", "");
        if (!to.isEmpty()) {
            Files.write(Path.of(to, "web-%s.png".formatted(name)), browser.screenshot());
        }
    }

    private static long instructions(Chromium browser) {
        browser.await("document.querySelector('#instructions')");
        String text =
                browser.evaluate("document.querySelector('#instructions').textContent").asString();
        return Long.parseLong(text.replaceAll("[^0-9]", ""));
    }

    private static String text(Chromium browser) {
        return browser.evaluate("document.body.innerText").asString();
    }

    @Test
    void chromiumShowsAGuestWhileItRuns() throws Exception {
        Optional<String> missing = Chromium.missing();
        assumeTrue(missing.isEmpty(), missing.orElse(""));
        try (NestorSession guest =
                        NestorSession.start(
                                "run", "--preset", "smmuv3", "--ui", "--timeout", "400");
                Chromium browser = Chromium.start(folder)) {
            Matcher url = URL.matcher(guest.await(URL.pattern(), START));
            assertThat(url.find()).isTrue();
            browser.size(1280, 800);
            browser.open(url.group());

            browser.await("document.querySelector('.status')?.textContent.includes('running')");
            long before = instructions(browser);
            browser.await(
                    "Number(document.querySelector('#instructions').textContent.replace(/\\D/g, '')) > %d"
                            .formatted(before));
            assertThat(browser.evaluate("location.href").asString()).doesNotContain("token");

            guest.await("^# ", BOOT);
            show(browser, "topology", "Topology");
            browser.await("document.querySelector('.badge.on')");
            assertThat(text(browser)).contains("smmuv3.0", "translates", "scratch", "00:01.0");
            screenshot(browser, "topology");

            show(browser, "queues", "Queues");
            assertThat(text(browser)).contains("CMDQ", "EVENTQ", "waiting");
            show(browser, "addresses", "Guest-physical address space");
            assertThat(text(browser)).contains("pl011", "0x0009000000", "BAR4");
            screenshot(browser, "addresses");

            guest.type("poweroff -f\n");
            browser.await("document.querySelector('.banner')");
        }
    }
}
