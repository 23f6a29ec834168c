package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.tukaani.xz.XZInputStream;

/**
 * The modules of a kernel. Debian's packages have no {@code modules.dep} (it is made at
 * installation), so the order comes from what each module says it depends on.
 */
final class ModuleArchive implements AutoCloseable {
    private final ZipFile zip;
    private final Map<String, ZipEntry> modules = new HashMap<>();
    private final Set<String> builtIn = new HashSet<>();
    private final Map<String, byte[]> added = new HashMap<>();

    ModuleArchive(Path file) throws IOException {
        this.zip = new ZipFile(file.toFile());
        try {
            zip.stream().forEach(entry -> index(entry));
        } catch (UncheckedIOException e) {
            zip.close();
            throw e.getCause();
        }
    }

    private void index(ZipEntry entry) {
        String file = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
        if (file.matches(".*\\.ko(\\.[a-z0-9]+)?")) {
            modules.put(moduleName(file), entry);
        } else if (file.equals("modules.builtin")) {
            try (InputStream list = zip.getInputStream(entry)) {
                new String(list.readAllBytes(), StandardCharsets.UTF_8)
                        .lines()
                        .forEach(line -> builtIn.add(moduleName(line)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Whether a module is among them, or built in. */
    boolean has(String name) {
        String module = moduleName(name);
        return builtIn.contains(module) || added.containsKey(module) || modules.containsKey(module);
    }

    /** Takes one more for one of them; its dependencies are looked for here. */
    void add(String name, byte[] content) {
        added.put(moduleName(name), content);
    }

    /** File names have dashes and underscores at will; module names only underscores. */
    static String moduleName(String path) {
        return path.substring(path.lastIndexOf('/') + 1)
                .replaceFirst("\\.ko(\\..*)?$", "")
                .replace('-', '_');
    }

    /**
     * The modules wanted and those they depend on, each after what it depends on; built-in ones are
     * left out.
     */
    SequencedMap<String, byte[]> inLoadOrder(List<String> wanted)
            throws IOException, ImageException {
        SequencedMap<String, byte[]> ordered = new LinkedHashMap<>();
        for (String name : wanted) {
            add(moduleName(name), new HashSet<>(), ordered);
        }
        return ordered;
    }

    private void add(String name, Set<String> above, Map<String, byte[]> ordered)
            throws IOException, ImageException {
        if (ordered.containsKey(name) || builtIn.contains(name)) {
            return;
        }
        if (!above.add(name)) {
            throw new ImageException("the kernel's module " + name + " depends on itself");
        }
        byte[] content = content(name);
        for (String dependency : ModuleInfo.of(content).depends()) {
            add(moduleName(dependency), above, ordered);
        }
        above.remove(name);
        ordered.put(name, content);
    }

    private byte[] content(String name) throws IOException, ImageException {
        byte[] own = added.get(name);
        if (own != null) {
            return own;
        }
        ZipEntry entry = modules.get(name);
        if (entry == null) {
            throw new ImageException(
                    "this kernel has no module " + name + ", which its guest profile needs");
        }
        return read(entry);
    }

    private byte[] read(ZipEntry entry) throws IOException {
        String name = entry.getName();
        try (InputStream stored = zip.getInputStream(entry)) {
            return switch (name.substring(name.lastIndexOf('.') + 1)) {
                case "ko" -> stored.readAllBytes();
                case "xz" -> new XZInputStream(stored).readAllBytes();
                case "gz" -> new GZIPInputStream(stored).readAllBytes();
                default -> throw new IOException(name + " is compressed in a way not known here");
            };
        }
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
