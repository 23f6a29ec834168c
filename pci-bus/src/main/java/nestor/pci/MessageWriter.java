package nestor.pci;

/** How a function sends an interrupt message: a 4-byte DMA write of its own. */
@FunctionalInterface
interface MessageWriter {
    /** Writes {@code data} at {@code address}, an IOVA if the function is behind an IOMMU. */
    void write(long address, int data);
}
