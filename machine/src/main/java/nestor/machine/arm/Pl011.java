package nestor.machine.arm;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * A PL011 UART (DDI 0183) over a character backend.
 *
 * <p>Transmission takes no time: the transmit FIFO is always empty, and its interrupt is raised by
 * each byte. The receive timeout takes none either: it is pending as soon as a byte has arrived.
 * Bytes are transmitted whether or not UARTCR enables it, so that a kernel that trusts its firmware
 * can print early; they are received only when it does, and wait in the backend until then. There
 * are no modem signals, line errors or DMA.
 */
public final class Pl011 implements CharFrontend {
    private static final int PERIPHERAL_ID = 0x00141011;
    private static final int FIFO_BYTES = 16;

    private static final Register DR = readWrite("UARTDR", 0x000, 4, 0xff, "§3.3.1");
    private static final Register RSR = readOnly("UARTRSR/UARTECR", 0x004, 4, 0, "§3.3.2");
    private static final Register FR = readOnly("UARTFR", 0x018, 4, 0, "§3.3.3");
    private static final Register ILPR = readWrite("UARTILPR", 0x020, 4, 0xff, "§3.3.4");
    private static final Register IBRD = readWrite("UARTIBRD", 0x024, 4, 0xffff, "§3.3.5");
    private static final Register FBRD = readWrite("UARTFBRD", 0x028, 4, 0x3f, "§3.3.6");
    private static final Register LCR_H = readWrite("UARTLCR_H", 0x02c, 4, 0xff, "§3.3.7");
    private static final Register CR =
            readWrite("UARTCR", 0x030, 4, 0xff87, "§3.3.8").withReset(0x300);
    private static final Register IFLS =
            readWrite("UARTIFLS", 0x034, 4, 0x3f, "§3.3.9").withReset(0x12);
    private static final Register IMSC = readWrite("UARTIMSC", 0x038, 4, 0x7ff, "§3.3.10");
    private static final Register RIS = readOnly("UARTRIS", 0x03c, 4, 0, "§3.3.11");
    private static final Register MIS = readOnly("UARTMIS", 0x040, 4, 0, "§3.3.12");
    private static final Register ICR = readWrite("UARTICR", 0x044, 4, 0x7ff, "§3.3.13");
    private static final Register DMACR = readWrite("UARTDMACR", 0x048, 4, 0x7, "§3.3.14");

    private static final BitField FR_TXFE = bit(7);
    private static final BitField FR_RXFF = bit(6);
    private static final BitField FR_RXFE = bit(4);
    private static final BitField FR_DCD = bit(2);
    private static final BitField FR_DSR = bit(1);
    private static final BitField FR_CTS = bit(0);

    private static final BitField LCR_H_FEN = bit(4);
    private static final BitField CR_RXE = bit(9);
    private static final BitField CR_LBE = bit(7);
    private static final BitField CR_UARTEN = bit(0);
    private static final BitField IFLS_RX = bits(5, 3);

    private static final BitField RX = bit(4);
    private static final BitField TX = bit(5);
    private static final BitField RECEIVE_TIMEOUT = bit(6);

    /** Receive trigger levels of UARTIFLS, in eighths of the FIFO; reserved values mean 7/8. */
    private static final int[] TRIGGER_EIGHTHS = {1, 2, 4, 6, 7, 7, 7, 7};

    private final CharBackend backend;
    private final IrqLine irq;
    private final RegisterFile registers;

    /** Guards the FIFO and the interrupt state; no call leaves the device while it is held. */
    private final Object lock = new Object();

    private final byte[] fifo = new byte[FIFO_BYTES];
    private int head;
    private int level;
    private boolean timeout;
    private boolean transmitted;
    private boolean refused;

