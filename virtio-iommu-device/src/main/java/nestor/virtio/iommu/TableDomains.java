package nestor.virtio.iommu;

import java.lang.System.Logger;
import java.util.Optional;
import nestor.iommu.IovaRange;
import nestor.pci.Requester;
import nestor.virtio.iommu.TableRequest.Scope;
import nestor.virtio.iommu.table.TableDescriptor;
import nestor.virtio.iommu.table.TableKind;
import nestor.virtio.iommu.table.TableOptions;
import nestor.virtio.iommu.table.TableSpace;

/** ATTACH_TABLE and INVALIDATE: validates and applies, on the device's loop. */
final class TableDomains implements AddressSpaces.Departures {
    private static final Logger LOG = System.getLogger(TableDomains.class.getName());

    private final TableSupport support;
    private final TableOptions options;
    private final AddressSpaces spaces;
    private final PageRequests pages;
    private final AtcFlush atcs;
    private final HostInvalidations hostCaches;

    /** Whether a driver's first failure was logged; it has one line, whatever it does. */
    private boolean logged;

    TableDomains(TableSupport support, AddressSpaces spaces, PageRequests pages) {
        this.support = support;
        this.options = new TableOptions(support.outputBits(), support.pasidBits());
        this.spaces = spaces;
        this.pages = pages;
        this.atcs = new AtcFlush(support.invalidator());
        this.hostCaches = new HostInvalidations(support.host());
    }

    TableOptions options() {
        return options;
    }

    /** Whether {@code endpoint} may be attached to tables. */
    boolean supports(int endpoint) {
        return support.supports().test(endpoint);
    }

    Outcome attach(TableRequest.AttachTable request) {
        if (request.malformed()) {
            return Outcome.failed(Status.INVAL);
        }
        Status refusal = spaces.refusal(request.endpoint(), request.domain());
        if (refusal == Status.NOENT) {
            return Outcome.failed(refusal);
        }
        Optional<TableDescriptor> table = request.table();
        if (table.isEmpty()
                || !support.profile().kinds().contains(table.get().kind())
                || !supports(request.endpoint())) {
            return Outcome.failed(Status.UNSUPP);
        }
        return refusal == Status.OK
                ? attach(request.domain(), request.endpoint(), table.get())
                : Outcome.failed(refusal);
    }

    private Outcome attach(int id, int endpoint, TableDescriptor table) {
        Domain existing = spaces.domain(id);
        if (existing != null) {
            return existing instanceof TableDomain domain
                            && domain.descriptor().equals(table)
                            && isAlone(endpoint, table)
                    ? enter(endpoint, domain)
                    : Outcome.failed(Status.INVAL);
        }
        Optional<TableDescriptor.Flaw> flaw = table.flaw(options, support.memory());
        if (flaw.isPresent()) {
            log(endpoint, table, flaw.get());
            return Outcome.failed(Status.of(flaw.get()));
        }
        if (!isAlone(endpoint, table)) {
            return Outcome.failed(Status.INVAL);
        }
        int serial = spaces.newSerial();
        var space =
                new TableSpace(
                        table, options, support.memory(), serial, spaces.iotlb(), spaces.chaos());
        return enter(endpoint, new TableDomain(id, serial, space));
    }

    private Outcome enter(int endpoint, TableDomain domain) {
        boolean another =
                domain.descriptor().pasid() != Requester.NO_PASID
                        && spaces.attachment(endpoint).at(domain.descriptor().pasid()) == null;
        return another && spaces.attachment(endpoint).pasids() >= Attachment.MAX_PASIDS
                ? Outcome.failed(Status.NOMEM)
                : spaces.enter(endpoint, domain);
    }

    /** Not both a table for all PASIDs and tables for some. */
    private boolean isAlone(int endpoint, TableDescriptor table) {
        Attachment now = spaces.attachment(endpoint);
        if (table.kind() == TableKind.ARM_SMMUV3) {
            return now.pasids() == 0;
        }
        return table.pasid() == Requester.NO_PASID
                || !(now.at(Requester.NO_PASID) instanceof TableDomain own)
                || !own.hasAllPasids();
    }

