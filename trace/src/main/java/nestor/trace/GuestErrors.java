package nestor.trace;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What {@code -d guest_errors} tells: where the guest breaks a specification, once for each place.
 * It reads what the models report to the guest itself; ordinary translation faults are no breach.
 */
public final class GuestErrors implements TraceSink {
    private static final String SMMU_EVENT = "smmuv3_record_event";
    private static final String SMMU_COMMAND = "smmuv3_cmdq_consume_error";
    private static final String VTD_FAULT = "vtd_dmar_fault";
    private static final String VTD_QUEUE = "vtd_inv_qi_stopped";
    private static final String VIRTIO_REQUEST = "virtio_iommu_cmd";

    private static final String CONFIG_MISUSE = "pci_cfg_misuse";
    private static final String QUEUE_MISUSE = "virtqueue_misuse";

    /** The points that it needs. */
    public static final Set<String> POINTS =
            Set.of(
                    SMMU_EVENT,
                    SMMU_COMMAND,
                    VTD_FAULT,
                    VTD_QUEUE,
                    VIRTIO_REQUEST,
                    CONFIG_MISUSE,
                    QUEUE_MISUSE);

    /** A guest that invents places does not fill the log. */
    static final int MAX_PLACES = 1000;

    private static final String SMMU = "IHI 0070";
    private static final String VTD = "VT-d";
    private static final String VTD_REASONS = "§7.1.3";

    /** A rule, and where it is written. */
    private record Rule(String text, String document, String section) {}

    /** Event numbers (IHI 0070, §7.3). */
    private static final Map<Long, Rule> SMMU_EVENTS =
            Map.of(
                    0x02L, smmu("C_BAD_STREAMID: the stream table has no such StreamID", "§7.3.3"),
                    0x03L, smmu("F_STE_FETCH: nothing backs the STE's address", "§7.3.4"),
                    0x04L, smmu("C_BAD_STE: the STE is illegal", "§7.3.5"),
                    0x08L,
                            smmu(
                                    "C_BAD_SUBSTREAMID: the CD table has no such SubstreamID",
                                    "§7.3.9"),
                    0x09L, smmu("F_CD_FETCH: nothing backs the CD's address", "§7.3.10"),
                    0x0aL, smmu("C_BAD_CD: the CD is illegal", "§7.3.11"),
                    0x0bL,
                            smmu(
                                    "F_WALK_EABT: nothing backs a translation table's address",
                                    "§7.3.12"));

    private static final Map<String, Rule> SMMU_COMMANDS =
            Map.of(
                    "CERROR_ILL", smmu("CERROR_ILL: the command is illegal", "§7.1"),
                    "CERROR_ABT", smmu("CERROR_ABT: nothing backs the Command queue", "§7.1"));

    /** Fault reasons (VT-d, §7.1.3) that structures of the guest cause, not its accesses. */
    private static final Map<Long, Rule> VTD_FAULTS =
            Map.ofEntries(
                    vtd(0x03, "the context entry is invalid"),
                    vtd(0x07, "nothing backs a paging structure's address"),
                    vtd(0x08, "nothing backs the root table's address"),
                    vtd(0x09, "nothing backs the context table's address"),
                    vtd(0x0a, "a reserved field of the root entry is set"),
                    vtd(0x0b, "a reserved field of the context entry is set"),
                    vtd(0x0c, "a reserved field of a paging entry is set"),
                    vtd(0x20, "a reserved field of an interrupt request is set"),
                    vtd(0x21, "the index is beyond the interrupt remapping table"),
                    vtd(0x23, "nothing backs the interrupt remapping table's address"),
                    vtd(0x24, "a reserved field of the IRTE is set"),
                    vtd(0x27, "nothing backs the posted interrupt descriptor's address"),
                    vtd(0x28, "a reserved field of the posted interrupt descriptor is set"),
                    vtd(0x30, "RTADDR_REG.TTM is invalid"),
                    vtd(0x38, "nothing backs the root table's address"),
                    vtd(0x3a, "a reserved field of the root entry is set"),
                    vtd(0x40, "nothing backs the context table's address"),
                    vtd(0x42, "a reserved field of the context entry is set"),
                    vtd(0x48, "RID_PASID is invalid"),
                    vtd(0x50, "nothing backs the PASID directory's address"),
                    vtd(0x52, "a reserved field of the PASID directory entry is set"),
                    vtd(0x58, "nothing backs the PASID table's address"),
                    vtd(0x5a, "a reserved field of the PASID table entry is set"),
                    vtd(0x5b, "the PASID table entry is invalid"),
                    vtd(0x70, "nothing backs a first-stage entry's address"),
                    vtd(0x72, "a reserved field of a first-stage entry is set"),
                    vtd(0x73, "nothing backs the first-stage root's address"),
                    vtd(0x78, "nothing backs a second-stage entry's address"),
                    vtd(0x7a, "a reserved field of a second-stage entry is set"),
                    vtd(0x7b, "nothing backs the second-stage root's address"));

