package nestor.hostsim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.PasidOptions;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.vmm.mmio.MmioRegion;

/** What the suite uses of an svm-demo's registers: a function that stores a pattern by PASID. */
final class StoringFunction implements MmioRegion {
    private static final int PATTERN = 251;
    private static final int NO_PASID = 1 << 20;

    private final PciFunction function =
            PciFunction.builder("svm-demo")
                    .ids(0x1234, 0x0b11)
                    .classCode(0xff)
                    .bar(0, 1 << 20, BarKind.MEM32, this)
                    .express()
                    .pasid(PasidOptions.ofWidth(20))
                    .build();
    private long address;
    private long length;
    private long result;
    private int pasid = NO_PASID;

    PciFunction function() {
        return function;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        return offset == 0x08 ? result : -1;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        switch ((int) offset) {
            case 0x00 -> result = pasid != NO_PASID && stored() ? 0 : 1;
            case 0x08 -> address = value;
            case 0x18 -> length = value;
            case 0x50 -> pasid = (int) value;
            default -> {}
        }
    }

    private boolean stored() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(length);
            for (long i = 0; i < length; i++) {
                bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (i % PATTERN));
            }
            Requester requester = new Requester(function.rid(), pasid, false);
            return function.dma().write(requester, address, bytes) == CompletionStatus.SUCCESSFUL;
        }
    }
}
