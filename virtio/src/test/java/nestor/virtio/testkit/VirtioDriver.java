package nestor.virtio.testkit;

/**
 * A driver of one virtio-pci function, through configuration space, BARs and RAM only. Structure
 * and register offsets are written out, not taken from the code under test.
 */
public final class VirtioDriver {
    public static final long INDIRECT_DESC = 1L << 28;
    public static final long EVENT_IDX = 1L << 29;
    public static final long VERSION_1 = 1L << 32;
    public static final long ACCESS_PLATFORM = 1L << 33;

    public static final int ACKNOWLEDGE = 1;
    public static final int DRIVER = 2;
    public static final int DRIVER_OK = 4;
    public static final int FEATURES_OK = 8;
    public static final int NEEDS_RESET = 64;
    public static final int NO_VECTOR = 0xffff;

    private final TestMachine machine;
    private final long configGpa;
    private final int rid;
    private final long[] bars = new long[6];
    private final long[] structures = new long[6];
    private final int[] lengths = new int[6];
    private int msixTableBar;
    private long msixTableOffset;
    private int pciCfg;
    private int notifyMultiplier;
    private long negotiated;

    VirtioDriver(TestMachine machine, long configGpa, int rid) {
        this.machine = machine;
        this.configGpa = configGpa;
        this.rid = rid;
        assignBars();
        walkCapabilities();
        config(0x04, 2, 0x6); // memory space, bus master
    }

    /** The driver after a reset of the function, which has forgotten its BARs. */
    public VirtioDriver afterFunctionReset() {
        return new VirtioDriver(machine, configGpa, rid);
    }

    private void assignBars() {
        for (int bar = 0; bar < 6; bar++) {
            int at = 0x10 + 4 * bar;
            config(at, 4, 0xffff_ffffL);
            long answer = config(at, 4);
            if (answer == 0) {
                continue;
            }
            boolean is64Bit = (answer & 6) == 4;
            long sizeBytes = -(answer & ~0xfL) & 0xffff_ffffL;
            long base = machine.allocateBar(is64Bit, sizeBytes);
            bars[bar] = base;
            config(at, 4, base & 0xffff_ffffL);
            if (is64Bit) {
                config(at + 4, 4, base >>> 32);
                bar++;
            }
        }
    }

    private void walkCapabilities() {
        int at = (int) config(0x34, 1);
        while (at != 0) {
            int id = (int) config(at, 1);
            if (id == 0x11) {
                config(at + 2, 2, 0x8000); // MSI-X enable
                msixTableBar = (int) config(at + 4, 4) & 7;
                msixTableOffset = config(at + 4, 4) & ~7L;
            } else if (id == 0x09) {
                int type = (int) config(at + 3, 1);
                structures[type] = bars[(int) config(at + 4, 1)] + config(at + 8, 4);
                lengths[type] = (int) config(at + 12, 4);
                if (type == 2) {
                    notifyMultiplier = (int) config(at + 16, 4);
                } else if (type == 5) {
                    pciCfg = at;
                }
            }
            at = (int) config(at + 1, 1);
        }
    }

    public int rid() {
        return rid;
    }

    public long config(int offset, int sizeBytes) {
        return machine.mmio().read(configGpa + offset, sizeBytes);
    }

    public void config(int offset, int sizeBytes, long value) {
        machine.mmio().write(configGpa + offset, sizeBytes, value);
    }

    /** GPA of a structure by its {@code cfg_type}. */
    public long structure(int type) {
        return structures[type];
    }

    public int structureLength(int type) {
        return lengths[type];
    }

    /** Offset of the PCI configuration access capability. */
    public int pciCfgCapability() {
        return pciCfg;
    }

    public long common(int offset, int sizeBytes) {
        return machine.mmio().read(structures[1] + offset, sizeBytes);
    }

    public void common(int offset, int sizeBytes, long value) {
        machine.mmio().write(structures[1] + offset, sizeBytes, value);
    }

    public long device(int offset, int sizeBytes) {
        return machine.mmio().read(structures[4] + offset, sizeBytes);
    }

    public void device(int offset, int sizeBytes, long value) {
        machine.mmio().write(structures[4] + offset, sizeBytes, value);
    }

    public int isr() {
        return (int) machine.mmio().read(structures[3], 1);
    }

    public int status() {
        return (int) common(0x14, 1);
    }

    public void status(int value) {
        common(0x14, 1, value);
    }

    public long offered() {
        common(0x00, 4, 0);
        long low = common(0x04, 4);
        common(0x00, 4, 1);
        return low | common(0x04, 4) << 32;
    }

    /** Writes {@code features} and FEATURES_OK; returns the status the device leaves. */
    public int negotiate(long features) {
        negotiated = features;
        status(ACKNOWLEDGE);
        status(ACKNOWLEDGE | DRIVER);
        common(0x08, 4, 0);
        common(0x0c, 4, features & 0xffff_ffffL);
        common(0x08, 4, 1);
        common(0x0c, 4, features >>> 32);
        status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
        return status();
    }

    /** Everything offered, all MSI-X vectors set up. */
    public int negotiate() {
        return negotiate(offered());
    }

    /** Points MSI-X vector {@code vector} at the doorbell with {@code vector} as data. */
    public void vector(int vector) {
        long entry = bars[msixTableBar] + msixTableOffset + 16L * vector;
        machine.mmio().write(entry, 4, TestMachine.DOORBELL);
        machine.mmio().write(entry + 4, 4, 0);
        machine.mmio().write(entry + 8, 4, vector);
        machine.mmio().write(entry + 12, 4, 0);
    }

    /** Sets up and enables queue {@code index} with vector {@code index + 1}. */
    public DriverQueue queue(int index, int size) {
        var queue = new DriverQueue(machine, this, index, size, (negotiated & EVENT_IDX) != 0);
        vector(index + 1);
        common(0x16, 2, index);
        common(0x18, 2, size);
        common(0x1a, 2, index + 1);
        common(0x20, 4, queue.descriptors() & 0xffff_ffffL);
        common(0x24, 4, queue.descriptors() >>> 32);
        common(0x28, 8, queue.available());
        common(0x30, 8, queue.used());
        common(0x1c, 2, 1);
        return queue;
    }

    public void driverOk() {
        vector(0);
        common(0x10, 2, 0);
        status(status() | DRIVER_OK);
        machine.run();
    }

    /** Resets the device and turns the loop. */
    public void reset() {
        status(0);
        machine.run();
    }

    /** Rings the doorbell of queue {@code index} without turning the loop. */
    public void notifyQueue(int index) {
        common(0x16, 2, index);
        long offset = common(0x1e, 2) * notifyMultiplier;
        machine.mmio().write(structures[2] + offset, 2, index);
    }
}
