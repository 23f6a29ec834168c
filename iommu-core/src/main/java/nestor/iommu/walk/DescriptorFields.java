package nestor.iommu.walk;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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

    /** DDI 0487, §D8.3.1: table descriptors of stage 1. */
    private static final List<Field> VMSA_TABLE_1 =
            List.of(
                    field("Valid", 0, 0),
                    field("Table", 1, 1),
                    field("PXNTable", 59, 59),
                    field("UXNTable", 60, 60),
                    field("APTable", 62, 61),
                    field("NSTable", 63, 63));

    private static final List<Field> VMSA_TABLE_2 =
            List.of(field("Valid", 0, 0), field("Table", 1, 1));

    /** §D8.3.2: block and page descriptors of stage 1. */
    private static final List<Field> VMSA_LEAF_1 =
            List.of(
                    field("Valid", 0, 0),
                    field("AttrIndx", 4, 2),
                    field("NS", 5, 5),
                    field("AP", 7, 6),
                    field("SH", 9, 8),
                    field("AF", 10, 10),
                    field("nG", 11, 11),
                    field("DBM", 51, 51),
                    field("Contiguous", 52, 52),
                    field("PXN", 53, 53),
                    field("UXN", 54, 54));

    /** §D8.3.2: block and page descriptors of stage 2. */
    private static final List<Field> VMSA_LEAF_2 =
            List.of(
                    field("Valid", 0, 0),
                    field("MemAttr", 5, 2),
                    field("S2AP", 7, 6),
                    field("SH", 9, 8),
                    field("AF", 10, 10),
                    field("DBM", 51, 51),
                    field("Contiguous", 52, 52),
                    field("XN", 54, 53));

    /** VT-d, §9.7. */
    private static final List<Field> X86_TABLE =
            List.of(
                    field("P", 0, 0),
                    field("R/W", 1, 1),
                    field("U/S", 2, 2),
                    field("PWT", 3, 3),
                    field("PCD", 4, 4),
                    field("A", 5, 5),
                    field("PS", 7, 7),
                    field("XD", 63, 63));

    private static final List<Field> X86_LEAF =
            List.of(
                    field("P", 0, 0),
                    field("R/W", 1, 1),
                    field("U/S", 2, 2),
                    field("PWT", 3, 3),
                    field("PCD", 4, 4),
                    field("A", 5, 5),
                    field("D", 6, 6),
                    field("G", 8, 8),
                    field("XD", 63, 63));

    /** VT-d, §9.8. */
    private static final List<Field> VTD_TABLE =
            List.of(
                    field("R", 0, 0),
                    field("W", 1, 1),
                    field("X", 2, 2),
                    field("PS", 7, 7),
                    field("A", 8, 8));

    private static final List<Field> VTD_LEAF =
            List.of(
                    field("R", 0, 0),
                    field("W", 1, 1),
                    field("X", 2, 2),
                    field("EMT", 5, 3),
                    field("IPAT", 6, 6),
                    field("PS", 7, 7),
                    field("A", 8, 8),
                    field("D", 9, 9),
                    field("SNP", 11, 11));

    /** What can be reserved in an entry of VT-d's tables. */
    private static final BitField VTD_ADDRESS = bits(51, 12);

    private static final BitField PS = bit(7);
    private static final BitField SNP = bit(11);
    private static final BitField BIT_62 = bit(62);
    private static final BitField XD = bit(63);

    private DescriptorFields() {}

    private static Field field(String name, int hi, int lo) {
        return StructureLayout.field(name, 0, bits(hi, lo));
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
        boolean table = kind == DescriptorKind.TABLE;
        List<Field> layout =
                switch (format) {
                    case VmsaV8Stage1 _ -> table ? VMSA_TABLE_1 : VMSA_LEAF_1;
                    case VmsaV8Stage2 _ -> table ? VMSA_TABLE_2 : VMSA_LEAF_2;
                    case X86Paging _ -> table ? X86_TABLE : X86_LEAF;
                    case VtdSecondStage _ -> table ? VTD_TABLE : VTD_LEAF;
                };
        if (kind == DescriptorKind.INVALID) { // the other bits are software's
            layout = layout.subList(0, format instanceof VtdSecondStage ? 3 : 1);
        }
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
