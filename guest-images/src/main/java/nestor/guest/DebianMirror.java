package nestor.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The Debian archive which apt on this machine uses, as sources.list(5) names it.
 *
 * @param uri the archive's root
 * @param keyring the keyring file which signs for it
 */
record DebianMirror(String uri, Path keyring) {
    private static final Set<String> SUITES =
            Set.of(
                    "buster",
                    "bullseye",
                    "bookworm",
                    "trixie",
                    "forky",
                    "duke",
                    "sid",
                    "oldstable",
                    "stable",
                    "testing",
                    "unstable");
    private static final String KEYRING = "usr/share/keyrings/debian-archive-keyring";

    /** One line or stanza of the configuration, as far as it matters here. */
    record Source(
            List<String> uris, List<String> suites, List<String> components, String signedBy) {

        /**
         * Whether this is Debian's own archive: a release by its name, section main; not security,
         * not a vendor.
         */
        boolean isDebian() {
            return suites.stream().anyMatch(SUITES::contains)
                    && components.contains("main")
                    && uris.stream().anyMatch(Source::isUsable);
        }

        private static boolean isUsable(String uri) {
            return !uri.startsWith("cdrom:") && !uri.contains("debian-security");
        }

        String uri() {
            return uris.stream().filter(Source::isUsable).findFirst().orElseThrow();
        }
    }

    /**
     * Reads {@code etc/apt} under a root folder.
     *
     * @param root {@code /}, or a test's own
     */
    static DebianMirror find(Path root) throws ImageException {
        Source source =
                sources(root.resolve("etc/apt")).stream()
                        .filter(Source::isDebian)
                        .findFirst()
                        .orElseThrow(() ->
                                new ImageException(
                                        "apt on this machine names no Debian archive (looked in "
                                                + root.resolve("etc/apt")
                                                + " for a release of Debian, section main): add one, or give"
                                                + " your own kernel with --kernel and --initrd"));
        return new DebianMirror(source.uri(), keyring(root, source.signedBy()));
    }

    private static Path keyring(Path root, String signedBy) throws ImageException {
        List<Path> candidates = new ArrayList<>();
        if (signedBy.startsWith("/") && !signedBy.contains("\n")) {
            candidates.add(root.resolve(signedBy.substring(1)));
        }
        candidates.add(root.resolve(KEYRING + ".pgp"));
        candidates.add(root.resolve(KEYRING + ".gpg"));
        for (Path candidate : candidates) {
            if (Files.isReadable(candidate)) {
                return candidate;
            }
        }
        throw new ImageException(
                "no Debian archive keyring to check signatures with (looked for "
                        + candidates.getFirst()
                        + "): sudo apt-get install debian-archive-keyring");
    }

    private static List<Source> sources(Path etcApt) throws ImageException {
        List<Source> sources = new ArrayList<>();
        try {
            Path main = etcApt.resolve("sources.list");
            if (Files.isReadable(main)) {
                sources.addAll(parseList(Files.readString(main)));
            }
            Path parts = etcApt.resolve("sources.list.d");
            if (Files.isDirectory(parts)) {
                try (Stream<Path> files = Files.list(parts)) {
                    for (Path file : files.sorted().filter(Files::isReadable).toList()) {
                        String name = file.getFileName().toString();
                        if (name.endsWith(".list")) {
                            sources.addAll(parseList(Files.readString(file)));
                        } else if (name.endsWith(".sources")) {
                            sources.addAll(parseDeb822(Files.readString(file)));
                        }
                    }
                }
            }
        } catch (IOException e) {
            throw new ImageException(
                    "cannot read apt's sources in " + etcApt + ": " + e.getMessage(), e);
        }
        return sources;
    }

    /** The one-line style: {@code deb [options] URI suite component...}. */
    static List<Source> parseList(String text) {
        List<Source> sources = new ArrayList<>();
        for (String line : text.lines().toList()) {
            String entry = line.replaceFirst("#.*", "").strip();
            if (!entry.matches("deb\\s.*")) {
                continue;
            }
            entry = entry.substring(3).strip();
            String signedBy = "";
            if (entry.startsWith("[")) {
                int end = entry.indexOf(']');
                if (end < 0) {
                    continue;
                }
                for (String option : words(entry.substring(1, end))) {
                    if (option.startsWith("signed-by=")) {
                        signedBy = option.substring("signed-by=".length()).split(",", -1)[0];
                    }
                }
                entry = entry.substring(end + 1).strip();
            }
            List<String> words = words(entry);
            if (words.size() >= 3) {
                sources.add(
                        new Source(
                                List.of(words.get(0)),
                                List.of(words.get(1)),
                                words.subList(2, words.size()),
                                signedBy));
            }
        }
        return sources;
    }

    /** The deb822 style. */
    static List<Source> parseDeb822(String text) {
        List<Source> sources = new ArrayList<>();
        for (Map<String, String> stanza : ControlFile.parse(text)) {
            boolean enabled =
                    !stanza.getOrDefault("enabled", "yes")
                            .matches("(?i)no|false|0|off|without|disable");
            if (enabled && words(stanza.getOrDefault("types", "")).contains("deb")) {
                sources.add(
                        new Source(
                                words(stanza.getOrDefault("uris", "")),
                                words(stanza.getOrDefault("suites", "")),
                                words(stanza.getOrDefault("components", "")),
                                stanza.getOrDefault("signed-by", "")));
            }
        }
        return sources;
    }

    private static List<String> words(String text) {
        return Optional.of(text.strip())
                .filter(stripped -> !stripped.isEmpty())
                .map(stripped -> Arrays.asList(stripped.split("\\s+", -1)))
                .orElse(List.of());
    }
}
