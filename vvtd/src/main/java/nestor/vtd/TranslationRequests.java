package nestor.vtd;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import nestor.iommu.AccessRights;
import nestor.iommu.AtsAnswer;
import nestor.paging.Access;
import nestor.paging.WalkResult;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.event.FaultReason;
import org.jspecify.annotations.Nullable;

/**
 * Answers to ATS translation requests (§4.2.2, §7.1.3): a page that is not there, or may not be
 * accessed, is an answer without permissions and no fault; everything else that fails is recorded.
 * Any thread.
 */
final class TranslationRequests {
    private static final AtsCompletion UNSUPPORTED =
            new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);

    private static final AtsCompletion ABORTED =
            new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT);

    /** A page without a translation that ends the completion. */
    private static final class FailedException extends Exception {
        private static final long serialVersionUID = 1L;
        private final FaultReason reason;

        FailedException(FaultReason reason) {
            super(null, null, false, false);
            this.reason = reason;
        }
    }

    private final VtdOptions options;
    private final Translator translator;

    TranslationRequests(VtdOptions options, Translator translator) {
        this.options = options;
        this.translator = translator;
    }

    AtsCompletion answer(AtsRequest request) {
        if (!options.has(VtdProperty.DEVICE_IOTLB) || !translator.settings().enabled()) {
            return UNSUPPORTED;
        }
        return switch (translator.configure(request.requester(), true)) {
            case RemappingStructures.Result.Failed(ConfigFault fault) ->
                    failed(fault, request, request.address());
            case RemappingStructures.Result.Configured(RequesterConfig config) ->
                    entries(config, request);
        };
    }

    private AtsCompletion failed(ConfigFault fault, AtsRequest request, long address) {
        int access = request.noWrite() ? Translation.READ : Translation.WRITE;
        translator.record(
                fault, request.requester(), AddressType.TRANSLATION_REQUEST, address, access);
        return isAccessError(fault.reason()) ? ABORTED : UNSUPPORTED;
    }

    /** A structure that cannot be read is a hardware error, and no decision of software's. */
    private static boolean isAccessError(FaultReason reason) {
        return switch (reason) {
            case ROOT_ACCESS,
                    CONTEXT_ACCESS,
                    TABLE_ACCESS,
                    SM_ROOT_ACCESS,
                    SM_CONTEXT_ACCESS,
                    PASID_DIRECTORY_ACCESS,
                    PASID_ENTRY_ACCESS,
                    FIRST_STAGE_ACCESS,
                    FIRST_STAGE_ROOT_ACCESS,
                    FIRST_STAGE_UPDATE_FAILED,
                    SECOND_STAGE_ACCESS,
                    SECOND_STAGE_ROOT_ACCESS,
                    SECOND_STAGE_UPDATE_FAILED ->
                    true;
            default -> false;
        };
    }

    /** A page that fails ends the list: the function asks again, and then it is the first. */
    private AtsCompletion entries(RequesterConfig config, AtsRequest request) {
        AtomicReference<@Nullable FaultReason> failed = new AtomicReference<>();
        List<AtsEntry> entries =
                AtsAnswer.entries(
                        request,
                        address -> {
                            try {
                                return Optional.of(entry(config, request, address));
                            } catch (FailedException e) {
                                failed.set(e.reason);
                                return Optional.empty();
                            }
                        });
        FaultReason reason = failed.get();
        return entries.isEmpty() && reason != null
                ? failed(
                        new ConfigFault(reason, config.faultsDisabled()),
                        request,
                        request.address() & -1L << request.smallestUnitLog2())
                : new AtsCompletion.Entries(entries);
    }

    /** No access to one translation unit. */
    private static AtsEntry nothing(AtsRequest request) {
        return AtsEntry.of(0, request.smallestUnitLog2(), privileged(request.requester()));
    }

    private static long privileged(Requester requester) {
        return Translator.isPrivileged(requester) ? AtsEntry.PRIVILEGED.mask() : 0;
    }

    private AtsEntry entry(RequesterConfig config, AtsRequest request, long address)
            throws FailedException {
        Requester requester = request.requester();
        if (!requester.hasPasid() && InterruptRange.contains(address)) {
            var fault = new ConfigFault(Translator.outputBlocked(config), config.faultsDisabled());
            failed(fault, request, address); // recorded, and answered without permissions
            return nothing(request);
        }
        if (config.blocks(requester, 0)) {
            return nothing(request);
        }
        if (config.isIdentity()) {
            return identity(config, request, address);
        }
        boolean execute = request.execute() && config.executes();
        int asked = Translation.READ;
        asked |= request.noWrite() ? 0 : Translation.WRITE;
        asked |= execute ? Translation.EXECUTE : 0;
        boolean privileged = Translator.isPrivileged(requester);
        Access wanted = Access.upTo(AccessRights.permissions(asked, privileged));
        return switch (translator.walkTables(config, address, wanted)) {
            case WalkResult.Fault fault -> faulted(config, fault, request);
            case WalkResult.Mapping mapping -> mapped(config, mapping, request, execute);
        };
    }

    private static AtsEntry faulted(
            RequesterConfig config, WalkResult.Fault fault, AtsRequest request)
            throws FailedException {
        return switch (fault.kind()) {
            case TRANSLATION, PERMISSION, ACCESS_FLAG -> nothing(request);
            case INPUT_RANGE, RESERVED, ADDRESS_SIZE, EXTERNAL_ABORT, UPDATE_FAILED ->
                    throw new FailedException(
                            Reasons.of(config, fault, request.requester(), Translation.READ));
        };
    }

    private static AtsEntry mapped(
            RequesterConfig config, WalkResult.Mapping mapping, AtsRequest request, boolean execute)
            throws FailedException {
        Requester requester = request.requester();
        if (InterruptRange.overlaps(mapping.output(), mapping.sizeLog2())) {
            throw new FailedException(Translator.outputBlocked(config));
        }
        int access =
                AccessRights.granted(mapping.permissions(), Translator.isPrivileged(requester));
        boolean readable = (access & Translation.READ) != 0;
        boolean writable = (access & Translation.WRITE) != 0;
        if (!readable && !writable || mapping.sizeLog2() < request.smallestUnitLog2()) {
            return nothing(request);
        }
        long flags = privileged(requester);
        flags |= readable ? AtsEntry.READ.mask() : 0;
        flags |= writable ? AtsEntry.WRITE.mask() : 0;
        boolean executable = execute && readable && (access & Translation.EXECUTE) != 0;
        flags |= executable ? AtsEntry.EXECUTE.mask() : 0;
        return AtsEntry.of(mapping.output(), mapping.sizeLog2(), flags);
    }

    private AtsEntry identity(RequesterConfig config, AtsRequest request, long address)
            throws FailedException {
        if (InterruptRange.contains(address)) {
            throw new FailedException(Translator.outputBlocked(config));
        }
        if (address >>> options.hostBits() != 0) {
            throw new FailedException(FaultReason.BEYOND_HOST_WIDTH);
        }
        Translation.Mapping block = InterruptRange.identity(address);
        long flags = privileged(request.requester()) | AtsEntry.READ.mask() | AtsEntry.WRITE.mask();
        return block.sizeLog2() < request.smallestUnitLog2()
                ? nothing(request)
                : AtsEntry.of(block.iovaBase(), block.sizeLog2(), flags);
    }
}
