package nestor.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Java for arm64 guests: Debian's packaged runtime without what has to do with screens, sound and
 * debuggers, and the libraries it is linked with.
 */
final class JavaRuntime {
    /** Of cache entries. */
    static final String KIND = "runtimes";

    /** The cpio archive in an entry. */
    static final String FILE = "runtime.cpio";

    static final List<String> PACKAGES =
            List.of("openjdk-25-jre-headless", "libc6", "libgcc-s1", "libstdc++6", "zlib1g");

    private static final Pattern HOME = Pattern.compile("usr/lib/jvm/java-25-openjdk-arm64/(.*)");
    private static final Pattern SETTINGS = Pattern.compile("etc/java-25-openjdk/(.*)");
    private static final Pattern LIBRARY =
            Pattern.compile(
                    "usr/lib/aarch64-linux-gnu/((ld-linux-aarch64|lib(c|m|dl|rt|pthread|z|gcc_s|stdc\\+\\+))\\.so\\.\\d+)[.\\d]*");

    private static final Set<String> WANTED =
            Set.of(
                    "bin/java",
                    "lib/modules",
                    "lib/tzdb.dat",
                    "lib/libextnet.so",
                    "lib/libjava.so",
                    "lib/libjimage.so",
                    "lib/libjli.so",
                    "lib/libjsig.so",
                    "lib/libnet.so",
                    "lib/libnio.so",
                    "lib/libsyslookup.so",
                    "lib/libverify.so",
                    "lib/libzip.so",
                    "lib/server/libjvm.so",
                    "lib/server/classes.jsa");

    private JavaRuntime() {}

    /** Names what is taken of which packages, whatever their versions. */
    static String selection(String architecture) {
        ContentKey key = new ContentKey().with(HOME + " " + SETTINGS + " " + LIBRARY);
        PACKAGES.forEach(key::with);
        WANTED.stream().sorted().forEach(key::with);
        return "java-" + architecture + "-" + key.hex();
    }

    /** Where a file of the packages is in the guest; empty if it is not wanted there. */
    static Optional<String> inGuest(String path) {
        Matcher home = HOME.matcher(path);
        if (home.matches()) {
            return Optional.of(home.group(1)).filter(WANTED::contains).map(name -> "java/" + name);
        }
        // Links of the package lead there, so that they can be edited.
        Matcher settings = SETTINGS.matcher(path);
        if (settings.matches()) {
            return Optional.of(
                    settings.group(1).equals("jvm-arm64.cfg")
                            ? "java/lib/jvm.cfg"
                            : "java/conf/" + settings.group(1));
        }
        Matcher library = LIBRARY.matcher(path);
        return library.matches() ? Optional.of("lib/" + library.group(1)) : Optional.empty();
    }

    /**
     * Takes what is wanted out of the packages.
     *
     * @param folder keeps the files until the archive is written
     */
    static CpioArchive unpack(List<Path> debs, Path folder, Progress progress)
            throws IOException, ImageException {
        CpioArchive archive = new CpioArchive();
        int[] files = {0};
        for (Path deb : debs) {
            try (Progress.Task task =
                    progress.begin("unpacking " + deb.getFileName(), Files.size(deb))) {
                DebArchive.visit(
                        deb,
                        task,
                        (path, content) -> {
                            Optional<String> name = inGuest(path);
                            if (name.isPresent()) {
                                Path file = folder.resolve(Integer.toString(files[0]++));
                                Files.copy(content, file);
                                archive.program(name.get(), file);
                            }
                        });
            }
        }
        if (files[0] < WANTED.size()) {
            throw new ImageException("the packages of Java have not the files they should");
        }
        return archive;
    }
}
