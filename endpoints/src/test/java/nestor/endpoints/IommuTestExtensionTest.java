package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** {@code docs/devices/iommu-testdev.md}, "Extension". */
class IommuTestExtensionTest {
    private static final long IOVA = 0x7_0000_0000L;
    private static final int RW = Translation.READ | Translation.WRITE;
    private static final int CONTROL = 0x104;
    private static final int PASID = 0x108;
    private static final int BURST = 0x10c;
    private static final int COMMAND = 0x110;
    private static final int ACCESS = 0x114;
    private static final int GROUP = 0x118;
    private static final int OUTCOME = 0x11c;
    private static final int WITH_PASID = 0x001;
    private static final int PRIVILEGED = 0x002;
    private static final int CACHED = 0x010;
    private static final int TRANSLATED = 0x020;
    private static final int READ = 0x100;

    private final Board board = new Board(1 << 21);
    private final IommuTestDevice device = new IommuTestDevice("t", 16);
    private final TranslatingAgent agent = new TranslatingAgent();

    @BeforeEach
    void plug() {
        board.plug(device.function());
        board.host.iommu(agent, _ -> true);
        enable();
        for (int page = 0; page < 16; page++) {
            agent.map(IOVA + page * 4096L, Board.RAM + page * 4096L, RW);
        }
    }

    @AfterEach
    void close() {
        board.close();
    }

    private void enable() {
        board.config(board.extendedCapability(0x1b) + 6, 2, 7);
        int pri = board.extendedCapability(0x13);
        board.config(pri + 12, 4, 4);
        board.config(pri + 4, 2, 1);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
    }

    private AtsEndpoint messages() {
        return board.host.atsEndpoint(Board.RID).orElseThrow();
    }

    private long get(int offset) {
        return board.mmio.read(Board.BAR + offset, 4);
    }

    private void set(int offset, long value) {
        board.mmio.write(Board.BAR + offset, 4, value);
    }

    private long run(long iova, long gpa, long length) {
        range(iova, length);
        set(0x1c, gpa);
        set(0x20, gpa >>> 32);
        set(0x14, 1);
        get(0);
        return get(0x10);
    }

    private void range(long iova, long length) {
        set(0x04, iova);
        set(0x08, iova >>> 32);
        set(0x0c, length);
    }

    private long command(int command) {
        set(COMMAND, command);
        return get(OUTCOME);
    }

    private List<Boolean> invalidate(int pasid, long iova, int sizeLog2) {
        List<Boolean> done = new ArrayList<>();
        messages()
                .invalidate(
                        new InvalidateRequest(Board.RID, pasid, 1, false, iova, sizeLog2),
                        () -> done.add(true));
        return done;
    }

    @Test
    void theExtensionIsRecognizable() {
        assertThat(get(0x100)).isEqualTo(0x4e53_5401L);
        assertThat(get(OUTCOME)).isEqualTo(0xffff_ffffL);
        assertThat(get(BURST)).isEqualTo(4096);
        set(PASID, 0xffff_ffffL);
        assertThat(get(PASID)).isEqualTo(0xf_ffff);
    }

    @Test
    void untranslatedRequestsCarryThePasid() {
        set(CONTROL, WITH_PASID);
        set(PASID, 0x12345);
        assertThat(run(IOVA + 8, Board.RAM + 8, 16)).isZero();
        assertThat(agent.requests).containsExactly("UNTRANSLATED 700000008 pasid 74565");
        set(CONTROL, 0);
        run(IOVA + 8, Board.RAM + 8, 16);
        assertThat(agent.requests.getLast()).isEqualTo("UNTRANSLATED 700000008 pasid -1");
    }

    @Test
    void withoutThePasidEnabledNothingIsSent() {
        board.config(board.extendedCapability(0x1b) + 6, 2, 0);
        set(CONTROL, WITH_PASID);
        assertThat(run(IOVA, Board.RAM, 16)).isEqualTo(0xdead_0002L);
        assertThat(agent.requests).isEmpty();
    }

