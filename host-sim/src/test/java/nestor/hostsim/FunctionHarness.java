package nestor.hostsim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import nestor.iommu.host.HostException;
import nestor.iommufd.Iommufd;
import nestor.iommufd.VfioDevice;
import nestor.pci.AtsOptions;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.PasidOptions;
import nestor.pci.PciFunction;
import nestor.pci.PriOptions;
import nestor.pci.Requester;
import nestor.vmm.mmio.MmioRegion;
import org.jspecify.annotations.Nullable;

/**
 * A bound function with two registers, MSI, MSI-X and all of ATS, PRI and PASID; the process's
 * memory is mapped at {@link #IOVA}.
 */
final class FunctionHarness implements AutoCloseable {
    static final String PATH = "/dev/vfio/devices/vfio0";
    static final int PAGE = 4096;
    static final long IOVA = 0x4000_0000L;
    static final int VECTORS = 3;

    final SimulatedHost system = new SimulatedHost();
    final SimulatedDevice device = system.vtd().function(PATH, this::function);
    final Arena arena = Arena.ofShared();
    final MemorySegment memory = arena.allocate(16L * PAGE, PAGE);
    final Iommufd iommufd;
    final VfioDevice vfio;
    final int ioas;
    private final long[] registers = new long[2];
    private int resets;
    @Nullable PciFunction made;

    FunctionHarness() throws HostException {
        system.expose(memory);
        iommufd = Iommufd.open(system);
        ioas = iommufd.allocIoas();
        iommufd.map(ioas, memory.address(), IOVA, memory.byteSize());
        vfio = VfioDevice.bind(iommufd, PATH);
        resets = 0;
    }

    private PciFunction function() {
        PciFunction function =
                PciFunction.builder("function")
                        .ids(0x1234, 0x5678)
                        .classCode(0xff0000)
                        .bar(0, 64, BarKind.MEM32, new Registers())
                        .bar(2, 1 << 14, BarKind.MEM64_PREFETCHABLE)
                        .msi(4)
                        .msix(VECTORS, 2, 0, 0x1000)
                        .express()
                        .pasid(PasidOptions.ofWidth(16).withPrivileged())
                        .ats(AtsOptions.ofQueueDepth(8))
                        .pri(PriOptions.ofCapacity(16))
                        .onReset(() -> {
                            registers[0] = 0;
                            registers[1] = 0;
                            resets++;
                        })
                        .build();
        made = function;
        return function;
    }

    /** What is behind the device now. */
    PciFunction physical() {
        return Objects.requireNonNull(made);
    }

    int resets() {
        return resets;
    }

    private final class Registers implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            return offset < 16 ? registers[(int) offset >>> 3] >>> 8 * (offset & 7) : 0;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            if (offset < 16) {
                registers[(int) offset >>> 3] = value;
            }
        }
    }

    CompletionStatus store(long iova, long value) {
        MemorySegment bytes = arena.allocate(8, 8);
        bytes.set(ValueLayout.JAVA_LONG, 0, value);
        return physical().dma().write(Requester.withoutPasid(physical().rid()), iova, bytes);
    }

    long at(long offset) {
        return memory.get(ValueLayout.JAVA_LONG, offset);
    }

    /** What an eventfd counts; 0 if nothing. */
    long count(int fd) {
        MemorySegment value = arena.allocate(8, 8);
        return system.read(fd, value) == 8 ? value.get(ValueLayout.JAVA_LONG, 0) : 0;
    }

    @Override
    public void close() {
        vfio.close();
        iommufd.close();
    }
}
