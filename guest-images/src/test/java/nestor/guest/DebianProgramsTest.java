package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DebianProgramsTest {
    @TempDir Path folder;

    /** A package of files, whose content is their path, and links, whose target is given. */
    private Path deb(String name, Map<String, String> entries) throws IOException {
        Path data = folder.resolve(name + ".tar");
        try (OutputStream file = Files.newOutputStream(data);
                TarArchiveOutputStream tar = new TarArchiveOutputStream(file)) {
            for (Map.Entry<String, String> each : entries.entrySet()) {
                boolean link = !each.getValue().isEmpty();
                byte[] content = each.getKey().getBytes(StandardCharsets.UTF_8);
                TarArchiveEntry entry =
                        link
                                ? new TarArchiveEntry("./" + each.getKey(), TarConstants.LF_SYMLINK)
                                : new TarArchiveEntry("./" + each.getKey());
                if (link) {
                    entry.setLinkName(each.getValue());
                } else {
                    entry.setSize(content.length);
                }
                tar.putArchiveEntry(entry);
                if (!link) {
                    tar.write(content);
                }
                tar.closeArchiveEntry();
            }
        }
        Path deb = folder.resolve(name + ".deb");
        try (OutputStream file = Files.newOutputStream(deb);
                ArArchiveOutputStream ar = new ArArchiveOutputStream(file)) {
            byte[] tar = Files.readAllBytes(data);
            ar.putArchiveEntry(new ArArchiveEntry("data.tar", tar.length));
            ar.write(tar);
            ar.closeArchiveEntry();
        }
        return deb;
    }

    private static Map<String, String> unpacked(Path archive) throws IOException {
        Map<String, String> nodes = new TreeMap<>();
        try (InputStream bytes = new ByteArrayInputStream(Files.readAllBytes(archive));
                CpioArchiveInputStream cpio = new CpioArchiveInputStream(bytes)) {
            for (CpioArchiveEntry entry; (entry = cpio.getNextEntry()) != null; ) {
                String content = new String(cpio.readAllBytes(), StandardCharsets.UTF_8);
                nodes.put(
                        entry.getName(),
                        (entry.isSymbolicLink() ? "-> " : entry.isDirectory() ? "/" : "")
                                + content);
            }
        }
        return nodes;
    }

    @Test
    void filesAndLinksOfAllPackagesAreWhereDebianHasThem() throws IOException {
        Path library =
                deb(
                        "libx1",
                        Map.of(
                                "usr/lib/x86_64-linux-gnu/libx.so.1.2",
                                "",
                                "usr/lib/x86_64-linux-gnu/libx.so.1",
                                "libx.so.1.2",
                                "usr/share/doc/libx1/copyright",
                                "",
                                "usr/lib/x86_64-linux-gnu/gconv/KOI8-R.so",
                                ""));
        Path program =
                deb("x", Map.of("usr/bin/x", "", "usr/sbin/y", "../bin/x", "etc/x.conf", ""));

        DebianPrograms.unpack(List.of(library, program), folder, Progress.none());

        Map<String, String> nodes = unpacked(folder.resolve(DebianPrograms.ARCHIVE));
        assertThat(nodes)
                .containsEntry(
                        "usr/lib/x86_64-linux-gnu/libx.so.1.2",
                        "usr/lib/x86_64-linux-gnu/libx.so.1.2")
                .containsEntry("usr/lib/x86_64-linux-gnu/libx.so.1", "-> libx.so.1.2")
                .containsEntry("usr/bin/x", "usr/bin/x")
                .containsEntry("usr/sbin/y", "-> ../bin/x")
                .containsEntry("usr/bin", "/")
                .containsEntry("lib64", "-> usr/lib64")
                .containsEntry("bin/bash", "-> ../usr/bin/bash");
        assertThat(nodes.keySet()).noneMatch(path -> path.matches(".*(share|gconv|etc).*"));
    }

    @Test
    void whatIsNeededBeforeUnpackingIsADependencyToo() throws ImageException {
        DebianPackage bash =
                DebianPackage.of(
                        Map.of(
                                "package", "bash",
                                "version", "5",
                                "sha256", "0".repeat(64),
                                "size", "1",
                                "pre-depends", "libc6 (>= 2.38), libtinfo6 (>= 6)",
                                "depends", "base-files (>= 2.1.12), debianutils | other"));

        assertThat(bash.depends())
                .containsExactly("libc6", "libtinfo6", "base-files", "debianutils");
    }
}
