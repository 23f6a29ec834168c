package nestor.pci;

/** What a memory Base Address Register decodes (PCIe Base §7.5.1.2.1). I/O BARs do not exist. */
public enum BarKind {
    /** 32-bit, non-prefetchable; takes one register. */
    MEM32(0b0000),
    /** 64-bit, non-prefetchable; takes two registers. */
    MEM64(0b0100),
    /** 64-bit, prefetchable: reads have no side effects; takes two registers. */
    MEM64_PREFETCHABLE(0b1100);

    private final int typeBits;

    BarKind(int typeBits) {
        this.typeBits = typeBits;
    }

    /** Bits [3:0] of the register. */
    int typeBits() {
        return typeBits;
    }

    boolean is64Bit() {
        return this != MEM32;
    }
}
