package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
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

    private static final String SHELL = "~ # ";

    private static final int DISK_BYTES = 4 << 20;
    private static final String EVENTS =
            "Number(document.querySelector('#events').textContent.replace(/ events.*/, '').replace(/\\D/g, ''))";

    private static final String ENABLED =
            "[...document.querySelectorAll('.badge.on')].map(badge => badge.textContent)";

    /**
     * Follows the link to the walk of a ring index, which stays mapped while the disk is used;
     * looks at the events of one function after the other until there is one.
     */
    private static final String FOLLOW_RING_ACCESS =
            """
            (() => {
              const access = [...document.querySelectorAll('.events tr')]
                .find(row => /bytes=2\\b/.test(row.textContent) && row.querySelector('a'));
              if (access) {
                access.querySelector('a').click();
                return true;
              }
              const functions = [...document.querySelectorAll('.controls select')].at(-1);
              functions.selectedIndex = (functions.selectedIndex + 1) % functions.options.length;
              functions.dispatchEvent(new Event('change', { bubbles: true }));
              return false;
            })()\
            """;

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

    /**
     * The preset's machine, and a disk with a device-TLB behind a root port, which takes a kernel
     * that does not lose the port's invalidations: docs/catalogue/atc-lost-in-group.md.
     */
    private NestorSession start() throws IOException {
        Path disk = folder.resolve("disk.img");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(DISK_BYTES);
        }
        return NestorSession.start(
                "run",
                "--preset",
                "smmuv3",
                "--kernel-release",
                "backports",
                "-device",
                "pcie-root-port,id=rp1",
                "-drive",
                "file=%s,if=none,id=d1".formatted(disk),
                "-device",
                "virtio-blk-pci,drive=d1,bus=rp1,iommu_platform=on,ats=on,id=disk1",
                "--ui",
                "--timeout",
                "420");
    }

    @Test
    void chromiumShowsAGuestWhileItRuns() throws Exception {
        Optional<String> missing = Chromium.missing();
        assumeTrue(missing.isEmpty(), missing.orElse(""));
        try (NestorSession guest = start();
                Chromium browser = Chromium.start(Files.createDirectory(folder.resolve("c")))) {
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

            guest.await(SHELL, BOOT);
            show(browser, "topology", "Topology");
            browser.await(ENABLED + ".includes('ATS')");
            assertThat(text(browser))
                    .contains("smmuv3", "translates", "rp1", "disk1", "virtio-blk-pci", "01:00.0");
            assertThat(browser.evaluate(ENABLED + ".join()").asString()).contains("DMA", "MSI-X");
            screenshot(browser, "topology");

            show(browser, "timeline", "Timeline");
            guest.type(
                    "while :; do for d in /dev/vd?; do dd if=$d of=/dev/null bs=4k count=16"
                            + " iflag=direct; done; sleep 0.3; done 2>/dev/null &\n");
            browser.await(
                    "[...document.querySelectorAll('.lane b')].some(b => b.textContent === 'disk1')");
            browser.await("document.querySelectorAll('.events tbody tr').length > 10");
            browser.await(EVENTS + " > 100");
            long events = browser.evaluate(EVENTS).asLong();
            browser.await(EVENTS + " > %d".formatted(events));
            assertThat(text(browser)).contains("dma_");
            browser.await(EVENTS + " > %d".formatted(3 * events));
            screenshot(browser, "timeline");

            browser.await(FOLLOW_RING_ACCESS);
            browser.await("document.querySelector('.result.mapped')");
            assertThat(text(browser)).contains("STE", "CD", "Stage 1");
            screenshot(browser, "walk");

            show(browser, "queues", "Queues");
            assertThat(text(browser)).contains("CMDQ", "EVENTQ", "waiting", "virtqueue 0");
            browser.colorScheme("dark");
            screenshot(browser, "queues");
            show(browser, "addresses", "Guest-physical address space");
            assertThat(text(browser)).contains("pl011", "0x0009000000", "BAR4");
            screenshot(browser, "addresses");

            browser.evaluate("document.querySelector('nav a').focus()");
            browser.press("Enter", 13);
            browser.await("document.querySelector('h2')?.textContent === 'Topology'");

            guest.type("poweroff -f\n");
            browser.await("document.querySelector('.banner')");
        }
    }
}
