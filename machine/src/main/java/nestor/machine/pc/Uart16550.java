package nestor.machine.pc;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;

/**
 * A 16550A UART (PC16550D data sheet, §8) over a character backend, as a PC wires it: OUT2 gates
 * its interrupt.
 *
 * <p>Transmission takes no time: the transmitter is always empty. The receive timeout takes none
 * either: it is pending as soon as a byte waits in the FIFO. The modem is there, with CTS, DSR and
 * DCD asserted; there are no line errors.
 */
public final class Uart16550 implements MmioRegion, CharFrontend {
    /** Ports it takes. */
    public static final int PORTS = 8;

    private static final int FIFO_BYTES = 16;

    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR_FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;

    /** §8.7: which interrupts are enabled. */
    private static final BitField ERBFI = bit(0);

    private static final BitField ETBEI = bit(1);
    private static final BitField EDSSI = bit(3);
    private static final int IER_MASK = 0x0f;

    /** §8.6: what is pending, in the order of priority that there is. */
    private static final int IIR_RECEIVED = 0x04;

    private static final int IIR_TIMEOUT = 0x0c;
    private static final int IIR_TRANSMITTED = 0x02;
    private static final int IIR_MODEM = 0x00;
    private static final int IIR_NONE = 0x01;
    private static final int IIR_FIFOS = 0xc0;

    /** §8.5. */
    private static final BitField FCR_ENABLE = bit(0);

    private static final BitField FCR_CLEAR_RECEIVER = bit(1);
    private static final BitField FCR_TRIGGER = bits(7, 6);
    private static final int[] TRIGGERS = {1, 4, 8, 14};

    private static final BitField DLAB = bit(7);

    /** §8.8. */
    private static final BitField OUT2 = bit(3);

    private static final BitField LOOP = bit(4);
    private static final int MCR_MASK = 0x1f;

    /** §8.4: data ready, holding register and transmitter empty. */
    private static final int LSR_DR = 0x01;

    private static final int LSR_OE = 0x02;
    private static final int LSR_EMPTY = 0x60;

    /** §8.9: the modem's lines in 7:4, their changes in 3:0; RI counts when it ends. */
    private static final int MSR_LINES = 0xb0;

    private static final int MSR_RI = 0x40;

    private final CharBackend backend;
    private final IrqLine irq;

    /** Guards what follows; no call leaves the device while it is held. */
    private final Object lock = new Object();

    private final byte[] fifo = new byte[FIFO_BYTES];
    private int head;
    private int level;
    private int trigger = 1;
    private boolean fifos;
    private boolean overrun;
    private boolean transmitted;
    private boolean refused;
    private int interruptEnable;
    private int lineControl;
    private int modemControl;
    private int lines = MSR_LINES;
    private int changes;
    private int scratch;
    private int divisor;

    /** A UART in its reset state, connected to {@code backend}. */
    public Uart16550(CharBackend backend, IrqLine irq) {
        this.backend = backend;
        this.irq = irq;
    }

    /** As after power-on; what waits in the backend stays there. */
    public void reset() {
        synchronized (lock) {
            head = 0;
            level = 0;
            trigger = 1;
            fifos = false;
            overrun = false;
            transmitted = false;
            refused = false;
            interruptEnable = 0;
            lineControl = 0;
            modemControl = 0;
            lines = MSR_LINES;
            changes = 0;
            scratch = 0;
            divisor = 0;
        }
        drive();
    }

    @Override
    public int maxAccessBytes() {
        return 1;
    }

    @Override
    public int receive(byte[] data, int offset, int length) {
        int taken = 0;
        synchronized (lock) {
            while (!LOOP.isSet(modemControl) && taken < length && level < depth()) {
                put(data[offset + taken++]);
            }
            refused = taken < length;
        }
        drive();
        return taken;
    }

    private int depth() {
        return fifos ? FIFO_BYTES : 1;
    }

    private void put(byte value) {
        fifo[(head + level++) % FIFO_BYTES] = value;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        boolean room;
        int value;
        synchronized (lock) {
            value = register((int) offset);
            room = takesAgain();
        }
        drive();
        if (room) {
            backend.resume();
        }
        return value;
    }

    /** Whether the backend, which was refused, is to offer its bytes again. */
    private boolean takesAgain() {
        boolean room = refused && level == 0 && !LOOP.isSet(modemControl);
        refused &= !room;
        return room;
    }

