package nestor.hostsim;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import nestor.pci.AtsEndpoint;
import nestor.pci.BarKind;
import nestor.pci.FunctionInfo;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.pci.TranslationAgent;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;

/**
 * A PCI function in the simulated host: alone on its bus, behind the host's IOMMU, its physical
 * addresses those of the process's memory. This is what the host's PCI core and its drivers do with
 * it: they place its BARs and enable memory, PASID, ATS and PRI.
 *
 * <p>Any thread; the simulated host's lock is not held.
 */
final class PhysicalFunction {
    /** Where MSI go: the window that x86 hosts have. */
    static final long DOORBELL = 0xfee0_0000L;

    static final long DOORBELL_BYTES = 1 << 20;
    static final int CONFIG_BYTES = 4096;

    private static final long ECAM = 0x8000_0000L;
    private static final long MEM32 = 0xc000_0000L;
    private static final long MEM32_BYTES = 0x2000_0000L;
    private static final long MEM64 = 1L << 40;
    private static final long MEM64_BYTES = 1L << 36;

    private static final int COMMAND = 0x04;
    private static final int MEMORY_SPACE = 1 << 1;
    private static final int BUS_MASTER = 1 << 2;
    private static final int FIRST_BAR = 0x10;
    private static final int CAPABILITIES_POINTER = 0x34;
    private static final int FIRST_EXTENDED = 0x100;

    static final int MSI = 0x05;
    static final int MSIX = 0x11;
    static final int EXPRESS = 0x10;
    static final int ATS = 0x0f;
    static final int PRI = 0x13;
    static final int PASID = 0x1b;

    private final PciFunction function;
    private final PciHost host;
    private final MmioBus bus = new MmioBus();
    private final Map<Integer, Long> bars = new TreeMap<>();
    private final Map<Integer, FunctionInfo.BarInfo> layout = new TreeMap<>();

    /**
     * @param memory the process's, at its own addresses
     * @param iommu in front of it
     * @param interrupts takes its messages
     */
    PhysicalFunction(
            PciFunction function, GuestMemory memory, TranslationAgent iommu, MsiSink interrupts) {
        this.function = function;
        this.host =
                new PciHost(
                        new PciHost.Layout(ECAM, 1, MEM32, MEM32_BYTES, MEM64, MEM64_BYTES, 0, 0),
                        memory,
                        bus,
                        new MsiDoorbell(DOORBELL, DOORBELL_BYTES, interrupts));
        host.iommu(iommu, _ -> true);
        host.plug(0, 0, function);
        long next32 = MEM32;
        long next64 = MEM64;
        for (FunctionInfo.BarInfo bar : function.info().bars()) {
            layout.put(bar.index(), bar);
            if (bar.kind() == BarKind.MEM32) {
                next32 = next32 + bar.sizeBytes() - 1 & -bar.sizeBytes();
                bars.put(bar.index(), next32);
                next32 += bar.sizeBytes();
            } else {
                next64 = next64 + bar.sizeBytes() - 1 & -bar.sizeBytes();
                bars.put(bar.index(), next64);
                next64 += bar.sizeBytes();
            }
        }
        enable();
    }

    /** What the host's drivers do after a reset. */
    private void enable() {
        bars.forEach((index, address) -> {
            write(FIRST_BAR + 4 * index, 4, address);
            if (barInfo(index).kind() != BarKind.MEM32) {
                write(FIRST_BAR + 4 * index + 4, 4, address >>> 32);
            }
        });
        write(COMMAND, 2, MEMORY_SPACE);
        int pasid = extended(PASID);
        if (pasid != 0) {
            write(pasid + 6, 2, 1 | read(pasid + 4, 2) & 0b110);
        }
        int ats = extended(ATS);
        if (ats != 0) {
            write(ats + 6, 2, 1 << 15);
        }
        int pri = extended(PRI);
        if (pri != 0) {
            write(pri + 0xc, 4, read(pri + 8, 4));
            write(pri + 4, 2, 1);
        }
    }

    private FunctionInfo.BarInfo barInfo(int index) {
        FunctionInfo.BarInfo bar = layout.get(index);
        if (bar == null) {
            throw new IllegalArgumentException("no BAR " + index);
        }
        return bar;
    }

