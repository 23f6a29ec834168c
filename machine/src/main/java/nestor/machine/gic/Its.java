package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * The Interrupt Translation Service (§5, §12.12): DeviceID and EventID become an LPI of a vCPU.
 * DeviceIDs, EventIDs and collections have 16 bits; all tables are in guest memory ({@link
 * ItsTables}).
 *
 * <p>The command queue is drained by the write of GITS_CWRITER, at most one lap of the queue each
 * time. A command in error is skipped, as GITS_TYPER.SEIS = 0 allows (§5.3.1); a queue that is not
 * RAM stalls (GITS_CREADR.Stalled).
 *
 * <p>Called with the GIC's lock held.
 */
final class Its implements Frame {
    static final long BYTES = 0x20000;
    static final long TRANSLATER = 0x10040;

    /** Bits of an EventID. */
    private static final int ID_BITS = 16;

    /** Requester IDs, and as many for what is not on the PCI bus. */
    private static final int DEVICE_ID_BITS = 17;

    private static final long MAX_DEVICE_ID = (1 << DEVICE_ID_BITS) - 1;
    private static final int COMMAND_BYTES = 32;

    private static final BitField ENABLED = bit(0);
    private static final BitField QUIESCENT = bit(31);

    private static final BitField PHYSICAL = bit(0);
    private static final BitField ITT_ENTRY_SIZE = bits(7, 4);
    private static final BitField TYPER_ID_BITS = bits(12, 8);
    private static final BitField DEVBITS = bits(17, 13);

    private static final BitField VALID = bit(63);
    private static final BitField QUEUE_ADDRESS = bits(51, 12);
    private static final BitField QUEUE_PAGES = bits(7, 0);
    private static final int QUEUE_PAGE_BYTES = 4096;

    private static final BitField RETRY = bit(0);
    private static final BitField STALLED = bit(0);
    private static final BitField QUEUE_OFFSET = bits(19, 5);

    private static final Register CTLR =
            readWrite("GITS_CTLR", 0x000, 4, ENABLED.mask(), "§12.12.4")
                    .withReset(QUIESCENT.mask());
    private static final Register CBASER =
            readWrite(
                    "GITS_CBASER",
                    0x080,
                    8,
                    VALID.mask()
                            | bits(61, 59).mask()
                            | bits(55, 53).mask()
                            | QUEUE_ADDRESS.mask()
                            | bits(11, 10).mask()
                            | QUEUE_PAGES.mask(),
                    "§12.12.2");
    private static final Register CWRITER =
            readWrite("GITS_CWRITER", 0x088, 8, QUEUE_OFFSET.mask() | RETRY.mask(), "§12.12.5");
    private static final Register CREADR = readOnly("GITS_CREADR", 0x090, 8, 0, "§12.12.3");

    private static final BitField BASER_TYPE = bits(58, 56);
    private static final BitField BASER_ENTRY_SIZE = bits(52, 48);

    /** Everything but Type, Entry_Size and, for collections, Indirect. */
    private static final long BASER_WRITABLE =
            VALID.mask() | bits(61, 59).mask() | bits(55, 53).mask() | bits(47, 0).mask();

    private static final Register DEVICES =
            baser("GITS_BASER0", 0x100, 1, BASER_WRITABLE | bit(62).mask());
    private static final Register COLLECTIONS = baser("GITS_BASER1", 0x108, 4, BASER_WRITABLE);

    private static Register baser(String name, long offset, int type, long writable) {
        long fixed = BASER_ENTRY_SIZE.set(BASER_TYPE.set(0, type), ItsTables.ENTRY_BYTES - 1);
        return readWrite(name, offset, 8, writable, "§12.12.1").withReset(fixed);
    }

    private final GicV3 gic;
    private final GuestMemory memory;
    private final ItsTables tables;
    private final RegisterFile registers;
    private final IdRegisters ids = new IdRegisters();

    Its(GicV3 gic, GuestMemory memory) {
        this.gic = gic;
        this.memory = memory;
        this.tables = new ItsTables(memory);
        long typer = ITT_ENTRY_SIZE.set(PHYSICAL.mask(), ItsTables.ENTRY_BYTES - 1);
        typer = DEVBITS.set(TYPER_ID_BITS.set(typer, ID_BITS - 1), DEVICE_ID_BITS - 1);
        this.registers =
                new RegisterFile(
                        0x110,
                        4,
                        List.of(
                                CTLR,
                                readOnly("GITS_IIDR", 0x004, 4, IdRegisters.IIDR, "§12.12.8"),
                                readOnly("GITS_TYPER", 0x008, 8, typer, "§12.12.11"),
                                CBASER,
                                CWRITER,
                                CREADR,
                                DEVICES,
                                COLLECTIONS));
        registers.onWrite(CTLR, this::control);
        registers.onWrite(CBASER, _ -> registers.set(CREADR, 0));
        registers.onWrite(CWRITER, this::commandsWritten);
    }

