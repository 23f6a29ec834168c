package nestor.pci;

import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.MEMORY_SPACE;
import static nestor.pci.TestBoard.RAM;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Devices that come and go behind a root port (PCIe Base §6.7). */
class HotPlugTest {
    private static final int PORT = rid(0, 1, 0);
    private static final int BELOW = rid(4, 0, 0);
    private static final int SLOT_CONTROL = 0x18;
    private static final int SLOT_STATUS = 0x1a;
    private static final int ON = 0x0100;
    private static final int BLINKS = 0x0200;
    private static final int OFF = 0x0700;

    private final TestBoard board = new TestBoard();
    private final RootPort port = board.host.addRootPort("rp", 1);
    private final List<String> left = new ArrayList<>();
    private final MemorySegment data = MemorySegment.ofArray(new byte[64]);
    private int express;

    @BeforeEach
    void open() {
        board.host.reset();
        board.openPort(PORT, 4, MEM32, MEM64);
        express = board.capability(PORT, 0x10);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private static PciFunction endpoint(String name) {
        return PciFunction.builder(name)
                .ids(1, 2)
                .bar(0, 0x1000, BarKind.MEM32, new RecordingRegion())
                .msix(1, 0, 0, 0x800)
                .express()
                .build();
    }

    private void slotControl(int value) {
        board.config(PORT, express + SLOT_CONTROL, 2, value);
    }

    private int slotStatus() {
        return (int) board.config(PORT, express + SLOT_STATUS, 2);
    }

    /** Plugs a function and brings it up as a guest would. */
    private PciFunction bringUp(String name) {
        PciFunction f = endpoint(name);
        port.hotPlug(f);
        slotControl(ON);
        board.config(PORT, express + SLOT_STATUS, 2, 0xffff);
        board.bar32(BELOW, 0, MEM32);
        board.command(BELOW, MEMORY_SPACE | BUS_MASTER);
        return f;
    }

    private CompletionStatus write(PciFunction f) {
        return f.dma().write(f.requester(), RAM, data);
    }

    private void assertGone(PciFunction f) {
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0xffff_ffffL);
        assertThat(board.mmio.read(MEM32 + 0x900, 4)).isEqualTo(0xffff_ffffL);
        assertThat(write(f)).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        assertThat(f.dma().read(f.requester(), RAM, data))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        assertThat(f.dmaUntranslated().write(f.requester(), RAM, data))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        assertThat(board.host.functions()).doesNotContain(f);
    }

