package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** An ITS command, decoded once (§5.3). */
sealed interface ItsCommand {
    /** §5.3.12 MOVI. */
    record Movi(int deviceId, long eventId, int collection) implements ItsCommand {}

    /** §5.3.6 INT. */
    record Int(int deviceId, long eventId) implements ItsCommand {}

    /** §5.3.3 CLEAR. */
    record Clear(int deviceId, long eventId) implements ItsCommand {}

    /** §5.3.14 SYNC: everything is complete when the next command starts. */
    record Sync(int target) implements ItsCommand {}

    /**
     * §5.3.9 MAPD.
     *
     * @param eventBits EventIDs of the device have that many bits
     */
    record Mapd(int deviceId, int eventBits, long ittGpa, boolean valid) implements ItsCommand {}

    /** §5.3.8 MAPC. */
    record Mapc(int collection, int target, boolean valid) implements ItsCommand {}

    /** §5.3.10 MAPTI, and §5.3.11 MAPI, whose INTID is the EventID. */
    record Mapti(int deviceId, long eventId, long intid, int collection) implements ItsCommand {}

    /** §5.3.7 INV. */
    record Inv(int deviceId, long eventId) implements ItsCommand {}

    /** §5.3.13 INVALL. */
    record Invall(int collection) implements ItsCommand {}

    /** §5.3.13 MOVALL. */
    record Movall(int from, int to) implements ItsCommand {}

    /** §5.3.4 DISCARD. */
    record Discard(int deviceId, long eventId) implements ItsCommand {}

    /** A reserved encoding; the queue's owner decides. */
    record Illegal(int opcode) implements ItsCommand {}

    BitField OPCODE = bits(7, 0);
    BitField DEVICE_ID = bits(63, 32);
    BitField EVENT_ID = bits(31, 0);
    BitField INTID = bits(63, 32);
    BitField SIZE = bits(4, 0);
    BitField ITT_ADDRESS = bits(51, 8);
    BitField COLLECTION = bits(15, 0);
    BitField TARGET = bits(50, 16);
    BitField VALID = bit(63);

    /** Decodes the four doublewords of a command; total. */
    static ItsCommand decode(long dw0, long dw1, long dw2, long dw3) {
        int device = DEVICE_ID.getInt(dw0);
        long event = EVENT_ID.get(dw1);
        int collection = COLLECTION.getInt(dw2);
        boolean valid = VALID.isSet(dw2);
        return switch (OPCODE.getInt(dw0)) {
            case 0x01 -> new Movi(device, event, collection);
            case 0x03 -> new Int(device, event);
            case 0x04 -> new Clear(device, event);
            case 0x05 -> new Sync(target(dw2));
            case 0x08 -> new Mapd(device, SIZE.getInt(dw1) + 1, ITT_ADDRESS.getInPlace(dw2), valid);
            case 0x09 -> new Mapc(collection, target(dw2), valid);
            case 0x0a -> new Mapti(device, event, INTID.get(dw1), collection);
            case 0x0b -> new Mapti(device, event, event, collection);
            case 0x0c -> new Inv(device, event);
            case 0x0d -> new Invall(collection);
            case 0x0e -> new Movall(target(dw2), target(dw3));
            case 0x0f -> new Discard(device, event);
            default -> new Illegal(OPCODE.getInt(dw0));
        };
    }

    /** RDbase with GITS_TYPER.PTA = 0: a vCPU number; one that cannot be stays out of range. */
    private static int target(long word) {
        return (int) Math.min(TARGET.get(word), Integer.MAX_VALUE);
    }
}
