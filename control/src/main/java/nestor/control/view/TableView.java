package nestor.control.view;

import java.util.ArrayList;
import java.util.List;
import nestor.control.Json;
import nestor.control.view.WalkQuery.WrongQueryException;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.PageTableListing;
import nestor.iommu.walk.PasidListing;
import nestor.iommu.walk.WalkExplorer;
import nestor.iommu.walk.WalkReport;
import nestor.machine.MachineControl;
import nestor.pci.FunctionInfo;
import nestor.pci.Requester;
import nestor.pci.Translation;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What the IOMMU's tables hold, as JSON: the mapped addresses of a requester, and the PASIDs of
 * functions. Bounded in time and size. What has 64 bits is a string in hexadecimal.
 */
final class TableView {
    /** PASIDs that are looked at for all functions together. */
    private static final int ALL_LOOKS = 4 * PasidListing.MAX_LOOKS;

    private final MachineControl control;
    private final List<FunctionInfo> functions;

    TableView(MachineControl control) {
        this.control = control;
        functions = control.pciFunctions();
    }

    ObjectNode pageTable(TableQuery query) throws WrongQueryException {
        Requester requester = query.requester(functions);
        PageTableListing listing =
                PageTableListing.of(
                        explorer(requester.rid()), requester, query.first(), query.last());
        ObjectNode node = Json.object().put("function", WalkView.place(requester.rid()));
        if (requester.hasPasid()) {
            node.put("pasid", requester.pasid()).put("privileged", requester.privileged());
        }
        ArrayNode mapped = node.putArray("mapped");
        listing.runs().forEach(run -> run(mapped.addObject(), run));
        listing.nothing()
                .ifPresent(refused ->
                        node.putObject("nothing")
                                .put("fault", refused.fault())
                                .put("section", refused.section())
                                .put("detail", refused.detail()));
        listing.cut().ifPresent(iova -> node.put("cut", WalkView.hex(iova)));
        return node;
    }

    private static void run(ObjectNode node, PageTableListing.Run run) {
        node.put("first", WalkView.hex(run.first()))
                .put("last", WalkView.hex(run.last()))
                .put("access", CachedTranslation.access(run.access()))
                .put("output", WalkView.hex(run.output()))
                .put("pieces", run.pieces());
        run.untranslated().ifPresent(why -> node.put("untranslated", why));
    }

    ArrayNode pasids(PasidQuery query) throws WrongQueryException {
        List<Integer> rids = new ArrayList<>();
        if (query.function().isPresent()) {
            int rid = WalkQuery.rid(query.function().get(), functions);
            explorer(rid);
            rids.add(rid);
        } else {
            functions.stream().map(FunctionInfo::rid).filter(this::isTranslated).forEach(rids::add);
        }
        ArrayNode list = Json.array();
        int looks = ALL_LOOKS;
        for (int rid : rids) {
            PasidListing listing =
                    PasidListing.of(
                            this::explore,
                            rid,
                            query.first(),
                            Math.min(looks, PasidListing.MAX_LOOKS));
            looks -= listing.looks();
            ObjectNode node = list.addObject().put("function", WalkView.place(rid));
            ArrayNode entries = node.putArray("pasids");
            for (PasidListing.Entry entry : listing.entries()) {
                ObjectNode one = entries.addObject().put("pasid", entry.pasid());
                WalkView.step(one.putObject("entry"), entry.entry());
            }
            listing.cut().ifPresent(pasid -> node.put("cut", pasid));
        }
        return list;
    }

    private WalkExplorer explorer(int rid) throws WrongQueryException {
        if (!isTranslated(rid)) {
            throw new WrongQueryException("no IOMMU is in front of " + WalkView.place(rid));
        }
        return this::explore;
    }

    private boolean isTranslated(int rid) {
        return control.explore(Requester.withoutPasid(rid), 0, Translation.READ).isPresent();
    }

    private WalkReport explore(Requester requester, long iova, int access) {
        return control.explore(requester, iova, access).orElseThrow();
    }
}
