package nestor.pci;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Something that hardware may do and seldom does: a behaviour of a {@link Chaos}. Everything here
 * is allowed by the specification that its help names, but for what is called an erratum.
 */
public enum ChaosKey {
    DEVTLB_SLOW(
            "devtlb=slow",
            Side.FUNCTION,
            "an Invalidate Completion takes up to 5 ms (PCIe §10.3.4: a minute at most)"),
    DEVTLB_REORDER(
            "devtlb=reorder",
            Side.FUNCTION,
            "Invalidate Completions come in any order (PCIe §10.3.2: ITags tell them apart)"),
    DEVTLB_DEAD(
            "devtlb=dead",
            Side.FUNCTION,
            "no Invalidate Completion comes: the agent's time-out (PCIe §10.3.4)"),
    DEVTLB_GONE(
            "devtlb=gone",
            Side.FUNCTION,
            "ATS and PRI are not answered: Unsupported Request (PCIe §10.3.1)"),
    PRQ_OVERFLOW(
            "prq=overflow",
            Side.FUNCTION,
            "storms of Stop Markers, which take no credit, fill the page request queue (PCIe"
                    + " §10.4.1.2)"),
    PRQ_DUPLICATE(
            "prq=dup",
            Side.FUNCTION,
            "a group asks for its last page twice, if there is credit (PCIe §10.4.1)"),
    PRQ_LATE(
            "prq=late",
            Side.FUNCTION,
            "page requests are under way for up to 50 ms, and what follows them (PCIe §2.4.1)"),
    PRQ_STOP_MARKER(
            "prq=stop-marker",
            Side.FUNCTION,
            "a PASID with no request outstanding is stopped before each group (PCIe §10.4.1.2)"),
    SURPRISE_REMOVAL(
            "surprise-removal",
            Side.FUNCTION,
            "leaves its slot, once, with an invalidation or a page request under way (PCIe §6.7)"),
    ERRATUM_FLR(
            "erratum-flr",
            Side.FUNCTION,
            "erratum: resets itself, once, with an invalidation or a page request under way"),
    ERRATUM_EARLY_COMPLETION(
            "erratum-early-completion",
            Side.FUNCTION,
            "erratum: an Invalidate Completion does not wait for DMA under way"),
    FETCH_TORN(
            "fetch=torn",
            Side.IOMMU,
            Side.VIRTIO_IOMMU,
            "each granule of a structure (8 bytes of an STE or a CD, 16 of a PASID entry) may be"
                    + " as old as the last invalidation (IHI 0070 §3.21.3; VT-d §6.2.3)"),
    CACHE_GREEDY(
            "cache=greedy",
            Side.IOMMU,
            Side.VIRTIO_IOMMU,
            "table descriptors are cached, and neighbours of what was asked for (IHI 0070 §3.17;"
                    + " VT-d §6.2.5)"),
    CACHE_NONE(
            "cache=none",
            Side.IOMMU,
            Side.VIRTIO_IOMMU,
            "nothing is cached: each access reads structures and tables (IHI 0070 §3.17; VT-d"
                    + " §6.2)"),
    INVALIDATION_TIMEOUT(
            "inv=timeout",
            Side.IOMMU,
            "one Invalidate Completion in eight is lost, at most one in ten seconds; atc-timeout= says"
                    + " how soon that is an error (IHI 0070 §4.5.1; VT-d §6.5.2.5)"),
    EVENT_QUEUE_FULL(
            "evtq=full",
            Side.IOMMU,
            Side.VIRTIO_IOMMU,
            "one fault in four comes in such numbers that the Event queue or the fault records"
                    + " overflow, or that no event buffer is left (IHI 0070 §7.4; VT-d §7.2.1; virtio"
                    + " §5.13.6.9)"),
    INVALIDATION_SLOW(
            "inv=slow",
            Side.VIRTIO_IOMMU,
            "one DETACH, UNMAP or INVALIDATE in eight is carried out up to 5 ms late: what it takes"
                    + " away is reached until the reply (virtio §5.13.6.4, §5.13.6.6)"),
    REQUESTS_REORDERED(
            "req=reorder",
            Side.VIRTIO_IOMMU,
            "requests that wait together are returned in any order (virtio §2.7.9)");

    /** Who shows a behaviour. */
    public enum Side {
        /** A function with ATS. */
        FUNCTION,
        /** An SMMU or a remapping unit. */
        IOMMU,
        /** A virtio-iommu. */
        VIRTIO_IOMMU
    }

    private final String title;
    private final Side side;
    private final Side otherSide;
    private final String help;

    ChaosKey(String title, Side side, String help) {
        this(title, side, side, help);
    }

    ChaosKey(String title, Side side, Side otherSide, String help) {
        this.title = title;
        this.side = side;
        this.otherSide = otherSide;
        this.help = help;
    }

    /** As users write it. */
    public String title() {
        return title;
    }

    /** One line, with document and section. */
    public String help() {
        return help;
    }

    /** Whether no device can show both. */
    public boolean excludes(ChaosKey other) {
        return this == CACHE_GREEDY && other == CACHE_NONE
                || this == CACHE_NONE && other == CACHE_GREEDY;
    }

    /** Every key of {@code side}. */
    public static Set<ChaosKey> of(Side side) {
        Set<ChaosKey> keys = EnumSet.allOf(ChaosKey.class);
        keys.removeIf(key -> key.side != side && key.otherSide != side);
        return keys;
    }

    /** The key that users write so. */
    public static Optional<ChaosKey> titled(String title) {
        return Arrays.stream(values()).filter(key -> key.title.equals(title)).findFirst();
    }

    /** How users write {@code keys}. */
    public static List<String> titles(Set<ChaosKey> keys) {
        return keys.stream().sorted().map(ChaosKey::title).toList();
    }
}
