package nestor.pci;

import static nestor.pci.AtsBoard.ATS_CONTROL;
import static nestor.pci.AtsBoard.ATS_ENABLE;
import static nestor.pci.AtsBoard.PASID_CONTROL;
import static nestor.pci.AtsBoard.bare;
import static nestor.pci.AtsBoard.pasid;
import static nestor.pci.Translation.EXECUTE;
import static nestor.pci.Translation.READ;
import static nestor.pci.Translation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class TranslationRequestTest {
    private static final AtsCompletion UR =
            new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);
    private static final AtsCompletion CA =
            new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT);

    private final AtsBoard at = new AtsBoard().enabled();

    @AfterEach
    void close() {
        at.close();
    }

    private AtsCompletion request(Requester requester, int access) {
        return at.ats.requestTranslation(requester, 0x5000, 0x1000, access);
    }

    private AtsCompletion answered(AtsEntry... entries) {
        at.agent.completion = _ -> new AtsCompletion.Entries(List.of(entries));
        return at.ats.requestTranslation(bare(), 0x20_1000, 0x3000, READ | WRITE);
    }

    @Test
    @DisplayName("§10.2.2: NW without write intent, Execute Requested, the function's own RID")
    void theRequestSaysWhatIsWanted() {
        request(new Requester(0xffff, 3, true), READ | EXECUTE);
        request(bare(), READ | WRITE);

        assertThat(at.agent.asked)
                .containsExactly(
                        new AtsRequest(
                                new Requester(AtsBoard.RID, 3, true), 0x5000, 1, 12, true, true),
                        new AtsRequest(bare(), 0x5000, 1, 12, false, false));
    }

    @Test
    @DisplayName("§10.2.2: Length is in units, from the unit that holds the first byte")
    void theLengthCoversEveryByte() {
        at.ats.requestTranslation(bare(), 0x1fff, 1, READ);
        at.ats.requestTranslation(bare(), 0x1fff, 2, READ);
        at.ats.requestTranslation(bare(), 0x1000, 0x3000, READ);
        at.ats.requestTranslation(bare(), 0, Long.MAX_VALUE, READ);
        at.ats.requestTranslation(bare(), -0x2000, Long.MAX_VALUE, READ);
        at.ats.requestTranslation(bare(), -1, 0, READ);

        assertThat(at.agent.asked.stream().map(AtsRequest::translations))
                .containsExactly(1, 2, 3, AtsRequest.MAX_TRANSLATIONS, 2, 1);
        assertThat(at.agent.asked.get(5).address()).isEqualTo(-0x1000);
    }

    @Test
    @DisplayName("§10.5.1.3: requests are multiples of the Smallest Translation Unit")
    void requestsFollowTheUnit() {
        at.write(ATS_CONTROL, 2, 0);
        at.write(ATS_CONTROL, 2, ATS_ENABLE | 2);

        at.ats.requestTranslation(bare(), 0x7fff, 2, READ);

        assertThat(at.agent.asked)
                .containsExactly(new AtsRequest(bare(), 0x4000, 2, 14, true, false));
    }

    @Test
    @DisplayName("§7.5.1.1.3: without Bus Master no translation request leaves")
    void busMasteringIsNeeded() {
        at.board.command(AtsBoard.RID, 0);

        assertThat(request(bare(), READ)).isEqualTo(UR);
        assertThat(at.ats.atsEnabled()).isFalse();
        assertThat(at.agent.asked).isEmpty();
    }

    @Test
    @DisplayName("§10.5.1.3: without ATS Enable no translation request leaves")
    void atsEnableIsNeeded() {
        at.write(ATS_CONTROL, 2, 0);

        assertThat(request(bare(), READ)).isEqualTo(UR);
        assertThat(at.agent.asked).isEmpty();
    }

    @Test
    @DisplayName("§7.8.9.3: PASID, Execute and Privileged Mode need their enables")
    void pasidEnablesAreNeeded() {
        at.write(PASID_CONTROL, 2, 1);
        assertThat(request(pasid(1), READ | EXECUTE)).isEqualTo(UR);
        assertThat(request(new Requester(0, 1, true), READ)).isEqualTo(UR);
        at.write(PASID_CONTROL, 2, 0xe);
        assertThat(request(pasid(1), READ)).isEqualTo(UR);
        assertThat(at.agent.asked).isEmpty();

        at.write(PASID_CONTROL, 2, 7);
        assertThat(request(new Requester(0, 1, true), READ | EXECUTE)).isNotEqualTo(UR);
    }

    @Test
    @DisplayName("§7.8.9.2: enables of what is not supported mean nothing; width bounds PASIDs")
    void whatIsNotSupportedCannotBeUsed() {
        try (AtsBoard narrow =
                new AtsBoard(
                                PasidOptions.ofWidth(8),
                                AtsOptions.ofQueueDepth(1),
                                PriOptions.ofCapacity(1))
                        .enabled()) {
            AtsPort ats = narrow.ats;

            assertThat(ats.requestTranslation(pasid(255), 0, 1, READ)).isNotEqualTo(UR);
            assertThat(ats.requestTranslation(pasid(256), 0, 1, READ)).isEqualTo(UR);
            assertThat(ats.requestTranslation(pasid(-7), 0, 1, READ)).isEqualTo(UR);
            assertThat(ats.requestTranslation(pasid(1), 0, 1, READ | EXECUTE)).isEqualTo(UR);
            assertThat(ats.requestTranslation(new Requester(0, 1, true), 0, 1, READ)).isEqualTo(UR);
            assertThat(narrow.agent.asked).hasSize(1);
        }
    }

    @Test
    @DisplayName("§6.20: without PASID prefix there is neither Execute nor Privileged Mode")
    void modesNeedAPrefix() {
        assertThat(request(bare(), READ | EXECUTE)).isEqualTo(UR);

        request(new Requester(AtsBoard.RID, Requester.NO_PASID, true), READ);
        assertThat(at.agent.asked).hasSize(1);
        assertThat(at.agent.asked.getFirst().requester()).isEqualTo(bare());
    }

    @Test
    void withoutAnAgentTheRequestIsUnsupported() {
        at.board.host.iommu(at.agent, _ -> false);

        assertThat(request(bare(), READ)).isEqualTo(UR);
        assertThat(at.agent.asked).isEmpty();
    }

    @Test
    @DisplayName("§10.2.3: UR and CA of the agent reach the function as they are")
    void failuresArePassedOn() {
        at.agent.completion = _ -> CA;
        assertThat(request(bare(), READ)).isEqualTo(CA);
        at.agent.completion = _ -> UR;
        assertThat(request(bare(), READ)).isEqualTo(UR);
    }

    @Test
    @DisplayName("§10.2.3: fewer entries than asked, larger ranges, and no access are legal")
    void shortAndLargeAnswersAreBelieved() {
        AtsEntry page = AtsEntry.of(0x9000, 12, 3);
        AtsEntry large = AtsEntry.of(0x4000_0000, 21, 1); // from 0x20_2000 on
        AtsEntry none = AtsEntry.of(0, 12, 0);

        assertThat(answered(page)).isEqualTo(new AtsCompletion.Entries(List.of(page)));
        assertThat(answered(page, none, page)).isInstanceOf(AtsCompletion.Entries.class);
        assertThat(answered(page, large)).isEqualTo(entries(page, large));
        assertThat(answered(AtsEntry.of(0, 64, 1))).isInstanceOf(AtsCompletion.Entries.class);
    }

    private static AtsCompletion entries(AtsEntry... entries) {
        return new AtsCompletion.Entries(List.of(entries));
    }

    @Test
    void anAnswerThatIsTooLongIsNotBelieved() {
        AtsEntry page = AtsEntry.of(0x9000, 12, 3);

        assertThat(answered(page, page, page)).isInstanceOf(AtsCompletion.Entries.class);
        assertThat(answered(page, page, page, page)).isEqualTo(CA);
    }

    @Test
    void anEntryPastTheLastUnitAskedForIsNotBelieved() {
        AtsEntry page = AtsEntry.of(0x9000, 12, 3);
        AtsEntry two =
                AtsEntry.of(0x10_0000, 13, 3); // holds the first page asked for, and one more

        assertThat(answered(two, two)).isInstanceOf(AtsCompletion.Entries.class);
        assertThat(answered(two, two, page)).isEqualTo(CA);
        assertThat(answered(AtsEntry.of(0, 21, 3), page)).isEqualTo(CA);
    }

    @Test
    @DisplayName("atc.md §3: completions are never smaller than STU")
    void anEntrySmallerThanTheUnitIsNotBelieved() {
        at.write(ATS_CONTROL, 2, 0);
        at.write(ATS_CONTROL, 2, ATS_ENABLE | 1);

        assertThat(answered(AtsEntry.of(0x8000, 12, 3))).isEqualTo(CA);
        assertThat(answered(AtsEntry.of(0x8000, 13, 3))).isInstanceOf(AtsCompletion.Entries.class);
    }

    @Test
    @DisplayName("§10.2.3.6: Exe is granted only if asked for")
    void executePermissionIsOnlyForThoseWhoAsk() {
        AtsEntry executable = AtsEntry.of(0x9000, 12, 0b1001);
        at.agent.completion = _ -> new AtsCompletion.Entries(List.of(executable));

        assertThat(request(pasid(1), READ | EXECUTE)).isEqualTo(entries(executable));
        assertThat(request(pasid(1), READ)).isEqualTo(entries(AtsEntry.of(0x9000, 12, 1)));
    }

    @Test
    @DisplayName("atc.md §3: a completion that comes after ATS was disabled is discarded")
    void aCompletionThatCrossesADisableIsDiscarded() {
        at.agent.completion =
                request -> {
                    at.write(ATS_CONTROL, 2, 0);
                    at.write(ATS_CONTROL, 2, ATS_ENABLE);
                    return ScriptedAgent.pages(request);
                };

        assertThat(request(bare(), READ)).isEqualTo(UR);
        at.agent.completion = ScriptedAgent::pages;
        assertThat(request(bare(), READ)).isInstanceOf(AtsCompletion.Entries.class);
    }

    @Test
    @DisplayName("§10.3.8: the first Global entry is asked for again, once invalidations follow it")
    void theFirstGlobalEntryIsAskedForTwice() {
        AtsEntry global = AtsEntry.of(0x9000, 12, AtsEntry.GLOBAL.mask() | 1);
        at.agent.completion = _ -> new AtsCompletion.Entries(List.of(global));

        assertThat(request(pasid(1), READ)).isEqualTo(entries(global));
        assertThat(at.agent.asked).hasSize(2);
        request(pasid(1), READ);
        assertThat(at.agent.asked).hasSize(3);
    }
}
