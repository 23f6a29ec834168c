package nestor.vtd;

import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.interrupt.MsiSink;

/**
 * The units under one host bridge, each with its scope (§8.3). A requester belongs to the first
 * unit whose scope holds it, as in the DMAR table, where the unit of all others comes last;
 * requests and interrupts of one that belongs to none pass.
 */
public final class VtdUnits implements TranslationAgent, MsiSink {
    /**
     * A unit and its scope.
     *
     * @param rids a pure function: which Requester IDs belong to it
     */
    public record Scoped(IntPredicate rids, VtdUnit unit) {}

    private static final Translation UNSUPPORTED =
            new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);

    private final List<Scoped> units;
    private final Quiescence quiescence;
    private final MsiSink apic;

    /**
     * Units in the order in which their scopes are asked.
     *
     * @param quiescence which all of them were made with
     * @param apic takes the interrupts of requesters that belong to no unit
     */
    public VtdUnits(List<Scoped> units, Quiescence quiescence, MsiSink apic) {
        this.units = List.copyOf(units);
        this.quiescence = quiescence;
        this.apic = apic;
    }

    /** The unit of a requester. */
    public Optional<VtdUnit> of(int rid) {
        for (Scoped scoped : units) {
            if (scoped.rids().test(rid)) {
                return Optional.of(scoped.unit());
            }
        }
        return Optional.empty();
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        int rid = requester.rid();
        for (int i = 0; i < units.size(); i++) { // an iterator would be an allocation
            Scoped scoped = units.get(i);
            if (scoped.rids().test(rid)) {
                return scoped.unit().translate(requester, type, address, access);
            }
        }
        if (type == AddressType.UNTRANSLATED && InterruptRange.contains(address)) {
            return access == Translation.WRITE ? InterruptRange.MESSAGE : UNSUPPORTED;
        }
        return InterruptRange.contains(address) ? UNSUPPORTED : InterruptRange.identity(address);
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        return of(request.requester().rid())
                .map(unit -> unit.requestTranslation(request))
                .orElseGet(() -> new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        return of(request.requester().rid())
                .map(unit -> unit.requestPage(request))
                .orElse(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Override
    public void signal(int sid, long address, int data) {
        of(sid).map(VtdUnit::interrupts).orElse(apic).signal(sid, address, data);
    }

    @Override
    public long enterDma() {
        return quiescence.enter();
    }

    @Override
    public void exitDma(long ticket) {
        quiescence.exit(ticket);
    }
}
