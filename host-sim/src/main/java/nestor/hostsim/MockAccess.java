package nestor.hostsim;

import java.util.HashSet;
import java.util.Set;
import nestor.iommufd.Errno;

/** An in-kernel user of an IOAS (IOMMUFD_TEST). */
final class MockAccess extends HostObject implements HostFile {
    private final IommufdFile file;
    private Ioas ioas;
    private final Set<Integer> pinned = new HashSet<>();
    private int nextPages = 1;

    MockAccess(IommufdFile file, Ioas ioas) {
        this.file = file;
        this.ioas = ioas;
        ioas.hold();
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
