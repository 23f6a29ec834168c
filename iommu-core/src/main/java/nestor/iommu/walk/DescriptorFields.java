package nestor.iommu.walk;

import static nestor.paging.TableFormat.DescriptorKind.INVALID;
import static nestor.paging.TableFormat.DescriptorKind.LEAF;
import static nestor.paging.TableFormat.DescriptorKind.RESERVED;
import static nestor.paging.TableFormat.DescriptorKind.TABLE;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nestor.iommu.walk.StructureLayout.Field;
import nestor.paging.ExploredWalk;
import nestor.paging.TableFormat;
import nestor.paging.TableFormat.DescriptorKind;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.VtdSecondStage;
import nestor.paging.X86Paging;
import nestor.vmm.register.BitField;

/** Descriptors of every format, field by field, and what is reserved in them. */
public final class DescriptorFields {
    private static final BitField VALID = bit(0);

    /**
     * A field of a format's descriptors.
     *
     * @param kinds of descriptor that have it
     */
    private record Row(String name, BitField bits, List<DescriptorKind> kinds) {}

    /** DDI 0487, §D8.3.1 and §D8.3.2: stage 1. */
    private static final Map<DescriptorKind, List<Field>> VMSA_1 =
            table(
                    row("Valid", bit(0), INVALID, TABLE, LEAF),
                    row("Table", bit(1), TABLE),
                    row("AttrIndx", bits(4, 2), LEAF),
                    row("NS", bit(5), LEAF),
                    row("AP", bits(7, 6), LEAF),
                    row("SH", bits(9, 8), LEAF),
                    row("AF", bit(10), LEAF),
                    row("nG", bit(11), LEAF),
                    row("DBM", bit(51), LEAF),
                    row("Contiguous", bit(52), LEAF),
                    row("PXN", bit(53), LEAF),
                    row("UXN", bit(54), LEAF),
                    row("PXNTable", bit(59), TABLE),
                    row("UXNTable", bit(60), TABLE),
                    row("APTable", bits(62, 61), TABLE),
                    row("NSTable", bit(63), TABLE));

    /** The same: stage 2. */
    private static final Map<DescriptorKind, List<Field>> VMSA_2 =
            table(
                    row("Valid", bit(0), INVALID, TABLE, LEAF),
                    row("Table", bit(1), TABLE),
                    row("MemAttr", bits(5, 2), LEAF),
                    row("S2AP", bits(7, 6), LEAF),
                    row("SH", bits(9, 8), LEAF),
                    row("AF", bit(10), LEAF),
                    row("DBM", bit(51), LEAF),
                    row("Contiguous", bit(52), LEAF),
                    row("XN", bits(54, 53), LEAF));

    /** VT-d, §9.7. */
    private static final Map<DescriptorKind, List<Field>> X86 =
            table(
                    row("P", bit(0), INVALID, TABLE, LEAF),
                    row("R/W", bit(1), TABLE, LEAF),
                    row("U/S", bit(2), TABLE, LEAF),
                    row("PWT", bit(3), TABLE, LEAF),
                    row("PCD", bit(4), TABLE, LEAF),
                    row("A", bit(5), TABLE, LEAF),
                    row("D", bit(6), LEAF),
                    row("PS", bit(7), TABLE),
                    row("G", bit(8), LEAF),
                    row("XD", bit(63), TABLE, LEAF));

    /** VT-d, §9.8. */
    private static final Map<DescriptorKind, List<Field>> VTD_2 =
            table(
                    row("R", bit(0), INVALID, TABLE, LEAF),
                    row("W", bit(1), INVALID, TABLE, LEAF),
                    row("X", bit(2), INVALID, TABLE, LEAF),
                    row("EMT", bits(5, 3), LEAF),
                    row("IPAT", bit(6), LEAF),
                    row("PS", bit(7), TABLE, LEAF),
                    row("A", bit(8), TABLE, LEAF),
                    row("D", bit(9), LEAF),
                    row("SNP", bit(11), LEAF));

    /** What can be reserved in an entry of VT-d's tables. */
    private static final BitField VTD_ADDRESS = bits(51, 12);

    private static final BitField PS = bit(7);
    private static final BitField SNP = bit(11);
    private static final BitField BIT_62 = bit(62);
    private static final BitField XD = bit(63);

    private DescriptorFields() {}

    private static Row row(String name, BitField bits, DescriptorKind... kinds) {
        return new Row(name, bits, List.of(kinds));
    }

    /** The fields of each kind; a descriptor with reserved bits is shown as the leaf it may be. */
    private static Map<DescriptorKind, List<Field>> table(Row... rows) {
        Map<DescriptorKind, List<Field>> table = new EnumMap<>(DescriptorKind.class);
        for (DescriptorKind kind : DescriptorKind.values()) {
            DescriptorKind as = kind == RESERVED ? LEAF : kind;
            table.put(
                    kind,
                    Stream.of(rows)
                            .filter(row -> row.kinds.contains(as))
                            .map(row -> StructureLayout.field(row.name, 0, row.bits))
                            .toList());
        }
        return table;
    }

    /** Descriptors as steps. */
    public static List<WalkStep> steps(List<ExploredWalk.Step> steps) {
        return steps.stream().map(DescriptorFields::step).toList();
    }

