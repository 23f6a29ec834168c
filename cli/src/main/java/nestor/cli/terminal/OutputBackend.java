package nestor.cli.terminal;

import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;

/** A console that only listens: a file, or nothing. */
public final class OutputBackend implements CharBackend {
    private final BoundedOutput out;

    /** Sends everything to {@code out}. */
    public OutputBackend(BoundedOutput out) {
        this.out = out;
    }

    @Override
    public void write(byte[] data, int offset, int length) {
        out.write(data, offset, length);
    }

    @Override
    public void connect(CharFrontend frontend) {}

    @Override
    public void resume() {}
}