    void reset() {
        registers.reset();
    }

    /** A message: the event's LPI becomes pending; ignored if nothing valid is mapped. */
    void translate(int deviceId, long eventId) {
        if (enabled()) {
            long device = device(deviceId);
            pend(eventOf(device, eventId));
        }
    }

    private void control(long value) {
        boolean on = ENABLED.isSet(value);
        registers.set(CTLR, QUIESCENT.set(value, on ? 0 : 1));
        if (on) {
            drain();
        }
    }

    private void commandsWritten(long value) {
        if (RETRY.isSet(value)) {
            registers.set(CWRITER, RETRY.clear(value));
            registers.set(CREADR, STALLED.clear(registers.get(CREADR)));
        }
        drain();
    }

    private boolean enabled() {
        return ENABLED.isSet(registers.get(CTLR));
    }

    private void drain() {
        long base = registers.get(CBASER);
        long size = (QUEUE_PAGES.get(base) + 1) * QUEUE_PAGE_BYTES;
        long end = QUEUE_OFFSET.getInPlace(registers.get(CWRITER));
        long at = registers.get(CREADR);
        if (!enabled() || !VALID.isSet(base) || STALLED.isSet(at) || end >= size || at >= size) {
            return;
        }
        try {
            while (at != end) {
                execute(fetch(QUEUE_ADDRESS.getInPlace(base) + at));
                at = (at + COMMAND_BYTES) % size;
            }
        } catch (GuestAccessException e) {
            at = STALLED.setAll(at);
        }
        registers.set(CREADR, at);
        for (int cpu = 0; cpu < gic.cpus(); cpu++) {
            gic.lpis(cpu).settle();
        }
        gic.evaluateAll();
    }

    private ItsCommand fetch(long gpa) throws GuestAccessException {
        return ItsCommand.decode(
                memory.getLongLe(gpa),
                memory.getLongLe(gpa + 8),
                memory.getLongLe(gpa + 16),
                memory.getLongLe(gpa + 24));
    }

    private void execute(ItsCommand command) {
        switch (command) {
            case ItsCommand.Mapd mapd -> mapDevice(mapd);
            case ItsCommand.Mapc mapc -> mapCollection(mapc);
            case ItsCommand.Mapti mapti -> mapEvent(mapti);
            case ItsCommand.Movi movi -> moveEvent(movi);
            case ItsCommand.Discard(int deviceId, long eventId) -> discard(deviceId, eventId);
            case ItsCommand.Int(int deviceId, long eventId) ->
                    pend(eventOf(device(deviceId), eventId));
            case ItsCommand.Clear(int deviceId, long eventId) ->
                    clear(eventOf(device(deviceId), eventId));
            case ItsCommand.Inv(int deviceId, long eventId) -> {
                long event = eventOf(device(deviceId), eventId);
                if (ItsTables.VALID.isSet(event)) {
                    lpisOf(event).reload(ItsTables.INTID.getInt(event));
                }
            }
            case ItsCommand.Invall(int collection) -> {
                if (ItsTables.VALID.isSet(collection(collection))) {
                    gic.lpis(targetOf(collection)).reloadAll();
                }
            }
            case ItsCommand.Movall(int from, int to) -> {
                if (from < gic.cpus() && to < gic.cpus()) {
                    gic.lpis(from).moveAllTo(gic.lpis(to));
                }
            }
            case ItsCommand.Sync _ -> {} // commands take effect at once
            case ItsCommand.Illegal _ -> {} // skipped: see the class
        }
    }

    private void mapDevice(ItsCommand.Mapd mapd) {
        long entry = 0;
        if (mapd.valid()) {
            if (mapd.eventBits() > ID_BITS) {
                return;
            }
            entry =
                    ItsTables.EVENT_BITS.set(
                            ItsTables.VALID.setAll(mapd.ittGpa()), mapd.eventBits() - 1);
        }
        if (isDevice(mapd.deviceId())) {
            tables.write(registers.get(DEVICES), mapd.deviceId(), entry);
        }
    }

