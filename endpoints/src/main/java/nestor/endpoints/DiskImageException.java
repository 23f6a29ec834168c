package nestor.endpoints;

import java.io.IOException;
import java.nio.file.Path;

/** A disk image that cannot be used as asked; the message is one line and names the file. */
public final class DiskImageException extends IOException {
    private static final long serialVersionUID = 1L;

    /** What is wrong with it. */
    public enum Reason {
        MISSING("no such file"),
        NOT_A_FILE("not a regular file"),
        UNREADABLE("no permission to read it"),
        UNWRITABLE("no permission to write it; attach it read-only"),
        BAD_SIZE("its size is not a positive multiple of 512 bytes"),
        FAILED("it cannot be opened");

        private final String text;

        Reason(String text) {
            this.text = text;
        }
    }

    private final Reason reason;

    DiskImageException(Path file, Reason reason) {
        super("disk image " + file + ": " + reason.text);
        this.reason = reason;
    }

    DiskImageException(Path file, IOException cause) {
        super("disk image " + file + ": " + Reason.FAILED.text + ": " + cause.getMessage(), cause);
        this.reason = Reason.FAILED;
    }

    public Reason reason() {
        return reason;
    }
}
