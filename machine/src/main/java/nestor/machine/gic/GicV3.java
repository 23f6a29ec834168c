package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.cpu.arm64.SystemRegisterPort;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.interrupt.LineWatcher;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/**
 * A GICv3: one Distributor, a Redistributor and a CPU interface for each vCPU, one ITS.
 *
 * <p>Wires and messages come on any thread; a wire to a vCPU is driven after the GIC's lock is
 * released, on whatever thread changed its state.
 */
public final class GicV3 {
    /** INTIDs have 16 bits: LPIs 8192..65535. */
    static final int INTID_BITS = 16;

    /** Bytes of the Distributor's frame. */
    public static final long DISTRIBUTOR_BYTES = 0x10000;

    /** Bytes of one vCPU's Redistributor frames. */
    public static final long REDISTRIBUTOR_BYTES = Redistributor.BYTES;

    /** Bytes of the ITS's two frames. */
    public static final long ITS_BYTES = Its.BYTES;

    /** Offset of GITS_TRANSLATER in the ITS's frames: where messages are written to. */
    public static final long ITS_TRANSLATER = Its.TRANSLATER;

    private static final int MAX_SPIS = 988;
    private static final int SGIS = 16;
    private static final int FIRST_PPI = 16;
    private static final int MAX_CPUS = 16;

    /** ICC_SGIxR_EL1 (§12.2.18). */
    private static final BitField TARGET_LIST = bits(15, 0);

    private static final BitField SGI_INTID = bits(27, 24);
    private static final BitField INTERRUPT_ROUTING_MODE = bit(40);
    private static final BitField RANGE_SELECTOR = bits(47, 44);

    /** A route or SGI target: Aff3 [39:32], Aff2 [23:16], Aff1 [15:8], Aff0 [7:0]. */
    private static final BitField AFF1 = bits(15, 8);

    final Object lock = new Object();

    private volatile LineWatcher spiWatcher = (_, _) -> {};
    private final Distributor distributor;
    private final CpuInterface[] interfaces;
    private final Redistributor[] redistributors;
    private final long[] affinities;
    private final Its its;

    /** One bit a vCPU whose wires changed since {@link #takeChanged}; guarded by the lock. */
    private long changed;

    /**
     * A GIC in its reset state.
     *
     * @param memory where the guest puts the tables of LPIs and the ITS
     * @param affinities of the vCPUs in the order of their numbers, 1..16: MPIDR's Aff3.Aff2.Aff1
     *     and Aff0, a byte each; Aff0 is 0..15
     * @param spis number of SPIs, a multiple of 32, at most 960
     */
    public GicV3(GuestMemory memory, List<Integer> affinities, int spis) {
        int cpus = affinities.size();
        if (cpus < 1 || cpus > MAX_CPUS || spis < 32 || spis > MAX_SPIS || spis % 32 != 0) {
            throw new IllegalArgumentException(cpus + " vCPUs, " + spis + " SPIs");
        }
        this.affinities = affinities.stream().mapToLong(Integer::toUnsignedLong).toArray();
        interfaces = new CpuInterface[cpus];
        redistributors = new Redistributor[cpus];
        for (int cpu = 0; cpu < cpus; cpu++) {
            interfaces[cpu] = new CpuInterface(this, cpu);
        }
        // The interfaces look at their Redistributors only once something is pending or accessed.
        distributor = new Distributor(this, spis);
        for (int cpu = 0; cpu < cpus; cpu++) {
            redistributors[cpu] =
                    new Redistributor(
                            distributor,
                            interfaces[cpu],
                            memory,
                            cpu,
                            this.affinities[cpu],
                            cpu == cpus - 1);
        }
        its = new Its(this, memory);
    }

    /** GICD frame. */
    public MmioRegion distributor() {
        return new Locked(distributor);
    }

    /** GICR frames of all vCPUs, one after the other. */
    public MmioRegion redistributors() {
        return new Locked(
                new Frame() {
                    @Override
                    public long read(long offset, int sizeBytes) {
                        Redistributor of = redistributors[(int) (offset / Redistributor.BYTES)];
                        return of.read(offset % Redistributor.BYTES, sizeBytes);
                    }

                    @Override
                    public void write(long offset, int sizeBytes, long value) {
                        Redistributor of = redistributors[(int) (offset / Redistributor.BYTES)];
                        of.write(offset % Redistributor.BYTES, sizeBytes, value);
                    }
                });
    }

    /** GITS frames. */
    public MmioRegion its() {
        return new Locked(its);
    }

    /**
     * Where messages to GITS_TRANSLATER go: the data is the EventID. A message without a valid
     * mapping is dropped.
     */
    public MsiSink translater() {
        return (deviceId, _, data) -> {
            long wires;
            synchronized (lock) {
                its.translate(deviceId, Integer.toUnsignedLong(data));
                wires = takeChanged();
            }
            publish(wires);
        };
    }

    /** ICC_* of one vCPU. */
    public SystemRegisterPort cpuInterface(int cpu) {
        return interfaces[cpu];
    }

    /** Connects the wires to a vCPU: group 1 interrupts are IRQs, group 0 ones FIQs. */
    public void connect(int cpu, IrqLine irq, IrqLine fiq) {
        interfaces[cpu].connect(irq, fiq);
    }

