package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vtd.config.PasidEntryFetch;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.config.RootTable;
import nestor.vtd.event.FaultReason;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §7.1.3: reasons that take a second writer to bring about, and the list of them all. */
class ReasonsTest {
    @Test
    @DisplayName("91h and 7Dh: an accessed or dirty bit could not be set")
    void updatesThatFailHaveTheirStagesReason() {
        var vtd = new VtdHarness().scalable();
        vtd.nested(1, DID, vtd.firstStageTables(4), vtd.secondStageTables(4));
        var requester = new Requester(RID, 1, false);
        var structures = new RemappingStructures(vtd.memory, vtd.options, PasidEntryFetch.IN_ORDER);
        var result =
                structures.resolve(new RootTable(VtdHarness.ROOT, RootTable.SCALABLE), requester);
        RequesterConfig config = ((RemappingStructures.Result.Configured) result).config();
        assertThat(reason(config, requester, 1)).isEqualTo(FaultReason.FIRST_STAGE_UPDATE_FAILED);
        assertThat(reason(config, requester, 2)).isEqualTo(FaultReason.SECOND_STAGE_UPDATE_FAILED);
    }

    private static FaultReason reason(RequesterConfig config, Requester requester, int stage) {
        var fault = WalkResult.Fault.of(WalkResult.Kind.UPDATE_FAILED, stage, 1, 0x1000);
        return Reasons.of(config, fault, requester, Translation.WRITE);
    }

    @Test
    void everyReasonHasACodeOfItsOwn() {
        assertThat(Stream.of(FaultReason.values()).map(FaultReason::code)).doesNotHaveDuplicates();
    }
}
