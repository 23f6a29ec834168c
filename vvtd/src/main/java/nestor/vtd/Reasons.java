package nestor.vtd;

import nestor.paging.Permissions;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.event.FaultReason;

/** Which fault reason a walk's failure has (§7.1.3, tables 25 to 28). */
final class Reasons {
    private Reasons() {}

    /** The reason of {@code fault}, which an access of {@code requester} met. */
    static FaultReason of(
            RequesterConfig config, WalkResult.Fault fault, Requester requester, int access) {
        if (!config.isScalable()) {
            return legacy(config, fault, access);
        }
        if (fault.stage() == 1) {
            return firstStage(config, fault, requester, access);
        }
        return switch (fault.subject()) {
            case ACCESS -> secondStage(config, fault, access);
            case TABLE_READ, TABLE_UPDATE -> nestedTable(config, fault);
        };
    }

    private static boolean isWrite(int access) {
        return (access & Translation.WRITE) != 0;
    }

    private static FaultReason legacy(RequesterConfig config, WalkResult.Fault fault, int access) {
        return switch (fault.kind()) {
            case INPUT_RANGE -> FaultReason.ADDRESS_BEYOND_WIDTH;
            case RESERVED, ADDRESS_SIZE -> FaultReason.PAGE_ENTRY_RESERVED;
            case EXTERNAL_ABORT, UPDATE_FAILED ->
                    config.second() != null && fault.level() == config.second().rootLevel()
                            ? FaultReason.CONTEXT_INVALID
                            : FaultReason.TABLE_ACCESS;
            case TRANSLATION, ACCESS_FLAG ->
                    isWrite(access)
                            ? FaultReason.WRITE_NOT_PERMITTED
                            : FaultReason.READ_NOT_PERMITTED;
            case PERMISSION ->
                    lacksWrite(fault, access)
                            ? FaultReason.WRITE_NOT_PERMITTED
                            : FaultReason.READ_NOT_PERMITTED;
        };
    }

    /** Of an access that needs more than one permission, reading is judged first. */
    private static boolean lacksWrite(WalkResult.Fault fault, int access) {
        boolean readable = (fault.granted() & Permissions.READ) != 0;
        return isWrite(access) && ((access & Translation.READ) == 0 || readable);
    }

    private static FaultReason firstStage(
            RequesterConfig config, WalkResult.Fault fault, Requester requester, int access) {
        return switch (fault.kind()) {
            case INPUT_RANGE -> FaultReason.NOT_CANONICAL;
            case TRANSLATION, ACCESS_FLAG -> FaultReason.FIRST_STAGE_NOT_PRESENT;
            case RESERVED, ADDRESS_SIZE -> FaultReason.FIRST_STAGE_RESERVED;
            case EXTERNAL_ABORT ->
                    config.first() != null && fault.level() == config.first().rootLevel()
                            ? FaultReason.FIRST_STAGE_ROOT_ACCESS
                            : FaultReason.FIRST_STAGE_ACCESS;
            case UPDATE_FAILED -> FaultReason.FIRST_STAGE_UPDATE_FAILED;
            case PERMISSION -> firstStagePermission(fault, requester, access);
        };
    }

    private static FaultReason firstStagePermission(
            WalkResult.Fault fault, Requester requester, int access) {
        if (!isPrivileged(requester) && (fault.granted() & Permissions.USER_READ) == 0) {
            return FaultReason.USER_NOT_PERMITTED;
        }
        if (isWrite(access) && (fault.granted() & write(requester)) == 0) {
            return FaultReason.SM_WRITE_NOT_PERMITTED;
        }
        return FaultReason.EXECUTE_NOT_PERMITTED; // what is present can be read
    }

    private static boolean isPrivileged(Requester requester) {
        return requester.hasPasid() && requester.privileged();
    }

    private static int write(Requester requester) {
        return isPrivileged(requester) ? Permissions.PRIVILEGED_WRITE : Permissions.USER_WRITE;
    }

    private static FaultReason secondStage(
            RequesterConfig config, WalkResult.Fault fault, int access) {
        return switch (fault.kind()) {
            case INPUT_RANGE -> FaultReason.BEYOND_SECOND_STAGE_WIDTH;
            case PERMISSION -> secondStagePermission(fault, access);
            case TRANSLATION, ACCESS_FLAG, RESERVED, ADDRESS_SIZE, EXTERNAL_ABORT, UPDATE_FAILED ->
                    secondStageStructure(config, fault);
        };
    }

    private static FaultReason secondStagePermission(WalkResult.Fault fault, int access) {
        if (lacksWrite(fault, access)) {
            return FaultReason.SM_WRITE_NOT_PERMITTED;
        }
        return (fault.granted() & Permissions.READ) == 0
                ? FaultReason.SM_READ_NOT_PERMITTED
                : FaultReason.EXECUTE_NOT_PERMITTED;
    }

    private static FaultReason secondStageStructure(
            RequesterConfig config, WalkResult.Fault fault) {
        return switch (fault.kind()) {
            case RESERVED, ADDRESS_SIZE -> FaultReason.SECOND_STAGE_RESERVED;
            case EXTERNAL_ABORT ->
                    config.second() != null && fault.level() == config.second().rootLevel()
                            ? FaultReason.SECOND_STAGE_ROOT_ACCESS
                            : FaultReason.SECOND_STAGE_ACCESS;
            case UPDATE_FAILED -> FaultReason.SECOND_STAGE_UPDATE_FAILED;
            case INPUT_RANGE, TRANSLATION, ACCESS_FLAG, PERMISSION ->
                    FaultReason.SECOND_STAGE_NOT_PRESENT;
        };
    }

    /** A first-stage entry as the input of the second stage. */
    private static FaultReason nestedTable(RequesterConfig config, WalkResult.Fault fault) {
        return switch (fault.kind()) {
            case INPUT_RANGE -> FaultReason.NESTED_ENTRY_BEYOND_WIDTH;
            case PERMISSION -> {
                if (fault.subject() == WalkResult.Subject.TABLE_UPDATE) {
                    yield FaultReason.NESTED_UPDATE_NOT_PERMITTED;
                }
                boolean root =
                        config.first() != null && (fault.ipa() ^ config.first().root()) >>> 12 == 0;
                yield root
                        ? FaultReason.NESTED_ROOT_READ_NOT_PERMITTED
                        : FaultReason.NESTED_ENTRY_READ_NOT_PERMITTED;
            }
            case TRANSLATION, ACCESS_FLAG, RESERVED, ADDRESS_SIZE, EXTERNAL_ABORT, UPDATE_FAILED ->
                    secondStageStructure(config, fault);
        };
    }
}
