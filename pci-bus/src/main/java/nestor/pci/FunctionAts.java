package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One function's ATS, PRI and PASID: what its control registers permit, and the messages in both
 * directions. A function without a capability has it disabled for ever.
 *
 * <p>What every request must know is one immutable snapshot, published when a control register
 * changes. The lock orders those changes; no other component is called with it held.
 */
final class FunctionAts implements AtsPort, AtsEndpoint {
    /**
     * What software has enabled.
     *
     * @param pasidLimit first PASID that cannot be sent; 0 while none can
     * @param smallestUnitLog2 of the Smallest Translation Unit, in bytes
     */
    private record Enables(
            boolean ats,
            int smallestUnitLog2,
            int pasidLimit,
            boolean execute,
            boolean privileged,
            boolean translatedWithPasid) {
        static final Enables NONE = new Enables(false, PAGE_LOG2, 0, false, false, false);

        boolean admits(Requester requester) {
            return !requester.hasPasid()
                    || Integer.compareUnsigned(requester.pasid(), pasidLimit) < 0
                            && (privileged || !requester.privileged());
        }

        /** Execute Requested is a bit of the PASID prefix, so there is none without PASID. */
        boolean admits(Requester requester, int access) {
            boolean executes = (access & Translation.EXECUTE) != 0;
            return admits(requester) && (!executes || execute && requester.hasPasid());
        }
    }

