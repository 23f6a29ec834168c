package nestor.vtd;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.InterruptEntry;
import nestor.vtd.event.FaultReason;
import nestor.vtd.event.FaultRecord;

/**
 * Interrupt remapping and posting (chapter 5). Messages come in as devices and I/O APICs write
 * them, and leave in compatibility format, an x2APIC destination's upper bits in the upper half of
 * the address. Table entries are read anew for each interrupt. Any thread.
 */
final class InterruptRemapper implements MsiSink {
    /** §5.1.2.2: a message address; bits 31:20 are FEEh. */
    private static final class Address {
        static final BitField SHV = bit(3);
        static final BitField REMAPPABLE = bit(4);
        static final BitField HANDLE_HIGH = bit(2);
        static final BitField HANDLE = bits(19, 5);

        private Address() {}
    }

    /** §5.1.2.2: message data. */
    private static final BitField SUBHANDLE = bits(15, 0);

    private static final BitField DATA_RESERVED = bits(31, 16);

    /** §5.1.5.1, §5.1.5.2 and the SDM, volume 3A, §11.11: what leaves. */
    private static final class Message {
        static final long WINDOW = 0xfee0_0000L;
        static final BitField DM = bit(2);
        static final BitField RH = bit(3);
        static final BitField DESTINATION = bits(19, 12);
        static final BitField DESTINATION_UPPER = bits(63, 40);
        static final BitField VECTOR = bits(7, 0);
        static final BitField DELIVERY = bits(10, 8);
        static final BitField ASSERT = bit(14);
        static final BitField LEVEL = bit(15);

        private Message() {}
    }

    /** An xAPIC ID in NDST. */
    private static final BitField NDST_XAPIC = bits(15, 8);

    /**
     * What the global commands have made of remapping, as one value.
     *
     * @param enabled IRES
     * @param compatibility CFIS
     * @param base what SIRTP latched: the table's address
     * @param extended EIME
     * @param entries in the table
     */
    record Settings(
            boolean enabled, boolean compatibility, long base, boolean extended, int entries) {
        static final Settings RESET = new Settings(false, false, 0, false, 2);
    }

    private final VtdOptions options;
    private final GuestMemory memory;
    private final FaultLog faults;
    private final MsiSink apic;
    private volatile Settings settings = Settings.RESET;

    InterruptRemapper(VtdOptions options, GuestMemory memory, FaultLog faults, MsiSink apic) {
        this.options = options;
        this.memory = memory;
        this.faults = faults;
        this.apic = apic;
    }

    Settings settings() {
        return settings;
    }

    void enable(boolean enabled) {
        Settings now = settings;
        settings =
                new Settings(
                        enabled, now.compatibility(), now.base(), now.extended(), now.entries());
    }

    void compatibility(boolean passes) {
        Settings now = settings;
        settings = new Settings(now.enabled(), passes, now.base(), now.extended(), now.entries());
    }

    void table(long base, boolean extended, int entries) {
        Settings now = settings;
        boolean mode = extended && options.extendedInterruptMode();
        settings = new Settings(now.enabled(), now.compatibility(), base, mode, entries);
    }

    void reset() {
        settings = Settings.RESET;
    }

    @Override
    public void signal(int sid, long address, int data) {
        Settings now = settings;
        if (!now.enabled()) {
            apic.signal(sid, address, data);
            return;
        }
        if (!Address.REMAPPABLE.isSet(address)) {
            if (now.compatibility() && !now.extended()) {
                apic.signal(sid, address, data);
            } else {
                faults.record(
                        FaultRecord.ofInterrupt(FaultReason.COMPATIBILITY_FORMAT_BLOCKED, sid, 0));
            }
            return;
        }
        int index = Address.HANDLE.getInt(address);
        index |= Address.HANDLE_HIGH.getInt(address) << 15;
        if (Address.SHV.isSet(address)) {
            if (DATA_RESERVED.isSet(data)) {
                faults.record(
                        FaultRecord.ofInterrupt(
                                FaultReason.INTERRUPT_REQUEST_RESERVED, sid, index));
                return;
            }
            index += SUBHANDLE.getInt(data);
        }
        remap(now, sid, index);
    }

