package nestor.guest;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/**
 * The source tree of a kernel, in Debian's package {@code linux-source-VERSION}: a compressed tar
 * archive within the package's own.
 */
final class KernelSource {
    private static final int OWNER_MAY_EXECUTE = 0100;

    private KernelSource() {}

    /** Whether a file of the package is the archive. */
    static boolean isArchive(String path) {
        return path.matches("usr/src/linux-source-[0-9.]+\\.tar\\.xz");
    }

    /**
     * Unpacks the tree into a folder, without the folder that the archive has around it.
     *
     * @throws ImageException if there is no tree in the package
     */
    static void unpack(Path deb, Path folder, Progress.Task task)
            throws IOException, ImageException {
        boolean[] found = {false};
        DebArchive.visit(
                deb,
                task,
                (path, content) -> {
                    if (isArchive(path)) {
                        unpack(content, folder);
                        found[0] = true;
                    }
                });
        if (!found[0]) {
            throw new ImageException(deb.getFileName() + " has no kernel source in it");
        }
    }

    private static void unpack(InputStream archive, Path folder) throws IOException {
        // Closing it would close the archive around it, which its owner does.
        @SuppressWarnings("resource")
        TarArchiveInputStream files =
                new TarArchiveInputStream(
                        new BufferedInputStream(new XZInputStream(archive), 1 << 16));
        for (TarArchiveEntry entry; (entry = files.getNextEntry()) != null; ) {
            // The first folder is the archive's name.
            String name = entry.getName().replaceFirst("^(\\./)?[^/]*/?", "");
            Path path = folder.resolve(name).normalize();
            if (!path.startsWith(folder)) {
                throw new IOException(entry.getName() + " is outside the kernel's source");
            }
            if (entry.isDirectory()) {
                Files.createDirectories(path);
            } else if (entry.isSymbolicLink()) {
                Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
            } else if (entry.isFile()) {
                Files.copy(files, path);
                if ((entry.getMode() & OWNER_MAY_EXECUTE) != 0) {
                    Set<PosixFilePermission> rights = Files.getPosixFilePermissions(path);
                    rights.add(PosixFilePermission.OWNER_EXECUTE);
                    Files.setPosixFilePermissions(path, rights);
                }
            }
        }
    }
}