    PciFunction function() {
        return function;
    }

    Optional<AtsEndpoint> ats() {
        return host.atsEndpoint(function.rid());
    }

    /** Bytes of a BAR; 0 if its register begins none. */
    long barBytes(int index) {
        FunctionInfo.BarInfo bar = layout.get(index);
        return bar == null ? 0 : bar.sizeBytes();
    }

    /** Its BARs. */
    List<FunctionInfo.BarInfo> layout() {
        return List.copyOf(layout.values());
    }

    long read(int register, int sizeBytes) {
        return bus.read(ECAM + register, sizeBytes) & -1L >>> 64 - 8 * sizeBytes;
    }

    void write(int register, int sizeBytes, long value) {
        bus.write(ECAM + register, sizeBytes, value);
    }

    /** Whether it answers in its BARs. */
    boolean memoryEnabled() {
        return (read(COMMAND, 2) & MEMORY_SPACE) != 0;
    }

    long readBar(int index, long offset, int sizeBytes) {
        return bus.read(bars.getOrDefault(index, 0L) + offset, sizeBytes);
    }

    void writeBar(int index, long offset, int sizeBytes, long value) {
        bus.write(bars.getOrDefault(index, 0L) + offset, sizeBytes, value);
    }

    /** Offset of a capability; 0 if there is none. */
    int capability(int id) {
        int at = (int) read(CAPABILITIES_POINTER, 1);
        while (at != 0 && read(at, 1) != id) {
            at = (int) read(at + 1, 1);
        }
        return at;
    }

    /** Offset of an extended capability; 0 if there is none. */
    int extended(int id) {
        int at = FIRST_EXTENDED;
        while (at != 0 && (read(at, 4) & 0xffff) != id) {
            at = (int) (read(at, 4) >>> 20);
        }
        return at;
    }

    /** VFIO_DEVICE_RESET: as fresh, and its host's settings again; DMA is off. */
    void reset() {
        long msiControl = msiEnabled();
        host.reset();
        enable();
        if (msiControl != 0) {
            enableVectors(msiControl == 1 ? MSI : MSIX);
        }
    }

    /** It does no more DMA. */
    void end() {
        write(COMMAND, 2, read(COMMAND, 2) & ~BUS_MASTER);
        host.reset();
    }

    private long msiEnabled() {
        int msi = capability(MSI);
        int msix = capability(MSIX);
        if (msi != 0 && (read(msi + 2, 2) & 1) != 0) {
            return 1;
        }
        return msix != 0 && (read(msix + 2, 2) & 1 << 15) != 0 ? 2 : 0;
    }

    /** Vectors of MSI or MSI-X, by the capability's ID; 0 without. */
    int vectors(int id) {
        int at = capability(id);
        if (at == 0) {
            return 0;
        }
        int control = (int) read(at + 2, 2);
        return id == MSI ? 1 << (control >>> 1 & 7) : (control & 0x7ff) + 1;
    }

    /** All vectors lead to the doorbell: data [16] says MSI-X, below it is the vector. */
    void enableVectors(int id) {
        int at = capability(id);
        if (id == MSI) {
            int control = (int) read(at + 2, 2);
            write(at + 4, 4, DOORBELL);
            if ((control & 1 << 7) != 0) {
                write(at + 8, 4, 0);
            }
            write(at + ((control & 1 << 7) != 0 ? 12 : 8), 2, 0);
            write(at + 2, 2, control & ~0x70 | (control >>> 1 & 7) << 4 | 1);
            return;
        }
        long table = read(at + 4, 4);
        for (int vector = 0; vector < vectors(MSIX); vector++) {
            long entry = (table & ~7L) + 16L * vector;
            int bar = (int) (table & 7);
            writeBar(bar, entry, 4, DOORBELL);
            writeBar(bar, entry + 4, 4, 0);
            writeBar(bar, entry + 8, 4, 1 << 16 | vector);
            writeBar(bar, entry + 12, 4, 0);
        }
        write(at + 2, 2, read(at + 2, 2) & ~(1 << 14) | 1 << 15);
    }

    void disableVectors(int id) {
        int at = capability(id);
        if (at != 0) {
            write(at + 2, 2, read(at + 2, 2) & ~(id == MSI ? 1L : 1L << 15));
        }
    }
}
