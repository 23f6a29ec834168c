package nestor.machine.pc;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.interrupt.IrqLine;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** 82093AA data sheet, chapter 3, and VT-d §5.1.2.1. */
class IoApicTest {
    private static final int SID = 0xfff8;
    private static final long LEVEL = 1 << 15;
    private static final long MASKED = 1 << 16;
    private static final long REMOTE_IRR = 1 << 14;

    private final List<String> messages = new ArrayList<>();
    private final IoApic ioapic =
            new IoApic(
                    3,
                    SID,
                    (sid, address, data) ->
                            messages.add("%04x %x %x".formatted(sid, address, data)));

    private long read(int index) {
        ioapic.write(0, 4, index);
        return ioapic.read(0x10, 4);
    }

    private void write(int index, long value) {
        ioapic.write(0, 4, index);
        ioapic.write(0x10, 4, value);
    }

    private void entry(int pin, long value) {
        write(0x11 + 2 * pin, value >>> 32);
        write(0x10 + 2 * pin, value & 0xffff_ffffL);
    }

    @Test
    @DisplayName("§3.2: identification, version 20h with 24 entries, all masked")
    void startsMasked() {
        assertThat(read(0)).isEqualTo(3 << 24);
        assertThat(read(1)).isEqualTo(0x17_0020);
        assertThat(read(2)).isEqualTo(3 << 24);
        for (int pin = 0; pin < IoApic.PINS; pin++) {
            assertThat(read(0x10 + 2 * pin)).isEqualTo(MASKED);
            assertThat(read(0x11 + 2 * pin)).isZero();
        }
        assertThat(read(0x40)).isZero();
        write(0, 0xff << 24);
        assertThat(read(0)).isEqualTo(0xf << 24);
    }

    @Test
    @DisplayName("§3.2.4: an edge is one message, in compatibility format")
    void aRisingEdgeIsOneMessage() {
        entry(4, 0x0200_0000_0000_0931L); // destination 2, logical, lowest priority
        IrqLine pin = ioapic.pin(4);

        pin.set(true);
        pin.set(true);
        assertThat(messages).containsExactly("fff8 fee02004 4131");
        pin.set(false);
        pin.set(true);
        assertThat(messages).hasSize(2);
        assertThat(read(0x18) & REMOTE_IRR).isZero();
    }

    @Test
    @DisplayName("§3.2.4: edges are lost while masked")
    void aMaskedEdgeIsLost() {
        entry(4, MASKED | 0x31);
        ioapic.pin(4).set(true);
        entry(4, 0x31);

        assertThat(messages).isEmpty();
    }

    @Test
    @DisplayName("§3.2.4: a level waits for its EOI, and comes again if it is still there")
    void aLevelComesAgainAfterItsEoi() {
        entry(9, LEVEL | 0x41);
        IrqLine pin = ioapic.pin(9);

        pin.set(true);
        pin.set(false);
        pin.set(true);
        assertThat(messages).containsExactly("fff8 fee00000 c041");
        assertThat(read(0x22) & REMOTE_IRR).isNotZero();
        ioapic.endOfInterrupt(0x42);
        assertThat(messages).hasSize(1);
        ioapic.endOfInterrupt(0x41);
        assertThat(messages).hasSize(2);
        pin.set(false);
        ioapic.write(0x40, 4, 0x41); // the EOI register
        assertThat(messages).hasSize(2);
        assertThat(read(0x22) & REMOTE_IRR).isZero();
    }

    @Test
    @DisplayName("§3.2.4: a level that is unmasked interrupts; one that becomes an edge is done")
    void unmaskingFindsTheLevel() {
        ioapic.pin(9).set(true);
        entry(9, LEVEL | MASKED | 0x41);
        assertThat(messages).isEmpty();
        entry(9, LEVEL | 0x41);
        assertThat(messages).hasSize(1);

        entry(9, MASKED | 0x41);
        assertThat(read(0x22) & REMOTE_IRR).isZero();
        entry(9, LEVEL | 0x41);
        assertThat(messages).hasSize(2);
    }

    @Test
    @DisplayName("VT-d §5.1.2.1: bits 63:49, 48 and 11 are handle[14:0], format and handle[15]")
    void aRemappableEntryIsARemappableMessage() {
        long handle = 0x9234;
        entry(5, (handle & 0x7fff) << 49 | 1L << 48 | handle >> 15 << 11 | 5);
        ioapic.pin(5).set(true);

        long address = 0xfee0_0000L | (handle & 0x7fff) << 5 | 1 << 4 | handle >> 15 << 2;
        assertThat(messages).containsExactly("fff8 %x 4005".formatted(address));
    }

    @Test
    @DisplayName("§3.2.4: delivery status and remote IRR are read-only")
    void readOnlyBitsStay() {
        entry(0, -1L);
        assertThat(read(0x10)).isEqualTo(0x1_afff);
        assertThat(read(0x11)).isEqualTo(0xffff_0000L);
        ioapic.reset();
        assertThat(read(0x10)).isEqualTo(MASKED);
    }
}
