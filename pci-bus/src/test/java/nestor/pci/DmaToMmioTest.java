package nestor.pci;

import static nestor.pci.CompletionStatus.SUCCESSFUL;
import static nestor.pci.CompletionStatus.UNSUPPORTED_REQUEST;
import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEMORY_SPACE;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nestor.pci.RecordingRegion.Write;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** DMA that ends anywhere but in RAM: always a defined result, never nested. */
class DmaToMmioTest {
    private static final int RID = rid(0, 2, 0);
    private static final int PEER_RID = rid(0, 3, 0);
    private static final long OWN_BAR = MEM32;
    private static final long PEER_BAR = MEM32 + 0x1_0000;
    private static final long HOLE = MEM32 + 0x100_0000;

    /** Where a board's IOMMU has its registers: mapped for CPUs, outside the host's windows. */
    private static final long IOMMU = 0x0900_0000L;

    private final RecordingRegion iommuRegisters = new RecordingRegion();
    private final TestBoard board = new TestBoard();
    private final RecordingRegion own = new RecordingRegion();
    private final RecordingRegion other = new RecordingRegion();
    private final PciFunction function = withBar("own", own);
    private final PciFunction peer = withBar("peer", other);

    @BeforeEach
    void plug() {
        board.mmio.map(IOMMU, 0x1000, iommuRegisters);
        board.host.plug(2, 0, function);
        board.host.plug(3, 0, peer);
        board.bar32(RID, 0, OWN_BAR);
        board.bar32(PEER_RID, 0, PEER_BAR);
        board.command(RID, BUS_MASTER | MEMORY_SPACE);
        board.command(PEER_RID, BUS_MASTER | MEMORY_SPACE);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private static PciFunction withBar(String name, RecordingRegion region) {
        return PciFunction.builder(name)
                .ids(1, 2)
                .express()
                .pasid(PasidOptions.ofWidth(20).withTranslatedRequests())
                .ats(AtsOptions.ofQueueDepth(32))
                .bar(0, 0x1000, BarKind.MEM32, region)
                .build();
    }

    /** What a request may be besides plain. */
    enum Kind {
        UNTRANSLATED(false, Requester.NO_PASID),
        WITH_PASID(false, 7),
        TRANSLATED(true, Requester.NO_PASID),
        TRANSLATED_WITH_PASID(true, 7);

        final boolean translated;
        final int pasid;

        Kind(boolean translated, int pasid) {
            this.translated = translated;
            this.pasid = pasid;
        }

        CompletionStatus write(PciFunction f, long address, MemorySegment src) {
            Requester requester = new Requester(f.rid(), pasid, false);
            return translated
                    ? f.dma().writeTranslated(requester, address, src)
                    : f.dma().write(requester, address, src);
        }

        CompletionStatus read(PciFunction f, long address, MemorySegment dst) {
            Requester requester = new Requester(f.rid(), pasid, false);
            return translated
                    ? f.dma().readTranslated(requester, address, dst)
                    : f.dma().read(requester, address, dst);
        }
    }

    /** An IOMMU that maps everything to itself, for functions that use all it has. */
    private ScriptedAgent identityIommu() {
        ScriptedAgent agent = new ScriptedAgent();
        board.host.iommu(agent, _ -> true);
        for (int rid : new int[] {RID, PEER_RID}) {
            board.config(rid, 0x106, 2, 9);
            board.config(rid, 0x10e, 2, 0x8000);
        }
        return agent;
    }

    private static MemorySegment bytes(int size) {
        return MemorySegment.ofArray(new byte[size]);
    }

    static Stream<Arguments> targets() {
        return Stream.of(
                Arguments.of("RAM", TestBoard.RAM, SUCCESSFUL, SUCCESSFUL),
                Arguments.of("IOMMU", IOMMU, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST),
                Arguments.of("own BAR", OWN_BAR, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST),
                Arguments.of("other BAR", PEER_BAR + 8, SUCCESSFUL, SUCCESSFUL),
                Arguments.of("ECAM", TestBoard.ECAM, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST),
                Arguments.of(
                        "doorbell", TestBoard.DOORBELL + 0x40, UNSUPPORTED_REQUEST, SUCCESSFUL),
                Arguments.of("I/O window", TestBoard.IO, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST),
                Arguments.of("hole in a window", HOLE, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST),
                Arguments.of("hole", 0x1000L, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST),
                Arguments.of("top", -4L, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("targets")
    void everyTargetHasADefinedResult(
            String target, long gpa, CompletionStatus onRead, CompletionStatus onWrite) {
        long before = board.config(RID, TestBoard.COMMAND, 2);

        assertThat(function.dma().write(function.requester(), gpa, bytes(4)))
                .as(target)
                .isEqualTo(onWrite);
        assertThat(function.dma().read(function.requester(), gpa, bytes(4)))
                .as(target)
                .isEqualTo(onRead);

        assertThat(own.writes).isEmpty();
        assertThat(own.reads).isEmpty();
        assertThat(board.config(RID, TestBoard.COMMAND, 2)).isEqualTo(before);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("targets")
    @DisplayName("reliability §2 row 1: the same for every kind of request behind an IOMMU")
    void everyKindOfRequestHasADefinedResult(
            String target, long gpa, CompletionStatus onRead, CompletionStatus onWrite) {
        ScriptedAgent agent = identityIommu();
        long before = board.config(RID, TestBoard.COMMAND, 2);

        for (Kind kind : Kind.values()) {
            assertThat(kind.write(function, gpa, bytes(4))).as("%s", kind).isEqualTo(onWrite);
            assertThat(kind.read(function, gpa, bytes(4))).as("%s", kind).isEqualTo(onRead);
        }

        assertThat(own.writes).isEmpty();
        assertThat(own.reads).isEmpty();
        assertThat(iommuRegisters.writes).isEmpty();
        assertThat(iommuRegisters.reads).isEmpty();
        assertThat(board.config(RID, TestBoard.COMMAND, 2)).isEqualTo(before);
        assertThat(agent.inside).isZero();
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    @DisplayName("reliability §2 row 1: MMIO that starts DMA reaches no BAR, whatever the kind")
    void noKindOfRequestNests(Kind kind) {
        identityIommu();
        List<CompletionStatus> nested = new ArrayList<>();
        other.onWrite =
                () -> {
                    for (Kind inner : Kind.values()) {
                        nested.add(inner.write(peer, OWN_BAR, bytes(4)));
                        nested.add(inner.read(peer, OWN_BAR, bytes(4)));
                        nested.add(inner.write(peer, TestBoard.RAM, bytes(4)));
                    }
                };

        assertThat(kind.write(function, PEER_BAR, bytes(4))).isEqualTo(SUCCESSFUL);

        for (int i = 0; i < nested.size(); i += 3) {
            assertThat(nested.subList(i, i + 3))
                    .containsExactly(UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST, SUCCESSFUL);
        }
        assertThat(nested).hasSize(3 * Kind.values().length);
        assertThat(own.writes).isEmpty();
    }

    @Test
    void aMessageCarriesTheWritersRid() {
        MemorySegment data = bytes(4);
        data.set(ValueLayout.JAVA_BYTE, 0, (byte) 0x21);

        function.dma().write(function.requester(), TestBoard.DOORBELL + 0x40, data);
        peer.dma().write(peer.requester(), TestBoard.DOORBELL + 0x42, bytes(4));
        peer.dma().write(peer.requester(), TestBoard.DOORBELL + 0x40, bytes(8));

        assertThat(board.messages)
                .containsExactly(new TestBoard.Message(RID, TestBoard.DOORBELL + 0x40, 0x21));
    }

    @Test
    void aPeersBarSeesAlignedAccessesOfUpToEightBytes() {
        MemorySegment back = bytes(16);

        assertThat(function.dma().write(function.requester(), PEER_BAR + 3, bytes(14)))
                .isEqualTo(SUCCESSFUL);
        assertThat(function.dma().read(function.requester(), PEER_BAR, back)).isEqualTo(SUCCESSFUL);

        assertThat(other.writes)
                .containsExactly(
                        new Write(3, 1, 0),
                        new Write(4, 4, 0),
                        new Write(8, 8, 0),
                        new Write(16, 1, 0));
        assertThat(back.get(ValueLayout.JAVA_BYTE, 8)).isEqualTo((byte) 8);
    }

    @Test
    void aRequestThatRunsOffTheEndOfABarEndsThere() {
        assertThat(function.dma().write(function.requester(), PEER_BAR + 0xffc, bytes(8)))
                .isEqualTo(UNSUPPORTED_REQUEST);

        assertThat(other.writes).containsExactly(new Write(0xffc, 4, 0));
    }

    @Test
    void aDeviceThatAnswersMmioWithDmaReachesRamAndTheDoorbellButNoBar() {
        List<CompletionStatus> nested = new ArrayList<>();
        other.onWrite =
                () -> {
                    nested.add(peer.dma().write(peer.requester(), TestBoard.RAM, bytes(4)));
                    nested.add(peer.dma().write(peer.requester(), TestBoard.DOORBELL, bytes(4)));
                    nested.add(peer.dma().write(peer.requester(), OWN_BAR, bytes(4)));
                    nested.add(peer.dma().read(peer.requester(), OWN_BAR, bytes(4)));
                };

        assertThat(function.dma().write(function.requester(), PEER_BAR, bytes(4)))
                .isEqualTo(SUCCESSFUL);

        assertThat(nested)
                .containsExactly(SUCCESSFUL, SUCCESSFUL, UNSUPPORTED_REQUEST, UNSUPPORTED_REQUEST);
        assertThat(own.writes).isEmpty();
        assertThat(board.messages).hasSize(1);
    }

    @Test
    void twoFunctionsThatWriteEachOthersBarsDoNotRecurse() {
        own.onWrite = () -> function.dma().write(function.requester(), PEER_BAR, bytes(4));
        other.onWrite = () -> peer.dma().write(peer.requester(), OWN_BAR, bytes(4));

        board.mmio.write(OWN_BAR, 4, 1); // the guest starts it

        assertThat(own.writes).hasSize(1);
        assertThat(other.writes).hasSize(1);
    }

    @Test
    void afterANestedRequestTheThreadMayDoDmaToMmioAgain() {
        other.onWrite = () -> peer.dma().write(peer.requester(), OWN_BAR, bytes(4));

        for (int i = 0; i < 3; i++) {
            assertThat(function.dma().write(function.requester(), PEER_BAR, bytes(4)))
                    .isEqualTo(SUCCESSFUL);
        }
        assertThat(other.writes).hasSize(3);
    }

    @Test
    void aBarBehindTheIommuIsReachedThroughItsMapping() {
        PagedAgent agent = new PagedAgent();
        board.host.iommu(agent, rid -> rid == RID);
        agent.map(RID, 0x7000, PEER_BAR);

        assertThat(function.dma().write(function.requester(), 0x7010, bytes(4)))
                .isEqualTo(SUCCESSFUL);
        assertThat(function.dma().write(function.requester(), PEER_BAR, bytes(4)))
                .isEqualTo(UNSUPPORTED_REQUEST);

        assertThat(other.writes).containsExactly(new Write(0x10, 4, 0));
        assertThat(agent.left.get()).isEqualTo(2);
    }
}