    private static WalkStep step(ExploredWalk.Step step) {
        TableFormat format = step.format();
        boolean translated = format.stage() == 1 && !step.gpa().equals(Optional.of(step.address()));
        boolean nested = translated || !step.stage2().isEmpty();
        List<WalkField> fields = new ArrayList<>();
        List<String> errors = new ArrayList<>();
        String what = "";
        if (step.descriptor().isPresent()) {
            long descriptor = step.descriptor().get();
            DescriptorKind kind = format.kind(descriptor, step.level());
            what = what(kind, step.level(), format);
            fields.addAll(decode(format, kind, descriptor, step.level()));
            errors.addAll(errors(format, kind, descriptor, step.level()));
        } else if (step.gpa().isPresent()) {
            errors.add("nothing backs the address");
        }
        return new WalkStep(
                "stage %d level %d%s".formatted(format.stage(), step.level(), what),
                section(format),
                nested ? Optional.of(step.address()) : Optional.empty(),
                step.gpa(),
                step.descriptor().map(List::of).orElse(List.of()),
                fields,
                errors,
                steps(step.stage2()));
    }

    private static String what(DescriptorKind kind, int level, TableFormat format) {
        return switch (kind) {
            case INVALID -> ": invalid";
            case RESERVED -> ": reserved bits";
            case TABLE -> ": table";
            case LEAF -> ": leaf of 2^%d bytes".formatted(format.shift(level));
        };
    }

    private static String section(TableFormat format) {
        return switch (format) {
            case VmsaV8Stage1 _, VmsaV8Stage2 _ -> "DDI 0487, §D8.3";
            case X86Paging _ -> "VT-d, §9.7";
            case VtdSecondStage _ -> "VT-d, §9.8";
        };
    }

    private static List<WalkField> decode(
            TableFormat format, DescriptorKind kind, long descriptor, int level) {
        Map<DescriptorKind, List<Field>> table =
                switch (format) {
                    case VmsaV8Stage1 _ -> VMSA_1;
                    case VmsaV8Stage2 _ -> VMSA_2;
                    case X86Paging _ -> X86;
                    case VtdSecondStage _ -> VTD_2;
                };
        List<Field> layout = table.getOrDefault(kind, List.of());
        List<WalkField> fields =
                new ArrayList<>(new StructureLayout("", "", 1, layout).decode(List.of(descriptor)));
        switch (kind) {
            case TABLE -> fields.add(new WalkField("next table", format.nextTable(descriptor)));
            case LEAF -> fields.add(new WalkField("output", format.output(descriptor, level)));
            case INVALID, RESERVED -> {}
        }
        return fields;
    }

    /** What is reserved or out of bounds, named. */
    static List<String> errors(
            TableFormat format, DescriptorKind kind, long descriptor, int level) {
        List<String> errors = new ArrayList<>();
        switch (kind) {
            case INVALID -> {
                boolean vmsa = format instanceof VmsaV8Stage1 || format instanceof VmsaV8Stage2;
                if (vmsa && VALID.isSet(descriptor)) {
                    errors.add("bits 1:0 = 0b01 are reserved at level " + level);
                }
            }
            case RESERVED -> reserved(format, descriptor, level, errors);
            case TABLE -> {
                if (!format.fitsOutput(format.nextTable(descriptor))) {
                    errors.add("the next table is beyond the output size");
                }
            }
            case LEAF -> {
                if (!format.fitsOutput(format.output(descriptor, level))) {
                    errors.add("the output is beyond the output size");
                }
            }
        }
        return errors;
    }

    private static void reserved(
            TableFormat format, long descriptor, int level, List<String> errors) {
        if (!format.fitsOutput(VTD_ADDRESS.getInPlace(descriptor))) {
            errors.add("address bits beyond the host address width (HAW) are reserved");
        }
        boolean large = level != 1 && PS.isSet(descriptor);
        switch (format) {
            case X86Paging x86 -> {
                if (x86.executeDisable() == X86Paging.ExecuteDisable.RESERVED
                        && XD.isSet(descriptor)) {
                    errors.add("XD is reserved while NXE is clear");
                }
                boolean legal = level == 2 || level == 3 && x86.gigabytePages();
                if (large && !legal) {
                    errors.add("PS is reserved at level " + level);
                } else if (large && bits(format.shift(level) - 1, 13).isSet(descriptor)) {
                    errors.add(
                            "bits %d:13 of a large page are reserved"
                                    .formatted(format.shift(level) - 1));
                }
            }
            case VtdSecondStage second -> {
                if (BIT_62.isSet(descriptor)) {
                    errors.add("bit 62 is reserved");
                }
                boolean leaf = level == 1 || large && level <= second.largestLevel();
                if (large && !leaf) {
                    errors.add("PS is reserved at level " + level);
                }
                if (leaf && level > 1 && bits(format.shift(level) - 1, 12).isSet(descriptor)) {
                    errors.add(
                            "bits %d:12 of a large page are reserved"
                                    .formatted(format.shift(level) - 1));
                }
                if (SNP.isSet(descriptor) && (!leaf || second.snoopReserved())) {
                    errors.add(leaf ? "SNP is reserved without SC" : "bit 11 is reserved");
                }
            }
            case VmsaV8Stage1 _, VmsaV8Stage2 _ -> {}
        }
    }
}
