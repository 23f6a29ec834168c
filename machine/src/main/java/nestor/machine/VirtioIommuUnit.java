package nestor.machine;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import nestor.iommu.IovaRange;
import nestor.iommu.host.GuestOffer;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.virtio.VirtqueueState;
import nestor.virtio.iommu.TableProfile;
import nestor.virtio.iommu.TableSupport;
import nestor.virtio.iommu.VirtioIommu;
import nestor.virtio.iommu.VirtioIommuConfig;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.virtio.pci.VirtioPci;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.time.Clock;

/** The virtio-iommu of a machine: a function that is in front of all others. */
final class VirtioIommuUnit {
    static final String DRIVER = "virtio-iommu-pci";

    private static final int EOPNOTSUPP = 95;
    private static final int MIN_IOVA_BITS = 32;

    private final String name;
    private final PciHost host;
    private final Clock clock;
    private final VirtioIommu agent;
    private final VirtioPci transport;

    /** Its own RID; none before it is plugged. */
    private int rid = -1;

    /**
     * Plugs it.
     *
     * @param messages where interrupt messages go, which no IOMMU translates; empty if it does
     * @param assigned devices of the host's, which are all plugged
     * @param loops makes its loop
     */
    VirtioIommuUnit(
            PciPlan.Placement place,
            PciHost host,
            GuestMemory memory,
            Clock clock,
            Optional<IovaRange> messages,
            AssignedDevices assigned,
            Function<String, MailboxLoop> loops)
            throws ConfigException {
        DeviceOptions options = place.options();
        VirtioIommuConfig config = config(options, messages);
        TableProfile profile = TableProfile.titled(options.text("table-profile")).orElseThrow();
        Optional<TableSupport> tables = tables(profile, host, memory, clock, assigned);
        if (tables.isPresent() && config.reserved().size() > TableSupport.MAX_RESERVED_REGIONS) {
            throw options.wrong(
                    "table-profile",
                    "needs room in PROBE: at most %d reserved regions"
                            .formatted(TableSupport.MAX_RESERVED_REGIONS));
        }
        this.name = place.name();
        this.host = host;
        this.clock = clock;
        this.agent = new VirtioIommu(config, this::isEndpoint, clock, tables);
        MailboxLoop loop = loops.apply(name);
        this.transport = new VirtioPci(name, agent, loop, VirtioPci.Access.DIRECT);
        PciFunction function = transport.function();
        host.plug(place.slot(), place.function(), function);
        int own = function.rid();
        rid = own;
        host.iommu(agent, requester -> requester != own);
        assigned.behind(requester -> requester != own, loop, new ParavirtualIommu(agent, tables));
    }

    private static VirtioIommuConfig config(DeviceOptions options, Optional<IovaRange> messages)
            throws ConfigException {
        long bits = options.number("aw-bits");
        if (bits < MIN_IOVA_BITS || bits > Long.SIZE) {
            throw options.wrong("aw-bits", "must be %d to %d".formatted(MIN_IOVA_BITS, Long.SIZE));
        }
        long granule = granuleBytes(options.text("granule"));
        VirtioIommuConfig defaults = VirtioIommuConfig.defaults(options.on("boot-bypass"));
        return new VirtioIommuConfig(
                -granule,
                new IovaRange(0, bits == Long.SIZE ? -1L : (1L << bits) - 1),
                defaults.firstDomain(),
                defaults.lastDomain(),
                ReservedRegions.of(options, granule, messages),
                defaults.bootBypass(),
                defaults.limits());
    }

    private static long granuleBytes(String granule) {
        return switch (granule) {
            case "16k" -> 1 << 14;
            case "64k" -> 1 << 16;
            default -> 1 << 12;
        };
    }

    private static Optional<TableSupport> tables(
            TableProfile profile,
            PciHost host,
            GuestMemory memory,
            Clock clock,
            AssignedDevices assigned) {
        return profile == TableProfile.NONE
                ? Optional.empty()
                : Optional.of(
                        TableSupport.of(profile, memory, host::atsEndpoint, clock)
                                .withPasidBits(hostPasidBits(assigned)));
    }

    /** What the hosts of all assigned devices have. */
    private static int hostPasidBits(AssignedDevices assigned) {
        return assigned.capabilities(_ -> true).stream()
                .mapToInt(host -> GuestOffer.of(host).pasidBits())
                .min()
                .orElse(Integer.MAX_VALUE);
    }

    private boolean isEndpoint(int other) {
        return rid != other
                && host.functions().stream().anyMatch(function -> function.rid() == other);
    }

    /** Devices of the host's behind the virtio-iommu: those need tables of the guest's. */
    private record ParavirtualIommu(VirtioIommu agent, Optional<TableSupport> tables)
            implements AssignedDevices.GuestIommu {
        @Override
        public void check(HostCapabilities host) throws ConfigException {
            GuestOffer offer = GuestOffer.of(host);
            int bits = tables.map(TableSupport::pasidBits).orElse(0);
            if (!offer.contextTables() && !offer.vtdFirstStage() || offer.pasidBits() < bits) {
                throw new ConfigException(
                        "-device virtio-iommu-pci: the IOMMU of the assigned device's host does not"
                                + " walk tables of %d-bit PASIDs".formatted(bits));
            }
        }

        @Override
        public void assign(int rid, HostIommu host) throws HostException {
            if (tables.isEmpty()) {
                throw new HostException(
                        "assigning behind a virtio-iommu without table-profile=", EOPNOTSUPP);
            }
            agent.assign(rid, host);
        }

        @Override
        public void unassign(int rid) {
            agent.unassign(rid);
        }
    }

    /** Its own RID. */
    int rid() {
        return rid;
    }

    /** How it misbehaves. */
    Chaos chaos() {
        return agent.chaos();
    }

    /** How it can. */
    Set<ChaosKey> chaosKeys() {
        return agent.chaosKeys();
    }

    /** Functions are off the bus: what they were asked is not waited for. */
    void functionsLeft() {
        agent.functionsLeft();
    }

    void systemReset() {
        agent.systemReset();
    }

    /** Has the oracle look on at it. */
    void watch(StaleTranslationOracle oracle) {
        host.interpose(agent, oracle.watch("virtio-iommu", agent, clock));
    }

    /** What it has counted. Any thread. */
    VirtioIommuStatistics statistics() {
        return agent.statistics();
    }

    /** How software has programmed it. Any thread. */
    IommuState state() {
        return IommuState.ofVirtio(name, this::isEndpoint, statistics());
    }

    String name() {
        return name;
    }

    /** Its virtqueues at this moment. */
    List<VirtqueueState> queues() {
        return transport.queues();
    }
}
