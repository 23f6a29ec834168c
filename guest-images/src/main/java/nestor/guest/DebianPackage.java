package nestor.guest;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A binary package as the signed index describes it.
 *
 * @param sha256 of the {@code .deb} file, in hex
 * @param sizeBytes of the {@code .deb} file
 * @param depends names of the packages it depends on, before it can be unpacked or later;
 *     alternatives and versions left out
 */
record DebianPackage(
        String name, String version, String sha256, long sizeBytes, List<String> depends) {

    static DebianPackage of(Map<String, String> stanza) throws ImageException {
        String name = stanza.getOrDefault("package", "");
        String version = stanza.getOrDefault("version", "");
        String sha256 = stanza.getOrDefault("sha256", "");
        String size = stanza.getOrDefault("size", "");
        if (name.isEmpty()
                || version.isEmpty()
                || !sha256.matches("[0-9a-f]{64}")
                || !size.matches("\\d{1,15}")) {
            throw new ImageException(
                    "apt describes package \"" + name + "\" without version, size or SHA-256");
        }
        List<String> depends =
                Stream.of("pre-depends", "depends")
                        .flatMap(field -> Stream.of(stanza.getOrDefault(field, "").split(",", -1)))
                        .map(clause -> clause.strip().replaceFirst("[\\s(:|].*", ""))
                        .filter(depend -> !depend.isEmpty())
                        .toList();
        return new DebianPackage(name, version, sha256, Long.parseLong(size), depends);
    }

    /** How apt-get wants it named. */
    String exactly() {
        return name + "=" + version;
    }

    @Override
    public String toString() {
        return name + "_" + version + " " + sha256;
    }
}