    @Test
    @DisplayName("§6.7.1.5: what is plugged and powered works")
    void aPluggedDeviceWorks() {
        PciFunction f = bringUp("hot");

        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0x0002_0001L);
        assertThat(write(f)).isEqualTo(CompletionStatus.SUCCESSFUL);
        assertThat(f.rid()).isEqualTo(BELOW);
        assertThat(board.mmio.read(MEM32 + 0x900, 4)).isNotEqualTo(0xffff_ffffL);
    }

    @Test
    void aTakenSlotRefusesAnotherDevice() {
        bringUp("first");
        assertThatThrownBy(() -> port.hotPlug(endpoint("second")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("taken");
    }

    @Test
    @DisplayName("§6.7.1.5: asked to let go, the guest turns the slot off, and the device is out")
    void orderlyRemoval() {
        PciFunction f = bringUp("hot");

        assertThat(port.unplug(() -> left.add("hot"))).isEqualTo(RootPort.Unplug.REQUESTED);
        assertThat(slotStatus()).as("button, present").isEqualTo(0x0041);
        assertThat(write(f)).as("it works on").isEqualTo(CompletionStatus.SUCCESSFUL);
        slotControl(BLINKS);
        slotControl(0x0400 | BLINKS);
        assertThat(left).as("no power, but the indicator blinks").isEmpty();
        slotControl(OFF);

        assertThat(left).containsExactly("hot");
        assertThat(slotStatus() & 0x0048).as("presence changed, absent").isEqualTo(0x0008);
        assertGone(f);
    }

    @Test
    void aGuestThatIsAboutToActIsNotAskedAgain() {
        bringUp("hot");
        slotControl(BLINKS);
        assertThat(port.unplug(() -> left.add("hot"))).isEqualTo(RootPort.Unplug.BUSY);
        assertThat(slotStatus() & 1).as("button").isZero();
        slotControl(OFF);
        assertThat(left).isEmpty();
        assertThat(port.isPopulated()).isTrue();
    }

    @Test
    void aSlotThatIsOffLetsGoAtOnce() {
        bringUp("hot");
        slotControl(OFF);
        assertThat(port.unplug(() -> left.add("hot"))).isEqualTo(RootPort.Unplug.REMOVED);
        assertThat(left).containsExactly("hot");
    }

    @Test
    void aResetOfTheMachineLetsGoWhatWasAskedToLeave() {
        bringUp("hot");
        port.unplug(() -> left.add("hot"));
        board.host.reset();
        assertThat(left).containsExactly("hot");
        assertThat(slotStatus()).as("no event survives").isZero();
    }

    @Test
    @DisplayName("§6.7.1.1: pulled without a word: all ones, no address, UR, and two events")
    void surpriseRemoval() {
        PciFunction f = bringUp("hot");

        port.removeSurprise(() -> left.add("hot"));

        assertThat(left).containsExactly("hot");
        assertThat(slotStatus()).as("presence and link changed").isEqualTo(0x0108);
        assertGone(f);
    }

    @Test
    void askingForADeviceThatIsGoneDoesNotHarmTheNext() {
        bringUp("first");
        port.removeSurprise(() -> left.add("first"));
        assertThat(port.unplug(() -> left.add("again"))).isEqualTo(RootPort.Unplug.REMOVED);

        bringUp("second");
        slotControl(OFF);

        assertThat(left).containsExactly("first");
        assertThat(port.isPopulated()).isTrue();
    }

    @Test
    void aSurpriseOvertakesAnOrderlyRemoval() {
        bringUp("hot");
        port.unplug(() -> left.add("orderly"));
        port.removeSurprise(() -> left.add("surprise"));
        slotControl(OFF);
        assertThat(left).containsExactly("surprise");
    }

    @Test
    void interruptsOfARemovedDeviceAreSilent() {
        PciFunction f = bringUp("hot");
        int msix = board.capability(BELOW, 0x11);
        board.mmio.write(MEM32, 4, TestBoard.DOORBELL);
        board.mmio.write(MEM32 + 12, 4, 0);
        board.config(BELOW, msix + 2, 2, 0x8000);
        f.signalMsix(0);
        assertThat(board.messages).hasSize(1);

        port.removeSurprise(() -> {});
        f.signalMsix(0);

        assertThat(board.messages).hasSize(1);
    }

    @Test
    @DisplayName("a removal waits for the request under way, and lets no other begin")
    void removalDuringADma() {
        PciFunction f = bringUp("hot");
        PagedAgent agent = new PagedAgent();
        List<String> order = new ArrayList<>();
        Supplier<CompletionStatus> another = () -> write(f);
        board.host.iommu(
                new TranslationAgent() {
                    @Override
                    public Translation translate(
                            Requester requester, AddressType type, long address, int access) {
                        port.removeSurprise(() -> order.add("left"));
                        order.add("pulled");
                        order.add("another: " + another.get());
                        return new Translation.Mapping(0, 64, 0, Translation.WRITE);
                    }

                    @Override
                    public long enterDma() {
                        return agent.enterDma();
                    }

                    @Override
                    public void exitDma(long ticket) {
                        order.add("done");
                        agent.exitDma(ticket);
                    }
                },
                rid -> rid == BELOW);

        assertThat(write(f)).isEqualTo(CompletionStatus.SUCCESSFUL);

        assertThat(order).containsExactly("pulled", "another: UNSUPPORTED_REQUEST", "done", "left");
    }

    @Test
    @DisplayName("§10.3.3, §10.4: a removal completes invalidations, and fails page requests")
    void removalWithAtsMessagesUnderWay() {
        PciFunction f =
                PciFunction.builder("svm")
                        .ids(1, 2)
                        .express()
                        .pasid(PasidOptions.ofWidth(20))
                        .ats(AtsOptions.ofQueueDepth(32))
                        .pri(PriOptions.ofCapacity(8))
                        .build();
        board.host.iommu(new ScriptedAgent(), _ -> true);
        port.hotPlug(f);
        slotControl(ON);
        board.command(BELOW, BUS_MASTER);
        board.config(BELOW, AtsBoard.PASID_CONTROL, 2, 1);
        board.config(BELOW, AtsBoard.PRI_ALLOCATION, 4, 8);
        board.config(BELOW, AtsBoard.PRI_CONTROL, 2, 1);
        board.config(BELOW, AtsBoard.ATS_CONTROL, 2, AtsBoard.ATS_ENABLE);
        RecordingReceiver cache = new RecordingReceiver();
        f.ats().register(1, cache);
        Requester process = new Requester(BELOW, 1, false);
        assertThat(f.ats().requestPage(process, 0, Translation.READ, 7, true))
                .isEqualTo(AtsPort.PageRequestOutcome.SENT);
        board.host
                .atsEndpoint(BELOW)
                .orElseThrow()
                .invalidate(
                        new InvalidateRequest(BELOW, 1, 0, false, 0, 12),
                        () -> left.add("invalidation"));

        port.removeSurprise(() -> left.add("device"));

        assertThat(left).containsExactly("invalidation", "device");
        assertThat(cache.timesDisabled).isEqualTo(1);
        assertThat(cache.codes()).containsExactly(PageResponse.RESPONSE_FAILURE);
        assertThat(board.host.atsEndpoint(BELOW)).isEmpty();
        assertThat(f.ats().atsEnabled()).isFalse();
        assertThat(f.ats().requestTranslation(process, 0, 4096, Translation.READ))
                .isEqualTo(new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));
        assertThat(f.ats().requestPage(process, 0, Translation.READ, 8, true))
                .isEqualTo(AtsPort.PageRequestOutcome.NOT_PERMITTED);
        cache.completeAll();
        assertThat(left).containsExactly("invalidation", "device");
    }

    @Test
    void aDeviceOfManyFunctionsLeavesWhole() {
        PciFunction first = endpoint("first");
        PciFunction second = endpoint("second");
        port.plug(0, first);
        port.plug(1, second);
        assertThat(board.config(BELOW | 1, 0, 4)).isEqualTo(0x0002_0001L);

        port.removeSurprise(() -> left.add("device"));

        assertThat(left).containsExactly("device");
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0xffff_ffffL);
        assertThat(board.config(BELOW | 1, 0, 4)).isEqualTo(0xffff_ffffL);
    }

    @Test
    @DisplayName("a thousand devices come and go, and the host is as it was")
    void nothingGrows() {
        PciFunction first = bringUp("hot0");
        port.removeSurprise(() -> left.add("hot0"));
        Map<String, String> empty = board.dump(PORT);
        WeakReference<PciFunction> gone = new WeakReference<>(first);
        for (int i = 1; i <= 1000; i++) {
            String name = "hot" + i;
            PciFunction f = bringUp(name);
            assertThat(write(f)).isEqualTo(CompletionStatus.SUCCESSFUL);
            if (i % 2 == 0) {
                port.unplug(() -> left.add(name));
                slotControl(OFF);
                slotControl(ON);
                board.config(PORT, express + SLOT_STATUS, 2, 0xffff);
            } else {
                port.removeSurprise(() -> left.add(name));
                board.config(PORT, express + SLOT_STATUS, 2, 0xffff);
            }
        }
        assertThat(left).hasSize(1001).doesNotHaveDuplicates();
        assertThat(board.host.functions()).containsExactly(port.function());
        board.config(PORT, express + SLOT_STATUS, 2, 0xffff);
        empty.remove("%03x".formatted(express + SLOT_CONTROL));
        assertThat(board.dump(PORT)).containsAllEntriesOf(empty);
        first = null;
        System.gc();
        assertThat(gone.refersTo(null)).as("a removed function is garbage").isTrue();
    }
}