    /** The wire of SPI {@code number} (INTID 32 + number). */
    public IrqLine spi(int number) {
        int intid = Distributor.FIRST_SPI + number;
        if (number < 0 || !distributor.bank().contains(intid)) {
            throw new IllegalArgumentException("SPI " + number);
        }
        IrqLine wire = wire(distributor.bank(), intid);
        return asserted -> {
            wire.set(asserted);
            spiWatcher.driven(number, asserted);
        };
    }

    /** Who is told when an SPI's wire is driven; on the thread that does, with no lock held. */
    public void watchSpis(LineWatcher watcher) {
        spiWatcher = watcher;
    }

    /** The wire of a vCPU's private peripheral interrupt, INTID 16..31. */
    public IrqLine ppi(int cpu, int intid) {
        if (intid < FIRST_PPI || intid >= Distributor.FIRST_SPI) {
            throw new IllegalArgumentException("INTID " + intid);
        }
        return wire(redistributors[cpu].bank(), intid);
    }

    private IrqLine wire(InterruptBank bank, int intid) {
        return asserted -> {
            long wires;
            synchronized (lock) {
                bank.wire(intid, asserted);
                wires = takeChanged();
            }
            publish(wires);
        };
    }

    /** Everything as fresh, except what devices drive on their wires. */
    public void reset() {
        long wires;
        synchronized (lock) {
            its.reset();
            distributor.reset();
            for (Redistributor redistributor : redistributors) {
                redistributor.reset();
            }
            for (CpuInterface cpu : interfaces) {
                cpu.reset();
            }
            wires = takeChanged();
        }
        publish(wires);
    }

    int cpus() {
        return interfaces.length;
    }

    Redistributor redistributor(int cpu) {
        return redistributors[cpu];
    }

    Lpis lpis(int cpu) {
        return redistributors[cpu].lpis();
    }

    void evaluate(int cpu) {
        interfaces[cpu].evaluate();
    }

    void evaluateAll() {
        for (CpuInterface cpu : interfaces) {
            cpu.evaluate();
        }
    }

    boolean forwards(int group) {
        return distributor.forwards(group);
    }

    /** The CPU interface with that affinity; null if there is none. */
    @Nullable CpuInterface cpuAt(long affinity) {
        for (int cpu = 0; cpu < affinities.length; cpu++) {
            if (affinities[cpu] == affinity) {
                return interfaces[cpu];
            }
        }
        return null;
    }

    /** Whether an SGI, PPI or SPI of that INTID exists. */
    boolean exists(int intid) {
        return intid < Distributor.FIRST_SPI || distributor.bank().contains(intid);
    }

    /** The bank that holds an existing SGI, PPI or SPI, as vCPU {@code cpu} sees it. */
    InterruptBank bankOf(int cpu, int intid) {
        return intid < Distributor.FIRST_SPI ? redistributors[cpu].bank() : distributor.bank();
    }

    /** The group enables of the Distributor changed: everything that waits is judged anew. */
    void groupsChanged() {
        distributor.bank().updateAll();
        for (Redistributor redistributor : redistributors) {
            redistributor.bank().updateAll();
        }
        evaluateAll();
    }

    /** A write of ICC_SGI0R_EL1 or ICC_SGI1R_EL1; an SGI reaches vCPUs where it has that group. */
    void generateSgi(int from, long value, int group) {
        int intid = SGI_INTID.getInt(value) % SGIS;
        boolean toOthers = INTERRUPT_ROUTING_MODE.isSet(value);
        long cluster =
                bits(55, 48).get(value) << 32
                        | bits(39, 32).get(value) << 16
                        | AFF1.set(0, bits(23, 16).get(value));
        for (int cpu = 0; cpu < affinities.length; cpu++) {
            long aff0 = affinities[cpu] & 0xf;
            boolean listed =
                    (affinities[cpu] & ~0xffL) == cluster
                            && RANGE_SELECTOR.get(value) == 0
                            && (TARGET_LIST.get(value) >>> aff0 & 1) != 0;
            boolean targeted = toOthers ? cpu != from : listed;
            InterruptBank bank = redistributors[cpu].bank();
            if (targeted && bank.groupOf(intid) == group) {
                bank.pend(intid);
            }
        }
    }

    void wiresChanged(int cpu) {
        changed |= 1L << cpu;
    }

    /** The vCPUs whose wires must be published; with the lock held. */
    long takeChanged() {
        long taken = changed;
        changed = 0;
        return taken;
    }

    /** Drives the wires of the vCPUs in {@code cpus}, without the lock. */
    void publish(long cpus) {
        for (long rest = cpus; rest != 0; rest &= rest - 1) {
            interfaces[Long.numberOfTrailingZeros(rest)].publish();
        }
    }

    /** A frame as the bus sees it: each access with the lock held, wires driven after it. */
    private final class Locked implements MmioRegion {
        private final Frame frame;

        Locked(Frame frame) {
            this.frame = frame;
        }

        @Override
        public long read(long offset, int sizeBytes) {
            synchronized (lock) {
                return frame.read(offset, sizeBytes);
            }
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            long wires;
            synchronized (lock) {
                frame.write(offset, sizeBytes, value);
                wires = takeChanged();
            }
            publish(wires);
        }
    }
}
