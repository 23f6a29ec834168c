package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** With small archives of the same shape as Debian's. */
class KernelSourceTest {
    private static final String ARCHIVE = "./usr/src/linux-source-7.3.tar.xz";
    private static final int EXECUTABLE = 0100755;

    @TempDir Path folder;
    private final ByteArrayOutputStream tar = new ByteArrayOutputStream();
    private final TarArchiveOutputStream source = new TarArchiveOutputStream(tar);

    private void file(String name, String content, int mode) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setMode(mode);
        put(entry, content);
    }

    private void link(String name, String target) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name, TarConstants.LF_SYMLINK);
        entry.setLinkName(target);
        put(entry, "");
    }

    private void put(TarArchiveEntry entry, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        entry.setSize(bytes.length);
        source.putArchiveEntry(entry);
        source.write(bytes);
        source.closeArchiveEntry();
    }

    private static byte[] compressed(byte[] content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream xz = new XZOutputStream(bytes, new LZMA2Options(0))) {
            xz.write(content);
        }
        return bytes.toByteArray();
    }

    /** A package whose only file is the source. */
    private Path deb(String path) throws IOException {
        source.finish();
        byte[] inner = compressed(tar.toByteArray());
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        try (TarArchiveOutputStream files = new TarArchiveOutputStream(data)) {
            TarArchiveEntry entry = new TarArchiveEntry(path);
            entry.setSize(inner.length);
            files.putArchiveEntry(entry);
            files.write(inner);
            files.closeArchiveEntry();
        }
        byte[] member = compressed(data.toByteArray());
        Path deb = folder.resolve("source.deb");
        try (OutputStream file = Files.newOutputStream(deb);
                ArArchiveOutputStream ar = new ArArchiveOutputStream(file)) {
            ar.putArchiveEntry(new ArArchiveEntry("data.tar.xz", member.length));
            ar.write(member);
            ar.closeArchiveEntry();
        }
        return deb;
    }

    private Path unpacked(String path) throws IOException, ImageException {
        Path deb = deb(path);
        Path tree = Files.createDirectories(folder.resolve("tree"));
        KernelSource.unpack(deb, tree, Progress.none().begin("", -1));
        return tree;
    }

    @Test
    void theTreeKeepsItsProgramsAndLinksAndLosesTheFolderAroundIt() throws Exception {
        put(new TarArchiveEntry("linux-source-7.3/scripts/"), "");
        file("linux-source-7.3/scripts/mkversion", "#!/bin/sh\n", EXECUTABLE);
        file("linux-source-7.3/Makefile", "all:\n", TarArchiveEntry.DEFAULT_FILE_MODE);
        link("linux-source-7.3/scripts/Makefile", "../Makefile");

        Path tree = unpacked(ARCHIVE);

        assertThat(tree.resolve("scripts/mkversion")).isExecutable();
        assertThat(Files.isExecutable(tree.resolve("Makefile"))).isFalse();
        assertThat(tree.resolve("scripts/Makefile")).isSymbolicLink().hasContent("all:\n");
    }

    @Test
    void aFileThatWouldLeaveTheTreeIsRefused() throws Exception {
        file("linux-source-7.3/../../outside", "x", TarArchiveEntry.DEFAULT_FILE_MODE);

        assertThatThrownBy(() -> unpacked(ARCHIVE))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("outside the kernel's source");

        assertThat(folder.resolve("outside")).doesNotExist();
    }

    @Test
    void aPackageWithoutSourceIsRefused() {
        assertThatThrownBy(() -> unpacked("./usr/share/doc/linux-source-7.3/copyright"))
                .isInstanceOf(ImageException.class)
                .hasMessage("source.deb has no kernel source in it");
    }
}
