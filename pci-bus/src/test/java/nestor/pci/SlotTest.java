package nestor.pci;

import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class SlotTest {
    private static final int PORT = rid(0, 1, 0);
    private static final int BELOW = rid(4, 0, 0);
    private static final int MSI_DATA = 0x55;

    private static final int BUTTON = 0x0001;
    private static final int PRESENCE_CHANGED = 0x0008;
    private static final int COMPLETED = 0x0010;
    private static final int PRESENT = 0x0040;
    private static final int LINK_CHANGED = 0x0100;

    private static final int ENABLE_BUTTON = 0x0001;
    private static final int ENABLE_PRESENCE = 0x0008;
    private static final int ENABLE_COMPLETED = 0x0010;
    private static final int ENABLE_INTERRUPT = 0x0020;
    private static final int ENABLE_LINK = 0x1000;
    private static final int INDICATOR_ON = 0x0100;
    private static final int INDICATOR_BLINKS = 0x0200;
    private static final int INDICATOR_OFF = 0x0300;
    private static final int POWER_OFF = 0x0400;

    private final TestBoard board = new TestBoard();
    private final RootPort port = board.host.addRootPort("rp", 1);
    private int slot;

    @BeforeEach
    void open() {
        board.host.reset();
        board.openPort(PORT, 4, MEM32, MEM64);
        slot = board.capability(PORT, 0x10) + 0x14;
        int msi = board.capability(PORT, 0x05);
        board.config(PORT, msi + 4, 4, TestBoard.DOORBELL);
        board.config(PORT, msi + 12, 2, MSI_DATA);
        board.config(PORT, msi + 2, 2, 1);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private static PciFunction endpoint(String name) {
        return PciFunction.builder(name).ids(1, 2).express().build();
    }

    private int status() {
        return (int) board.config(PORT, slot + 6, 2);
    }

    private void clear(int events) {
        board.config(PORT, slot + 6, 2, events);
    }

    private void control(int value) {
        board.config(PORT, slot + 4, 2, value);
    }

    /** A slot that the guest has powered, with no event left. */
    private void powered() {
        control(INDICATOR_ON);
        clear(0xffff);
    }

    @Test
    @DisplayName(
            "§7.5.3.9: button, power controller, indicators, surprise, hot-plug; slot number 1")
    void capabilities() {
        assertThat(board.config(PORT, slot, 4)).isEqualTo(1 << 19 | 0x7b);
        assertThat(board.config(PORT, slot - 0x12, 2) & 0x100).as("Slot Implemented").isNotZero();
        assertThat(board.config(PORT, slot - 0x08, 4) >>> 20 & 1).as("link active").isOne();
    }

    @Test
    @DisplayName("§7.5.3.10: after reset an empty slot is off, with both indicators off")
    void resetOfAnEmptySlot() {
        assertThat(board.config(PORT, slot + 4, 2)).isEqualTo(0x07c0);
        assertThat(status()).isZero();
    }

    @Test
    @DisplayName("§7.5.3.10: after reset a populated slot is on, present, and reports no event")
    void resetOfAPopulatedSlot() {
        port.plug(endpoint("cold"));
        assertThat(board.config(PORT, slot + 4, 2)).isEqualTo(0x01c0);
        assertThat(status()).isEqualTo(PRESENT);

        control(ENABLE_INTERRUPT | POWER_OFF | INDICATOR_OFF);
        board.host.reset();

        assertThat(board.config(PORT, slot + 4, 2)).isEqualTo(0x01c0);
        assertThat(status()).isEqualTo(PRESENT);
    }

    @Test
    @DisplayName("§7.5.3.10: bits of elements that are not there are hardwired to zero")
    void writableControlBits() {
        control(0xffff);
        assertThat(board.config(PORT, slot + 4, 2)).isEqualTo(0x17f9);
        control(0);
        assertThat(board.config(PORT, slot + 4, 2)).isZero();
    }

    @Test
    @DisplayName("§6.7.3.2: every write of Slot Control completes, at once")
    void commandCompleted() {
        control(INDICATOR_ON);
        assertThat(status()).isEqualTo(COMPLETED);
        clear(COMPLETED);
        assertThat(status()).isZero();
        board.config(PORT, slot + 5, 1, 1);
        assertThat(status()).as("a byte is a write, too").isEqualTo(COMPLETED);
    }

    @Test
    @DisplayName("§7.5.3.11: a put-in adapter is present, with button pressed, and waits for power")
    void hotPlugIntoASlotThatIsOff() {
        port.hotPlug(endpoint("hot"));

        assertThat(status()).isEqualTo(PRESENT | PRESENCE_CHANGED | BUTTON);
        assertThat(board.config(PORT, slot - 2, 2) & 0x2000).as("link").isZero();
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0xffff_ffffL);

        clear(0xffff);
        control(INDICATOR_BLINKS);

        assertThat(status()).isEqualTo(PRESENT | COMPLETED | LINK_CHANGED);
        assertThat(board.config(PORT, slot - 2, 2) & 0x2000).as("link").isNotZero();
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0x0002_0001L);
    }

    @Test
    @DisplayName("§6.7.1.8: power off takes the link down and resets the adapter, which stays")
    void powerOffWithoutARequest() {
        powered();
        port.hotPlug(endpoint("hot"));
        board.command(BELOW, TestBoard.BUS_MASTER);
        clear(0xffff);

        control(POWER_OFF | INDICATOR_OFF);

        assertThat(status()).isEqualTo(PRESENT | COMPLETED | LINK_CHANGED);
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0xffff_ffffL);
        control(INDICATOR_ON);
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0x0002_0001L);
        assertThat(board.config(BELOW, 4, 2)).as("Command after power-on").isZero();
    }

    @Test
    @DisplayName("§6.7.3.4: a message each time 'enabled and an enabled event' becomes true")
    void interruptsAreEdges() {
        powered();
        control(INDICATOR_ON | ENABLE_INTERRUPT | ENABLE_BUTTON | ENABLE_LINK);
        assertThat(board.messages).as("command completed is not enabled").isEmpty();

        port.hotPlug(endpoint("hot"));
        assertThat(board.messages)
                .containsExactly(new TestBoard.Message(PORT, TestBoard.DOORBELL, MSI_DATA));

        clear(LINK_CHANGED);
        assertThat(port.unplug(() -> {})).isEqualTo(RootPort.Unplug.REQUESTED);
        assertThat(board.messages).as("the button event is still set").hasSize(1);
        clear(BUTTON);
        port.unplug(() -> {});
        assertThat(board.messages).as("all were clear in between").hasSize(2);
    }

    @Test
    @DisplayName("§6.7.3.4: an event from before its enabling interrupts when it is enabled")
    void enablingAnEventThatIsSet() {
        port.hotPlug(endpoint("hot"));
        assertThat(board.messages).isEmpty();

        control(POWER_OFF | INDICATOR_OFF | ENABLE_PRESENCE);
        assertThat(board.messages).isEmpty();
        control(POWER_OFF | INDICATOR_OFF | ENABLE_PRESENCE | ENABLE_INTERRUPT);
        assertThat(board.messages).hasSize(1);
    }

    @Test
    @DisplayName("§6.7.3.4: command completed interrupts for each command after its clearing")
    void commandCompletedInterrupts() {
        control(POWER_OFF | INDICATOR_OFF | ENABLE_INTERRUPT | ENABLE_COMPLETED);
        assertThat(board.messages).hasSize(1);
        control(POWER_OFF | INDICATOR_OFF | ENABLE_INTERRUPT | ENABLE_COMPLETED);
        assertThat(board.messages).hasSize(1);
        clear(COMPLETED);
        control(POWER_OFF | INDICATOR_OFF | ENABLE_INTERRUPT | ENABLE_COMPLETED);
        assertThat(board.messages).hasSize(2);
    }
}
