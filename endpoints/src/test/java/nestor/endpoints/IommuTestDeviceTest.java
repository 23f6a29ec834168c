package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.AddressType;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class IommuTestDeviceTest {
    private static final int TRIGGER = 0x00;
    private static final int LEN = 0x0c;
    private static final int RESULT = 0x10;
    private static final int DBELL = 0x14;
    private static final int ATTRS = 0x18;
    private static final long IDLE = 0xffff_ffffL;
    private static final long BUSY = 0xffff_fffeL;

    private final Board board = new Board(1 << 21);
    private final IommuTestDevice device = new IommuTestDevice("t");

    @BeforeEach
    void plug() {
        board.plug(device.function());
    }

    @AfterEach
    void close() {
        board.close();
    }

    private long get(int offset) {
        return board.mmio.read(Board.BAR + offset, 4);
    }

    private void set(int offset, long value) {
        board.mmio.write(Board.BAR + offset, 4, value);
    }

    private long run(long iova, long gpa, long length) {
        set(0x04, iova);
        set(0x08, iova >>> 32);
        set(LEN, length);
        set(0x1c, gpa);
        set(0x20, gpa >>> 32);
        set(DBELL, 1);
        assertThat(get(TRIGGER)).isZero();
        return get(RESULT);
    }

    @Test
    @DisplayName("iommu-testdev: 1b36:0005, class 00ff00, 4 KiB BAR")
    void identification() {
        assertThat(board.config(0, 4)).isEqualTo(0x0005_1b36L);
        assertThat(board.config(8, 4)).isEqualTo(0x00ff_0000L);
        board.config(0x10, 4, 0xffff_ffffL);
        assertThat(board.config(0x10, 4)).isEqualTo(0xffff_f000L);
    }

    @Test
    void aTriggerWritesThePatternAndVerifiesIt() throws GuestAccessException {
        assertThat(run(Board.RAM + 2, Board.RAM + 2, 9)).isZero();

        assertThat(board.memory.getLongLe(Board.RAM)).isEqualTo(0x5678_1234_5678_0000L);
        assertThat(board.memory.getLongLe(Board.RAM + 8)).isEqualTo(0x0000_0000_0078_1234L);
    }

    @Test
    void armingShowsBusyAndDisarmingIdle() {
        assertThat(get(RESULT)).isEqualTo(IDLE);
        set(DBELL, 1);
        assertThat(get(RESULT)).isEqualTo(BUSY);
        set(DBELL, 3);
        assertThat(get(RESULT)).isEqualTo(BUSY);
        set(DBELL, 0);
        assertThat(get(RESULT)).isEqualTo(IDLE);
        assertThat(get(DBELL)).isZero();
        set(RESULT, 0x1234);
        assertThat(get(RESULT)).isEqualTo(0x1234);
    }

    @Test
    void aTriggerThatIsNotArmedSaysSo() {
        assertThat(get(TRIGGER)).isZero();
        assertThat(get(RESULT)).isEqualTo(0xdead_0005L);
        run(Board.RAM, Board.RAM, 4);
        get(TRIGGER);
        assertThat(get(RESULT)).isEqualTo(0xdead_0005L);
    }

    @Test
    void lengthsEndAtOneMebibyte() {
        assertThat(run(Board.RAM, Board.RAM, 0)).isEqualTo(0xdead_0001L);
        assertThat(run(Board.RAM, Board.RAM, 1 << 20)).isZero();
        assertThat(run(Board.RAM, Board.RAM, (1 << 20) + 1)).isEqualTo(0xdead_0001L);
        assertThat(run(Board.RAM, Board.RAM, 0xffff_ffffL)).isEqualTo(0xdead_0001L);
    }

    @Test
    void failuresAreToldApart() throws GuestAccessException {
        assertThat(run(0, Board.RAM, 4)).isEqualTo(0xdead_0002L);
        assertThat(run(Board.RAM, 0, 4)).isEqualTo(0xdead_0003L);
        assertThat(run(Board.RAM, Board.RAM + 8, 4)).isEqualTo(0xdead_0004L);
        assertThat(run(-1L, Board.RAM, 8)).isEqualTo(0xdead_0002L);
        assertThat(run(Board.RAM + (1 << 21) - 4, Board.RAM, 8)).isEqualTo(0xdead_0002L);
        board.config(4, 2, 2);
        assertThat(run(Board.RAM, Board.RAM, 4)).isEqualTo(0xdead_0002L);
    }

    @Test
    @DisplayName("DMA_ATTRS: a valid space must agree with the secure bit")
    void attributesMustNotContradict() {
        boolean[] contradicts = {
            false, false, false, false, false, false, false, false, // space not valid
            false, true, true, false, false, false, false, false
        };
        for (int attributes = 0; attributes < 16; attributes++) {
            set(ATTRS, attributes);
            assertThat(run(Board.RAM, Board.RAM, 4) == 0xdead_0006L)
                    .describedAs("attributes %x", attributes)
                    .isEqualTo(contradicts[attributes]);
            assertThat(get(ATTRS)).isEqualTo(attributes);
        }
    }

    @Test
    void theWritePassesTheIommuAndTheReadDoesNot() throws GuestAccessException {
        board.host.iommu(new Shifted(0x5000_0000L), _ -> true);

        assertThat(run(0x5000_0000L + 0x123, Board.RAM + 0x123, 0x2000)).isZero();
        assertThat(run(Board.RAM, Board.RAM, 4)).isEqualTo(0xdead_0002L);
    }

    /** Maps {@code base} and up to RAM. */
    private record Shifted(long base) implements TranslationAgent {
        @Override
        public Translation translate(Requester requester, AddressType type, long iova, int access) {
            long page = iova & -4096L;
            return page < base
                    ? new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST)
                    : new Translation.Mapping(page, 12, Board.RAM + page - base, access);
        }

        @Override
        public long enterDma() {
            return 0;
        }

        @Override
        public void exitDma(long ticket) {}
    }

    @Test
    void otherWidthsAreIgnoredAndOtherOffsetsReadZero() {
        board.mmio.write(Board.BAR + LEN, 2, 7);
        board.mmio.write(Board.BAR + 0x08, 8, -1L);
        assertThat(get(LEN)).isZero();
        assertThat(board.mmio.read(Board.BAR + LEN, 1)).isEqualTo(0xff);
        assertThat(board.mmio.read(Board.BAR, 8)).isEqualTo(-1L);
        set(0x24, 5);
        assertThat(get(0x24)).isZero();
        assertThat(get(0xffc)).isZero();
    }

    @Test
    void resetLeavesAFreshDevice() {
        run(Board.RAM, Board.RAM, 4);
        set(ATTRS, 1);
        set(DBELL, 1);
        board.host.reset();
        board.program();

        assertThat(get(RESULT)).isEqualTo(IDLE);
        for (int offset : new int[] {0x04, 0x08, LEN, ATTRS, 0x1c, 0x20}) {
            assertThat(get(offset)).isZero();
        }
        get(TRIGGER);
        assertThat(get(RESULT)).isEqualTo(0xdead_0005L);
    }
}
