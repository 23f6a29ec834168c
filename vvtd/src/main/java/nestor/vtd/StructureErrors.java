package nestor.vtd;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.format.PasidEntry;
import nestor.iommu.format.PasidEntry.TranslationType;
import nestor.iommu.walk.StructureLayout;
import nestor.iommu.walk.WalkField;
import nestor.iommu.walk.WalkStep;
import nestor.vtd.event.FaultReason;

/** What is wrong with a structure that a fault reason is about, in words for people. */
final class StructureErrors {
    private StructureErrors() {}

    static List<String> of(
            FaultReason reason, StructureLayout layout, WalkStep step, VtdOptions options) {
        return switch (reason) {
            case ROOT_NOT_PRESENT,
                    CONTEXT_NOT_PRESENT,
                    SM_ROOT_NOT_PRESENT,
                    SM_CONTEXT_NOT_PRESENT,
                    PASID_DIRECTORY_NOT_PRESENT,
                    PASID_ENTRY_NOT_PRESENT ->
                    List.of("P is clear");
            case ROOT_RESERVED,
                    CONTEXT_RESERVED,
                    SM_ROOT_RESERVED,
                    SM_CONTEXT_RESERVED,
                    PASID_DIRECTORY_RESERVED,
                    PASID_ENTRY_RESERVED ->
                    reserved(layout, step, options);
            case CONTEXT_INVALID -> List.of("TT or AW has a value without meaning");
            case PASID_ENTRY_INVALID -> List.of("PGTT, FSPM or AW has a value without meaning");
            case PASID_DISABLED -> List.of("PASIDE is clear");
            case PASID_BEYOND_DIRECTORY -> List.of("PDTS is too small for the PASID");
            case RID_PASID_INVALID -> List.of("RID_PASID is beyond the directory");
            default -> List.of();
        };
    }

    private static List<String> reserved(
            StructureLayout layout, WalkStep step, VtdOptions options) {
        List<String> errors = new ArrayList<>(layout.unknownBits(step.words()));
        for (WalkField field : step.fields()) {
            boolean set = field.value() != 0;
            switch (field.name()) {
                case "CTP", "LCTP/UCTP", "PASIDDIRPTR", "SMPTBLPTR" ->
                        address(field, true, options, errors);
                case "FSPTPTR" -> address(field, type(step).hasFirstStage(), options, errors);
                case "SSPTPTR" -> address(field, usesSecondStage(step), options, errors);
                case "DTE" -> feature(field, set, VtdProperty.DEVICE_IOTLB, options, errors);
                case "PASIDE" -> feature(field, set, VtdProperty.SVM, options, errors);
                case "PRE" -> feature(field, set, VtdProperty.PRI, options, errors);
                case "SSADE" -> feature(field, set, VtdProperty.ACCESS_DIRTY, options, errors);
                case "PGSNP" -> feature(field, set, VtdProperty.SNOOP_CONTROL, options, errors);
                case "SRE" -> feature(field, set, VtdProperty.SUPERVISOR_REQUESTS, options, errors);
                case "ERE" -> feature(field, set, VtdProperty.EXECUTE_REQUESTS, options, errors);
                case "EAFE" -> {
                    if (set) {
                        errors.add("EAFE is reserved: there is no such capability");
                    }
                }
                default -> {}
            }
        }
        return errors;
    }

    private static void address(
            WalkField field, boolean used, VtdOptions options, List<String> errors) {
        if (used && field.value() >>> options.hostBits() != 0) {
            errors.add(field.name() + " is beyond the host address width (HAW)");
        }
    }

    private static void feature(
            WalkField field,
            boolean set,
            VtdProperty property,
            VtdOptions options,
            List<String> errors) {
        if (set && !options.has(property)) {
            errors.add(field.name() + " is reserved without its capability");
        }
    }

    private static TranslationType type(WalkStep step) {
        return step.fields().stream()
                .filter(field -> field.name().equals("PGTT"))
                .map(field -> PasidEntry.type((int) field.value()))
                .findFirst()
                .orElse(TranslationType.RESERVED);
    }

    /** A context entry of legacy mode has no PGTT, and its pointer is always looked at. */
    private static boolean usesSecondStage(WalkStep step) {
        boolean legacy = step.fields().stream().noneMatch(field -> field.name().equals("PGTT"));
        return legacy || type(step).hasSecondStage();
    }
}
