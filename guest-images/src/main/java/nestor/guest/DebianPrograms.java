package nestor.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Programs of Debian with all that they need, as they are in their packages: an archive that the
 * kernel unpacks after ours. Packages are not configured, so nothing of them runs before the guest
 * does.
 */
final class DebianPrograms {
    static final String ARCHIVE = "packages.cpio";

    /** What a program can do without in a guest that nobody logs in to. */
    static final Pattern LEFT_OUT =
            Pattern.compile("usr/share/.*|usr/lib/[^/]*/(gconv|engines-3|perl.*)/.*|etc/.*");

    private DebianPrograms() {}

    /**
     * Packages, and those they depend on. A name that no package has is one that several provide;
     * none of them is taken.
     *
     * @param names of packages that there are
     */
    static List<DebianPackage> closure(AptRoot apt, List<String> names)
            throws ImageException, IOException, InterruptedException {
        List<DebianPackage> all = new ArrayList<>();
        Set<String> seen = new HashSet<>(names);
        for (String name : names) {
            all.add(apt.show(name, AptRoot.STABLE));
        }
        Deque<DebianPackage> open = new ArrayDeque<>(all);
        while (!open.isEmpty()) {
            for (String name : open.remove().depends()) {
                Optional<DebianPackage> found =
                        seen.add(name) ? apt.find(name, AptRoot.STABLE) : Optional.empty();
                found.ifPresent(all::add);
                found.ifPresent(open::add);
            }
        }
        return List.copyOf(all);
    }

    /** Puts what is in packages into {@link #ARCHIVE}. */
    static void unpack(List<Path> debs, Path folder, Progress progress) throws IOException {
        CpioArchive archive = new CpioArchive();
        // Where Debian merged them; in /bin there is ours already.
        for (String name : List.of("lib", "lib64", "sbin")) {
            archive.symbolicLink(name, "usr/" + name);
        }
        archive.symbolicLink("bin/bash", "../usr/bin/bash");
        long total = 0;
        for (Path deb : debs) {
            total += Files.size(deb);
        }
        try (Progress.Task task = progress.begin("unpacking programs", total)) {
            for (Path deb : debs) {
                DebArchive.visit(deb, task, new Taker(archive));
            }
        }
        try (OutputStream file = Files.newOutputStream(folder.resolve(ARCHIVE));
                OutputStream buffered = new BufferedOutputStream(file, 1 << 16)) {
            archive.writeTo(buffered);
        }
    }

    /** Any file may be executed: there is nobody but root. */
    private record Taker(CpioArchive archive) implements DebArchive.Visitor {
        @Override
        public void file(String path, InputStream content) throws IOException {
            if (!LEFT_OUT.matcher(path).matches()) {
                archive.program(path, content.readAllBytes());
            }
        }

        @Override
        public void link(String path, String target) {
            if (!LEFT_OUT.matcher(path).matches()) {
                archive.symbolicLink(path, target);
            }
        }
    }
}
