package nestor.pci;

import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class PowerManagementTest {
    private static final int PORT = rid(0, 1, 0);
    private static final int BELOW = rid(4, 0, 0);
    private static final int MSI_DATA = 0x55;

    private static final int D3_HOT = 3;
    private static final int NO_SOFT_RESET = 0x0008;
    private static final int PME_ENABLE = 0x0100;
    private static final int PME_STATUS = 0x8000;

    private static final int ROOT_PME_STATUS = 1 << 16;
    private static final int ROOT_PME_PENDING = 1 << 17;

    /** Slot Control: attention button and presence detect enabled, hot-plug interrupt not. */
    private static final int EVENTS_ONLY = 0x0109;

    private final TestBoard board = new TestBoard();
    private final RootPort port = board.host.addRootPort("rp", 1);
    private int express;
    private int control;

    @BeforeEach
    void open() {
        board.host.reset();
        board.openPort(PORT, 4, MEM32, MEM64);
        express = board.capability(PORT, 0x10);
        control = board.capability(PORT, 0x01) + 4;
        int msi = board.capability(PORT, 0x05);
        board.config(PORT, msi + 4, 4, TestBoard.DOORBELL);
        board.config(PORT, msi + 12, 2, MSI_DATA);
        board.config(PORT, msi + 2, 2, 1);
        board.config(PORT, express + 0x18, 2, EVENTS_ONLY);
        board.config(PORT, express + 0x1a, 2, 0xffff);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private static PciFunction endpoint() {
        return PciFunction.builder("f").ids(1, 2).express().build();
    }

    private void rootControl(int value) {
        board.config(PORT, express + 0x1c, 2, value);
    }

    private int rootStatus() {
        return (int) board.config(PORT, express + 0x20, 4);
    }

    private int status() {
        return (int) board.config(PORT, control, 2);
    }

    @Test
    @DisplayName("§7.5.2.1: version 3, PME from D0 and D3hot; D0 and No Soft Reset after reset")
    void capabilities() {
        assertThat(board.config(PORT, control - 2, 2)).isEqualTo(0x4803);
        assertThat(status()).isEqualTo(NO_SOFT_RESET);
    }

    @Test
    @DisplayName("§7.5.2.2: a state that is not there is discarded")
    void unknownStates() {
        board.config(PORT, control, 2, 1);
        assertThat(status()).isEqualTo(NO_SOFT_RESET);
        board.config(PORT, control, 2, D3_HOT);
        board.config(PORT, control, 2, 2 | PME_ENABLE);
        assertThat(status()).isEqualTo(NO_SOFT_RESET | D3_HOT | PME_ENABLE);
    }

    @Test
    @DisplayName("§5.3.1.4.1: in D3hot a port answers for itself, and forwards nothing either way")
    void asleep() {
        port.plug(endpoint());
        board.openPort(PORT, 4, MEM32, MEM64);
        assertThat(board.config(BELOW, 0, 2)).isEqualTo(1);
        assertThat(port.forwardsUpstream()).isTrue();

        board.config(PORT, control, 2, D3_HOT);

        assertThat(board.config(BELOW, 0, 2)).isEqualTo(0xffff);
        assertThat(port.windows()).isEmpty();
        assertThat(port.forwardsUpstream()).isFalse();
        assertThat(board.config(PORT, express + 0x12, 2) & 0x2000).as("link active").isNotZero();

        board.config(PORT, control, 2, 0);

        assertThat(board.config(BELOW, 0, 2)).isEqualTo(1);
        assertThat(port.forwardsUpstream()).isTrue();
        assertThat(port.windows()).isNotEmpty();
    }

    @Test
    @DisplayName(
            "§6.7.3.4: an enabled event wakes a port that sleeps, whatever its interrupt enable")
    void hotPlugWakes() {
        rootControl(8);
        board.config(PORT, control, 2, D3_HOT | PME_ENABLE);

        port.hotPlug(endpoint());

        assertThat(status() & PME_STATUS).isNotZero();
        assertThat(rootStatus()).isEqualTo(ROOT_PME_STATUS | PORT);
        assertThat(board.messages).extracting(TestBoard.Message::data).containsExactly(MSI_DATA);
    }

    @Test
    @DisplayName("§6.7.3.4: events that software did not enable wake nobody")
    void disabledEvents() {
        rootControl(8);
        board.config(PORT, express + 0x18, 2, 0x0100);
        board.config(PORT, control, 2, D3_HOT | PME_ENABLE);

        port.hotPlug(endpoint());

        assertThat(status() & PME_STATUS).isZero();
        assertThat(rootStatus()).isZero();
        assertThat(board.messages).isEmpty();
    }

    @Test
    @DisplayName("§7.5.2.2: PME Status is set without PME_En, but nothing is sent")
    void notEnabled() {
        rootControl(8);
        board.config(PORT, control, 2, D3_HOT);

        port.hotPlug(endpoint());

        assertThat(status() & PME_STATUS).isNotZero();
        assertThat(rootStatus()).isZero();
        assertThat(board.messages).isEmpty();
    }

    @Test
    @DisplayName("a port that is awake interrupts, and needs no PME")
    void awake() {
        rootControl(8);
        board.config(PORT, control, 2, PME_ENABLE);

        port.hotPlug(endpoint());

        assertThat(status() & PME_STATUS).isZero();
        assertThat(rootStatus()).isZero();
    }

    @Test
    @DisplayName(
            "§7.5.3.14: a second PME is pending until the first is cleared, and interrupts again")
    void pending() {
        rootControl(8);
        board.config(PORT, control, 2, D3_HOT | PME_ENABLE);
        port.hotPlug(endpoint());
        board.config(PORT, control, 2, D3_HOT | PME_ENABLE | PME_STATUS);
        port.removeSurprise(() -> {});
        assertThat(rootStatus()).isEqualTo(ROOT_PME_PENDING | ROOT_PME_STATUS | PORT);

        board.config(PORT, express + 0x20, 4, ROOT_PME_STATUS);

        assertThat(rootStatus()).isEqualTo(ROOT_PME_STATUS | PORT);
        assertThat(board.messages)
                .extracting(TestBoard.Message::data)
                .containsExactly(MSI_DATA, MSI_DATA);
    }

    @Test
    @DisplayName("§6.7.3.4: an event from before the port fell asleep wakes it at once")
    void eventBeforeSleep() {
        rootControl(8);
        port.hotPlug(endpoint());
        assertThat(board.messages).isEmpty();

        board.config(PORT, control, 2, D3_HOT | PME_ENABLE);

        assertThat(rootStatus()).isEqualTo(ROOT_PME_STATUS | PORT);
        assertThat(board.messages).hasSize(1);
    }

    @Test
    @DisplayName("§7.5.2.2: a PME goes out when PME_En is set after PME Status")
    void enabledLater() {
        rootControl(8);
        board.config(PORT, control, 2, D3_HOT);
        port.hotPlug(endpoint());
        assertThat(rootStatus()).isZero();

        board.config(PORT, control, 2, D3_HOT | PME_ENABLE);

        assertThat(rootStatus()).isEqualTo(ROOT_PME_STATUS | PORT);
    }

    @Test
    @DisplayName("what happened in D3hot interrupts as soon as software enables that again")
    void lateInterrupt() {
        board.config(PORT, control, 2, D3_HOT);
        port.hotPlug(endpoint());
        assertThat(board.messages).isEmpty();

        board.config(PORT, control, 2, 0);
        board.config(PORT, express + 0x18, 2, EVENTS_ONLY | 0x20);

        assertThat(board.messages).extracting(TestBoard.Message::data).containsExactly(MSI_DATA);
    }

    @Test
    void aResetWakesThePort() {
        board.config(PORT, control, 2, D3_HOT | PME_ENABLE);
        rootControl(8);
        port.hotPlug(endpoint());

        board.host.reset();

        assertThat(status()).isEqualTo(NO_SOFT_RESET);
        assertThat(rootStatus()).isZero();
    }
}
