package nestor.vtd;

import java.util.Optional;
import java.util.function.Predicate;
import nestor.iommu.AccessRights;
import nestor.iommu.GreedyTables;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.paging.Access;
import nestor.paging.NestedWalker;
import nestor.paging.PhysicalTables;
import nestor.paging.TableFormat;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.pci.AddressType;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import nestor.vtd.config.ConfigCache;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.ContextEntry;
import nestor.vtd.config.PasidEntryFetch;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.config.RootTable;
import nestor.vtd.config.TlbTag;
import nestor.vtd.event.FaultReason;
import nestor.vtd.event.FaultRecord;
import org.jspecify.annotations.Nullable;

/**
 * What happens to an untranslated or translated request (§3.3 to §3.9, §4.2, chapter 7): the
 * requester's configuration, the IOTLB, the walk, and the fault record if one of them fails. Any
 * thread; a hit takes no lock and allocates nothing.
 */
final class Translator {
    private static final int IOTLB_ENTRIES = 1 << 14;

    private static final Translation UNSUPPORTED =
            new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);

    /**
     * What the global commands have made of the unit, as one value.
     *
     * @param enabled TES
     * @param root what SRTP latched
     */
    record Settings(boolean enabled, RootTable root) {
        static final Settings RESET = new Settings(false, new RootTable(0, RootTable.LEGACY));
    }

    private final VtdOptions options;
    private final FaultLog faults;
    private final Walker walker;
    private final RemappingStructures structures;

    /** Whatever of structures is read torn: for who only looks. */
    private final RemappingStructures plain;

    private final TornFetch fetch;
    private final Chaos chaos;
    private final GreedyTables greedy;
    private final ConfigCache configs = new ConfigCache();
    private final Iotlb iotlb = new Iotlb(IOTLB_ENTRIES);
    private volatile Settings settings = Settings.RESET;

    Translator(VtdOptions options, GuestMemory memory, FaultLog faults, Chaos chaos) {
        this.chaos = chaos;
        this.fetch = new TornFetch(chaos);
        this.greedy = new GreedyTables(chaos, new PhysicalTables(memory));
        this.options = options;
        this.faults = faults;
        this.walker = new Walker(new PhysicalTables(memory));
        this.structures = new RemappingStructures(memory, options, fetch);
        this.plain = new RemappingStructures(memory, options, PasidEntryFetch.IN_ORDER);
    }

    /** Privileged Mode Requested comes with a PASID only. */
    static boolean isPrivileged(Requester requester) {
        return requester.hasPasid() && requester.privileged();
    }

    Settings settings() {
        return settings;
    }

    /** The configuration that is cached; null if none is. */
    @Nullable RequesterConfig cachedConfig(Requester requester) {
        return configs.lookup(requester.rid(), requester.pasid());
    }

    /** The translation that is cached; null if none is. */
    Translation.@Nullable Mapping cached(
            RequesterConfig config, Requester requester, long address) {
        return iotlb.lookup(tag(config, requester), address);
    }

    /** What is in memory, read in order and once. */
    RemappingStructures structures() {
        return plain;
    }

    Iotlb iotlb() {
        return iotlb;
    }

    void enable(boolean enabled) {
        settings = new Settings(enabled, settings.root());
    }

    /** SRTP: with CAP.ESRTPS, every cache is emptied. */
    void root(RootTable root) {
        settings = new Settings(settings.enabled(), root);
        forget();
    }

    /** Drops all that is cached. */
    void forget() {
        invalidateConfigs(_ -> true);
        invalidate(Tags.ALL, IovaRange.ALL);
    }

    void reset() {
        enable(false);
        root(Settings.RESET.root());
    }

    void invalidateConfigs(Predicate<RequesterConfig> stale) {
        configs.drop(stale);
        fetch.invalidate();
    }

    void invalidate(Tags tags, IovaRange range) {
        invalidate(tags, range, false);
    }

    /**
     * Drops translations.
     *
     * @param leafOnly IH: table descriptors above them may stay cached
     */
    void invalidate(Tags tags, IovaRange range, boolean leafOnly) {
        iotlb.invalidate(tags, range);
        if (!leafOnly) {
            greedy.invalidate(tags);
        }
    }

    /** §7.4.1: what a page request is about may have changed without an invalidation. */
    void forgetPage(RequesterConfig config, long address) {
        iotlb.invalidate(TlbTag.anyPrivilege(config.tag()), IovaRange.block(address, 12));
    }

    /** An untranslated request. */
    Translation translate(Requester requester, long address, int access) {
        if (!requester.hasPasid() && InterruptRange.contains(address)) {
            return access == Translation.WRITE ? InterruptRange.MESSAGE : UNSUPPORTED;
        }
        if (!settings.enabled()) {
            return requester.hasPasid() ? UNSUPPORTED : InterruptRange.identity(address);
        }
        RequesterConfig config = configs.lookup(requester.rid(), requester.pasid());
        if (config != null && !config.blocks(requester, access)) {
            if (config.isIdentity()) {
                return identity(config, requester, address, access);
            }
            long tag = tag(config, requester);
            Translation.Mapping hit = iotlb.lookup(tag, address);
            if (hit != null && (access & ~hit.access()) == 0) {
                return hit;
            }
        }
        return walk(requester, address, access);
    }

    private static long tag(RequesterConfig config, Requester requester) {
        return isPrivileged(requester) ? TlbTag.privileged(config.tag()) : config.tag();
    }

    private Translation walk(Requester requester, long address, int access) {
        long epoch = iotlb.epoch(); // before the structures, which say where tables lie
        RequesterConfig config;
        switch (configure(requester, false)) {
            case RemappingStructures.Result.Configured(RequesterConfig found) -> config = found;
            case RemappingStructures.Result.Failed(ConfigFault fault) -> {
                record(fault, requester, AddressType.UNTRANSLATED, address, access);
                return UNSUPPORTED;
            }
        }
        if (config.blocks(requester, access)) {
            return rejected(config, blockedBy(config, requester), requester, address, access);
        }
        if (config.isIdentity()) {
            return identity(config, requester, address, access);
        }
        boolean privileged = isPrivileged(requester);
        Access wanted = AccessRights.needed(access, privileged);
        return switch (walkTables(config, address, wanted)) {
            case WalkResult.Fault fault -> {
                FaultReason reason = Reasons.of(config, fault, requester, access);
                yield rejected(config, reason, requester, address, access);
            }
            case WalkResult.Mapping mapping -> {
                if (InterruptRange.overlaps(mapping.output(), mapping.sizeLog2())) {
                    yield rejected(config, outputBlocked(config), requester, address, access);
                }
                Translation.Mapping block = AccessRights.block(mapping, address, privileged);
                if (!chaos.has(ChaosKey.CACHE_NONE)) {
                    iotlb.insert(tag(config, requester), epoch, block);
                }
                if (chaos.has(ChaosKey.CACHE_GREEDY)) {
                    lookAhead(config, requester, address + (1L << mapping.sizeLog2()), epoch);
                }
                VtdTrace.translated(requester, address, block);
                yield block;
            }
        };
    }

    /** Caches what may be asked for next, if it is there. */
    private void lookAhead(RequesterConfig config, Requester requester, long address, long epoch) {
        TableFormat only = onlyStage(config);
        if (only == null) {
            return;
        }
        Optional<WalkResult.Mapping> next = greedy.ahead(only, config.tag(), address);
        if (next.isPresent()
                && !InterruptRange.overlaps(next.get().output(), next.get().sizeLog2())) {
            boolean privileged = isPrivileged(requester);
            iotlb.insert(
                    tag(config, requester),
                    epoch,
                    AccessRights.block(next.get(), address, privileged));
        }
    }

    /** The stage that translates alone, if one does. */
    private static @Nullable TableFormat onlyStage(RequesterConfig config) {
        if (config.first() == null) {
            return config.second();
        }
        return config.second() == null ? config.first() : null;
    }

    static FaultReason blockedBy(RequesterConfig config, Requester requester) {
        return isPrivileged(requester) && !config.supervisor()
                ? FaultReason.SUPERVISOR_REQUESTS_DISABLED
                : FaultReason.EXECUTE_REQUESTS_DISABLED;
    }

    static FaultReason outputBlocked(RequesterConfig config) {
        return config.isScalable()
                ? FaultReason.SM_OUTPUT_IN_INTERRUPT_RANGE
                : FaultReason.OUTPUT_IN_INTERRUPT_RANGE;
    }

    /** §3.9: an address that is none, or that with PASID would be an interrupt, does not pass. */
    private Translation identity(
            RequesterConfig config, Requester requester, long address, int access) {
        if (InterruptRange.contains(address)) {
            return rejected(config, outputBlocked(config), requester, address, access);
        }
        if (address >>> options.hostBits() != 0) {
            FaultReason reason =
                    config.isScalable()
                            ? FaultReason.BEYOND_HOST_WIDTH
                            : FaultReason.ADDRESS_BEYOND_WIDTH;
            return rejected(config, reason, requester, address, access);
        }
        return InterruptRange.identity(address);
    }

    private Translation rejected(
            RequesterConfig config,
            FaultReason reason,
            Requester requester,
            long address,
            int access) {
        record(
                new ConfigFault(reason, config.faultsDisabled()),
                requester,
                AddressType.UNTRANSLATED,
                address,
                access);
        return UNSUPPORTED;
    }

    /** Walks whatever stages the configuration has. */
    WalkResult walkTables(RequesterConfig config, long address, Access wanted) {
        TableFormat only = chaos.has(ChaosKey.CACHE_GREEDY) ? onlyStage(config) : null;
        if (only != null) {
            return greedy.walk(only, config.tag(), address, wanted);
        }
        NestedWalker nested = config.nested();
        if (config.first() == null) {
            if (nested == null) {
                throw new IllegalStateException("a pass-through configuration is not walked");
            }
            return nested.walkStage2(address, wanted);
        }
        return nested == null
                ? walker.walk(config.first(), address, wanted)
                : nested.walk(config.first(), address, wanted);
    }

    /** The requester's configuration, from the cache or from memory. */
    RemappingStructures.Result configure(Requester requester, boolean deviceTlb) {
        RequesterConfig cached = configs.lookup(requester.rid(), requester.pasid());
        if (cached != null && !(deviceTlb && !cached.context().deviceTlb())) {
            return new RemappingStructures.Result.Configured(cached);
        }
        long sampled = configs.epoch(); // before the settings, which say where structures lie
        RootTable root = settings.root();
        RemappingStructures.Result result =
                deviceTlb
                        ? structures.resolveForDeviceTlb(root, requester)
                        : structures.resolve(root, requester);
        if (result instanceof RemappingStructures.Result.Configured(RequesterConfig config)
                && fetch.caches()) {
            configs.insert(sampled, config);
        }
        return result;
    }

    /** §4.2.3: a translated request passes if the context entry lets such requests through. */
    Translation translated(Requester requester, long address, int access) {
        Settings now = settings;
        if (!now.enabled()) {
            return UNSUPPORTED;
        }
        RequesterConfig config = configs.lookup(requester.rid(), requester.pasid());
        ContextEntry context;
        if (config != null) {
            context = config.context();
        } else {
            switch (structures.context(now.root(), requester.rid())) {
                case RootTable.Result.Found(ContextEntry found) -> context = found;
                case RootTable.Result.Failed(ConfigFault fault) -> {
                    record(fault, requester, AddressType.TRANSLATED, address, access);
                    return UNSUPPORTED;
                }
            }
        }
        boolean scalable = context instanceof ContextEntry.Scalable;
        FaultReason reason;
        if (!context.deviceTlb()) {
            reason =
                    scalable
                            ? FaultReason.DEVICE_TLB_DISABLED
                            : FaultReason.BLOCKED_BY_TRANSLATION_TYPE;
        } else if (InterruptRange.contains(address)) {
            reason =
                    scalable
                            ? FaultReason.SM_OUTPUT_IN_INTERRUPT_RANGE
                            : FaultReason.OUTPUT_IN_INTERRUPT_RANGE;
        } else if (address >>> options.hostBits() != 0) {
            reason = scalable ? FaultReason.BEYOND_HOST_WIDTH : FaultReason.ADDRESS_BEYOND_WIDTH;
        } else {
            return InterruptRange.identity(address);
        }
        var fault = new ConfigFault(reason, context.faultProcessingDisabled());
        record(fault, requester, AddressType.TRANSLATED, address, access);
        return UNSUPPORTED;
    }

    /** Records a fault, unless FPD says not to. */
    void record(
            ConfigFault fault, Requester requester, AddressType type, long address, int access) {
        if (!fault.recorded()) {
            return;
        }
        if (chaos.strikes(ChaosKey.EVENT_QUEUE_FULL, 4)) {
            // Pages behind it meet the same fault first; the same fault twice is recorded once.
            for (int page = 1; page <= VtdOptions.FAULT_RECORDS; page++) {
                long behind = address + ((long) page << 12);
                faults.record(FaultRecord.of(fault.reason(), requester, type, behind, access));
            }
        }
        faults.record(FaultRecord.of(fault.reason(), requester, type, address, access));
    }

    /** Records a page request's fault, unless FPD says not to. */
    void recordPageRequest(ConfigFault fault, Requester requester, long address) {
        if (fault.recorded()) {
            faults.record(FaultRecord.ofPageRequest(fault.reason(), requester, address));
        }
    }
}
