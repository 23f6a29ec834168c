package nestor.iommu.host;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class GuestOfferTest {
    private static final long NEST = 1L << 26;
    private static final long SRS = 1L << 31;
    private static final long PASID = 1L << 40;
    private static final long SMTS = 1L << 43;
    private static final long FSTS = 1L << 47;
    private static final long FS1GP = 1L << 56;
    private static final long FS5LP = 1L << 60;
    private static final long NESTS = NEST | SMTS | FSTS;

    private static GuestOffer vtd(long cap, long ecap, int pasids) {
        return GuestOffer.of(new HostCapabilities.Vtd(cap, ecap, pasids));
    }

    private static GuestOffer smmu(int idr0, int idr1, int idr3, int idr5, int pasids) {
        return GuestOffer.of(new HostCapabilities.SmmuV3(idr0, idr1, idr3, idr5, pasids));
    }

    @Test
    void aHostThatIsNotKnownOffersNothing() {
        assertThat(GuestOffer.of(new HostCapabilities.None())).isEqualTo(GuestOffer.NOTHING);
    }

    @Test
    @DisplayName("VT-d §11.4.3: nothing is nested without NEST, SMTS and FSTS")
    void eachBitThatNestingTakesIsNeeded() {
        for (long missing : new long[] {NEST, SMTS, FSTS}) {
            assertThat(vtd(FS5LP, NESTS & ~missing, 20)).isEqualTo(GuestOffer.NOTHING);
        }
        assertThat(vtd(0, NESTS, 0).vtdFirstStage()).isTrue();
    }

    @Test
    @DisplayName("VT-d §11.4.2, §11.4.3: each bit shows in its own offer")
    void eachBitOfVtdShows() {
        GuestOffer plain = vtd(0, NESTS, 0);
        assertThat(plain.fiveLevels() || plain.gigabytePages() || plain.supervisorRequests())
                .isFalse();
        assertThat(plain.contextTables() || plain.secondStage()).isFalse();
        assertThat(vtd(FS5LP, NESTS, 0).fiveLevels()).isTrue();
        assertThat(vtd(FS1GP, NESTS, 0).gigabytePages()).isTrue();
        assertThat(vtd(0, NESTS | SRS, 0).supervisorRequests()).isTrue();
    }

    @Test
    void pasidsAreTheLeastOfHardwareAndKernel() {
        int[][] table = {{19, 20, 20}, {19, 0, 0}, {15, 20, 16}, {19, 8, 8}};
        for (int[] row : table) {
            long ecap = NESTS | PASID | (long) row[0] << 35;
            assertThat(vtd(0, ecap, row[1]).pasidBits()).isEqualTo(row[2]);
        }
        assertThat(vtd(0, NESTS | 19L << 35, 20).pasidBits()).describedAs("no PASID").isZero();
    }

    @Test
    @DisplayName("IHI 0070 §6.3.1 to §6.3.6: each field shows in its own offer")
    void eachFieldOfSmmuV3Shows() {
        GuestOffer least = smmu(2 << 2 | 1 << 24, 0, 0, 1 << 4, 20);
        assertThat(least)
                .isEqualTo(
                        new GuestOffer(
                                false, true, false, false, false, 0, 8, 1 << 12, false, false,
                                false, false));
        int idr0 = 2 << 2 | 1 << 12 | 1 << 19;
        GuestOffer most = smmu(idr0, 20 << 6, 1 << 10, 0b111 << 4, 20);
        assertThat(most)
                .isEqualTo(
                        new GuestOffer(
                                false,
                                true,
                                false,
                                false,
                                false,
                                20,
                                16,
                                1 << 12 | 1 << 14 | 1 << 16,
                                true,
                                true,
                                true,
                                false));
        assertThat(smmu(idr0, 20 << 6, 0, 1 << 4, 6).pasidBits()).isEqualTo(6);
    }

    @Test
    void tablesThatNobodyCanWriteAreNotOffered() {
        assertThat(smmu(1 << 2, 0, 0, 1 << 4, 0))
                .describedAs("AArch32")
                .isEqualTo(GuestOffer.NOTHING);
        assertThat(smmu(2 << 2, 0, 0, 0, 0))
                .describedAs("no granule")
                .isEqualTo(GuestOffer.NOTHING);
    }
}
