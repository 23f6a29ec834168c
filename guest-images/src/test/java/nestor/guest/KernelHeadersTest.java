package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelHeadersTest {
    private static final String TRIPLET = "x86_64-linux-gnu";
    private static final String KBUILD = "usr/lib/linux-kbuild-7.3/";
    private static final List<DebianPackage> HEADERS =
            List.of(
                    packaged(
                            "linux-headers-7.3-amd64",
                            "gcc-14-for-host",
                            "linux-headers-7.3-common",
                            "linux-kbuild-7.3"),
                    packaged("linux-headers-7.3-common"));

    @TempDir Path folder;

    private static DebianPackage packaged(String name, String... depends) {
        return new DebianPackage(name, "7.3-1", "0".repeat(64), 1, List.of(depends));
    }

    /** A package with files by path; a content that begins with an arrow is a link's target. */
    private Path deb(Map<String, String> files) throws IOException {
        Path data = folder.resolve("data.tar");
        try (OutputStream file = Files.newOutputStream(data);
                TarArchiveOutputStream tar = new TarArchiveOutputStream(file)) {
            for (Map.Entry<String, String> entry : files.entrySet()) {
                boolean link = entry.getValue().startsWith("->");
                byte[] content = entry.getValue().getBytes(StandardCharsets.UTF_8);
                TarArchiveEntry header =
                        link
                                ? new TarArchiveEntry(
                                        "./" + entry.getKey(), TarConstants.LF_SYMLINK)
                                : new TarArchiveEntry("./" + entry.getKey());
                header.setSize(link ? 0 : content.length);
                header.setLinkName(link ? entry.getValue().substring(2) : "");
                tar.putArchiveEntry(header);
                tar.write(content, 0, link ? 0 : content.length);
                tar.closeArchiveEntry();
            }
        }
        Path deb = folder.resolve("headers.deb");
        try (OutputStream file = Files.newOutputStream(deb);
                ArArchiveOutputStream ar = new ArArchiveOutputStream(file)) {
            ar.putArchiveEntry(new ArArchiveEntry("data.tar", Files.size(data)));
            Files.copy(data, ar);
            ar.closeArchiveEntry();
        }
        return deb;
    }

    private KernelHeaders unpacked(Map<String, String> files) throws Exception {
        Path target = Files.createDirectory(folder.resolve("unpacked"));
        return KernelHeaders.unpack(HEADERS, List.of(deb(files)), target, TRIPLET, Progress.none());
    }

    /** The loader of the test says what it was asked to start. */
    private Map<String, String> build() {
        return Map.of(
                "usr/src/linux-headers-7.3-amd64/.config",
                "CONFIG_UIO=m",
                "usr/src/linux-headers-7.3-amd64/vmlinux",
                "types",
                "usr/src/linux-headers-7.3-amd64/scripts",
                "->../../lib/linux-kbuild-7.3/scripts",
                "usr/src/linux-headers-7.3-common/Makefile",
                "all:",
                KBUILD + "scripts/basic/fixdep",
                "ELF",
                KBUILD + "scripts/mod/modpost",
                "a chooser",
                KBUILD + "scripts/mod/modpost.real-lsb-64",
                "ELF",
                KBUILD + "scripts/mod/modpost.real-msb-64",
                "ELF",
                "usr/lib/" + TRIPLET + "/ld-linux-x86-64.so.2",
                "#!/bin/sh\n[ \"$1\" = --library-path ] && echo \"${3##*/} $4\"\n");
    }

    private static String started(Path program) throws Exception {
        return HostPrograms.run(List.of(program.toString(), "an argument"), Path.of("/"))
                .output()
                .strip();
    }

    @Test
    void programsAreStartedByTheLoaderOfTheirOwnLibrary() throws Exception {
        KernelHeaders headers = unpacked(build());

        Path scripts = headers.build().resolve("scripts");
        assertThat(started(scripts.resolve("basic/fixdep"))).isEqualTo("fixdep.elf an argument");
        assertThat(started(scripts.resolve("mod/modpost")))
                .isEqualTo("modpost.real-lsb-64 an argument");
    }

    @Test
    void theTypesOfTheKernelAreLeftOut() throws Exception {
        KernelHeaders headers = unpacked(build());

        assertThat(headers.source().resolve("Makefile")).hasContent("all:");
        assertThat(headers.build().resolve(".config")).hasContent("CONFIG_UIO=m");
        assertThat(headers.build().resolve("vmlinux")).doesNotExist();
    }

    @Test
    void aFileOutsideItsPackageIsRefused() {
        assertThatThrownBy(() -> unpacked(Map.of("../../above", "")))
                .isInstanceOf(IOException.class)
                .hasMessage("../../above is outside its package");
        assertThat(folder.resolve("above")).doesNotExist();
    }

    @Test
    void aLibraryWithoutALoaderIsOneLine() {
        assertThatThrownBy(() ->
                        unpacked(
                                Map.of(
                                        KBUILD + "scripts/basic/fixdep",
                                        "ELF",
                                        "usr/lib/" + TRIPLET + "/libc.so.6",
                                        "ELF")))
                .isInstanceOf(ImageException.class)
                .hasMessage("Debian's C library has no loader");
    }
}
