package nestor.guest;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/** A {@code .deb} file: an ar archive with a compressed tar archive in it (deb(5)). */
final class DebArchive {

    /** Takes the regular files of a package, and its symbolic links if it likes. */
    @FunctionalInterface
    interface Visitor {
        /** The path has no {@code ./} in front; the content is valid during the call only. */
        void file(String path, InputStream content) throws IOException;

        default void link(String path, String target) throws IOException {}
    }

    private DebArchive() {}

    static void visit(Path deb, Progress.Task task, Visitor visitor) throws IOException {
        try (InputStream file = new Counting(Files.newInputStream(deb), task);
                ArArchiveInputStream members =
                        new ArArchiveInputStream(new BufferedInputStream(file, 1 << 16))) {
            for (ArArchiveEntry member; (member = members.getNextEntry()) != null; ) {
                if (member.getName().startsWith("data.tar")) {
                    visitData(members, member.getName(), visitor);
                    return;
                }
            }
            throw new IOException(deb.getFileName() + " has no data member");
        }
    }

    private static void visitData(InputStream members, String name, Visitor visitor)
            throws IOException {
        InputStream plain =
                switch (name) {
                    case "data.tar" -> members;
                    case "data.tar.xz" -> new XZInputStream(members);
                    case "data.tar.gz" -> new GZIPInputStream(members);
                    default ->
                            throw new IOException(name + " is compressed in a way not known here");
                };
        // Closing it would close the archive around it, which its owner does.
        @SuppressWarnings("resource")
        TarArchiveInputStream data = new TarArchiveInputStream(plain);
        for (TarArchiveEntry entry; (entry = data.getNextEntry()) != null; ) {
            String path = entry.getName();
            path = path.startsWith("./") ? path.substring(2) : path;
            // A link is a "file" to that library, too.
            if (entry.isSymbolicLink()) {
                visitor.link(path, entry.getLinkName());
            } else if (entry.isFile()) {
                visitor.file(path, data);
            }
        }
    }

    /** Tells how many bytes of the file have been read. */
    private static final class Counting extends FilterInputStream {
        private final Progress.Task task;

        Counting(InputStream in, Progress.Task task) {
            super(in);
            this.task = task;
        }

        @Override
        public int read() throws IOException {
            int value = super.read();
            task.advance(value < 0 ? 0 : 1);
            return value;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int count = super.read(bytes, offset, length);
            task.advance(Math.max(count, 0));
            return count;
        }
    }
}