    private int register(int offset) {
        boolean latch = DLAB.isSet(lineControl);
        return switch (offset) {
            case DATA -> latch ? divisor & 0xff : take();
            case IER -> latch ? divisor >> 8 : interruptEnable;
            case IIR_FCR -> identify();
            case LCR -> lineControl;
            case MCR -> modemControl;
            case LSR -> lineStatus();
            case MSR -> modemStatus();
            default -> scratch;
        };
    }

    private int take() {
        if (level == 0) {
            return 0;
        }
        int value = fifo[head] & 0xff;
        head = (head + 1) % FIFO_BYTES;
        level--;
        return value;
    }

    /** Reading that the transmitter is empty ends that interrupt. */
    private int identify() {
        int pending = pending();
        if (pending == IIR_TRANSMITTED) {
            transmitted = false;
        }
        return pending | (fifos ? IIR_FIFOS : 0);
    }

    private int pending() {
        boolean receives = ERBFI.isSet(interruptEnable) && level > 0;
        if ((interruptEnable & 4) != 0 && overrun) {
            return 0x06;
        }
        if (receives) {
            return level >= Math.min(trigger, depth()) ? IIR_RECEIVED : IIR_TIMEOUT;
        }
        if (ETBEI.isSet(interruptEnable) && transmitted) {
            return IIR_TRANSMITTED;
        }
        return EDSSI.isSet(interruptEnable) && changes != 0 ? IIR_MODEM : IIR_NONE;
    }

    private int lineStatus() {
        int status = LSR_EMPTY | (level > 0 ? LSR_DR : 0) | (overrun ? LSR_OE : 0);
        overrun = false;
        return status;
    }

    private int modemStatus() {
        int status = lines | changes;
        changes = 0;
        return status;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        int bits = (int) value & 0xff;
        boolean sends = false;
        boolean room;
        synchronized (lock) {
            if (offset == DATA && !DLAB.isSet(lineControl)) {
                sends = transmit((byte) bits);
            } else {
                registerWritten((int) offset, bits);
            }
            room = takesAgain();
        }
        if (sends) {
            backend.write(new byte[] {(byte) bits}, 0, 1);
        }
        drive();
        if (room) {
            backend.resume();
        }
    }

    /** Whether the byte goes out; a loop brings it back. */
    private boolean transmit(byte value) {
        transmitted = true;
        if (!LOOP.isSet(modemControl)) {
            return true;
        }
        if (level < depth()) {
            put(value);
        } else {
            overrun = true;
        }
        return false;
    }

    private void registerWritten(int offset, int value) {
        boolean latch = DLAB.isSet(lineControl);
        switch (offset) {
            case DATA -> divisor = divisor & 0xff00 | value;
            case IER -> {
                if (latch) {
                    divisor = divisor & 0xff | value << 8;
                } else {
                    transmitted |= ETBEI.isSet(value) && !ETBEI.isSet(interruptEnable);
                    interruptEnable = value & IER_MASK;
                }
            }
            case IIR_FCR -> fifoControl(value);
            case LCR -> lineControl = value;
            case MCR -> modemControl(value & MCR_MASK);
            case LSR, MSR -> {}
            default -> scratch = value;
        }
    }

    private void fifoControl(int value) {
        boolean enabled = FCR_ENABLE.isSet(value);
        if (enabled != fifos || FCR_CLEAR_RECEIVER.isSet(value)) {
            level = 0;
        }
        fifos = enabled;
        trigger = TRIGGERS[FCR_TRIGGER.getInt(value)];
    }

    /** In a loop DTR, RTS, OUT1 and OUT2 are DSR, CTS, RI and DCD. */
    private void modemControl(int value) {
        modemControl = value;
        int now = MSR_LINES;
        if (LOOP.isSet(value)) {
            now = (value & 2) << 3 | (value & 1) << 5 | (value & 4) << 4 | (value & 8) << 4;
        }
        int changed = lines ^ now;
        boolean ringEnded = (changed & MSR_RI) != 0 && (now & MSR_RI) == 0;
        changes |= (changed & MSR_LINES) >> 4 | (ringEnded ? MSR_RI >> 4 : 0);
        lines = now;
    }

    private boolean interrupts() {
        synchronized (lock) {
            return OUT2.isSet(modemControl)
                    && !LOOP.isSet(modemControl)
                    && pending() != IIR_NONE;
        }
    }

    /** Drives the wire without the lock; concurrent callers settle on the last state. */
    private void drive() {
        boolean now;
        do {
            now = interrupts();
            irq.set(now);
        } while (now != interrupts());
    }
}
