package nestor.hostsuite;

import static nestor.hostsuite.AssignedDevice.PAGE;
import static nestor.hostsuite.AssignedDevice.RAM;
import static nestor.hostsuite.AssignedDevice.RID;
import static nestor.hostsuite.Expectation.assertThat;

import java.util.List;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostReports.SmmuV3Event;
import nestor.iommu.host.NestedDomain;
import nestor.iommu.host.SmmuCommands;
import nestor.iommu.host.Stage1;
import nestor.pci.Requester;

/**
 * A real function behind the kernel's SMMUv3 driver: its DMA goes through the guest's tables and
 * the kernel's second stage (IHI 0070, §3.3, §5.4; DDI 0487, D8).
 */
final class AssignedChecks {
    private static final int PASID = 1;
    private static final int ASID = 7;
    private static final long IOVA = 0x12_3456_7000L;
    private static final long UNMAPPED = IOVA + PAGE;

    // The guest's RAM, by pages.
    private static final long CONTEXTS = RAM;
    private static final long ROOT = RAM + PAGE;
    private static final long BUFFER = RAM + 8 * PAGE;
    private static final long OTHER = RAM + 16 * PAGE;

    private static final int LEVELS = 4;
    private static final int INDEX_BITS = 9;
    private static final int PAGE_LOG2 = 12;

    /** Next-level table or, at the last level, page: the same two bits. */
    private static final long VALID = 3;

    /** AF, inner shareable, AP[1], attribute 0. */
    private static final long PAGE_BITS = 1 << 10 | 3 << 8 | 1 << 6 | VALID;

    // A Context descriptor: 48 bits of 4 KiB pages, V, R, A, AA64, ASET, IPS of 48 bits.
    private static final int CONTEXT_BYTES = 64;
    private static final long CONTEXT =
            16L
                    | 1 << 8
                    | 1 << 10
                    | 3 << 12
                    | 1L << 30
                    | 1L << 31
                    | 5L << 32
                    | 1L << 41
                    | 1L << 45
                    | 1L << 46
                    | 1L << 47
                    | (long) ASID << 48;

    /** V, S1 only, two Context descriptors in a row. */
    private static final long STE0 = 1 | 5 << 1 | CONTEXTS | 1L << 59;

    /** Requests without a PASID use the first; tables are cacheable. */
    private static final long STE1 = 2 | 1 << 2 | 1 << 4 | 3 << 6;

    private static final int F_TRANSLATION = 0x10;

    private final AssignedDevice device;

    AssignedChecks(AssignedDevice device) {
        this.device = device;
    }

    /** Tables for one page, and the function's stream nested on them. */
    private NestedDomain nested() throws HostException {
        device.word(pte(IOVA), BUFFER | PAGE_BITS);
        long context = CONTEXTS + PASID * CONTEXT_BYTES;
        device.word(context + 8, ROOT);
        device.word(context + 24, 0xff);
        device.word(context, CONTEXT);
        NestedDomain domain = device.host.device(RID).nest(Stage1.SmmuV3.of(STE0, STE1, false));
        device.host.device(RID).attach(Requester.NO_PASID, domain);
        return domain;
    }

    /** Where the last level's entry of an address is; the tables on the way are made. */
    private long pte(long iova) {
        long table = ROOT;
        for (int level = 0; level < LEVELS - 1; level++) {
            long next = table + PAGE;
            device.word(table + index(iova, level), next | VALID);
            table = next;
        }
        return table + index(iova, LEVELS - 1);
    }

    private static long index(long iova, int level) {
        int shift = PAGE_LOG2 + INDEX_BITS * (LEVELS - 1 - level);
        return (iova >>> shift & (1 << INDEX_BITS) - 1) * Long.BYTES;
    }

    /** The pattern's first eight bytes: 0, 1, 2, and so on. */
    private static final long PATTERN = 0x0706_0504_0302_0100L;

