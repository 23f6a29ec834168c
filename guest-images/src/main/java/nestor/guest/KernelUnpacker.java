package nestor.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Takes a kernel's image and modules out of its packages, wherever in them they are. */
final class KernelUnpacker {
    static final String IMAGE = "vmlinuz";
    static final String MODULES = "modules.zip";

    private final Path folder;
    private final String release;
    private boolean imageFound;

    private KernelUnpacker(Path folder, String release) {
        this.folder = folder;
        this.release = release;
    }

    static void unpack(String release, List<Path> debs, Path folder, Progress progress)
            throws IOException, ImageException {
        KernelUnpacker unpacker = new KernelUnpacker(folder, release);
        long total = 0;
        for (Path deb : debs) {
            total += Files.size(deb);
        }
        try (Progress.Task task = progress.begin("unpacking linux " + release, total);
                OutputStream file = Files.newOutputStream(folder.resolve(MODULES));
                ZipOutputStream zip =
                        new ZipOutputStream(new BufferedOutputStream(file, 1 << 16))) {
            for (Path deb : debs) {
                DebArchive.visit(deb, task, (path, content) -> unpacker.take(path, content, zip));
            }
        }
        if (!unpacker.imageFound) {
            throw new ImageException("the packages of linux " + release + " have no vmlinuz");
        }
    }

    private void take(String path, InputStream content, ZipOutputStream zip) throws IOException {
        String modules = "lib/modules/" + release + "/";
        int inModules = path.indexOf(modules);
        if (path.equals("boot/vmlinuz-" + release)
                || inModules >= 0 && path.endsWith(modules + "vmlinuz")) {
            Files.copy(content, folder.resolve(IMAGE));
            imageFound = true;
        } else if (inModules >= 0 && !path.startsWith("dtb/", inModules + modules.length())) {
            ZipEntry entry = new ZipEntry(path.substring(inModules + modules.length()));
            entry.setTime(0);
            // Compressed modules do not get smaller a second time.
            zip.setLevel(path.endsWith(".ko.xz") ? Deflater.NO_COMPRESSION : Deflater.BEST_SPEED);
            zip.putNextEntry(entry);
            content.transferTo(zip);
            zip.closeEntry();
        }
    }
}
