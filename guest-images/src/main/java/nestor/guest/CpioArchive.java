package nestor.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveOutputStream;
import org.apache.commons.compress.archivers.cpio.CpioConstants;

/**
 * A cpio archive in the "newc" format, not compressed: the guest's processor is slow, its memory is
 * not. The same content gives the same bytes: sorted by path, no times, no owners.
 */
final class CpioArchive {
    /** One file of any type; the type is in the mode, as in stat(2). */
    private static final class Node {
        final int mode;
        final Content content;
        final int major;
        final int minor;

        Node(long type, int permissions, byte[] content, int major, int minor) {
            this(type, permissions, new Bytes(content), major, minor);
        }

        Node(long type, int permissions, Content content, int major, int minor) {
            this.mode = Math.toIntExact(type) | permissions;
            this.content = content;
            this.major = major;
            this.minor = minor;
        }
    }

    /** What is in a file. */
    private sealed interface Content {
        long sizeBytes() throws IOException;

        void writeTo(OutputStream out) throws IOException;
    }

    private static final class Bytes implements Content {
        private final byte[] bytes;

        Bytes(byte[] bytes) {
            this.bytes = bytes;
        }

        @Override
        public long sizeBytes() {
            return bytes.length;
        }

        @Override
        public void writeTo(OutputStream out) throws IOException {
            out.write(bytes);
        }
    }

    /** Of a file of this machine, which may be larger than our memory. */
    private record Copied(Path file) implements Content {
        @Override
        public long sizeBytes() throws IOException {
            return Files.size(file);
        }

        @Override
        public void writeTo(OutputStream out) throws IOException {
            Files.copy(file, out);
        }
    }

    private static final byte[] EMPTY = {};
    private final Map<String, Node> nodes = new TreeMap<>();

    void file(String path, byte[] content) {
        put(path, new Node(CpioConstants.C_ISREG, 0644, content, 0, 0));
    }

    void program(String path, byte[] content) {
        put(path, new Node(CpioConstants.C_ISREG, 0755, content, 0, 0));
    }

    /** A program or library that is read when the archive is written. */
    void program(String path, Path file) {
        put(path, new Node(CpioConstants.C_ISREG, 0755, new Copied(file), 0, 0));
    }

    void symbolicLink(String path, String target) {
        put(
                path,
                new Node(
                        CpioConstants.C_ISLNK,
                        0777,
                        target.getBytes(StandardCharsets.UTF_8),
                        0,
                        0));
    }

    void characterDevice(String path, int major, int minor) {
        put(path, new Node(CpioConstants.C_ISCHR, 0600, EMPTY, major, minor));
    }

    private void put(String path, Node node) {
        for (int slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
            nodes.put(path.substring(0, slash), new Node(CpioConstants.C_ISDIR, 0755, EMPTY, 0, 0));
        }
        nodes.put(path, node);
    }

    void writeTo(OutputStream out) throws IOException {
        // Closing it would close the stream, which its owner does.
        @SuppressWarnings("resource")
        CpioArchiveOutputStream cpio = new CpioArchiveOutputStream(out);
        int inode = 0;
        for (Map.Entry<String, Node> each : nodes.entrySet()) {
            CpioArchiveEntry entry = new CpioArchiveEntry(CpioConstants.FORMAT_NEW, each.getKey());
            entry.setInode(++inode);
            Node node = each.getValue();
            entry.setMode(node.mode);
            entry.setRemoteDeviceMaj(node.major);
            entry.setRemoteDeviceMin(node.minor);
            entry.setSize(node.content.sizeBytes());
            cpio.putArchiveEntry(entry);
            node.content.writeTo(cpio);
            cpio.closeArchiveEntry();
        }
        cpio.finish();
    }
}
