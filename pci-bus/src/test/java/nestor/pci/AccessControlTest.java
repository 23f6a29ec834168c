package nestor.pci;

import static nestor.pci.AddressType.TRANSLATED;
import static nestor.pci.AddressType.UNTRANSLATED;
import static nestor.pci.AtsBoard.ATS_ENABLE;
import static nestor.pci.CompletionStatus.SUCCESSFUL;
import static nestor.pci.CompletionStatus.UNSUPPORTED_REQUEST;
import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.MEMORY_SPACE;
import static nestor.pci.TestBoard.RAM;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import nestor.pci.ScriptedAgent.Access;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Access Control Services of the root port above a function (§6.12). */
class AccessControlTest {
    private static final int PORT = rid(0, 1, 0);
    private static final int RID = rid(4, 0, 0);
    private static final int PEER_RID = rid(0, 3, 0);
    private static final long OWN_BAR = MEM32;
    private static final long PEER_BAR = MEM32 + 0x100_0000;
    private static final int ACS_CONTROL = 0x106;
    private static final int TRANSLATION_BLOCKING = 1 << 1;
    private static final int REDIRECT = 0b1_1101;
    private static final int DIRECT_TRANSLATED = 1 << 6;

    private final TestBoard board = new TestBoard();
    private final ScriptedAgent agent = new ScriptedAgent();
    private final RecordingRegion peers = new RecordingRegion();
    private final RecordingRegion own = new RecordingRegion();
    private final PciFunction function =
            PciFunction.builder("f")
                    .express()
                    .bar(0, 0x1000, BarKind.MEM32, own)
                    .ats(AtsOptions.ofQueueDepth(1))
                    .pri(PriOptions.ofCapacity(1))
                    .build();
    private final MemorySegment word = MemorySegment.ofArray(new byte[4]);

    @BeforeEach
    void plug() {
        board.host.iommu(agent, _ -> true);
        board.host.addRootPort("rp", 1).plug(function);
        PciFunction peer = PciFunction.builder("p").bar(0, 0x1000, BarKind.MEM32, peers).build();
        board.host.plug(3, 0, peer);
        board.openPort(PORT, 4, MEM32, MEM64);
        board.bar32(RID, 0, OWN_BAR);
        board.command(RID, BUS_MASTER | MEMORY_SPACE);
        board.config(RID, 0x106, 2, ATS_ENABLE);
        board.config(RID, 0x114, 4, 1);
        board.config(RID, 0x10c, 2, 1);
        board.bar32(PEER_RID, 0, PEER_BAR);
        board.command(PEER_RID, MEMORY_SPACE);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private CompletionStatus write(AddressType type, long address) {
        DmaPort dma = function.dma();
        return type == TRANSLATED
                ? dma.writeTranslated(function.requester(), address, word)
                : dma.write(function.requester(), address, word);
    }

    private void acs(int control) {
        board.config(PORT, ACS_CONTROL, 2, control);
    }

    @Test
    @DisplayName("§6.12.1.1: Translation Blocking blocks what is not untranslated")
    void translationBlocking() {
        acs(TRANSLATION_BLOCKING | DIRECT_TRANSLATED);

        assertThat(write(TRANSLATED, RAM)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(write(TRANSLATED, PEER_BAR)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(function.ats().requestTranslation(function.requester(), 0, 1, Translation.READ))
                .isEqualTo(new AtsCompletion.Failed(UNSUPPORTED_REQUEST));
        assertThat(agent.asked).isEmpty();
        assertThat(agent.accesses).isEmpty();

        assertThat(write(UNTRANSLATED, RAM)).isEqualTo(SUCCESSFUL);
        assertThat(function.ats().requestPage(function.requester(), 0, Translation.READ, 0, true))
                .isEqualTo(AtsPort.PageRequestOutcome.SENT);
        acs(0);
        assertThat(write(TRANSLATED, RAM)).isEqualTo(SUCCESSFUL);
    }

    @Test
    @DisplayName("§6.12.1.1: peer-to-peer requests are redirected to the IOMMU, enabled or not")
    void requestsToPeersAreRedirected() {
        for (int control : new int[] {0, REDIRECT}) {
            acs(control);
            agent.accesses.clear();

            assertThat(write(UNTRANSLATED, PEER_BAR)).isEqualTo(SUCCESSFUL);
            assertThat(write(TRANSLATED, PEER_BAR)).isEqualTo(SUCCESSFUL);

            assertThat(agent.accesses)
                    .containsExactly(
                            new Access(
                                    function.requester(),
                                    UNTRANSLATED,
                                    PEER_BAR,
                                    Translation.WRITE),
                            new Access(
                                    function.requester(), TRANSLATED, PEER_BAR, Translation.WRITE));
        }
        assertThat(peers.writes).hasSize(4);
    }

    @Test
    void aRedirectedRequestThatTheIommuRefusesReachesNoPeer() {
        acs(REDIRECT);
        agent.translation = _ -> new Translation.Rejected(UNSUPPORTED_REQUEST);

        assertThat(write(TRANSLATED, PEER_BAR)).isEqualTo(UNSUPPORTED_REQUEST);

        assertThat(peers.writes).isEmpty();
    }

    @Test
    @DisplayName("§6.12.1.1: Direct Translated P2P sends translated requests to peers directly")
    void directTranslatedRequestsPassTheIommuBy() {
        acs(REDIRECT | DIRECT_TRANSLATED);
        agent.translation = _ -> new Translation.Rejected(UNSUPPORTED_REQUEST);

        assertThat(write(TRANSLATED, PEER_BAR)).isEqualTo(SUCCESSFUL);
        assertThat(write(UNTRANSLATED, PEER_BAR)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(write(TRANSLATED, RAM)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(write(TRANSLATED, OWN_BAR)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(write(TRANSLATED, TestBoard.DOORBELL)).isEqualTo(UNSUPPORTED_REQUEST);

        assertThat(peers.writes).hasSize(1);
        assertThat(own.writes).isEmpty();
        assertThat(board.messages).isEmpty();
        assertThat(agent.inside).isZero();
    }

    @Test
    @DisplayName("§6.12.1.1: Source Validation: RIDs outside the port's bus numbers go nowhere")
    void sourcesAreValidated() {
        board.config(PORT, 0x1a, 1, 3); // subordinate below secondary

        assertThat(write(UNTRANSLATED, RAM)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(write(TRANSLATED, RAM)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(agent.accesses).isEmpty();
    }
}
