package nestor.machine.gic;

import java.util.List;
import java.util.stream.IntStream;
import nestor.cpu.arm64.SystemRegisterPort;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;

/** A GIC with RAM and no CPU: what a driver does, through registers and memory only. */
final class GicHarness implements AutoCloseable {
    static final long RAM = 0x4000_0000L;
    static final long PROPERTIES = RAM;
    static final long PENDING = RAM + 0x20000;
    static final long DEVICES = RAM + 0x60000;
    static final long COLLECTIONS = RAM + 0x70000;
    static final long QUEUE = RAM + 0x80000;
    static final long ITT = RAM + 0x90000;
    static final int FIRST_LPI = 8192;
    static final int SPURIOUS = 1023;

    static final int PMR = encoding(4, 6, 0);
    static final int IAR0 = encoding(12, 8, 0);
    static final int EOIR0 = encoding(12, 8, 1);
    static final int AP0R0 = encoding(12, 8, 4);
    static final int AP1R0 = encoding(12, 9, 0);
    static final int DIR = encoding(12, 11, 1);
    static final int RPR = encoding(12, 11, 3);
    static final int SGI1R = encoding(12, 11, 5);
    static final int IAR1 = encoding(12, 12, 0);
    static final int EOIR1 = encoding(12, 12, 1);
    static final int HPPIR1 = encoding(12, 12, 2);
    static final int BPR1 = encoding(12, 12, 3);
    static final int CTLR = encoding(12, 12, 4);
    static final int SRE = encoding(12, 12, 5);
    static final int IGRPEN0 = encoding(12, 12, 6);
    static final int IGRPEN1 = encoding(12, 12, 7);

    private static final long REDISTRIBUTOR = 0x20000;
    private static final long SGI_BASE = 0x10000;

    final GuestMemory memory = GuestMemory.anonymous(RAM, 1 << 20);
    final GicV3 gic;
    final MmioRegion distributor;
    final MmioRegion redistributors;
    final MmioRegion its;
    final boolean[] irq;
    final boolean[] fiq;
    private int producer;

    GicHarness(int cpus) {
        gic = new GicV3(memory, IntStream.range(0, cpus).boxed().toList(), 64);
        distributor = gic.distributor();
        redistributors = gic.redistributors();
        its = gic.its();
        irq = new boolean[cpus];
        fiq = new boolean[cpus];
        for (int i = 0; i < cpus; i++) {
            int cpu = i;
            gic.connect(cpu, level -> irq[cpu] = level, level -> fiq[cpu] = level);
        }
    }

    static int encoding(int crn, int crm, int op2) {
        return 3 << 14 | crn << 7 | crm << 3 | op2;
    }

    /** What Linux does at boot: all interrupts in group 1, everything enabled, nothing masked. */
    GicHarness started() {
        distributor.write(0, 4, 0x13);
        distributor.write(0x84, 8, -1L);
        for (int cpu = 0; cpu < irq.length; cpu++) {
            redistributor(cpu, 0x14, 0);
            sgiFrame(cpu, 0x80, -1);
            cpu(cpu).write(PMR, 0xf0);
            cpu(cpu).write(IGRPEN1, 1);
        }
        return this;
    }

    SystemRegisterPort cpu(int cpu) {
        return gic.cpuInterface(cpu);
    }

    void redistributor(int cpu, long offset, long value) {
        redistributors.write(cpu * REDISTRIBUTOR + offset, 4, value);
    }

    void sgiFrame(int cpu, long offset, long value) {
        redistributors.write(cpu * REDISTRIBUTOR + SGI_BASE + offset, 4, value);
    }

    long readSgiFrame(int cpu, long offset) {
        return redistributors.read(cpu * REDISTRIBUTOR + SGI_BASE + offset, 4);
    }

    void enableSpi(int intid) {
        distributor.write(0x100 + intid / 32 * 4, 4, 1L << intid % 32);
    }

    void edge(int intid) {
        long at = 0xc00 + intid / 16 * 4;
        distributor.write(at, 4, distributor.read(at, 4) | 2L << intid % 16 * 2);
    }

    void priority(int intid, int value) {
        distributor.write(0x400 + intid, 1, value);
    }

    int acknowledge(int cpu) {
        return (int) cpu(cpu).read(IAR1);
    }

    void end(int cpu, int intid) {
        cpu(cpu).write(EOIR1, intid);
    }

    /** LPIs on, ITS on: one page of devices, one of collections, a queue of one page. */
    GicHarness withIts() throws GuestAccessException {
        for (int cpu = 0; cpu < irq.length; cpu++) {
            redistributors.write(cpu * REDISTRIBUTOR + 0x70, 8, PROPERTIES | 15);
            redistributors.write(
                    cpu * REDISTRIBUTOR + 0x78, 8, PENDING + cpu * 0x10000L | 1L << 62);
            redistributor(cpu, 0, 1);
        }
        its.write(0x100, 8, 1L << 63 | DEVICES);
        its.write(0x108, 8, 1L << 63 | COLLECTIONS);
        its.write(0x80, 8, 1L << 63 | QUEUE);
        its.write(0, 4, 1);
        return this;
    }

    void lpi(int intid, int priority, boolean enabled) throws GuestAccessException {
        memory.setByte(PROPERTIES + intid - FIRST_LPI, (byte) (priority | (enabled ? 1 : 0)));
    }

    void command(long dw0, long dw1, long dw2, long dw3) throws GuestAccessException {
        long at = QUEUE + producer;
        for (long word : List.of(dw0, dw1, dw2, dw3)) {
            memory.setLongLe(at, word);
            at += 8;
        }
        producer = (producer + 32) % 4096;
        its.write(0x88, 8, producer);
    }

    void mapDevice(int device, int eventBits, long itt) throws GuestAccessException {
        command(8 | (long) device << 32, eventBits - 1, 1L << 63 | itt, 0);
    }

    void mapCollection(int collection, int cpu) throws GuestAccessException {
        command(9, 0, 1L << 63 | (long) cpu << 16 | collection, 0);
    }

    void mapEvent(int device, int event, int intid, int collection) throws GuestAccessException {
        command(10 | (long) device << 32, event | (long) intid << 32, collection, 0);
    }

    void eventCommand(int opcode, int device, int event) throws GuestAccessException {
        command(opcode | (long) device << 32, event, 0, 0);
    }

    void message(int device, int event) {
        gic.translater().signal(device, 0x0809_0040L, event);
    }

    long consumer() {
        return its.read(0x90, 8);
    }

    int producer() {
        return producer;
    }

    @Override
    public void close() {
        memory.close();
    }
}
