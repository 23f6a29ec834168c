package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.Test;

/** The bare-metal suite as a user starts it. */
class BareSuiteIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int NO_KVM = 4;
    private static final Pattern RUN = Pattern.compile("  # Subtest: (.+)");
    private static final Pattern CHECK =
            Pattern.compile("    (not )?ok \\d+ ([a-z0-9 ]+): ([^#]*)(# SKIP.*)?");

    /** Names of the checks of each run that passed, failed or were skipped. */
    private static final class Report {
        final Map<String, List<String>> passed = new HashMap<>();
        final List<String> failed = new ArrayList<>();

        Report(String stdout) {
            String run = "";
            for (String line : stdout.lines().toList()) {
                Matcher subtest = RUN.matcher(line);
                Matcher check = CHECK.matcher(line);
                if (subtest.matches()) {
                    run = subtest.group(1);
                    passed.put(run, new ArrayList<>());
                } else if (check.matches() && check.group(1) != null) {
                    failed.add(run + ": " + line.strip());
                } else if (check.matches() && check.group(4) == null) {
                    passed.computeIfAbsent(run, _ -> new ArrayList<>()).add(line.strip());
                }
            }
        }
    }

    @Test
    void theSmmuPassesAllChecksHoweverItIsBuilt() {
        Result result = suite("--iommu", "smmuv3");

        Report report = new Report(result.stdout());
        assertThat(report.failed).isEmpty();
        assertThat(result.exitCode()).describedAs(result.stderr()).isZero();
        assertThat(report.passed)
                .containsOnlyKeys("whole", "torn", "lean", "no-ats", "narrow", "stage1", "stage2");
        assertThat(report.passed.get("whole")).hasSizeGreaterThan(360);
        assertThat(report.passed.get("stage2")).hasSizeGreaterThan(120);
    }

    @Test
    void theVirtioIommuPassesAllChecksInEveryProfile() {
        Result result = suite("--iommu", "virtio-iommu");

        Report report = new Report(result.stdout());
        assertThat(report.failed).isEmpty();
        assertThat(result.exitCode()).describedAs(result.stderr()).isZero();
        assertThat(report.passed)
                .containsOnlyKeys(
                        "nestor", "rfc2021", "rfc2023", "hw", "none", "unbypassed", "narrow");
        assertThat(report.passed.get("nestor")).hasSizeGreaterThan(270);
        assertThat(report.passed.get("rfc2021")).hasSizeGreaterThan(240);
        assertThat(report.passed.get("rfc2023")).hasSizeGreaterThan(190);
        assertThat(report.passed.get("hw")).hasSizeGreaterThan(155);
        assertThat(report.passed.get("none")).hasSizeGreaterThan(110);
    }

    /** On the host's KVM; where there is none, that is what the command says. */
    @Test
    void vtdUnitsPassAllChecksHoweverTheyAreBuilt() {
        Result result = suite("--iommu", "vtd");

        assumeFalse(result.exitCode() == NO_KVM, result.stderr());
        Report report = new Report(result.stdout());
        assertThat(report.failed).isEmpty();
        assertThat(result.exitCode()).describedAs(result.stderr()).isZero();
        assertThat(report.passed)
                .containsOnlyKeys(
                        "whole",
                        "legacy",
                        "caching-mode",
                        "five-level",
                        "no-ats",
                        "no-pri",
                        "no-pasid",
                        "first-stage",
                        "second-stage",
                        "narrow",
                        "no-remapping",
                        "two-units");
        assertThat(report.passed.get("whole")).hasSizeGreaterThan(380);
        assertThat(report.passed.get("two-units")).hasSizeGreaterThan(380);
        assertThat(report.passed.get("legacy")).hasSizeGreaterThan(170);
    }

    @Test
    void vtdUnitsPassOnTheSoftwareCpuToo() {
        Result result =
                suite("--iommu", "vtd", "-accel", "tcg", "--run", "whole", "--run", "two-units");

        Report report = new Report(result.stdout());
        assertThat(report.failed).isEmpty();
        assertThat(result.exitCode()).describedAs(result.stderr()).isZero();
        assertThat(report.passed.get("whole")).hasSizeGreaterThan(380);
        assertThat(report.passed.get("two-units")).hasSizeGreaterThan(380);
    }

    @Test
    void withoutKvmTheVtdSuiteSaysWhyAndIsNoFailure() {
        assumeFalse(Files.isReadable(Path.of("/dev/kvm")), "there is KVM");
        Result result = suite("--iommu", "vtd", "--run", "legacy");

        assertThat(result.exitCode()).isEqualTo(NO_KVM);
        assertThat(result.stdout()).isEmpty();
        assertThat(result.errorLines()).singleElement().asString().contains("no -accel kvm here:");
    }

    @Test
    void oneRunAsJunit() {
        Result result = suite("--run", "lean", "--format", "junit");

        assertThat(result.exitCode()).describedAs(result.stderr()).isZero();
        assertThat(result.stdout())
                .startsWith("<?xml")
                .contains("stall=off")
                .contains("</testsuites>");
    }

    /** Skips where there is no compiler and no right to install one. */
    private static Result suite(String... arguments) {
        List<String> all = new ArrayList<>(List.of("test", "--suite", "bare"));
        all.addAll(List.of(arguments));
        Result result = NestorProcess.run(LIMIT, all.toArray(String[]::new));
        assumeFalse(
                result.stderr().contains("in PATH; install the packages"),
                "no cross compiler, and no right to install one");
        return result;
    }

    @Test
    void whatTheSuiteDoesNotHaveIsNamedWithWhatItHas() {
        expectUsageError("known: bare, host", "--suite", "full");
        expectUsageError(
                "'amd'; known: smmuv3, virtio-iommu, vtd", "--suite", "bare", "--iommu", "amd");
        expectUsageError(
                "'torn'; known: whole, legacy",
                "--suite",
                "bare",
                "--iommu",
                "vtd",
                "--run",
                "torn");
        expectUsageError("'fast'; known: whole", "--suite", "bare", "--run", "fast");
        expectUsageError("--suite bare brings a guest", "--suite", "bare", "--preset", "smmuv3");
    }

    private static void expectUsageError(String words, String... arguments) {
        List<String> all = new ArrayList<>(List.of("test"));
        all.addAll(List.of(arguments));
        Result result = NestorProcess.run(LIMIT, all.toArray(String[]::new));
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.errorLines()).singleElement().asString().contains(words);
    }
}
