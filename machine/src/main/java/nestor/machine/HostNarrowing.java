package nestor.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import nestor.iommu.host.GuestOffer;
import nestor.iommu.host.HostCapabilities;
import nestor.smmuv3.SmmuV3Options;
import nestor.vtd.VtdOptions;
import nestor.vtd.VtdProperty;

/**
 * An IOMMU behind which the guest has devices of the host's offers no more than the host's hardware
 * walks ({@link GuestOffer}). What the user did not set is narrowed, with one line in the log; what
 * the user set, and the host lacks, is an error.
 */
final class HostNarrowing {
    private static final System.Logger LOG = System.getLogger(HostNarrowing.class.getName());

    private static final int MIN_PASID_BITS = 6;
    private static final int ASID_BITS = 16;
    private static final long GRANULES = 1 << 12 | 1 << 14 | 1 << 16;

    private final String origin;
    private final Predicate<String> given;
    private final List<String> narrowed = new ArrayList<>();

    private HostNarrowing(String origin, Predicate<String> given) {
        this.origin = origin;
        this.given = given;
    }

    /**
     * A VT-d unit's options.
     *
     * @param origin for messages
     * @param given names of properties that the user set
     * @param hosts of the devices behind it
     */
    static VtdOptions vtd(
            String origin,
            VtdOptions options,
            Predicate<String> given,
            List<HostCapabilities> hosts)
            throws ConfigException {
        VtdOptions now = options;
        var narrowing = new HostNarrowing(origin, given);
        for (HostCapabilities host : hosts) {
            now = narrowing.vtd(now, GuestOffer.of(host));
        }
        narrowing.log();
        return now;
    }

    /** The same for what a machine has been built with: nothing is narrowed any more. */
    static void check(String origin, VtdOptions options, HostCapabilities host)
            throws ConfigException {
        vtd(origin, options, _ -> true, List.of(host));
    }

    private VtdOptions vtd(VtdOptions options, GuestOffer offer) throws ConfigException {
        if (!offer.vtdFirstStage()) {
            throw lacks("VT-d with first-stage tables and nesting (ECAP.SMTS, FSTS, NEST)");
        }
        if (!options.has(VtdProperty.FIRST_STAGE)) {
            throw new ConfigException(
                    origin
                            + ": an assigned device needs scalable-mode=on,fsts=on: the host walks"
                            + " first-stage tables only");
        }
        VtdOptions now = vtd(options, VtdProperty.NESTED, offer.secondStage());
        now = vtd(now, VtdProperty.SECOND_STAGE, offer.secondStage());
        now = vtd(now, VtdProperty.FIVE_LEVEL, offer.fiveLevels());
        now = vtd(now, VtdProperty.GIGABYTE_PAGES, offer.gigabytePages());
        now = vtd(now, VtdProperty.SUPERVISOR_REQUESTS, offer.supervisorRequests());
        if (offer.pasidBits() < MIN_PASID_BITS) {
            now = vtd(now, VtdProperty.EXECUTE_REQUESTS, false);
            return vtd(now, VtdProperty.SVM, false);
        }
        if (now.pasidBits() > offer.pasidBits()) {
            narrow(VtdProperty.PASID_BITS, Integer.toString(offer.pasidBits()));
            now = now.with(VtdProperty.PASID_BITS, offer.pasidBits());
        }
        return now;
    }

    private VtdOptions vtd(VtdOptions options, VtdProperty property, boolean offered)
            throws ConfigException {
        if (offered || !options.has(property)) {
            return options;
        }
        narrow(property, "off");
        return options.with(property, 0);
    }

    private void narrow(VtdProperty property, String value) throws ConfigException {
        List<String> names = new ArrayList<>(List.of(property.title()));
        names.addAll(property.aliases());
        for (String name : names) {
            if (given.test(name)) {
                throw lacks(name + " (" + property.help() + "); it would be " + value);
            }
        }
        narrowed.add(property.title() + "=" + value);
    }

    /** An SMMUv3's options; see {@link #vtd(String, VtdOptions, Predicate, List)}. */
    static SmmuV3Options smmu(
            String origin,
            SmmuV3Options options,
            Predicate<String> given,
            List<HostCapabilities> hosts)
            throws ConfigException {
        SmmuV3Options now = options;
        var narrowing = new HostNarrowing(origin, given);
        for (HostCapabilities host : hosts) {
            now = narrowing.smmu(now, GuestOffer.of(host));
        }
        narrowing.log();
        return now;
    }

    /** The same for what a machine has been built with: nothing is narrowed any more. */
    static void check(String origin, SmmuV3Options options, HostCapabilities host)
            throws ConfigException {
        smmu(origin, options, _ -> true, List.of(host));
    }

    /** The model's 16-bit ASIDs, granules and two-level tables are not options. */
    private SmmuV3Options smmu(SmmuV3Options options, GuestOffer offer) throws ConfigException {
        if (!offer.contextTables()) {
            throw lacks("an SMMUv3 that walks AArch64 tables");
        }
        boolean fits = offer.asidBits() >= ASID_BITS && offer.granules() == GRANULES;
        if (!fits || !offer.twoLevelTables()) {
            throw lacks("an SMMUv3 with 16-bit ASIDs, two-level tables and all three granules");
        }
        if (!options.stage1()) {
            throw lacks("stage=2: its own stage 2 is taken");
        }
        SmmuV3Options.Builder builder =
                SmmuV3Options.builder()
                        .stages(true, options.stage2() && narrow("stage", "1"))
                        .ats(options.ats())
                        .pri(options.pri())
                        .splitStageAts(options.splitStageAts() && narrow("split-ats", "off"))
                        .stall(options.stall() && (offer.stall() || narrow("stall", "off")))
                        .rangeInvalidation(
                                options.rangeInvalidation()
                                        && (offer.rangeInvalidation() || narrow("ril", "off")))
                        .event(options.event())
                        .outputBits(options.outputBits())
                        .fetch(options.fetch())
                        .atcTimeout(options.atcTimeoutNanos())
                        .ssidBits(options.ssidBits())
                        .hardwareUpdates(0);
        if (options.hardwareUpdates() != 0) {
            narrow("httu", "0");
        }
        if (options.ssidBits() > offer.pasidBits()) {
            narrow("ssidsize", Integer.toString(offer.pasidBits()));
            builder.ssidBits(offer.pasidBits());
        }
        return builder.build();
    }

    /** Always false: what the property is now. */
    private boolean narrow(String name, String value) throws ConfigException {
        if (given.test(name)) {
            throw lacks(name + " as asked for; it would be " + value);
        }
        narrowed.add(name + "=" + value);
        return false;
    }

    private ConfigException lacks(String what) {
        return new ConfigException(
                origin + ": the IOMMU of the assigned device's host does not have " + what);
    }

    private void log() {
        if (!narrowed.isEmpty()) {
            LOG.log(
                    System.Logger.Level.INFO,
                    "%s: narrowed to what the host of its assigned devices walks: %s"
                            .formatted(origin, String.join(",", narrowed)));
        }
    }
}