    private void mapCollection(ItsCommand.Mapc mapc) {
        if (mapc.valid() && mapc.target() >= gic.cpus()) {
            return;
        }
        long entry = mapc.valid() ? ItsTables.TARGET.set(ItsTables.VALID.mask(), mapc.target()) : 0;
        tables.write(registers.get(COLLECTIONS), mapc.collection(), entry);
    }

    private void mapEvent(ItsCommand.Mapti mapti) {
        long device = device(mapti.deviceId());
        boolean lpi = mapti.intid() >= Lpis.FIRST && mapti.intid() < 1L << GicV3.INTID_BITS;
        boolean hasPlace = mapti.collection() < tables.capacity(registers.get(COLLECTIONS));
        if (hasEvent(device, mapti.eventId()) && lpi && hasPlace) {
            tables.writeItt(device, mapti.eventId(), entry(mapti.intid(), mapti.collection()));
        }
    }

    private static long entry(long intid, int collection) {
        long entry = ItsTables.INTID.set(ItsTables.VALID.mask(), intid);
        return ItsTables.COLLECTION.set(entry, collection);
    }

    private void moveEvent(ItsCommand.Movi movi) {
        long device = device(movi.deviceId());
        long event = eventOf(device, movi.eventId());
        if (!ItsTables.VALID.isSet(event)
                || !ItsTables.VALID.isSet(collection(movi.collection()))) {
            return;
        }
        int intid = ItsTables.INTID.getInt(event);
        if (tables.writeItt(device, movi.eventId(), entry(intid, movi.collection()))
                && lpisOf(event).clear(intid)) {
            gic.lpis(targetOf(movi.collection())).set(intid);
        }
    }

    private void discard(int deviceId, long eventId) {
        long device = device(deviceId);
        long event = eventOf(device, eventId);
        if (hasEvent(device, eventId)) {
            clear(event);
            tables.writeItt(device, eventId, 0);
        }
    }

    private void pend(long event) {
        if (ItsTables.VALID.isSet(event)) {
            int cpu = targetOf(ItsTables.COLLECTION.getInt(event));
            gic.lpis(cpu).set((int) ItsTables.INTID.get(event));
            gic.evaluate(cpu);
        }
    }

    private void clear(long event) {
        if (ItsTables.VALID.isSet(event)) {
            lpisOf(event).clear(ItsTables.INTID.getInt(event));
        }
    }

    private static boolean isDevice(int deviceId) {
        return Integer.toUnsignedLong(deviceId) <= MAX_DEVICE_ID;
    }

    /** The device table's entry; not valid for a DeviceID that cannot be. */
    private long device(int deviceId) {
        return isDevice(deviceId) ? tables.read(registers.get(DEVICES), deviceId) : 0;
    }

    private static boolean hasEvent(long device, long eventId) {
        return ItsTables.VALID.isSet(device)
                && eventId >>> Math.min(ID_BITS, ItsTables.EVENT_BITS.getInt(device) + 1) == 0;
    }

    /** The event's entry, not valid unless its collection is mapped to a vCPU. */
    private long eventOf(long device, long eventId) {
        long event = hasEvent(device, eventId) ? tables.readItt(device, eventId) : 0;
        boolean mapped = ItsTables.VALID.isSet(collection(ItsTables.COLLECTION.getInt(event)));
        return ItsTables.VALID.isSet(event) && mapped ? event : 0;
    }

    /** The collection's entry, not valid unless its target is a vCPU. */
    private long collection(int collection) {
        long entry = tables.read(registers.get(COLLECTIONS), collection);
        return ItsTables.TARGET.getInt(entry) < gic.cpus() ? entry : 0;
    }

    private int targetOf(int collection) {
        return ItsTables.TARGET.getInt(collection(collection));
    }

    private Lpis lpisOf(long event) {
        return gic.lpis(targetOf(ItsTables.COLLECTION.getInt(event)));
    }

    @Override
    public long read(long offset, int sizeBytes) {
        if (offset >= IdRegisters.FIRST) {
            return offset < TRANSLATER - TRANSLATER % 0x10000 ? ids.read(offset, sizeBytes) : 0;
        }
        return registers.read(offset, sizeBytes);
    }

    /** A vCPU's own write of GITS_TRANSLATER has no DeviceID and is ignored. */
    @Override
    public void write(long offset, int sizeBytes, long value) {
        boolean tablesWhileEnabled =
                enabled() && (offset >= DEVICES.offset() || offset >> 3 == CBASER.offset() >> 3);
        if (!tablesWhileEnabled) {
            registers.write(offset, sizeBytes, value);
        }
    }
}
