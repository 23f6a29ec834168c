package nestor.virtio.iommu.table;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import nestor.iommu.AccessRights;
import nestor.iommu.AtsAnswer;
import nestor.iommu.GreedyTables;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.CurrentTranslation.SpaceTags;
import nestor.iommu.oracle.TranslationCache;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.Exploration;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.paging.Access;
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
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Translation by the tables of one domain. Any thread; a hit takes no lock and allocates nothing.
 */
public final class TableSpace {
    private static final Translation.Mapping IDENTITY =
            new Translation.Mapping(
                    0, 64, 0, Translation.READ | Translation.WRITE | Translation.EXECUTE);

    private static final CurrentTranslation NOT_USED = new CurrentTranslation.NotUsed();

    /** Of a requester without a context: no entry has this tag. */
    private static final SpaceTags NO_SPACE = new SpaceTags(-1, -1);

    private static final AtsCompletion ABORTED =
            new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT);

    /** What a walk came to. */
    public sealed interface Result {
        /** The block that holds the address. */
        record Mapped(Translation.Mapping mapping) implements Result {}

        /**
         * No access.
         *
         * @param quiet whether the driver does not want to hear of it
         */
        record Refused(TableFault fault, boolean quiet) implements Result {}
    }

    private final TableDescriptor descriptor;
    private final GuestMemory memory;
    private final TableOptions options;
    private final int serial;
    private final ContextReader reader;
    private final ContextReader fetcher;
    private final TornContexts torn;
    private final Walker walker;
    private final GreedyTables greedy;
    private final Iotlb iotlb;
    private final Chaos chaos;
    private final ContextCache contexts = new ContextCache();

    /**
     * Translation by tables of which nothing is cached yet.
     *
     * @param descriptor without a flaw
     * @param serial of the domain, for {@link SpaceTag}
     * @param chaos of the device
     */
    public TableSpace(
            TableDescriptor descriptor,
            TableOptions options,
            GuestMemory memory,
            int serial,
            Iotlb iotlb,
            Chaos chaos) {
        this.descriptor = descriptor;
        this.memory = memory;
        this.options = options;
        this.serial = serial;
        this.reader = new ContextReader(options, memory);
        this.torn = new TornContexts(memory, chaos);
        this.fetcher = new ContextReader(options, memory, torn);
        this.walker = new Walker(new PhysicalTables(memory));
        this.greedy = new GreedyTables(chaos, new PhysicalTables(memory));
        this.iotlb = iotlb;
        this.chaos = chaos;
    }

    public TableDescriptor descriptor() {
        return descriptor;
    }

    /** The cached translation that allows {@code access}; null if there is none. */
    public Translation.@Nullable Mapping lookup(Requester requester, long iova, int access) {
        Context context = contexts.lookup(requester.pasid());
        return context == null ? null : lookup(context, requester, iova, access);
    }

    private Translation.@Nullable Mapping lookup(
            Context context, Requester requester, long iova, int access) {
        if (context.identity()) {
            return IDENTITY;
        }
        if (!admits(context, requester)) {
            return null;
        }
        long canonical = context.canonical(iova);
        long tag = tag(context, requester);
        Translation.Mapping hit = iotlb.lookup(tag, canonical);
        if (hit == null) {
            hit = iotlb.lookup(SpaceTag.global(tag), canonical);
        }
        if (hit == null || (access & ~hit.access()) != 0) {
            return null;
        }
        return canonical == iova ? hit : shifted(hit, iova - canonical);
    }

    private static long tag(Context context, Requester requester) {
        return requester.privileged() ? SpaceTag.privileged(context.tag()) : context.tag();
    }

    private static Translation.Mapping shifted(Translation.Mapping mapping, long by) {
        return new Translation.Mapping(
                mapping.iovaBase() + by, mapping.sizeLog2(), mapping.gpaBase(), mapping.access());
    }

    /** Walks the tables, after {@link #lookup} found nothing. */
    public Result walk(Requester requester, long iova, int access) {
        long epoch = iotlb.epoch(); // before the context, which says where tables lie
        Context context;
        switch (context(requester.pasid())) {
            case ContextReader.Result.Found(Context found) -> context = found;
            case ContextReader.Result.Refused(TableFault fault) -> {
                return new Result.Refused(fault, false);
            }
        }
        Translation.Mapping cached = lookup(context, requester, iova, access);
        if (cached != null) { // only the context was not
            return new Result.Mapped(cached);
        }
        boolean privileged = requester.privileged();
        return switch (fetch(context, requester, iova, AccessRights.needed(access, privileged))) {
            case WalkResult.Fault fault -> refused(context, fault.kind());
            case WalkResult.Mapping mapping -> {
                if (privileged && context.deniesPrivileged(mapping.permissions(), access)) {
                    yield refused(context, WalkResult.Kind.PERMISSION);
                }
                long canonical = context.canonical(iova);
                Translation.Mapping block = AccessRights.block(mapping, canonical, privileged);
                if (!chaos.has(ChaosKey.CACHE_NONE)) {
                    iotlb.insert(tag(context, requester, mapping), epoch, block);
                }
                if (chaos.has(ChaosKey.CACHE_GREEDY)) {
                    lookAhead(context, requester, canonical + (1L << mapping.sizeLog2()), epoch);
                }
                yield new Result.Mapped(
                        canonical == iova ? block : shifted(block, iova - canonical));
            }
        };
    }

    private static long tag(Context context, Requester requester, WalkResult.Mapping mapping) {
        long tag = tag(context, requester);
        return context.cd() != null && mapping.global() ? SpaceTag.global(tag) : tag;
    }

    /** Caches what may be asked for next, if it is there. */
    private void lookAhead(Context context, Requester requester, long iova, long epoch) {
        TableFormat tables = context.tables(iova);
        if (tables == null || requester.privileged()) {
            return;
        }
        Optional<WalkResult.Mapping> next = greedy.ahead(tables, context.tag(), iova);
        if (next.isPresent()) {
            WalkResult.Mapping mapping = next.get();
            iotlb.insert(
                    tag(context, requester, mapping),
                    epoch,
                    AccessRights.block(mapping, iova, false));
        }
    }

    /** A walk that may make use of table descriptors that were read before. */
    private WalkResult fetch(Context context, Requester requester, long iova, Access access) {
        TableFormat tables = context.tables(iova);
        return chaos.has(ChaosKey.CACHE_GREEDY) && tables != null && admits(context, requester)
                ? greedy.walk(tables, context.tag(), iova, access)
                : walk(context, requester, iova, access);
    }

    private WalkResult walk(Context context, Requester requester, long iova, Access access) {
        TableFormat tables = context.tables(iova);
        if (tables == null) { // EPD0, EPD1
            return WalkResult.Fault.of(WalkResult.Kind.TRANSLATION, 1, 0, iova);
        }
        return admits(context, requester)
                ? walker.walk(tables, iova, access)
                : WalkResult.Fault.of(WalkResult.Kind.PERMISSION, 1, 0, iova);
    }

    private static boolean admits(Context context, Requester requester) {
        return !requester.privileged() || !context.privilegedRefused();
    }

    private static Result refused(Context context, WalkResult.Kind kind) {
        TableFault fault = TableFault.of(kind);
        boolean always = fault == TableFault.WALK_EABT;
        return new Result.Refused(fault, !always && context.isQuiet());
    }

    private ContextReader.Result context(int pasid) {
        Context cached = contexts.lookup(pasid);
        if (cached != null) {
            return new ContextReader.Result.Found(cached);
        }
        long sampled = contexts.epoch();
        ContextReader.Result result = fetcher.read(descriptor, serial, pasid);
        if (result instanceof ContextReader.Result.Found(Context context) && torn.caches()) {
            contexts.insert(pasid, sampled, context);
        }
        return result;
    }

    /** Answers a Translation Request (PCIe Base §10.2.2); never a fault report. */
    public AtsCompletion requestTranslation(AtsRequest request) {
        return switch (context(request.requester().pasid())) {
            case ContextReader.Result.Refused _ -> ABORTED;
            case ContextReader.Result.Found(Context context) ->
                    AtsAnswer.completion(request, iova -> entry(context, request, iova));
        };
    }

    /** Empty for a Completer Abort. */
    private Optional<AtsEntry> entry(Context context, AtsRequest request, long iova) {
        if (context.identity()) {
            return Optional.of(AtsAnswer.identity(request, iova, options.outputBits()));
        }
        return switch (fetch(context, request.requester(), iova, AtsAnswer.wanted(request))) {
            case WalkResult.Fault fault ->
                    TableFault.of(fault.kind()) == TableFault.WALK_EABT
                            ? Optional.empty()
                            : Optional.of(AtsAnswer.nothing(request));
            case WalkResult.Mapping mapping ->
                    Optional.of(AtsAnswer.of(request, mapping, mapping.output()));
        };
    }

    /**
     * What a request would meet, without making it.
     *
     * @param steps how the request came to these tables
     * @param names what the driver is told of a fault
     */
    public WalkReport explore(Exploration steps, Function<TableFault, String> names) {
        var explorer = new TableExplorer(descriptor, options, memory, serial, names, steps);
        WalkOutcome outcome = explorer.explore();
        return steps.report(
                outcome,
                explorer.lastIova(),
                cached(explorer.context(), steps.requester(), steps.iova(), outcome));
    }

    private List<CachedTranslation> cached(
            @Nullable Context now, Requester requester, long iova, WalkOutcome outcome) {
        List<CachedTranslation> all = new ArrayList<>();
        Context held = contexts.lookup(requester.pasid());
        if (held != null) {
            Optional<String> stale =
                    held.equals(now)
                            ? Optional.empty()
                            : Optional.of(
                                    now == null
                                            ? "there is no usable context any more"
                                            : "the context has changed");
            all.add(CachedTranslation.ofConfiguration("PASID cache", stale));
        }
        Context used = held == null ? now : held;
        if (used != null && !used.identity()) {
            Translation.Mapping mapping = lookup(used, requester, iova, 0);
            if (mapping != null) {
                all.add(CachedTranslation.of("IOTLB", mapping, iova, outcome));
            }
        }
        return all;
    }

    /** Where the tables lead an address now, from no cache and into none, leaving no trace. */
    public CurrentTranslation current(
            TranslationCache cache, Requester requester, long iova, int access) {
        return switch (reader.read(descriptor, serial, requester.pasid())) {
            case ContextReader.Result.Refused(TableFault fault) ->
                    cache == TranslationCache.ATC
                            ? new CurrentTranslation.Refused(NO_SPACE, fault.name())
                            : NOT_USED;
            case ContextReader.Result.Found(Context context) ->
                    context.identity()
                            ? identity(cache)
                            : current(context, requester, iova, access);
        };
    }

    private static CurrentTranslation identity(TranslationCache cache) {
        return cache == TranslationCache.ATC
                ? new CurrentTranslation.Mapped(NO_SPACE, NO_SPACE.own(), IDENTITY)
                : NOT_USED;
    }

    private CurrentTranslation current(
            Context context, Requester requester, long iova, int access) {
        if (context.canonical(iova) != iova) {
            return NOT_USED; // cached and invalidated as another address
        }
        long own = tag(context, requester);
        var tags = new SpaceTags(own, context.cd() == null ? own : SpaceTag.global(own));
        Access wanted = Access.probe(AccessRights.permissions(access, requester.privileged()));
        return switch (walk(context, requester, iova, wanted)) {
            case WalkResult.Fault fault ->
                    fault.kind() == WalkResult.Kind.ACCESS_FLAG
                            ? NOT_USED // an access flag that is cleared takes nothing back
                            : new CurrentTranslation.Refused(
                                    tags,
                                    "%s fault, level %d".formatted(fault.kind(), fault.level()));
            case WalkResult.Mapping mapping ->
                    new CurrentTranslation.Mapped(
                            tags,
                            context.cd() != null && mapping.global() ? tags.global() : own,
                            new Translation.Mapping(
                                    iova & -1L << mapping.sizeLog2(),
                                    mapping.sizeLog2(),
                                    mapping.output(),
                                    access));
        };
    }

    /** Forgets the context of one PASID. */
    public void dropContext(int pasid) {
        contexts.drop(pasid);
        torn.drop(pasid);
    }

    /** Forgets all contexts. */
    public void dropContexts() {
        contexts.dropAll();
        torn.dropAll();
    }

    /** Forgets the table descriptors above leaves. */
    public void dropTables() {
        greedy.invalidate(Tags.ALL);
    }

    /** Forgets every translation. */
    public void dropTranslations() {
        iotlb.invalidate(SpaceTag.allOf(serial), IovaRange.ALL);
    }

    /** Forgets translations of one PASID; 0 for requests without. */
    public void dropTranslations(int pasid, IovaRange range) {
        drop(SpaceTag.ofPasid(serial, pasid), range);
    }

    /** Forgets translations of one ASID, which first stages of VT-d do not have. */
    public void dropTranslationsOfAsid(int asid, IovaRange range) {
        boolean arm = descriptor.kind() != TableKind.VTD_FIRST_STAGE;
        drop(arm ? SpaceTag.ofAsid(serial, asid) : SpaceTag.allOf(serial), range);
    }

    /** An address's global mappings are of every ASID (DDI 0487, §D8.14). */
    private void drop(Tags tags, IovaRange range) {
        iotlb.invalidate(tags, range);
        if (!range.equals(IovaRange.ALL)) {
            iotlb.invalidate(SpaceTag.globalOf(serial), range);
        }
    }
}
