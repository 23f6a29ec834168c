package nestor.machine.pc;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Arrays;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.interrupt.LineWatcher;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;

/**
 * An I/O APIC (82093AA data sheet, chapter 3) with 24 pins and the EOI register of version 20h. Its
 * interrupts leave as messages, in compatibility format or, where a redirection table entry says
 * so, in remappable format (VT-d §5.1.2.1). The polarity of a pin is that of the wire: asserted is
 * asserted. An edge that meets a masked pin is lost.
 */
public final class IoApic implements MmioRegion {
    public static final int PINS = 24;

    private static final int VERSION = 0x20;
    private static final long WINDOW = 0xfee0_0000L;

    private static final int IOREGSEL = 0x00;
    private static final int IOWIN = 0x10;
    private static final int EOIR = 0x40;

    /** Indices of §3.2; entries take two each. */
    private static final int IOAPICID = 0x00;

    private static final int IOAPICVER = 0x01;
    private static final int IOAPICARB = 0x02;
    private static final int IOREDTBL = 0x10;

    private static final BitField ID = bits(27, 24);
    private static final BitField MAXIMUM_ENTRY = bits(23, 16);
    private static final BitField INDEX = bits(7, 0);

    /** §3.2.4, a redirection table entry. */
    private static final class Entry {
        static final BitField VECTOR = bits(7, 0);
        static final BitField DELIVERY = bits(10, 8);
        static final BitField DESTINATION_MODE = bit(11);
        static final BitField REMOTE_IRR = bit(14);
        static final BitField LEVEL = bit(15);
        static final BitField MASKED = bit(16);

        /** Destination, and what is its extension or, in remappable format, all of the handle. */
        static final BitField ADDRESS = bits(63, 48);

        static final long WRITABLE = 0xffff_0000_0001_afffL;
        static final long RESET = 1 << 16;

        private Entry() {}
    }

    /** Of a message: where the entry's fields go. */
    private static final BitField ADDRESS_HIGH = bits(19, 4);

    private static final BitField ADDRESS_MODE = bit(2);
    private static final BitField DATA_ASSERT = bit(14);
    private static final BitField DATA_LEVEL = bit(15);

    private final int sid;
    private final int resetId;
    private final MsiSink messages;

    private volatile LineWatcher watcher = (_, _) -> {};

    /** Guards what follows; no message is sent while it is held. */
    private final Object lock = new Object();

    private final long[] entries = new long[PINS];
    private final boolean[] asserted = new boolean[PINS];
    private int index;
    private long id;

    /**
     * An I/O APIC after reset.
     *
     * @param id that it shows in its ID register, as the MADT has it
     * @param sid source ID of its messages
     * @param messages where they go
     */
    public IoApic(int id, int sid, MsiSink messages) {
        this.resetId = id;
        this.sid = sid;
        this.messages = messages;
        reset();
    }

    /** As after power-on; the wires stay as they are. */
    public void reset() {
        synchronized (lock) {
            Arrays.fill(entries, Entry.RESET);
            index = 0;
            id = ID.set(0, resetId);
        }
    }

    /** The wire to a pin. */
    public IrqLine pin(int pin) {
        if (pin < 0 || pin >= PINS) {
            throw new IllegalArgumentException("no pin " + pin);
        }
        return level -> drive(pin, level);
    }

    /** Who is told when a pin's wire is driven; on the thread that does, with no lock held. */
    public void watchPins(LineWatcher pinWatcher) {
        watcher = pinWatcher;
    }

    /** A local APIC's EOI message: level-triggered entries with this vector are served. */
    public void endOfInterrupt(int vector) {
        for (int pin = 0; pin < PINS; pin++) {
            boolean again;
            long entry;
            synchronized (lock) {
                entry = entries[pin];
                if (Entry.REMOTE_IRR.isSet(entry) && Entry.VECTOR.get(entry) == (vector & 0xff)) {
                    entries[pin] = Entry.REMOTE_IRR.clear(entry);
                }
                entry = entries[pin];
                again = takeLevel(pin);
            }
            if (again) {
                send(entry);
            }
        }
    }

    private void drive(int pin, boolean level) {
        boolean sends;
        long entry;
        synchronized (lock) {
            boolean rises = level && !asserted[pin];
            asserted[pin] = level;
            entry = entries[pin];
            sends = Entry.LEVEL.isSet(entry) ? takeLevel(pin) : rises && !Entry.MASKED.isSet(entry);
        }
        watcher.driven(pin, level);
        if (sends) {
            send(entry);
        }
    }

    /** Whether a level-triggered pin is to interrupt now; then it waits for its EOI. */
    private boolean takeLevel(int pin) {
        long entry = entries[pin];
        if (!asserted[pin]
                || !Entry.LEVEL.isSet(entry)
                || Entry.MASKED.isSet(entry)
                || Entry.REMOTE_IRR.isSet(entry)) {
            return false;
        }
        entries[pin] = Entry.REMOTE_IRR.setAll(entry);
        return true;
    }

    private void send(long entry) {
        long address = ADDRESS_HIGH.set(WINDOW, Entry.ADDRESS.get(entry));
        address = ADDRESS_MODE.set(address, Entry.DESTINATION_MODE.get(entry));
        long data = entry & (Entry.VECTOR.mask() | Entry.DELIVERY.mask());
        data = DATA_LEVEL.set(data, Entry.LEVEL.get(entry)) | DATA_ASSERT.mask();
        messages.signal(sid, address, (int) data);
    }

    @Override
    public int minAccessBytes() {
        return Integer.BYTES;
    }

    @Override
    public int maxAccessBytes() {
        return Integer.BYTES;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        synchronized (lock) {
            return switch ((int) offset) {
                case IOREGSEL -> index;
                case IOWIN -> register();
                default -> 0;
            };
        }
    }

    private long register() {
        if (index >= IOREDTBL && index < IOREDTBL + 2 * PINS) {
            long entry = entries[(index - IOREDTBL) / 2];
            return (index & 1) == 0 ? entry & 0xffff_ffffL : entry >>> 32;
        }
        return switch (index) {
            case IOAPICID, IOAPICARB -> id;
            case IOAPICVER -> MAXIMUM_ENTRY.set(VERSION, PINS - 1);
            default -> 0;
        };
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        switch ((int) offset) {
            case IOREGSEL -> {
                synchronized (lock) {
                    index = INDEX.getInt(value);
                }
            }
            case IOWIN -> registerWritten(value);
            case EOIR -> endOfInterrupt((int) value);
            default -> {}
        }
    }

    private void registerWritten(long value) {
        boolean sends = false;
        long entry = 0;
        synchronized (lock) {
            if (index == IOAPICID) {
                id = ID.getInPlace(value);
            } else if (index >= IOREDTBL && index < IOREDTBL + 2 * PINS) {
                int pin = (index - IOREDTBL) / 2;
                entry = entryWritten(entries[pin], (index & 1) != 0, value);
                entries[pin] = entry;
                sends = takeLevel(pin);
            }
        }
        if (sends) {
            send(entry);
        }
    }

    /** An entry that becomes edge-triggered waits for no EOI. */
    private static long entryWritten(long old, boolean upper, long value) {
        long half = upper ? 0xffff_ffff_0000_0000L : 0xffff_ffffL;
        long placed = upper ? value << 32 : value;
        long mask = Entry.WRITABLE & half;
        long entry = old & ~mask | placed & mask;
        return Entry.LEVEL.isSet(entry) ? entry : Entry.REMOTE_IRR.clear(entry);
    }
}