    private void remap(Settings now, int sid, int index) {
        if (index >= now.entries()) {
            record(FaultReason.INTERRUPT_INDEX, false, sid, index & 0xffff);
            return;
        }
        InterruptEntry entry;
        try {
            long at = now.base() + (long) index * InterruptEntry.BYTES;
            entry = InterruptEntry.decode(memory.getLongLe(at), memory.getLongLe(at + 8));
        } catch (GuestAccessException e) {
            record(FaultReason.IRTE_ACCESS, false, sid, index);
            return;
        }
        boolean fpd = entry.head().faultProcessingDisabled();
        if (!entry.head().present()) {
            record(FaultReason.IRTE_NOT_PRESENT, fpd, sid, index);
        } else if (!isLegal(entry, now)) {
            record(FaultReason.IRTE_RESERVED, fpd, sid, index);
        } else if (!isVerified(entry.head(), sid)) {
            record(FaultReason.SOURCE_NOT_VERIFIED, fpd, sid, index);
        } else {
            switch (entry) {
                case InterruptEntry.Remapped remapped -> deliver(now, sid, index, remapped);
                case InterruptEntry.Posted posted -> post(now, sid, index, posted);
            }
        }
    }

    private void record(FaultReason reason, boolean fpd, int sid, int index) {
        if (new ConfigFault(reason, fpd).recorded()) {
            faults.record(FaultRecord.ofInterrupt(reason, sid, index));
        }
    }

    private boolean isLegal(InterruptEntry entry, Settings now) {
        boolean hasFormat =
                switch (entry) {
                    case InterruptEntry.Remapped remapped ->
                            now.extended() || !remapped.isExtended();
                    case InterruptEntry.Posted _ -> options.has(VtdProperty.POSTED_INTERRUPTS);
                };
        return hasFormat
                && entry.isLegal()
                && entry.head().sourceValidation() <= InterruptEntry.SVT_BUS;
    }

    /** §9.10, SVT; drivers disagree on which byte of SID is the first bus. */
    private static boolean isVerified(InterruptEntry.Head head, int sid) {
        return switch (head.sourceValidation()) {
            case InterruptEntry.SVT_NONE -> true;
            case InterruptEntry.SVT_SOURCE ->
                    Invalidations.sameSource(sid, head.sid(), head.sourceQualifier());
            default -> {
                int bus = sid >>> 8;
                int one = head.sid() >>> 8;
                int other = head.sid() & 0xff;
                yield bus >= Math.min(one, other) && bus <= Math.max(one, other);
            }
        };
    }

    private void deliver(Settings now, int sid, int index, InterruptEntry.Remapped entry) {
        long address = address(entry.apicId(now.extended()));
        address |= entry.logicalDestination() ? Message.DM.mask() : 0;
        address |= entry.redirectionHint() ? Message.RH.mask() : 0;
        long data =
                Message.DELIVERY.set(Message.VECTOR.set(0, entry.vector()), entry.deliveryMode());
        data |= Message.ASSERT.mask();
        data |= entry.levelTriggered() ? Message.LEVEL.mask() : 0;
        VtdTrace.interrupt(sid, index, address, data);
        apic.signal(sid, address, (int) data);
    }

    private static long address(int apicId) {
        long address = Message.DESTINATION.set(Message.WINDOW, apicId & 0xff);
        return Message.DESTINATION_UPPER.set(address, apicId >>> 8);
    }

    private void post(Settings now, int sid, int index, InterruptEntry.Posted entry) {
        boolean fpd = entry.head().faultProcessingDisabled();
        try {
            switch (PostedDescriptor.post(
                    memory, entry.descriptor(), entry.vector(), entry.urgent())) {
                case PostedDescriptor.Result.Quiet() -> {}
                case PostedDescriptor.Result.Reserved() ->
                        record(FaultReason.POSTED_DESCRIPTOR_RESERVED, fpd, sid, index);
                case PostedDescriptor.Result.Notify(int vector, int destination) -> {
                    int id =
                            now.extended()
                                    ? destination
                                    : NDST_XAPIC.getInt(Integer.toUnsignedLong(destination));
                    long data = Message.VECTOR.set(Message.ASSERT.mask(), vector);
                    apic.signal(sid, address(id), (int) data);
                }
            }
        } catch (GuestAccessException e) {
            record(FaultReason.POSTED_DESCRIPTOR_ACCESS, fpd, sid, index);
        }
    }
}