    /** A UART in its reset state, connected to {@code backend}. */
    public Pl011(CharBackend backend, IrqLine irq) {
        this.backend = backend;
        this.irq = irq;
        List<Register> table =
                new ArrayList<>(
                        List.of(
                                DR, RSR, FR, ILPR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, ICR,
                                DMACR));
        table.addAll(PrimeCellId.registers(PERIPHERAL_ID, "§3.3.15"));
        registers = new RegisterFile(PrimeCellId.FRAME_BYTES, 4, table);
        registers.onRead(DR, this::take);
        registers.onWrite(DR, this::transmit);
        registers.onRead(FR, this::flags);
        registers.onWrite(LCR_H, _ -> settingsChanged());
        registers.onWrite(CR, _ -> settingsChanged());
        registers.onWrite(IFLS, _ -> settingsChanged());
        registers.onWrite(IMSC, _ -> settingsChanged());
        registers.onRead(RIS, this::raw);
        registers.onRead(MIS, () -> raw() & registers.get(IMSC));
        registers.onRead(ICR, () -> 0);
        registers.onWrite(ICR, this::clear);
    }

    /** The 4 KiB register frame. */
    public MmioRegion registers() {
        return registers;
    }

    /** As after power-on; what waits in the backend stays there. */
    public void reset() {
        registers.reset();
        synchronized (lock) {
            head = 0;
            level = 0;
            timeout = false;
            transmitted = false;
            refused = false;
        }
        drive();
    }

    @Override
    public int receive(byte[] data, int offset, int length) {
        int taken = 0;
        synchronized (lock) {
            if (receiving()) {
                while (taken < length && level < depth()) {
                    put(data[offset + taken++]);
                }
            }
            refused = taken < length;
        }
        drive();
        return taken;
    }

    private boolean receiving() {
        long control = registers.get(CR);
        return CR_UARTEN.isSet(control) && CR_RXE.isSet(control) && !CR_LBE.isSet(control);
    }

    /** Without the FIFOs there is a one-byte holding register. */
    private int depth() {
        return LCR_H_FEN.isSet(registers.get(LCR_H)) ? FIFO_BYTES : 1;
    }

    private void put(byte value) {
        fifo[(head + level++) % FIFO_BYTES] = value;
        timeout = true;
    }

    private long take() {
        long value = 0;
        boolean room;
        synchronized (lock) {
            if (level > 0) {
                value = fifo[head] & 0xff;
                head = (head + 1) % FIFO_BYTES;
                level--;
            }
            timeout &= level > 0;
            room = refused && level == 0;
            refused &= !room;
        }
        drive();
        if (room) {
            backend.resume();
        }
        return value;
    }

    private void transmit(long value) {
        boolean loopback = CR_LBE.isSet(registers.get(CR));
        if (!loopback) {
            backend.write(new byte[] {(byte) value}, 0, 1);
        }
        synchronized (lock) {
            transmitted = true;
            if (loopback && level < depth()) {
                put((byte) value);
            }
        }
        drive();
    }

    private long flags() {
        synchronized (lock) {
            long flags = FR_TXFE.mask() | FR_CTS.mask() | FR_DSR.mask() | FR_DCD.mask();
            if (level == 0) {
                flags |= FR_RXFE.mask();
            }
            return level >= depth() ? flags | FR_RXFF.mask() : flags;
        }
    }

    private void settingsChanged() {
        boolean resume;
        synchronized (lock) {
            resume = refused && receiving();
            refused &= !resume;
        }
        drive();
        if (resume) {
            backend.resume();
        }
    }

    private void clear(long which) {
        synchronized (lock) {
            transmitted &= !TX.isSet(which);
            timeout &= !RECEIVE_TIMEOUT.isSet(which);
        }
        drive();
    }

    /** UARTRIS; the receive interrupt follows the fill level, clearing it has no lasting effect. */
    private long raw() {
        synchronized (lock) {
            long raw = 0;
            int trigger =
                    depth() == 1
                            ? 1
                            : FIFO_BYTES * TRIGGER_EIGHTHS[IFLS_RX.getInt(registers.get(IFLS))] / 8;
            if (level >= trigger) {
                raw |= RX.mask();
            }
            if (transmitted) {
                raw |= TX.mask();
            }
            return timeout ? raw | RECEIVE_TIMEOUT.mask() : raw;
        }
    }

    /** Drives the wire without the lock; concurrent callers settle on the last state. */
    private void drive() {
        long now;
        do {
            now = raw() & registers.get(IMSC);
            irq.set(now != 0);
        } while (now != (raw() & registers.get(IMSC)));
    }
}
