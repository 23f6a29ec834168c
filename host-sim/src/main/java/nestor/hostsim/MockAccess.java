package nestor.hostsim;

import java.util.HashSet;
import java.util.Set;
import nestor.iommufd.Errno;

/** An in-kernel user of an IOAS (IOMMUFD_TEST). */
final class MockAccess extends HostObject implements HostFile {
    private final IommufdFile file;
    private final boolean pins;
    private Ioas ioas;
    private final Set<Integer> pinned = new HashSet<>();
    private int nextPages = 1;

    /** Pages can be pinned if {@code pins}. */
    MockAccess(IommufdFile file, Ioas ioas, boolean pins) {
        this.file = file;
        this.pins = pins;
        this.ioas = ioas;
        ioas.hold();
    }

    boolean pins() {
        return pins;
    }

    Ioas ioas() {
        return ioas;
    }

    void replace(Ioas other) {
        ioas.letGo();
        ioas = other;
        ioas.hold();
    }

    int pin() {
        pinned.add(nextPages);
        return nextPages++;
    }

    void unpin(int pages) throws Refusal {
        Refusal.when(!pinned.remove(pages), Errno.ENOENT);
    }

    @Override
    public void closed() {
        ioas.letGo();
        file.remove(this);
    }
}
