package nestor.cli;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/** The host suite and what it needs as one jar, out of the class path of this program. */
final class SuiteJar {
    /** jffi's library for the guest, which is not extracted when it lies in a folder. */
    private static final String STUB = "jni/aarch64-Linux/libjffi-1.2.so";

    private static final List<String> PREFIXES =
            List.of(
                    "nestor/vmm/",
                    "nestor/paging/",
                    "nestor/pci/",
                    "nestor/iommu/",
                    "nestor/iommufd/",
                    "nestor/hostsuite/",
                    "nestor/host/",
                    "META-INF/services/nestor.iommufd.",
                    "jnr/",
                    "com/kenai/jffi/",
                    "org/objectweb/asm/",
                    STUB);

    private final SequencedMap<String, byte[]> entries = new TreeMap<>();

    private SuiteJar() {}

    /** Collects it from this program's class path. */
    static SuiteJar ofClassPath() throws IOException {
        SuiteJar jar = new SuiteJar();
        for (String element : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            Path path = Path.of(element);
            if (Files.isDirectory(path)) {
                jar.addFolder(path);
            } else if (Files.isRegularFile(path)) {
                jar.addJar(path);
            }
        }
        return jar;
    }

    private void addFolder(Path folder) throws IOException {
        List<Path> files;
        try (Stream<Path> found = Files.walk(folder)) {
            files = found.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            String name = folder.relativize(file).toString().replace(File.separatorChar, '/');
            if (isWanted(name)) {
                entries.putIfAbsent(name, Files.readAllBytes(file));
            }
        }
    }

    private void addJar(Path path) throws IOException {
        try (ZipFile zip = new ZipFile(path.toFile())) {
            for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
                ZipEntry entry = all.nextElement();
                if (!entry.isDirectory() && isWanted(entry.getName())) {
                    try (InputStream content = zip.getInputStream(entry)) {
                        entries.putIfAbsent(entry.getName(), content.readAllBytes());
                    }
                }
            }
        }
    }

    private static boolean isWanted(String name) {
        return PREFIXES.stream().anyMatch(name::startsWith);
    }

    /** The shared library that jnr-ffi calls through. */
    byte[] nativeStub() {
        return content(STUB);
    }

    /** A jar of the rest, not compressed: the guest's processor is slow, its memory is not. */
    byte[] bytes() throws IOException {
        content("META-INF/services/nestor.iommufd.HostSystem");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setLevel(Deflater.NO_COMPRESSION);
            for (String name : new ArrayList<>(entries.sequencedKeySet())) {
                if (!name.equals(STUB)) {
                    ZipEntry entry = new ZipEntry(name);
                    entry.setTime(0);
                    zip.putNextEntry(entry);
                    zip.write(content(name));
                    zip.closeEntry();
                }
            }
        }
        return bytes.toByteArray();
    }

    private byte[] content(String name) {
        byte[] content = entries.get(name);
        if (content == null) {
            throw new IllegalStateException("the class path has no " + name);
        }
        return content;
    }
}
