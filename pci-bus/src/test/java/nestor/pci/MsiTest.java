package nestor.pci;

import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.DOORBELL;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.TestBoard.Message;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class MsiTest {
    private static final int RID = rid(0, 2, 0);

    private final TestBoard board = new TestBoard();
    private final PciFunction function = PciFunction.builder("f").ids(1, 2).msi(8).build();
    private int msi;

    @BeforeEach
    void plug() {
        board.host.plug(2, 0, function);
        board.command(RID, BUS_MASTER);
        msi = board.capability(RID, 0x05);
        board.config(RID, msi + 4, 4, DOORBELL + 0x40);
        board.config(RID, msi + 8, 4, 0);
        board.config(RID, msi + 0x0c, 2, 0x1238);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private void enable(int grantedLog2) {
        board.config(RID, msi + 2, 2, 1 | grantedLog2 << 4);
    }

    private static Message message(int data) {
        return new Message(RID, DOORBELL + 0x40, data);
    }

    @Test
    @DisplayName("§7.7.1.2: 64-bit, maskable, capable of eight messages, disabled")
    void messageControlDescribesTheFunction() {
        assertThat(board.config(RID, msi + 2, 2)).isEqualTo(0x0186);
        board.config(RID, msi + 0x10, 4, 0xffff_ffffL);
        assertThat(board.config(RID, msi + 0x10, 4)).isEqualTo(0xff);
    }

    @Test
    @DisplayName("§6.1.4.4: the low data bits name the vector, as many as were granted")
    void vectorReplacesTheGrantedDataBits() {
        enable(2);

        function.signalMsi(3);
        function.signalMsi(5);

        assertThat(board.messages).containsExactly(message(0x123b), message(0x1239));
    }

    @Test
    void softwareIsNotGrantedMoreThanTheFunctionHas() {
        enable(7);

        function.signalMsi(31);

        assertThat(board.messages).containsExactly(message(0x123f));
    }

    @Test
    @DisplayName("§7.7.1.7, §7.7.1.8: a masked vector pends and is sent on unmask")
    void maskedVectorPends() {
        enable(3);
        board.config(RID, msi + 0x10, 4, 0b110);

        function.signalMsi(1);
        function.signalMsi(1);
        function.signalMsi(2);
        function.signalMsi(0);
        assertThat(board.messages).containsExactly(message(0x1238));
        assertThat(board.config(RID, msi + 0x14, 4)).isEqualTo(0b110);

        board.config(RID, msi + 0x10, 4, 0b100);
        assertThat(board.messages).containsExactly(message(0x1238), message(0x1239));
        assertThat(board.config(RID, msi + 0x14, 4)).isEqualTo(0b100);
    }

    @Test
    void whileDisabledNothingIsSent() {
        function.signalMsi(0);

        assertThat(board.messages).isEmpty();
    }
}