    /** A driver with a bug of its own is hard to tell from one that meets ours. */
    private void log(int endpoint, TableDescriptor table, TableDescriptor.Flaw flaw) {
        if (!logged) {
            logged = true;
            String hint =
                    table instanceof TableDescriptor.ContextTable contexts
                                    && contexts.s1ContextPtr() == 0
                            ? ": the base is 0, as drivers of 2021 leave it for linear tables"
                            : "";
            LOG.log(
                    Logger.Level.WARNING,
                    "tables refused for endpoint 0x%x (%s%s): %s"
                            .formatted(endpoint, flaw, hint, table));
        }
    }

    Outcome invalidate(TableRequest.Invalidate request) {
        if (!(spaces.domain(request.domain()) instanceof TableDomain domain)) {
            return Outcome.failed(
                    spaces.domain(request.domain()) == null ? Status.NOENT : Status.INVAL);
        }
        if (request.malformed() || request.scope() == Scope.NONE) {
            return Outcome.failed(Status.INVAL);
        }
        if (request.hasPasid() && !options.hasPasid(request.pasid())) {
            return Outcome.failed(Status.RANGE);
        }
        IovaRange range = IovaRange.ALL;
        if (request.scope() == Scope.ADDRESS) {
            if (request.pages() == 0) {
                return Outcome.DONE;
            }
            Optional<IovaRange> given = request.range();
            if (!isPageSize(request.granuleLog2()) || given.isEmpty()) {
                return Outcome.failed(Status.RANGE);
            }
            range = given.get();
        }
        drop(request, domain, range);
        return Outcome.REVOKED;
    }

    private boolean isPageSize(int log2) {
        return log2 < Long.SIZE && (spaces.config().pageSizeMask() & 1L << log2) != 0;
    }

    /** The IOTLB goes before the ATCs, which else could be filled from it again. */
    private void drop(TableRequest.Invalidate request, TableDomain domain, IovaRange range) {
        boolean whole = request.scope() == Scope.DOMAIN;
        boolean byPasid = !whole && (request.hasPasid() || !request.hasAsid());
        int pasid = pasid(request, domain.descriptor());
        if (request.pasidCache()) {
            if (byPasid) {
                domain.space().dropContext(pasid);
            } else {
                domain.space().dropContexts();
            }
        }
        if (request.iotlb()) {
            if (!request.leaf()) {
                domain.space().dropTables();
            }
            if (whole) {
                domain.space().dropTranslations();
            }
            if (byPasid) {
                domain.space().dropTranslations(pasid, range);
            }
            if (!whole && request.hasAsid()) {
                domain.space().dropTranslationsOfAsid(request.asid(), range);
            }
        }
        hostCaches.drop(request, domain, range);
        if (request.deviceTlb()) {
            // Who has no PASID in the ATC uses the context of PASID 0.
            int told = byPasid && pasid != 0 ? pasid : Requester.NO_PASID;
            for (int endpoint : domain.endpoints()) {
                atcs.send(endpoint, told, range);
            }
        }
    }

    /** Without a PASID the request is about the tables' own, or about PASID 0. */
    private static int pasid(TableRequest.Invalidate request, TableDescriptor table) {
        if (request.hasPasid()) {
            return request.pasid();
        }
        return table.pasid() == Requester.NO_PASID ? 0 : table.pasid();
    }

    Status respond(TableRequest.PageResponse request) {
        if (request.malformed() || request.code().isEmpty()) {
            return Status.INVAL;
        }
        return pages.respond(request, request.code().get()) ? Status.OK : Status.NOENT;
    }

    /** Nobody answers its page requests any more, and what it has cached is not its own. */
    @Override
    public void left(int endpoint, int pasid, Domain domain) {
        if (domain instanceof TableDomain table) {
            hostCaches.left(endpoint, table);
            pages.left(endpoint, pasid);
            atcs.send(endpoint, pasid, IovaRange.ALL);
        }
    }
}
