package nestor.virtio.iommu;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nestor.virtio.iommu.table.TableKind;

/**
 * A revision of the proposal by which drivers attach page tables of their own. None is part of the
 * specification; they use the same feature bits and request types for different things, so that a
 * device speaks one of them. {@code docs/virtio-iommu.md} tells them apart.
 */
public enum TableProfile {
    /** The specification, and no tables. */
    NONE("none", Feature.SPECIFIED, 0, 0),

    /** The patches of January 2021, with the page requests of April 2021. */
    RFC2021("rfc2021", Feature.SPECIFIED & ~Feature.BYPASS_CONFIG, 1L << 6, 1L << 7),

    /** The patches of November 2023, for VT-d's first stage. */
    RFC2023("rfc2023", Feature.SPECIFIED, 1L << 8, 0),

    /** Stream table entries as they are, without MAP and UNMAP. */
    HW("hw", Feature.PROBE, 1L << 7, 0),

    /** Every kind of tables, and feature bits that clash with nothing. */
    NESTOR("nestor", Feature.SPECIFIED, 1L << 20, 1L << 21);

    private final String title;
    private final long specified;
    private final long attachTable;
    private final long pageRequest;

    TableProfile(String title, long specified, long attachTable, long pageRequest) {
        this.title = title;
        this.specified = specified;
        this.attachTable = attachTable;
        this.pageRequest = pageRequest;
    }

    /** The name in a configuration. */
    public String title() {
        return title;
    }

    /** The profile with a name. */
    public static Optional<TableProfile> titled(String title) {
        return Arrays.stream(values()).filter(profile -> profile.title.equals(title)).findFirst();
    }

    /** All names. */
    public static String[] titles() {
        return Arrays.stream(values()).map(TableProfile::title).toArray(String[]::new);
    }

    /** Kinds of tables that endpoints may be attached to. */
    List<TableKind> kinds() {
        return switch (this) {
            case NONE -> List.of();
            case RFC2021 -> List.of(TableKind.ARM_LPAE, TableKind.ARM_SMMUV3);
            case RFC2023 -> List.of(TableKind.VTD_FIRST_STAGE);
            case HW -> List.of(TableKind.ARM_SMMUV3);
            case NESTOR -> List.of(TableKind.values());
        };
    }

    boolean hasTables() {
        return attachTable != 0;
    }

    /** Where the fields of its requests lie, if it has tables. */
    TableLayout layout() {
        return switch (this) {
            case NONE, RFC2021, NESTOR -> TableLayout.V1;
            case RFC2023 -> TableLayout.P23;
            case HW -> TableLayout.HW;
        };
    }

    long offered() {
        return specified | attachTable | pageRequest;
    }

    boolean offersBypassConfig() {
        return (specified & Feature.BYPASS_CONFIG) != 0;
    }

    /** What a driver may do that accepted {@code features}. */
    Negotiated negotiated(long features) {
        long known = features & specified;
        boolean tables = (features & attachTable) != 0;
        return new Negotiated(
                (known & Feature.MAP_UNMAP) != 0,
                (known & Feature.MMIO) != 0,
                (known & Feature.PROBE) != 0,
                (known & Feature.BYPASS_CONFIG) != 0,
                tables,
                tables && (features & pageRequest) != 0);
    }
}
