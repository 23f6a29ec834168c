package nestor.testkit;

import nestor.paging.Access;
import nestor.paging.Permissions;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.WalkResult;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/** Where the naive translator keeps descriptors: RAM, or RAM behind a second stage. */
abstract class NaiveCells {
    /**
     * One look at a descriptor.
     *
     * @param value what it holds
     * @param physical where it lies in RAM
     * @param absent whether no RAM is there
     * @param refused what the second stage says against it
     */
    record Cell(long value, long physical, boolean absent, WalkResult.@Nullable Fault refused) {}

    abstract Cell read(long address, boolean updates);

    /** Writes {@code value} if {@code old} is still there; the cell holds what was there. */
    abstract Cell exchange(long address, long old, long value);

    /** Tables in RAM; remembers every descriptor it was asked for. */
    static final class Physical extends NaiveCells {
        private final GuestMemory memory;
        private final List<Long> touched = new ArrayList<>();
        private int updates;

        Physical(GuestMemory memory) {
            this.memory = memory;
        }

        List<Long> touched() {
            return touched;
        }

        int updates() {
            return updates;
        }

        void forget() {
            touched.clear();
            updates = 0;
        }

        @Override
        Cell read(long address, boolean updates) {
            touched.add(address);
            try {
                return new Cell(memory.getLongLe(address), address, false, null);
            } catch (GuestAccessException e) {
                return new Cell(0, address, true, null);
            }
        }

        @Override
        Cell exchange(long address, long old, long value) {
            Cell found = read(address, true);
            if (found.absent() || found.value() != old) {
                return found;
            }
            try {
                memory.setLongLe(address, value);
                updates++;
            } catch (GuestAccessException e) {
                throw new IllegalStateException("RAM that could be read", e);
            }
            return found;
        }
    }

    /** Tables whose addresses a second stage translates, and judges. */
    static final class Translated extends NaiveCells {
        private final TableFormat stage2;
        private final Physical ram;

        Translated(TableFormat stage2, Physical ram) {
            this.stage2 = stage2;
            this.ram = ram;
        }

        @Override
        Cell read(long address, boolean updates) {
            int read = Permissions.PRIVILEGED_READ;
            WalkResult second =
                    NaiveTranslator.stage(stage2, address, new Access(read, read, updates), ram);
            WalkResult.Fault fault = refusal(second, address, WalkResult.Subject.TABLE_READ);
            return fault != null
                    ? new Cell(0, 0, false, fault)
                    : ram.read(output(second, address), updates);
        }

        @Override
        Cell exchange(long address, long old, long value) {
            int both = Permissions.PRIVILEGED_READ | Permissions.PRIVILEGED_WRITE;
            WalkResult second =
                    NaiveTranslator.stage(stage2, address, new Access(both, both, true), ram);
            WalkResult.Fault fault = refusal(second, address, WalkResult.Subject.TABLE_UPDATE);
            return fault != null
                    ? new Cell(0, 0, false, fault)
                    : ram.exchange(output(second, address), old, value);
        }

        private WalkResult.@Nullable Fault refusal(
                WalkResult second, long address, WalkResult.Subject subject) {
            if (second instanceof WalkResult.Fault f) {
                return new WalkResult.Fault(
                        f.kind(),
                        2,
                        f.level(),
                        subject,
                        address,
                        address,
                        f.descriptor(),
                        f.granted());
            }
            WalkResult.Mapping mapping = (WalkResult.Mapping) second;
            return stage2 instanceof VmsaV8Stage2 format
                            && format.protectedTableWalk()
                            && isDevice(format, mapping.leaf())
                    ? new WalkResult.Fault(
                            WalkResult.Kind.PERMISSION,
                            2,
                            mapping.level(),
                            subject,
                            address,
                            address,
                            0,
                            mapping.permissions())
                    : null;
        }

        /** MemAttr, bits 5:2: 0b00xx is Device; with FWB, 0bx0xx is. */
        private static boolean isDevice(VmsaV8Stage2 format, long leaf) {
            int memAttr = (int) (leaf >>> 2) & 0xf;
            return format.forcedWriteBack()
                    ? List.of(0, 1, 2, 3, 8, 9, 10, 11).contains(memAttr)
                    : memAttr < 4;
        }

        private static long output(WalkResult second, long address) {
            WalkResult.Mapping mapping = (WalkResult.Mapping) second;
            return NaiveTranslator.inside(mapping, address);
        }
    }
}
