package nestor.pci;

import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.rid;

/** A board with an IOMMU and one function at 00:02.0 that has PASID, ATS and PRI. */
final class AtsBoard implements AutoCloseable {
    static final int RID = rid(0, 2, 0);
    static final int CAPACITY = 8;

    static final int PASID_CONTROL = 0x106;
    static final int ATS_CONTROL = 0x10e;
    static final int PRI_CONTROL = 0x114;
    static final int PRI_STATUS = 0x116;
    static final int PRI_ALLOCATION = 0x11c;

    static final int ATS_ENABLE = 0x8000;

    /** PRI Status bits. */
    static final int FAILURE = 1;

    static final int UNEXPECTED = 2;
    static final int STOPPED = 0x100;
    static final int PASID_REQUIRED = 0x8000;

    final TestBoard board = new TestBoard();
    final ScriptedAgent agent = new ScriptedAgent();
    final PciFunction function;
    final AtsPort ats;

    AtsBoard() {
        this(
                PasidOptions.ofWidth(20).withExecute().withPrivileged().withTranslatedRequests(),
                AtsOptions.ofQueueDepth(32),
                PriOptions.ofCapacity(CAPACITY));
    }

    AtsBoard(PasidOptions pasid, AtsOptions atsOptions, PriOptions pri) {
        function =
                PciFunction.builder("f")
                        .ids(1, 2)
                        .express()
                        .pasid(pasid)
                        .ats(atsOptions)
                        .pri(pri)
                        .onReset(() -> {})
                        .build();
        ats = function.ats();
        board.host.iommu(agent, _ -> true);
        board.host.plug(2, 0, function);
    }

    /** Everything there is, credit for all of the capacity. */
    AtsBoard enabled() {
        board.command(RID, BUS_MASTER);
        write(PASID_CONTROL, 2, 0xf);
        write(PRI_ALLOCATION, 4, CAPACITY);
        write(PRI_CONTROL, 2, 1);
        write(ATS_CONTROL, 2, ATS_ENABLE);
        return this;
    }

    void write(int offset, int sizeBytes, long value) {
        board.config(RID, offset, sizeBytes, value);
    }

    long read(int offset, int sizeBytes) {
        return board.config(RID, offset, sizeBytes);
    }

    void functionLevelReset() {
        write(board.capability(RID, 0x10) + 8, 2, 0x8000);
    }

    AtsEndpoint messages() {
        return board.host.atsEndpoint(RID).orElseThrow();
    }

    /** A response with the PASID that the request had. */
    void respond(int pasid, int index, int code) {
        messages().pageResponse(new PageResponse(RID, pasid, index, code));
    }

    static Requester pasid(int pasid) {
        return new Requester(RID, pasid, false);
    }

    static Requester bare() {
        return Requester.withoutPasid(RID);
    }

    @Override
    public void close() {
        board.close();
    }
}
