package nestor.iommu.host;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import nestor.iommu.AtsRoute;
import nestor.iommu.IovaRange;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.pci.TranslationAgent;
import nestor.vmm.time.Clock;

/**
 * The assigned functions behind one IOMMU of the guest's, kept at the host as the guest means them:
 * a model states intents, and this reconciles them with what is attached. Functions that are not
 * assigned are none of its business, and nothing happens for them.
 *
 * <p>On the model's loop, except for {@link #route} and what comes in through {@link HostReports}.
 */
public final class HostBinding {
    /** A PASID that the host would not keep as it was, and that is blocked now. */
    public record Refused(int rid, int pasid) {}

    /** What the hardware behind a function made of an invalidation that the host carried out. */
    public record HardwareError(int rid, InvalidationProgress.Kind kind) {}

    /**
     * What came of invalidations.
     *
     * @param blocked because the host would not forget their translations
     * @param commands which the host refused; those behind them were handled
     * @param errors of ranges that were handled, but not by all hardware
     */
    public record Flushed(
            List<Refused> blocked,
            List<HostInvalidation.SmmuV3Command> commands,
            List<HardwareError> errors) {
        public Flushed {
            blocked = List.copyOf(blocked);
            commands = List.copyOf(commands);
            errors = List.copyOf(errors);
        }

        /** Whether everything was done as it was asked for. */
        public boolean isClean() {
            return blocked.isEmpty() && commands.isEmpty() && errors.isEmpty();
        }
    }

    private static final Flushed CLEAN = new Flushed(List.of(), List.of(), List.of());

    private final Clock clock;
    private final Map<Integer, AssignedFunction> functions = new TreeMap<>();
    private final Map<HostIommu, CommandBatch> batches = new LinkedHashMap<>();
    private final List<NestedDomain> orphans = new ArrayList<>();

    /** What {@link #route} sees, on any thread; replaced as a whole. */
    private volatile Map<Integer, AssignedEndpoint> endpoints = Map.of();

    /**
     * Without functions.
     *
     * @param clock for page requests that the guest does not answer
     */
    public HostBinding(Clock clock) {
        this.clock = clock;
    }

    /**
     * The device that {@code host} has at {@code rid} does its own DMA from now on. It is blocked
     * until an intent is stated.
     *
     * @param agent the model, which takes its page requests
     * @param events takes its fault events
     * @throws HostException ENODEV (19) if there is no such device
     */
    public void assign(int rid, HostIommu host, TranslationAgent agent, HostEvents events)
            throws HostException {
        HostDevice device = host.device(rid);
        unassign(rid);
        functions.put(rid, new AssignedFunction(rid, host, device));
        batches.computeIfAbsent(host, CommandBatch::new);
        var endpoint = new AssignedEndpoint(rid, device, agent, events, this, clock);
        Map<Integer, AssignedEndpoint> now = new HashMap<>(endpoints);
        now.put(rid, endpoint);
        endpoints = Map.copyOf(now);
        device.report(endpoint);
    }

    /** The function is the guest's no more: nothing of it stays attached. */
    public void unassign(int rid) {
        sweep();
        AssignedFunction function = functions.remove(rid);
        if (function == null) {
            return;
        }
        Map<Integer, AssignedEndpoint> now = new HashMap<>(endpoints);
        AssignedEndpoint endpoint = now.remove(rid);
        endpoints = Map.copyOf(now);
        if (endpoint != null) {
            endpoint.disabled();
        }
        orphans.addAll(function.release());
        if (functions.values().stream().noneMatch(f -> f.host().equals(function.host()))) {
            batches.remove(function.host());
        }
    }

    private void sweep() {
        orphans.removeIf(domain -> {
            try {
                domain.close();
                return true;
            } catch (HostException e) {
                return false; // the host ends it with the guest's last descriptor
            }
        });
    }

    public boolean isAssigned(int rid) {
        return functions.containsKey(rid);
    }

    /** Every assigned function, ascending. */
    public Set<Integer> assigned() {
        return Collections.unmodifiableSet(new TreeSet<>(functions.keySet()));
    }

    /** What {@code pasid} is attached to, {@link Stage1Intent#BLOCKED} if it is not. */
    public Stage1Intent bound(int rid, int pasid) {
        AssignedFunction function = functions.get(rid);
        return function == null ? Stage1Intent.BLOCKED : function.bound(pasid);
    }

    /** PASIDs that are not blocked, {@link Requester#NO_PASID} among them. */
    public Set<Integer> pasids(int rid) {
        AssignedFunction function = functions.get(rid);
        return function == null ? Set.of() : function.pasids();
    }

