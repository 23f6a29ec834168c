package nestor.virtio.iommu;

import java.lang.foreign.MemorySegment;
import nestor.pci.Chaos;

/** The main class of a small JVM: a driver that maps ten million pages and then goes on working. */
final class GreedyDriver {
    static final int REQUESTS = 10_000_000;
    static final int HEAP_MIB = 64;

    private static final int ENDPOINT = 8;
    private static final Negotiated FEATURES = TableProfile.NONE.negotiated(Feature.SPECIFIED);

    private GreedyDriver() {}

    public static void main(String[] args) {
        var spaces =
                new AddressSpaces(
                        VirtioIommuConfig.defaults(false), id -> id == ENDPOINT, new Chaos());
        check(spaces.attach(new Request.Attach(1, ENDPOINT, 0, 0), FEATURES), Status.OK);
        var mappings = new Mappings(spaces);
        int refused = 0;
        for (int page = 0; page < REQUESTS; page++) {
            Outcome outcome = mappings.map(decoded(page), FEATURES);
            if (outcome.status() == Status.NOMEM) {
                refused++;
            } else {
                check(outcome, Status.OK);
            }
        }
        int mapped = REQUESTS - refused;
        if (mapped != VirtioIommuConfig.Limits.DEFAULT.mappings()) {
            throw new AssertionError(mapped + " were mapped");
        }
        MappedDomain domain = (MappedDomain) spaces.domain(1);
        for (int page = 0; page < mapped; page++) {
            if (domain == null || domain.translate((long) page << 12) == null) {
                throw new AssertionError("page " + page + " is not mapped");
            }
        }
        check(mappings.unmap(new Request.Unmap(1, 0, 0xfff, 0)), Status.OK);
        check(mappings.map(decoded(REQUESTS), FEATURES), Status.OK);
        check(mappings.map(decoded(0), FEATURES), Status.NOMEM);
    }

    private static Request.Map decoded(int page) {
        long first = (long) page << 12;
        byte[] bytes = IommuHarness.mapBytes(1, first, first + 0xfff, first, IommuHarness.READ);
        Request request =
                Request.decode(TableProfile.NONE, MemorySegment.ofArray(bytes), bytes.length);
        return (Request.Map) request;
    }

    private static void check(Outcome outcome, Status expected) {
        if (outcome.status() != expected) {
            throw new AssertionError(outcome + " instead of " + expected);
        }
    }
}
