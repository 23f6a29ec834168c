package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import nestor.vmm.mmio.MmioRegion;
import org.jspecify.annotations.Nullable;

/** Collects what a function is made of; {@link #build} checks it. */
public final class PciFunctionBuilder {
    final String name;
    int vendor;
    int device;
    int revision;
    int classCode;
    int subsystemVendor;
    int subsystem;
    final List<Bar> bars = new ArrayList<>();
    final List<Capability> capabilities = new ArrayList<>();
    int msiVectors;
    Msix.@Nullable Layout msix;
    Msi.Masking msiMasking = Msi.Masking.PER_VECTOR;
    boolean express;
    int expressOffset = PciFunction.FIRST_CAPABILITY;
    @Nullable PasidOptions pasid;
    @Nullable AtsOptions ats;
    @Nullable PriOptions pri;
    boolean canStall;
    BooleanSupplier pending = () -> false;
    @Nullable Runnable onReset;
    @Nullable RootPort asPort;
    @Nullable PciFunctionListener listener;

    PciFunctionBuilder(String name) {
        this.name = name;
    }

    /** Vendor ID and Device ID, 16 bits each. */
    public PciFunctionBuilder ids(int vendorId, int deviceId) {
        vendor = vendorId;
        device = deviceId;
        return this;
    }

    /** Subsystem Vendor ID and Subsystem ID, 16 bits each. */
    public PciFunctionBuilder subsystem(int vendorId, int subsystemId) {
        subsystemVendor = vendorId;
        subsystem = subsystemId;
        return this;
    }

    /** The function waits for requests that are stalled. */
    public PciFunctionBuilder canStall() {
        canStall = true;
        return this;
    }

    /**
     * What Transactions Pending in Device Status says (PCIe Base §7.5.3.5): whether the function
     * waits for a request that it has sent. Any thread.
     */
    public PciFunctionBuilder pending(BooleanSupplier whether) {
        pending = whether;
        return this;
    }

    public PciFunctionBuilder revision(int revisionId) {
        revision = revisionId;
        return this;
    }

    /** Class Code, 24 bits: base class, sub-class, programming interface. */
    public PciFunctionBuilder classCode(int code) {
        classCode = code;
        return this;
    }

    /**
     * A memory BAR.
     *
     * @param index 0..5; a 64-bit BAR also takes the next one
     * @param sizeBytes a power of two, at least 16
     * @param region what answers, at offsets from the BAR's base; called by vCPU threads and by
     *     other functions' DMA
     */
    public PciFunctionBuilder bar(int index, long sizeBytes, BarKind kind, MmioRegion region) {
        bars.add(new Bar(index, sizeBytes, kind, region));
        return this;
    }

    /** A memory BAR where only the MSI-X table and PBA answer; the rest reads as zero. */
    public PciFunctionBuilder bar(int index, long sizeBytes, BarKind kind) {
        return bar(index, sizeBytes, kind, new Bar.Reserved());
    }

    /** Appends a capability to its list; order is kept. */
    public PciFunctionBuilder capability(Capability capability) {
        capabilities.add(capability);
        return this;
    }

    /**
     * MSI-X, laid over a BAR's region.
     *
     * @param vectors 1..2048
     * @param bar index of a BAR of this function
     * @param tableOffset of {@code 16 * vectors} bytes in the BAR, a multiple of 8
     * @param pbaOffset of a bit per vector in the BAR, a multiple of 8
     */
    public PciFunctionBuilder msix(int vectors, int bar, int tableOffset, int pbaOffset) {
        msix = new Msix.Layout(vectors, bar, tableOffset, pbaOffset);
        return this;
    }

    /** MSI with one vector, a 64-bit address and no mask bits. */
    public PciFunctionBuilder msiWithoutMasking() {
        msiMasking = Msi.Masking.NONE;
        return msi(1);
    }

    /** MSI with one vector. */
    public PciFunctionBuilder msi() {
        return msi(1);
    }

    /**
     * MSI with 64-bit address and mask bits.
     *
     * @param vectors 1, 2, 4, 8, 16 or 32
     */
    public PciFunctionBuilder msi(int vectors) {
        msiVectors = vectors;
        return this;
    }

    /**
     * The PCI Express capability: an endpoint behind a root port, an integrated endpoint on bus 0.
     * A function without it goes to bus 0 only.
     */
    public PciFunctionBuilder express() {
        express = true;
        return this;
    }

    /** The PASID Extended Capability; needs {@link #express}. */
    public PciFunctionBuilder pasid(PasidOptions options) {
        pasid = options;
        return this;
    }

    /** The ATS Extended Capability; needs {@link #express}. */
    public PciFunctionBuilder ats(AtsOptions options) {
        ats = options;
        return this;
    }

    /** The Page Request Extended Capability; needs {@link #ats}. */
    public PciFunctionBuilder pri(PriOptions options) {
        pri = options;
        return this;
    }

    /**
     * The device's own reset, after its configuration space is reset: machine reset, bus reset, and
     * Function Level Reset, which is advertised only with this and {@link #express}. Runs on the
     * resetting thread with no lock held.
     */
    public PciFunctionBuilder onReset(Runnable reset) {
        onReset = reset;
        return this;
    }

    /** Who is told what software does to the function's own settings. */
    public PciFunctionBuilder listener(PciFunctionListener functionListener) {
        listener = functionListener;
        return this;
    }

    /**
     * As {@link #express}, but with the capability behind those of MSI and MSI-X, and no lower than
     * {@code offset}: where drivers of an existing device have seen it.
     *
     * @param offset above 0x40, a multiple of 4
     */
    public PciFunctionBuilder expressAt(int offset) {
        expressOffset = offset;
        return express();
    }

    PciFunctionBuilder rootPort(RootPort port) {
        asPort = port;
        return express();
    }

    /**
     * The function, not plugged yet.
     *
     * @throws IllegalArgumentException if BARs or the MSI-X structures overlap or do not fit, or a
     *     capability lacks the one it needs
     */
    public PciFunction build() {
        checkBars();
        if ((pasid != null || ats != null) && !express || pri != null && ats == null) {
            throw new IllegalArgumentException(
                    name + ": PRI needs ATS; ATS and PASID need PCI Express");
        }
        if (msix != null) {
            checkMsix(msix);
        }
        return new PciFunction(this);
    }

    private void checkBars() {
        for (int register = 0; register < 6; register++) {
            int at = register;
            if (bars.stream().filter(bar -> bar.uses(at)).count() > 1) {
                throw new IllegalArgumentException(name + ": two BARs use register " + at);
            }
        }
    }

    private void checkMsix(Msix.Layout layout) {
        long tableEnd = layout.tableOffset() + (long) layout.tableBytes();
        long pbaEnd = layout.pbaOffset() + (long) layout.pbaBytes();
        boolean apart = tableEnd <= layout.pbaOffset() || pbaEnd <= layout.tableOffset();
        boolean fits =
                bars.stream()
                        .anyMatch(bar ->
                                bar.index() == layout.bar()
                                        && Math.max(tableEnd, pbaEnd) <= bar.sizeBytes());
        if (!apart || !fits) {
            throw new IllegalArgumentException(name + ": MSI-X does not fit its BAR");
        }
    }
}