    private final TraceOutput output;
    private final Set<String> places = new HashSet<>();

    /** Writes to {@code output} and closes it at the end. */
    public GuestErrors(TraceOutput output) {
        this.output = output;
    }

    private static Rule smmu(String text, String section) {
        return new Rule(text, SMMU, section);
    }

    private static Map.Entry<Long, Rule> vtd(long reason, String text) {
        return Map.entry(
                reason,
                new Rule("fault reason 0x%02x: %s".formatted(reason, text), VTD, VTD_REASONS));
    }

    @Override
    public void take(TraceRecord item) {
        switch (item.name()) {
            case SMMU_EVENT ->
                    tell(SMMU_EVENTS.get(item.number("type")), item, stream(item, "ssid"));
            case SMMU_COMMAND -> tell(SMMU_COMMANDS.get(item.text("error")), item, "");
            case VTD_FAULT -> tell(VTD_FAULTS.get(item.number("fault")), item, stream(item, ""));
            case VTD_QUEUE ->
                    tell(
                            new Rule(
                                    "invalidation queue error " + item.text("error"),
                                    VTD,
                                    "§11.4.9.9"),
                            item,
                            "");
            case VIRTIO_REQUEST -> request(item);
            case CONFIG_MISUSE ->
                    tell(rule(item, "PCIe"), item, " of 0x%x".formatted(item.number("rid")));
            case QUEUE_MISUSE ->
                    tell(
                            rule(item, "virtio"),
                            item,
                            ", queue at 0x%x".formatted(item.number("queue")));
            default -> {}
        }
    }

    private static Rule rule(TraceRecord item, String document) {
        return new Rule(item.text("rule"), document, item.text("section"));
    }

    private static String stream(TraceRecord item, String pasid) {
        String of = " of 0x%x".formatted(item.number("sid"));
        return item.number(pasid) < 0 ? of : of + " pasid " + item.number(pasid);
    }

    /** §5.13.6: INVAL and RANGE are what a driver that checks its requests never gets. */
    private void request(TraceRecord item) {
        String status = item.text("status");
        if (status.equals("INVAL") || status.equals("RANGE")) {
            String request = item.text("request");
            int fields = request.indexOf('[');
            String kind = fields < 0 ? request : request.substring(0, fields);
            tell(
                    new Rule("request %s ended in %s".formatted(kind, status), "virtio", "§5.13.6"),
                    item,
                    "");
        }
    }

    private void tell(@Nullable Rule rule, TraceRecord item, String place) {
        if (rule == null || places.size() >= MAX_PLACES || !places.add(rule.text + place)) {
            return;
        }
        output.write(
                "guest error: %s%s (%s, %s) at %d.%06d%n"
                        .formatted(
                                rule.text,
                                place,
                                rule.document,
                                rule.section,
                                item.nanos() / 1_000_000_000L,
                                item.nanos() / 1_000 % 1_000_000));
        if (places.size() == MAX_PLACES) {
            output.write("guest error: there were %d; more are not told%n".formatted(MAX_PLACES));
        }
    }

    @Override
    public void flush() {
        output.flush();
    }

    @Override
    public void close() {
        output.close("");
    }
}