    @Test
    void cachedAccessesAreTranslatedOnce() {
        set(CONTROL, CACHED | WITH_PASID);
        set(PASID, 5);
        assertThat(run(IOVA + 100, Board.RAM + 100, 3 * 4096)).isZero();
        assertThat(agent.translations).isNotEmpty();
        int before = agent.translations.size();
        assertThat(run(IOVA + 100, Board.RAM + 100, 3 * 4096)).isZero();
        assertThat(agent.translations).hasSize(before);
        assertThat(agent.requests).allMatch(request -> request.startsWith("TRANSLATED"));
        assertThat(get(0x160)).isPositive();
        assertThat(get(0x164)).isPositive();
    }

    @Test
    void aPageWithoutPermissionIsRefused() {
        agent.map(IOVA, Board.RAM, Translation.READ);
        set(CONTROL, CACHED);
        assertThat(run(IOVA, Board.RAM, 16)).isEqualTo(0xdead_0002L);
        assertThat(run(IOVA + 0x100_0000, Board.RAM, 16)).isEqualTo(0xdead_0002L);
        set(CONTROL, CACHED | READ);
        assertThat(run(IOVA, 0, 16)).isEqualTo(0xdead_0004L);
    }

    @Test
    void aRangeThatIsToBeAccessedUntranslatedIs() {
        agent.extraFlags = AtsEntry.UNTRANSLATED_ONLY.mask();
        set(CONTROL, CACHED);
        assertThat(run(IOVA, Board.RAM, 16)).isZero();
        assertThat(agent.requests).containsExactly("UNTRANSLATED 700000000 pasid -1");
    }

    @Test
    void anInvalidationEmptiesTheCache() {
        set(CONTROL, CACHED);
        run(IOVA, Board.RAM, 16);
        assertThat(invalidate(Requester.NO_PASID, IOVA, 12)).hasSize(1);
        agent.map(IOVA, Board.RAM + 0x10000, RW);
        assertThat(run(IOVA, Board.RAM + 0x10000, 16)).isZero();
        assertThat(get(0x150)).isEqualTo(1);
    }

    @Test
    void translatedRequestsGoToTheVeryAddress() {
        set(CONTROL, TRANSLATED);
        assertThat(run(Board.RAM + 64, Board.RAM + 64, 16)).isZero();
        board.config(board.extendedCapability(0x0f) + 6, 2, 0);
        assertThat(run(Board.RAM + 64, Board.RAM + 64, 16)).isEqualTo(0xdead_0002L);
    }

    @Test
    void aReadComparesWithThePattern() {
        run(IOVA, Board.RAM, 8192);
        set(CONTROL, READ);
        assertThat(run(IOVA, 0, 8192)).isZero();
        assertThat(run(IOVA + 1, 0, 16)).isEqualTo(0xdead_0004L);
        assertThat(run(0x1000, 0, 16)).isEqualTo(0xdead_0003L);
    }

    @Test
    @DisplayName("X BURST: bytes of one request, 1..4096")
    void bursts() {
        set(BURST, 6);
        assertThat(run(IOVA, Board.RAM, 20)).isZero();
        assertThat(agent.requests).hasSize(4);
        set(BURST, 1);
        assertThat(run(IOVA, Board.RAM, 1 << 16)).isZero();
        assertThat(run(IOVA, Board.RAM, (1 << 16) + 1)).isEqualTo(0xdead_0001L);
        for (long odd : new long[] {0, 4097, 0xffff_ffffL}) {
            agent.requests.clear();
            set(BURST, odd);
            assertThat(run(IOVA, Board.RAM, 8192)).isZero();
            assertThat(agent.requests).hasSize(2);
        }
    }

    @Test
    @DisplayName("X COMMAND 1: the entries of the completion")
    void translationRequests() {
        agent.map(IOVA + 4096, Board.RAM + 0x5000, Translation.READ | Translation.EXECUTE);
        agent.pages.remove(IOVA + 8192);
        set(CONTROL, WITH_PASID | PRIVILEGED);
        set(PASID, 9);
        set(ACCESS, 5);
        range(IOVA, 3 * 4096);
        assertThat(command(1)).isZero();

        AtsRequest request = agent.translations.getFirst();
        assertThat(request.requester()).isEqualTo(new Requester(Board.RID, 9, true));
        assertThat(request.noWrite()).isTrue();
        assertThat(request.execute()).isTrue();
        assertThat(get(0x120)).isEqualTo(3);
        set(0x124, 1);
        assertThat(get(0x128)).isEqualTo(Board.RAM + 0x5000 | 0x19);
        assertThat(get(0x12c)).isZero();
        set(0x124, 2);
        assertThat(get(0x128)).isEqualTo(0x10);
        set(0x124, 3);
        assertThat(get(0x128)).isZero();
        board.config(board.extendedCapability(0x0f) + 6, 2, 0);
        assertThat(command(1)).isEqualTo(1);
        assertThat(get(0x120)).isZero();
    }