    private static final int PAGE_LOG2 = 12;
    private static final AtsCompletion UNSUPPORTED =
            new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);
    private static final AtsCompletion MALFORMED =
            new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT);

    private final PciFunction function;

    /** PASID Control as it was last written; under the lock. */
    private long pasidEnables;

    private final @Nullable PasidCapability pasid;
    private final @Nullable AtsCapability ats;
    private final @Nullable PriCapability pri;
    private final @Nullable PageRequestInterface pages;
    private final AtsReceivers receivers;

    private final Object lock = new Object();
    private volatile Enables enables = Enables.NONE;

    /** How often ATS has been disabled: a completion that crosses that is void. */
    private final AtomicInteger disables = new AtomicInteger();

    /** Between the messages and the bus; seldom there. */
    private volatile @Nullable FunctionChaos chaos;

    /** The last requester whose RID was not the function's, corrected. */
    private volatile @Nullable Requester corrected;

    FunctionAts(
            PciFunction function,
            @Nullable PasidOptions pasid,
            @Nullable AtsOptions ats,
            @Nullable PriOptions pri) {
        this.function = function;
        this.pasid = pasid == null ? null : new PasidCapability(pasid);
        this.ats = ats == null ? null : new AtsCapability(ats);
        this.pri = pri == null ? null : new PriCapability(pri);
        this.receivers = new AtsReceivers(ats != null && ats.globalInvalidate());
        this.pages =
                this.pri == null
                        ? null
                        : new PageRequestInterface(
                                this.pri, function::rid, this::send, receivers::answer);
        if (this.pasid != null) {
            this.pasid.onControl(this::controlWritten);
        }
        if (this.ats != null) {
            this.ats.onControl(this::controlWritten);
        }
    }

    /** In the order they are laid out: PASID, ATS, PRI. */
    List<Capability> capabilities() {
        List<Capability> present = new ArrayList<>();
        if (pasid != null) {
            present.add(pasid.capability());
        }
        if (ats != null) {
            present.add(ats.capability());
        }
        if (pri != null) {
            present.add(pri.capability());
        }
        return present;
    }

    /** What they offer, and what software made of it. */
    List<FunctionInfo.CapabilityInfo> infos() {
        List<FunctionInfo.CapabilityInfo> infos = new ArrayList<>();
        Enables now = enables;
        if (pasid != null) {
            infos.add(new FunctionInfo.CapabilityInfo("PASID", now.pasidLimit > 0, pasid.detail()));
        }
        if (ats != null) {
            String unit = "STU %d bytes".formatted(1L << now.smallestUnitLog2);
            infos.add(new FunctionInfo.CapabilityInfo("ATS", now.ats, now.ats ? unit : ""));
        }
        if (pri != null) {
            infos.add(new FunctionInfo.CapabilityInfo("PRI", pri.enable(), pri.detail()));
        }
        return infos;
    }

    boolean sendsPasids() {
        return pasid != null;
    }

    boolean isPresent() {
        return ats != null;
    }

    /** Whether messages may come for the function at all. */
    boolean receivesMessages() {
        return ats != null && !isGone();
    }

    private boolean isGone() {
        FunctionChaos now = chaos;
        return now != null && now.isGone();
    }

    /** Has {@code between} come between the messages and the bus. */
    void chaos(FunctionChaos between) {
        chaos = between;
        between.onChange(this::chaosChanged);
        chaosChanged();
    }

    private void chaosChanged() {
        if (!function.isPlugged()) {
            return;
        }
        enablesChanged(() -> {});
        if (pages != null && isGone()) {
            pages.fail();
        }
    }

    /** The requester with which the function really sends: its own RID, whatever was given. */
    Requester own(PciFunction.State state, Requester given) {
        Requester bare = state.requester();
        if (!given.hasPasid()) {
            return bare;
        }
        if (given.rid() == bare.rid()) {
            return given;
        }
        Requester last = corrected;
        if (last == null
                || last.rid() != bare.rid()
                || last.pasid() != given.pasid()
                || last.privileged() != given.privileged()) {
            last = new Requester(bare.rid(), given.pasid(), given.privileged());
            corrected = last;
        }
        return last;
    }

    /** Whether a memory request may be sent: what software enabled, and the port above. */
    boolean maySend(PciFunction.State state, Requester requester, AddressType type) {
        Enables now = enables;
        if (!state.mayMaster() || !now.admits(requester)) {
            return false;
        }
        return type == AddressType.UNTRANSLATED
                || now.ats()
                        && !state.accessControl().translationBlocking()
                        && (!requester.hasPasid() || now.translatedWithPasid());
    }

    @Override
    public boolean atsEnabled() {
        return function.state().mayMaster() && enables.ats();
    }

    @Override
    public boolean admits(Requester requester) {
        return function.state().mayMaster() && enables.admits(requester);
    }

    @Override
    public int smallestUnitLog2() {
        return enables.smallestUnitLog2();
    }

    @Override
    public AtsCompletion requestTranslation(
            Requester requester, long iova, long bytes, int access) {
        PciFunction.State state = function.state();
        int before = disables.get();
        Enables now = enables;
        boolean mayAsk =
                state.mayMaster() && now.ats() && !state.accessControl().translationBlocking();
        if (!mayAsk || !now.admits(requester, access)) {
            return UNSUPPORTED;
        }
        TranslationAgent agent = function.host().agentOf(state.requester().rid());
        if (agent == null) {
            return UNSUPPORTED;
        }
        int unit = now.smallestUnitLog2();
        AtsRequest request =
                new AtsRequest(
                        own(state, requester),
                        iova & -1L << unit,
                        translations(iova, bytes, unit),
                        unit,
                        (access & Translation.WRITE) == 0,
                        (access & Translation.EXECUTE) != 0);
        AtsCompletion completion = agent.requestTranslation(request);
        if (hasGlobal(completion) && receivers.globalCached()) {
            completion = agent.requestTranslation(request);
        }
        AtsCompletion believed =
                disables.get() == before ? checked(request, completion) : UNSUPPORTED;
        PciTrace.translationRequested(request, believed);
        return believed;
    }

    /** How many units {@code bytes} from {@code iova} on touch, as far as one request can ask. */
    private static int translations(long iova, long bytes, int unitLog2) {
        long last = iova + Math.max(bytes, 1) - 1;
        if (Long.compareUnsigned(last, iova) < 0) {
            last = -1L;
        }
        long units = (last >>> unitLog2) - (iova >>> unitLog2) + 1;
        return (int) Math.min(units, AtsRequest.MAX_TRANSLATIONS);
    }

    private static boolean hasGlobal(AtsCompletion completion) {
        return completion instanceof AtsCompletion.Entries(List<AtsEntry> entries)
                && entries.stream().anyMatch(entry -> AtsEntry.GLOBAL.isSet(entry.value()));
    }

    /**
     * What of an agent's answer is believed: entries of at least the translation unit, none of
     * which begins past the last unit asked for, and Exe only if it was requested.
     */
    private static AtsCompletion checked(AtsRequest request, AtsCompletion completion) {
        if (!(completion instanceof AtsCompletion.Entries(List<AtsEntry> entries))) {
            return completion;
        }
        if (entries.size() > request.translations()) {
            return MALFORMED;
        }
        int unit = request.smallestUnitLog2();
        long left = request.translations();
        long at = request.address() >>> unit;
        for (AtsEntry entry : entries) {
            int sizeLog2 = entry.sizeLog2();
            if (sizeLog2 < unit || left <= 0) {
                return MALFORMED;
            }
            long units = 1L << sizeLog2 - unit;
            long advance = units - (at & units - 1);
            left -= Math.min(advance, left);
            at += advance;
        }
        return request.execute() ? completion : withoutExecute(entries);
    }

    private static AtsCompletion withoutExecute(List<AtsEntry> entries) {
        return new AtsCompletion.Entries(
                entries.stream()
                        .map(entry -> new AtsEntry(AtsEntry.EXECUTE.clear(entry.value())))
                        .toList());
    }

    @Override
    public Registration register(int ofPasid, AtsEndpoint endpoint) {
        return receivers.register(ofPasid, endpoint);
    }

    @Override
    public boolean pageRequestsEnabled() {
        return pages != null && !isGone() && function.state().mayMaster() && pages.active();
    }

    @Override
    public int pageRequestAllocation() {
        return pages == null ? 0 : pages.allocation();
    }

    @Override
    public PageRequestOutcome requestPage(
            Requester requester, long iova, int access, int prgIndex, boolean last) {
        PciFunction.State state = function.state();
        PageRequest request = new PageRequest(own(state, requester), iova, access, prgIndex, last);
        boolean asks = isPageRequest(request);
        if (pages == null || !asks || !state.mayMaster() || !enables.admits(requester, access)) {
            return PageRequestOutcome.NOT_PERMITTED;
        }
        PageRequestOutcome outcome = requestPage(pages, request);
        PciTrace.pageRequested(request, outcome);
        return outcome;
    }

    private PageRequestOutcome requestPage(PageRequestInterface to, PageRequest request) {
        FunctionChaos now = chaos;
        if (now == null) {
            return to.request(request, 0);
        }
        if (now.isGone() || !to.active()) {
            return PageRequestOutcome.NOT_PERMITTED;
        }
        now.beforePage(request, to.isIdle(request.requester().pasid()), this::deliver);
        return to.request(request, now.copies(request));
    }

    /** Not one with a meaning of its own, or none (§10.4.1): see {@link PageRequest}. */
    private static boolean isPageRequest(PageRequest request) {
        int readWrite = request.access() & (Translation.READ | Translation.WRITE);
        if (readWrite == 0) {
            return request.access() == 0 && request.last() && !request.requester().hasPasid();
        }
        return (request.access() & (Translation.READ | Translation.EXECUTE)) != Translation.EXECUTE;
    }

    @Override
    public PageRequestOutcome stopMarker(Requester requester) {
        PciFunction.State state = function.state();
        Requester unprivileged =
                requester.privileged()
                        ? new Requester(requester.rid(), requester.pasid(), false)
                        : requester;
        if (pages == null
                || !requester.hasPasid()
                || !state.mayMaster()
                || !enables.admits(unprivileged)
                || !mayMark()) {
            return PageRequestOutcome.NOT_PERMITTED;
        }
        PciTrace.stopMarked(unprivileged);
        return pages.stopMarker(PageRequest.stopMarker(own(state, unprivileged)));
    }

    private boolean mayMark() {
        FunctionChaos now = chaos;
        return now == null || !now.isGone() && now.hasRoom();
    }

    private CompletionStatus send(PageRequest request) {
        FunctionChaos now = chaos;
        if (now == null) {
            return deliver(request);
        }
        now.sendPage(() -> {
            if (deliver(request) != CompletionStatus.SUCCESSFUL && pages != null) {
                pages.refused(request);
            }
        });
        return CompletionStatus.SUCCESSFUL;
    }

    private CompletionStatus deliver(PageRequest request) {
        TranslationAgent agent = function.host().agentOf(request.requester().rid());
        return agent == null ? CompletionStatus.UNSUPPORTED_REQUEST : agent.requestPage(request);
    }

    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        PciTrace.invalidation(request);
        Runnable traced =
                () -> {
                    PciTrace.invalidationCompleted(request);
                    complete.run();
                };
        FunctionChaos now = chaos;
        if (now == null) {
            receivers.invalidate(request, traced);
        } else {
            now.invalidate(receivers, request, traced);
        }
    }

    @Override
    public void pageResponse(PageResponse response) {
        PciTrace.pageAnswered(response);
        if (pages != null) {
            pages.respond(response);
        }
    }

    /** The agent gives the function up: as if software disabled ATS and enabled it again. */
    @Override
    public void disabled() {
        Runnable consequences;
        synchronized (lock) {
            consequences = stopAts();
            if (enables.ats()) {
                receivers.enable();
            }
        }
        consequences.run();
    }

    private void controlWritten() {
        enablesChanged(() -> {
            long enabled = pasid == null ? 0 : pasid.enables();
            if (enabled != pasidEnables && enables.ats()) {
                PciTrace.misused(
                        function.rid(),
                        "PASID Control is changed while ATS is enabled",
                        "§7.8.9.3");
            }
            pasidEnables = enabled;
            if (ats != null && !ats.latch()) {
                PciTrace.misused(
                        function.rid(), "STU is changed while ATS is enabled", "§10.5.1.3");
            }
        });
    }

    /**
     * @param latch what to do first, under the lock
     */
    private void enablesChanged(Runnable latch) {
        Runnable consequences = () -> {};
        synchronized (lock) {
            boolean before = enables.ats();
            latch.run();
            publish();
            if (before && !enables.ats()) {
                consequences = stopAts();
            } else if (!before && enables.ats()) {
                receivers.enable();
            }
        }
        consequences.run();
    }

    /** After the registers are fresh again, whatever was enabled. */
    void reset() {
        Runnable consequences;
        synchronized (lock) {
            if (ats != null) {
                ats.reset();
            }
            publish();
            consequences = stopAts();
        }
        if (pages != null) {
            pages.reset();
        }
        consequences.run();
    }

    private void publish() {
        enables =
                new Enables(
                        ats != null && ats.enabled() && !isGone(),
                        PAGE_LOG2 + (ats == null ? 0 : ats.stu()),
                        pasid == null ? 0 : pasid.limit(),
                        pasid != null && pasid.executeEnabled(),
                        pasid != null && pasid.privilegedEnabled(),
                        pasid != null && pasid.translatedEnabled());
    }

    private Runnable stopAts() {
        disables.incrementAndGet();
        Runnable consequences = receivers.disable();
        return () -> {
            consequences.run();
            tellAgent();
        };
    }

    private void tellAgent() {
        int rid = function.rid();
        TranslationAgent agent = function.host().agentOf(rid);
        if (agent != null) {
            agent.atsDisabled(rid);
        }
    }
}
