package nestor.guest;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Finds the packages of a kernel. Up to 6.x {@code linux-image-RELEASE} has everything; from 7.x on
 * it depends on {@code linux-binary-RELEASE}, {@code linux-modules-RELEASE} and {@code
 * linux-base-RELEASE}.
 *
 * @param release what {@code uname -r} will say
 * @param packages what to download
 */
record KernelPackages(String release, List<DebianPackage> packages) {
    private static final String IMAGE = "linux-image-";
    private static final int SHOWN_RELEASES = 12;

    /**
     * Asks apt.
     *
     * @param wanted {@code stable}, {@code backports}, or the beginning of a release such as {@code
     *     6.12.94}
     */
    static KernelPackages resolve(AptRoot apt, String architecture, String wanted)
            throws ImageException, IOException, InterruptedException {
        String release =
                switch (wanted) {
                    case "stable" -> fromMetaPackage(apt, architecture, AptRoot.STABLE);
                    case "backports" -> fromMetaPackage(apt, architecture, AptRoot.BACKPORTS);
                    default -> newest(apt, architecture, wanted);
                };
        Map<String, DebianPackage> closure = new LinkedHashMap<>();
        Deque<String> open = new ArrayDeque<>(List.of(IMAGE + release));
        while (!open.isEmpty()) {
            String name = open.remove();
            if (!closure.containsKey(name)) {
                DebianPackage found = apt.show(name, AptRoot.STABLE);
                closure.put(name, found);
                found.depends().stream()
                        .filter(depend ->
                                depend.startsWith("linux-") && depend.endsWith("-" + release))
                        .forEach(open::add);
            }
        }
        return new KernelPackages(release, List.copyOf(closure.values()));
    }

    private static String fromMetaPackage(AptRoot apt, String architecture, String suite)
            throws ImageException, IOException, InterruptedException {
        DebianPackage meta = apt.show(IMAGE + architecture, suite);
        return meta.depends().stream()
                .filter(depend -> depend.startsWith(IMAGE))
                .findFirst()
                .map(depend -> depend.substring(IMAGE.length()))
                .orElseThrow(
                        () -> new ImageException("package " + meta.name() + " names no kernel"));
    }

    private static String newest(AptRoot apt, String architecture, String prefix)
            throws ImageException, IOException, InterruptedException {
        List<String> releases = releases(apt.names(IMAGE), architecture);
        return releases.stream()
                .filter(release -> isPrefix(prefix, release))
                .reduce((_, later) -> later)
                .orElseThrow(() ->
                        new ImageException(
                                "no kernel release "
                                        + prefix
                                        + " for "
                                        + architecture
                                        + "; there are stable, backports, "
                                        + releases.reversed().stream()
                                                .limit(SHOWN_RELEASES)
                                                .collect(Collectors.joining(", "))));
    }

    /**
     * The releases of the ordinary kernel among package names: no cloud, rt, 16k or unsigned ones;
     * oldest first.
     */
    static List<String> releases(Iterable<String> packageNames, String architecture) {
        Pattern ordinary =
                Pattern.compile(IMAGE + "(\\d[0-9a-z.+~]*(-\\d+)?-" + architecture + ")");
        List<String> releases = new ArrayList<>();
        for (String name : packageNames) {
            Matcher matcher = ordinary.matcher(name);
            if (matcher.matches()) {
                releases.add(matcher.group(1));
            }
        }
        releases.sort(
                Comparator.comparing(KernelPackages::numbers, KernelPackages::compareNumbers));
        return releases;
    }

    /** {@code 6.12} begins {@code 6.12.94+deb13-arm64}; {@code 6.1} does not. */
    static boolean isPrefix(String prefix, String release) {
        return release.startsWith(prefix)
                && (release.length() == prefix.length()
                        || !Character.isDigit(release.charAt(prefix.length())));
    }

    private static List<Integer> numbers(String release) {
        return Pattern.compile("\\d{1,9}")
                .matcher(release)
                .results()
                .map(result -> Integer.valueOf(result.group()))
                .toList();
    }

    private static int compareNumbers(List<Integer> left, List<Integer> right) {
        for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
            int order = left.get(i).compareTo(right.get(i));
            if (order != 0) {
                return order;
            }
        }
        return Integer.compare(left.size(), right.size());
    }
}