    @Test
    @DisplayName("X COMMAND 2, 3: page requests, stop markers and their answers")
    void pageRequests() {
        set(CONTROL, WITH_PASID);
        set(PASID, 9);
        set(ACCESS, 3);
        set(GROUP, 17);
        range(IOVA + 0x123, 0);
        assertThat(command(2)).isZero();
        set(GROUP, 0x1_0011);
        assertThat(command(2)).isZero();
        assertThat(command(2)).isEqualTo(5);
        assertThat(agent.pageRequests)
                .extracting(PageRequest::last, PageRequest::prgIndex, PageRequest::access)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(false, 17, 3),
                        org.assertj.core.groups.Tuple.tuple(true, 17, 3));
        assertThat(command(3)).isZero();
        assertThat(agent.pageRequests.getLast().isStopMarker()).isTrue();
        assertThat(get(0x130)).isZero();

        messages().pageResponse(new PageResponse(Board.RID, 9, 17, 1));
        assertThat(get(0x130)).isEqualTo(1);
        assertThat(get(0x134)).isEqualTo(0x8000_1011L);
        set(GROUP, 18);
        for (int i = 0; i < 4; i++) {
            assertThat(command(2)).isZero();
        }
        assertThat(command(2)).isEqualTo(4);
        board.config(board.extendedCapability(0x13) + 4, 2, 0);
        assertThat(command(2)).isEqualTo(3);
        assertThat(command(4)).isEqualTo(6);
    }

    @Test
    void invalidationsAreHeldAndReleased() {
        set(0x140, 2);
        List<Boolean> first = invalidate(Requester.NO_PASID, 0, 64);
        List<Boolean> second = invalidate(5, IOVA, 12);
        assertThat(invalidate(5, IOVA, 12)).hasSize(1);
        assertThat(get(0x140)).isZero();
        assertThat(get(0x14c)).isEqualTo(2);

        set(0x148, 1);
        assertThat(first).hasSize(1);
        assertThat(second).isEmpty();
        set(0x148, 5);
        assertThat(second).hasSize(1);
        assertThat(get(0x14c)).isZero();
        assertThat(get(0x148)).isZero();
    }

    @Test
    void invalidationsAreLost() {
        set(0x144, 1);
        assertThat(invalidate(5, IOVA, 12)).isEmpty();
        set(0x148, 0xffff);
        assertThat(get(0x14c)).isZero();
        assertThat(invalidate(5, IOVA, 12)).hasSize(1);
        assertThat(get(0x150)).isEqualTo(2);
    }

    @Test
    void onlySoManyInvalidationsAreHeld() {
        set(0x140, 0xffff);
        for (int i = 0; i < IommuTestExtension.MAX_HELD; i++) {
            assertThat(invalidate(5, IOVA, 12)).isEmpty();
        }
        assertThat(invalidate(5, IOVA, 12)).hasSize(1);
    }

    @Test
    void disablingAtsAndResetCompleteWhatIsHeld() {
        set(0x140, 2);
        List<Boolean> first = invalidate(5, IOVA, 12);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0);
        assertThat(first).hasSize(1);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
        List<Boolean> second = invalidate(5, IOVA, 12);
        set(0x144, 7);
        set(0x110, 4);
        board.host.reset();
        board.program();
        assertThat(second).hasSize(1);
        assertThat(get(0x144)).isZero();
        assertThat(get(OUTCOME)).isEqualTo(0xffff_ffffL);
        enable();
        assertThat(run(IOVA, Board.RAM, 16)).isZero();
    }
}
