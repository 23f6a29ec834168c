package nestor.smmuv3;

import java.util.List;
import java.util.Optional;
import nestor.iommu.AccessRights;
import nestor.iommu.AtsAnswer;
import nestor.iommu.GreedyTables;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.format.ContextDescriptor;
import nestor.paging.Access;
import nestor.paging.NestedWalker;
import nestor.paging.Permissions;
import nestor.paging.PhysicalTables;
import nestor.paging.TableFormat;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import nestor.smmuv3.Registers.Cr0;
import nestor.smmuv3.Registers.GlobalError;
import nestor.smmuv3.config.ConfigCache;
import nestor.smmuv3.config.ConfigFault;
import nestor.smmuv3.config.ContextTable;
import nestor.smmuv3.config.StreamConfig;
import nestor.smmuv3.config.StreamTable;
import nestor.smmuv3.config.StreamTableEntry;
import nestor.smmuv3.config.TlbTag;
import nestor.smmuv3.event.Event;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * What happens to a transaction (IHI 0070, §3.3, §3.9, §3.12, §15): its stream's configuration, the
 * IOTLB, the walk, and the event if one of them fails. Any thread; a hit takes no lock and
 * allocates nothing.
 */
final class Translator {
    private static final int IOTLB_ENTRIES = 1 << 14;
    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;

    private static final Translation.Mapping IDENTITY =
            new Translation.Mapping(0, 64, 0, ALL_ACCESS);

    private static final Translation ABORTED =
            new Translation.Rejected(CompletionStatus.COMPLETER_ABORT);

    private static final Translation IGNORED = new Translation.Ignored();
    private static final Translation STALLED = new Translation.Stalled();