    @Check
    void theSmmuTakesPasidsAndTheGuestIsOfferedNesting() {
        assertThat(device.host.capabilities() instanceof HostCapabilities.SmmuV3).isTrue();
    }

    @Check
    void aFunctionThatIsAttachedToNothingReachesNothing() throws HostException {
        assertThat(device.writes(PASID, IOVA, 8)).isFalse();
        assertThat(device.word(BUFFER)).isZero();
    }

    @Check
    void dmaByPasidGoesThroughTheGuestsTables() throws HostException {
        nested();
        assertThat(device.writes(PASID, IOVA, PAGE)).isTrue();
        assertThat(device.word(BUFFER)).isEqualTo(PATTERN);
        assertThat(device.word(BUFFER + PAGE)).isZero();
    }

    @Check
    void aPasidWithoutAContextDescriptorReachesNothing() throws HostException {
        nested();
        device.word(CONTEXTS + PASID * CONTEXT_BYTES, 0);
        assertThat(device.writes(PASID, IOVA, 8)).isFalse();
        assertThat(device.word(BUFFER)).isZero();
    }

    @Check
    void whatIsForwardedIsInvalidatedAndWhatIsNotStays() throws HostException {
        nested();
        assertThat(device.writes(PASID, IOVA, 8)).isTrue();
        device.word(pte(IOVA), OTHER | PAGE_BITS);
        device.word(BUFFER, 0);
        assertThat(device.writes(PASID, IOVA, 8)).describedAs("stale").isTrue();
        assertThat(device.word(BUFFER)).isEqualTo(PATTERN);
        assertThat(device.word(OTHER)).isZero();

        var batch = List.of(SmmuCommands.tlbiVa(ASID, IOVA));
        assertThat(device.host.invalidate(batch).handled()).isEqualTo(1);

        device.word(BUFFER, 0);
        assertThat(device.writes(PASID, IOVA, 8)).describedAs("gone").isTrue();
        assertThat(device.word(BUFFER)).isZero();
        assertThat(device.word(OTHER)).isEqualTo(PATTERN);
    }

    @Check
    void aFaultIsAnEventWithTheGuestsStreamAndAddress() throws HostException {
        nested();
        assertThat(device.fails(PASID, UNMAPPED, IOVA)).isTrue();
        SmmuV3Event event = device.event();
        assertThat(event.dw0() & 0xff).isEqualTo(F_TRANSLATION);
        assertThat(event.dw0() >>> 32).describedAs("StreamID").isEqualTo(RID);
        assertThat(event.dw0() >>> 12 & 0xfffff).describedAs("SubstreamID").isEqualTo(PASID);
        assertThat(event.dw2() & -PAGE).describedAs("address").isEqualTo(UNMAPPED);
    }

    @Check
    void anInvalidationOfAStreamThatIsNotThereIsRefused() throws HostException {
        nested();
        var batch = List.of(SmmuCommands.tlbiAll(), SmmuCommands.cfgiCdAll(RID + 1));
        assertThat(device.host.invalidate(batch).handled()).isEqualTo(1);
    }

    @Check
    void aBlockedFunctionReachesNothingAnyMore() throws HostException {
        nested();
        assertThat(device.writes(PASID, IOVA, 8)).isTrue();
        device.word(BUFFER, 0);
        device.host.device(RID).block(Requester.NO_PASID);
        assertThat(device.writes(PASID, IOVA, 8)).isFalse();
        assertThat(device.word(BUFFER)).isZero();
    }

    @Check
    void aReleasedFunctionLeavesNothingAndMayComeAgain() throws HostException {
        NestedDomain domain = nested();
        assertThat(device.writes(PASID, IOVA, 8)).isTrue();
        device.host.device(RID).block(Requester.NO_PASID);
        domain.close();
        device.release();
        assertThat(device.host.capabilities() instanceof HostCapabilities.SmmuV3).isTrue();
    }
}