    /**
     * States what the guest means {@code pasid} to be attached to, which replaces what was; before
     * the guest is told that the change is made.
     *
     * @param pasid or {@link Requester#NO_PASID}
     * @throws HostException if the host cannot; the PASID is blocked then
     */
    public void intend(int rid, int pasid, Stage1Intent intent) throws HostException {
        AssignedFunction function = functions.get(rid);
        if (function != null) {
            function.apply(pasid, intent);
        }
    }

    /** VT-d: translations of one PASID are to be forgotten, at the next flush. */
    public void invalidate(int rid, int pasid, IovaRange range, boolean leafOnly) {
        AssignedFunction function = functions.get(rid);
        if (function != null) {
            function.invalidate(pasid, new HostInvalidation.VtdRange(range, leafOnly));
        }
    }

    /** SMMUv3: a command for all assigned functions, at the next flush. */
    public void invalidate(HostInvalidation.SmmuV3Command command) {
        batches.values().forEach(batch -> batch.add(command));
    }

    /** SMMUv3: a command that names the stream {@code rid}, at the next flush. */
    public void invalidate(int rid, HostInvalidation.SmmuV3Command command) {
        AssignedFunction function = functions.get(rid);
        CommandBatch batch = function == null ? null : batches.get(function.host());
        if (batch != null) {
            batch.add(command);
        }
    }

    /** What a function is asked to forget, in the terms of whatever its requests are bound to. */
    void invalidate(InvalidateRequest request) {
        AssignedFunction function = functions.get(request.rid());
        if (function == null) {
            return;
        }
        IovaRange range = IovaRange.block(request.iova(), request.sizeLog2());
        boolean all = !request.hasPasid() || request.global();
        boolean commands = false;
        for (int pasid : function.pasids()) {
            if (function.bound(pasid) instanceof Stage1Intent.Nested(Stage1 stage1)) {
                switch (stage1) {
                    case Stage1.SmmuV3 _ -> commands = true;
                    case Stage1.VtdFirstStage _ when all || pasid == request.pasid() ->
                            invalidate(request.rid(), pasid, range, true);
                    case Stage1.VtdFirstStage _ -> {}
                }
            }
        }
        if (commands) {
            invalidate(request.rid(), SmmuCommands.atcInv(request));
        }
    }

    /**
     * Has the host forget what it is to forget, before the guest is told that it did. A PASID whose
     * translations a host would not forget is blocked; so is every one that a guest's stage 1
     * translates, if the host would not carry out a command that could concern any of them.
     */
    public Flushed flush() {
        if (functions.isEmpty()) {
            return CLEAN;
        }
        List<Refused> blocked = new ArrayList<>();
        List<HardwareError> errors = new ArrayList<>();
        List<HostInvalidation.SmmuV3Command> commands = new ArrayList<>();
        for (AssignedFunction function : functions.values()) {
            function.sweep();
            List<InvalidationProgress.EntryError> its = new ArrayList<>();
            for (int pasid : function.flush(its)) {
                blocked.add(new Refused(function.rid(), pasid));
            }
            its.forEach(error -> errors.add(new HardwareError(function.rid(), error.kind())));
        }
        batches.forEach((host, batch) -> {
            List<HostInvalidation.SmmuV3Command> refused = batch.flush();
            commands.addAll(refused);
            if (refused.stream().anyMatch(command -> !SmmuCommands.isAtcInv(command))) {
                blockNested(host, blocked);
            }
        });
        return new Flushed(blocked, commands, errors);
    }

    private void blockNested(HostIommu host, List<Refused> blocked) {
        for (AssignedFunction function : functions.values()) {
            if (function.host().equals(host) && function.isNested()) {
                for (int pasid : function.pasids()) {
                    function.block(pasid);
                    blocked.add(new Refused(function.rid(), pasid));
                }
            }
        }
    }

    /** {@code others}, with the assigned functions before them. */
    public AtsRoute route(AtsRoute others) {
        return new AtsRoute() {
            @Override
            public Optional<AtsEndpoint> endpoint(int rid) {
                AssignedEndpoint assigned = endpoints.get(rid);
                return assigned == null ? others.endpoint(rid) : Optional.of(assigned);
            }

            @Override
            public int invalidateQueueDepth(int rid) {
                return endpoints.containsKey(rid)
                        ? InvalidateRequest.ITAGS
                        : others.invalidateQueueDepth(rid);
            }
        };
    }
}