    private static final AtsCompletion UNSUPPORTED =
            new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);

    private static final AtsCompletion FAILED =
            new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT);

    /**
     * What the control registers say, as one value.
     *
     * @param enabled SMMUEN
     * @param checksTranslated ATSCHK
     * @param recordsInvalidSid CR2.RECINVSID
     * @param bypassAborts GBPA.ABORT
     * @param streams STRTAB_BASE and its CFG
     */
    record Settings(
            boolean enabled,
            boolean checksTranslated,
            boolean recordsInvalidSid,
            boolean bypassAborts,
            StreamTable streams) {
        static final Settings RESET =
                new Settings(false, false, false, false, new StreamTable(0, 0, 0));
    }

    private final SmmuV3Options options;
    private final GuestMemory memory;
    private final Interrupts interrupts;
    private final Walker walker;
    private final ContextTable contexts;
    private final ConfigCache configs;
    private final Iotlb iotlb = new Iotlb(IOTLB_ENTRIES);
    private final OutputQueue events;
    private final StallBuffer stalls = new StallBuffer();
    private final Chaos chaos;
    private final GreedyTables greedy;
    private final Translation.Mapping stage1Bypass;
    private volatile Settings settings = Settings.RESET;

    Translator(
            SmmuV3Options options,
            GuestMemory memory,
            RegisterFile registers,
            Interrupts interrupts,
            Chaos chaos) {
        this.chaos = chaos;
        this.greedy = new GreedyTables(chaos, new PhysicalTables(memory));
        this.options = options;
        this.memory = memory;
        this.interrupts = interrupts;
        this.walker = new Walker(new PhysicalTables(memory));
        this.contexts = new ContextTable(memory, options);
        this.configs = new ConfigCache(options.sidBits());
        this.stage1Bypass = new Translation.Mapping(0, options.intermediateBits(), 0, ALL_ACCESS);
        this.events =
                new OutputQueue(
                        memory,
                        registers,
                        Registers.EVENTQ_BASE,
                        Registers.EVENTQ_PROD,
                        Registers.EVENTQ_CONS,
                        () ->
                                Cr0.EVENTQEN.isSet(registers.get(Registers.CR0ACK))
                                        && !interrupts.isActive(GlobalError.EVENTQ_ABT_ERR),
                        false);
    }

    Iotlb iotlb() {
        return iotlb;
    }

    GreedyTables greedyTables() {
        return greedy;
    }

    StallBuffer stalls() {
        return stalls;
    }

    Settings settings() {
        return settings;
    }

    void settings(Settings now) {
        settings = now;
    }

    /** The configuration that is cached; null if none is. */
    @Nullable StreamConfig cachedConfig(Requester requester) {
        return configs.lookup(requester.rid(), requester.pasid());
    }

    /** CMD_CFGI_*: configurations of these streams are read again. */
    void invalidate(int sid) {
        configs.drop(sid);
        options.fetch().invalidate(stream -> stream == sid);
    }

    /** CMD_CFGI_STE_RANGE. */
    void invalidateRange(int sid, int range) {
        configs.dropRange(sid, range);
        long block = Integer.toUnsignedLong(sid) >>> range + 1;
        options.fetch().invalidate(stream -> (long) stream >>> range + 1 == block);
    }

    void bypassAborts(boolean aborts) {
        Settings now = settings;
        settings =
                new Settings(
                        now.enabled(),
                        now.checksTranslated(),
                        now.recordsInvalidSid(),
                        aborts,
                        now.streams());
    }

    void reset() {
        settings = Settings.RESET;
        stalls.reset();
        forget();
    }

    /** Drops all that is cached. */
    void forget() {
        invalidateRange(0, 31);
        iotlb.invalidate(Tags.ALL, IovaRange.ALL);
        greedy.invalidate(Tags.ALL);
    }

    /**
     * An Untranslated transaction.
     *
     * @param waiting null if the requester cannot wait: a fault that were to stall it terminates it
     */
    Translation translate(
            Requester requester, long iova, int access, @Nullable StalledTransaction waiting) {
        Settings now = settings;
        if (!now.enabled()) {
            return now.bypassAborts() ? ABORTED : IDENTITY;
        }
        StreamConfig config = configs.lookup(requester.rid(), requester.pasid());
        if (config != null && !isBeyondBypass(config, iova)) {
            if (config.isIdentity()) {
                return identity(config);
            }
            long canonical = canonical(config, iova);
            Translation.Mapping hit = cached(config, requester.privileged(), canonical);
            if (hit != null && (access & ~hit.access()) == 0) {
                return canonical == iova ? hit : shifted(hit, iova - canonical);
            }
        }
        return walk(now, requester, iova, access, waiting);
    }

    /** §3.4: stage 1, bypassed by S1DSS, takes no address that is no intermediate address. */
    boolean isBeyondBypass(StreamConfig config, long iova) {
        return config.bypassesStage1() && iova >>> options.intermediateBits() != 0;
    }

    private Translation identity(StreamConfig config) {
        return config.bypassesStage1() ? stage1Bypass : IDENTITY;
    }

    /** The address without a top byte that is ignored: as it is cached and invalidated. */
    static long canonical(StreamConfig config, long iova) {
        return config.ignoresTopByte(iova) ? iova << 8 >> 8 : iova;
    }

    private static Translation.Mapping shifted(Translation.Mapping mapping, long by) {
        return new Translation.Mapping(
                mapping.iovaBase() + by, mapping.sizeLog2(), mapping.gpaBase(), mapping.access());
    }

    Translation.@Nullable Mapping cached(StreamConfig config, boolean privileged, long iova) {
        long tag = privileged ? TlbTag.privileged(config.tag()) : config.tag();
        Translation.Mapping own = iotlb.lookup(tag, iova);
        return own != null || config.cd() == null ? own : iotlb.lookup(TlbTag.global(tag), iova);
    }

    private Translation walk(
            Settings now,
            Requester requester,
            long iova,
            int access,
            @Nullable StalledTransaction waiting) {
        long epoch = iotlb.epoch(); // before the configuration, which says where tables lie
        StreamConfig config;
        switch (configure(requester.rid(), requester.pasid())) {
            case ContextTable.Result.Configured(StreamConfig found) -> config = found;
            case ContextTable.Result.Failed(ConfigFault fault) -> {
                return notConfigured(now, fault, requester, iova, access, waiting);
            }
        }
        if (config.ste().aborts()) {
            return ABORTED;
        }
        if (isBeyondBypass(config, iova)) {
            record(
                    Event.walk(
                            WalkResult.Fault.of(WalkResult.Kind.ADDRESS_SIZE, 1, 0, iova),
                            requester,
                            iova,
                            access));
            return ABORTED;
        }
        if (config.isIdentity()) {
            return identity(config);
        }
        boolean privileged = requester.privileged();
        Access wanted = AccessRights.needed(access, privileged);
        return switch (walkTables(config, iova, wanted)) {
            case WalkResult.Fault fault -> faulted(config, fault, requester, iova, access, waiting);
            case WalkResult.Mapping mapping -> {
                if (isPrivilegedAccessNever(config, mapping, privileged, access)) {
                    yield faulted(
                            config,
                            WalkResult.Fault.of(
                                    WalkResult.Kind.PERMISSION, 1, mapping.level(), iova),
                            requester,
                            iova,
                            access,
                            waiting);
                }
                long canonical = canonical(config, iova);
                Translation.Mapping block = AccessRights.block(mapping, canonical, privileged);
                if (!chaos.has(ChaosKey.CACHE_NONE)) {
                    iotlb.insert(tag(config, mapping, privileged), epoch, block);
                }
                if (chaos.has(ChaosKey.CACHE_GREEDY) && !privileged) {
                    lookAhead(config, canonical + (1L << mapping.sizeLog2()), epoch);
                }
                SmmuTrace.translated(requester, canonical, block);
                yield canonical == iova ? block : shifted(block, iova - canonical);
            }
        };
    }

    /** Caches what may be asked for next, if it is there. */
    private void lookAhead(StreamConfig config, long iova, long epoch) {
        TableFormat stage1 = config.cd() == null ? null : config.stage1(iova);
        if (stage1 == null || config.nested() != null) {
            return;
        }
        Optional<WalkResult.Mapping> next = greedy.ahead(stage1, config.tag(), iova);
        if (next.isPresent()) {
            WalkResult.Mapping mapping = next.get();
            iotlb.insert(
                    tag(config, mapping, false), epoch, AccessRights.block(mapping, iova, false));
        }
    }

    private static long tag(StreamConfig config, WalkResult.Mapping mapping, boolean privileged) {
        long tag = privileged ? TlbTag.privileged(config.tag()) : config.tag();
        return config.cd() != null && mapping.global() ? TlbTag.global(tag) : tag;
    }

    /** §5.4, CD.PAN: privileged data accesses do not reach pages that user software may access. */
    static boolean isPrivilegedAccessNever(
            StreamConfig config, WalkResult.Mapping mapping, boolean privileged, int access) {
        ContextDescriptor cd = config.cd();
        return cd != null
                && cd.privilegedAccessNever()
                && privileged
                && (access & Translation.EXECUTE) == 0
                && (mapping.permissions() & Permissions.USER_READ) != 0;
    }

    WalkResult walkTables(StreamConfig config, long iova, Access wanted) {
        NestedWalker nested = config.nested();
        if (config.cd() == null) {
            if (nested == null) {
                throw new IllegalStateException("a stream without tables is not walked");
            }
            return nested.walkStage2(iova, wanted);
        }
        TableFormat stage1 = config.stage1(iova);
        if (stage1 == null) { // EPD0, EPD1
            return WalkResult.Fault.of(WalkResult.Kind.TRANSLATION, 1, 0, iova);
        }
        if (nested != null) {
            return nested.walk(stage1, iova, wanted);
        }
        return chaos.has(ChaosKey.CACHE_GREEDY)
                ? greedy.walk(stage1, config.tag(), iova, wanted)
                : walker.walk(stage1, iova, wanted);
    }

    private Translation notConfigured(
            Settings now,
            ConfigFault fault,
            Requester requester,
            long iova,
            int access,
            @Nullable StalledTransaction waiting) {
        Event event = Event.config(fault, requester, iova, access);
        StreamTableEntry ste = fault.ste();
        if (ste != null && event.isTranslationRelated()) {
            return terminate(event, ste.s2s(), ste.s2r(), requester, iova, access, waiting)
                    ? ABORTED
                    : STALLED;
        }
        if (fault.kind() != ConfigFault.Kind.C_BAD_STREAMID || now.recordsInvalidSid()) {
            record(event);
        }
        return ABORTED;
    }

    private Translation faulted(
            StreamConfig config,
            WalkResult.Fault fault,
            Requester requester,
            long iova,
            int access,
            @Nullable StalledTransaction waiting) {
        Event event = Event.walk(fault, requester, iova, access);
        if (!event.isTranslationRelated()) {
            record(event);
            return ABORTED;
        }
        int stage = fault.stage();
        boolean stalls = config.stalls(stage);
        if (!terminate(event, stalls, config.records(stage), requester, iova, access, waiting)) {
            return STALLED;
        }
        return config.aborts(stage) ? ABORTED : IGNORED;
    }

    /**
     * §3.12: what becomes of a transaction that met one of the four faults which software chooses
     * for. False if it stalls.
     *
     * @param stalls CD.S or STE.S2S: recorded in any case
     * @param records CD.R or STE.S2R
     */
    private boolean terminate(
            Event event,
            boolean stalls,
            boolean records,
            Requester requester,
            long iova,
            int access,
            @Nullable StalledTransaction waiting) {
        if (stalls && waiting != null) {
            crowd(event);
            OutputQueue.Outcome outcome =
                    stalls().stall(
                                    requester,
                                    iova,
                                    access,
                                    waiting,
                                    stag -> offer(event.stalled(stag)));
            if (outcome != null) {
                tell(outcome);
            }
            return false;
        }
        if (stalls || records) {
            record(event);
        }
        return true;
    }

    /** Records a stalled transaction, unless there is no room now. */
    private OutputQueue.Outcome offer(Event event) {
        OutputQueue.Outcome outcome =
                events.offer(event.dw0(), event.dw1(), event.dw2(), event.dw3());
        SmmuTrace.recorded(event, outcome);
        return outcome;
    }

    void record(Event event) {
        crowd(event);
        write(event);
    }

    /** Other accesses of the device meet the same fault first, until the queue is full. */
    private void crowd(Event event) {
        if (chaos.strikes(ChaosKey.EVENT_QUEUE_FULL, 4)) {
            int most = 1 << SmmuV3Options.QUEUE_LOG2;
            for (int i = 0; i <= most && write(event).isWritten(); i++) {}
        }
    }

    private OutputQueue.Outcome write(Event event) {
        OutputQueue.Outcome outcome =
                events.write(event.dw0(), event.dw1(), event.dw2(), event.dw3());
        SmmuTrace.recorded(event, outcome);
        tell(outcome);
        return outcome;
    }

    /** Interrupts for what became of a record; with no lock held. */
    private void tell(OutputQueue.Outcome outcome) {
        switch (outcome) {
            case WRITTEN_FIRST -> interrupts.eventQueue();
            case ABORTED -> interrupts.error(GlobalError.EVENTQ_ABT_ERR);
            case WRITTEN, OVERFLOWED, OFF -> {}
        }
    }

    private ContextTable.Result configure(int sid, int ssid) {
        StreamConfig cached = configs.lookup(sid, ssid);
        if (cached != null) {
            return new ContextTable.Result.Configured(cached);
        }
        long sampled = configs.epoch(); // before the settings, which say where entries lie
        ContextTable.Result result =
                switch (settings.streams().find(memory, options.fetch(), sid)) {
                    case StreamTable.Result.Failed(ConfigFault fault) ->
                            new ContextTable.Result.Failed(fault);
                    case StreamTable.Result.Found(StreamTableEntry entry, _, _) ->
                            entry.isLegal(options)
                                    ? contexts.resolve(entry, sid, ssid)
                                    : new ContextTable.Result.Failed(
                                            ConfigFault.of(ConfigFault.Kind.C_BAD_STE));
                };
        if (result instanceof ContextTable.Result.Configured(StreamConfig config)
                && options.fetch().caches()) {
            configs.insert(sid, ssid, sampled, config);
        }
        return result;
    }

    /** A Translated transaction (§3.9.1.2): may this stream send one, and to where? */
    Translation translated(Requester requester, long address, int access) {
        Settings now = settings;
        if (!now.enabled()) {
            return forbidden(requester, address, access);
        }
        if (!now.checksTranslated()) {
            return IDENTITY;
        }
        switch (configure(requester.rid(), requester.pasid())) {
            case ContextTable.Result.Failed _ -> {
                return ABORTED;
            }
            case ContextTable.Result.Configured(StreamConfig config) -> {
                if (config.ste().aborts()) {
                    return ABORTED;
                }
                return switch (ats(now, config.ste())) {
                    case StreamTableEntry.EATS_FULL -> IDENTITY;
                    case StreamTableEntry.EATS_SPLIT_STAGE ->
                            throughStage2(config, requester, address, access);
                    default -> forbidden(requester, address, access);
                };
            }
        }
    }

    private Translation forbidden(Requester requester, long address, int access) {
        record(Event.translationForbidden(requester, address, access));
        return ABORTED;
    }

    /** Split-stage ATS: the address is an IPA. */
    private Translation throughStage2(
            StreamConfig config, Requester requester, long ipa, int access) {
        NestedWalker nested = config.nested();
        if (nested == null) {
            throw new IllegalStateException("split-stage ATS without stage 2");
        }
        boolean privileged = requester.privileged();
        Access wanted = AccessRights.needed(access, privileged);
        return switch (nested.walkStage2(ipa, wanted)) {
            case WalkResult.Mapping mapping -> AccessRights.block(mapping, ipa, privileged);
            case WalkResult.Fault fault -> faulted(config, fault, requester, ipa, access, null);
        };
    }

    /** The effective EATS (§5.2). */
    int ats(Settings now, StreamTableEntry ste) {
        if (!options.ats() || ste.bypasses() || ste.aborts()) {
            return StreamTableEntry.EATS_ABORT;
        }
        return switch (ste.eats()) {
            case StreamTableEntry.EATS_FULL -> StreamTableEntry.EATS_FULL;
            case StreamTableEntry.EATS_SPLIT_STAGE ->
                    now.checksTranslated()
                            ? StreamTableEntry.EATS_SPLIT_STAGE
                            : StreamTableEntry.EATS_ABORT;
            default -> StreamTableEntry.EATS_ABORT; // there is no DPT
        };
    }

    /** An ATS Translation Request (§3.9.1.1): answered to the endpoint, hardly ever recorded. */
    AtsCompletion requestTranslation(AtsRequest request) {
        Settings now = settings;
        Requester requester = request.requester();
        if (!now.enabled() || !options.ats()) {
            return badRequest(request);
        }
        switch (configure(requester.rid(), requester.pasid())) {
            case ContextTable.Result.Failed(ConfigFault fault) -> {
                return fault.kind() == ConfigFault.Kind.STAGE2_OF_CD_FETCH && !isAborted(fault)
                        ? new AtsCompletion.Entries(List.of(AtsAnswer.nothing(request)))
                        : FAILED;
            }
            case ContextTable.Result.Configured(StreamConfig config) -> {
                if (config.ste().aborts()) {
                    return UNSUPPORTED;
                }
                int eats = ats(now, config.ste());
                return eats == StreamTableEntry.EATS_ABORT
                        ? badRequest(request)
                        : entries(config, request, eats);
            }
        }
    }

    private static boolean isAborted(ConfigFault fault) {
        WalkResult.Fault stage2 = fault.stage2();
        return stage2 != null && Event.number(stage2.kind()) == Event.F_WALK_EABT;
    }

    private AtsCompletion badRequest(AtsRequest request) {
        record(Event.badAtsRequest(request));
        return UNSUPPORTED;
    }

    private AtsCompletion entries(StreamConfig config, AtsRequest request, int eats) {
        return AtsAnswer.completion(request, iova -> entry(config, request, eats, iova));
    }

    /** Empty for a Completer Abort. */
    private Optional<AtsEntry> entry(StreamConfig config, AtsRequest request, int eats, long iova) {
        if (config.isIdentity()) { // S1DSS bypass
            return Optional.of(AtsAnswer.identity(request, iova, options.outputBits()));
        }
        Access wanted = AtsAnswer.wanted(request);
        return switch (walkTables(config, iova, wanted)) {
            case WalkResult.Fault fault ->
                    Event.number(fault.kind()) == Event.F_WALK_EABT
                            ? Optional.empty()
                            : Optional.of(AtsAnswer.nothing(request));
            case WalkResult.Mapping mapping -> {
                long output =
                        eats == StreamTableEntry.EATS_SPLIT_STAGE
                                ? intermediate(config, iova, wanted, mapping)
                                : mapping.output();
                yield Optional.of(AtsAnswer.of(request, mapping, output));
            }
        };
    }

    /** The IPA of the block that both stages map. */
    private static long intermediate(
            StreamConfig config, long iova, Access wanted, WalkResult.Mapping both) {
        NestedWalker nested = config.nested();
        TableFormat stage1 = config.stage1(iova);
        if (nested == null || stage1 == null) { // S1DSS bypass: the address is the IPA
            return iova & -1L << both.sizeLog2();
        }
        return nested.walkStage1(stage1, iova, wanted) instanceof WalkResult.Mapping ipa
                ? ipa.translate(iova) & -1L << both.sizeLog2()
                : both.output();
    }
}
