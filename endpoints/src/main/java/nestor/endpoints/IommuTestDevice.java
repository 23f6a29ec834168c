package nestor.endpoints;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * A function that does one DMA for each read of a register, {@code 1b36:0005}, register-compatible
 * with QEMU's {@code iommu-testdev}: what an IOMMU's bare-metal test needs. Sections cite {@code
 * docs/devices/iommu-testdev.md}.
 *
 * <p>An armed device writes a pattern at an IOVA and reads it back past the IOMMU at the
 * guest-physical address where it belongs. Everything happens on the thread that reads DMA
 * TRIGGERING, before the read returns; a DMA is therefore at most {@link #MAX_DMA_BYTES} long.
 *
 * <p>BAR 0 takes 4-byte accesses; other sizes read as ones and write nothing. The platform has no
 * secure address space: attributes are checked for contradictions and otherwise without effect.
 */
public final class IommuTestDevice {
    /** The longest DMA; more is a bad length. */
    static final int MAX_DMA_BYTES = 1 << 20;

    private static final int VENDOR = 0x1b36;
    private static final int DEVICE = 0x0005;
    private static final int CLASS_OTHER = 0x00ff00;
    private static final int BAR_BYTES = 0x1000;
    private static final int PIECE_BYTES = 4096;
    private static final int PATTERN = 0x12345678;

    private static final long ALL_32 = 0xffff_ffffL;
    private static final String BASE = "Registers";

    static final Register DMA_TRIGGERING = readOnly("DMA TRIGGERING", 0x00, 4, 0, BASE);
    static final Register DMA_GVA_LO = readWrite("DMA GVA LO", 0x04, 4, ALL_32, BASE);
    static final Register DMA_GVA_HI = readWrite("DMA GVA HI", 0x08, 4, ALL_32, BASE);
    static final Register DMA_LEN = readWrite("DMA LEN", 0x0c, 4, ALL_32, BASE);

    static final Register DMA_RESULT =
            readWrite("DMA RESULT", 0x10, 4, ALL_32, BASE).withReset(Result.IDLE);

    static final Register DMA_DBELL = readWrite("DMA DBELL", 0x14, 4, 1, BASE);
    static final Register DMA_ATTRS = readWrite("DMA ATTRS", 0x18, 4, ALL_32, BASE);
    static final Register DMA_GPA_LO = readWrite("DMA GPA LO", 0x1c, 4, ALL_32, BASE);
    static final Register DMA_GPA_HI = readWrite("DMA GPA HI", 0x20, 4, ALL_32, BASE);

    private static final BitField ARM = bit(0);

    /** Fields of DMA ATTRS. */
    private static final class Attributes {
        static final BitField SECURE = bit(0);

        /** 0 non-secure, 1 secure, 2 root, 3 realm. */
        static final BitField SPACE = bits(2, 1);

        static final BitField SPACE_VALID = bit(3);
    }

    /** Values of DMA RESULT. */
    static final class Result {
        static final long OK = 0;
        static final long IDLE = 0xffff_ffffL;
        static final long BUSY = 0xffff_fffeL;
        static final long BAD_LENGTH = 0xdead_0001L;
        static final long TRANSMIT_FAILED = 0xdead_0002L;
        static final long READ_FAILED = 0xdead_0003L;
        static final long MISMATCH = 0xdead_0004L;
        static final long NOT_ARMED = 0xdead_0005L;
        static final long BAD_ATTRIBUTES = 0xdead_0006L;

        private Result() {}
    }

    private final PciFunction function;
    private final RegisterFile registers;
    private final AtomicBoolean armed = new AtomicBoolean();
    private final AtomicInteger generation = new AtomicInteger();

    /**
     * A test function, to be plugged.
     *
     * @param name for messages
     */
    public IommuTestDevice(String name) {
        this.registers = new RegisterFile(BAR_BYTES, 4, table());
        registers.onRead(DMA_TRIGGERING, this::trigger);
        registers.onWrite(DMA_DBELL, this::ring);
        registers.onRead(DMA_DBELL, () -> 0);
        this.function =
                PciFunction.builder(name)
                        .ids(VENDOR, DEVICE)
                        .classCode(CLASS_OTHER)
                        .bar(0, BAR_BYTES, BarKind.MEM32, new Bar0())
                        .express()
                        .onReset(this::reset)
                        .build();
    }

    /** The register table, in offset order. */
    static List<Register> table() {
        List<Register> table = new ArrayList<>();
        table.addAll(
                List.of(
                        DMA_TRIGGERING,
                        DMA_GVA_LO,
                        DMA_GVA_HI,
                        DMA_LEN,
                        DMA_RESULT,
                        DMA_DBELL,
                        DMA_ATTRS,
                        DMA_GPA_LO,
                        DMA_GPA_HI));
        return table;
    }

    /** What to plug. */
    public PciFunction function() {
        return function;
    }

    private void ring(long value) {
        boolean arm = ARM.isSet(value);
        armed.set(arm);
        registers.set(DMA_RESULT, arm ? Result.BUSY : Result.IDLE);
    }

    private long trigger() {
        int started = generation.get();
        long result = armed.getAndSet(false) ? run() : Result.NOT_ARMED;
        if (started == generation.get()) {
            registers.set(DMA_RESULT, result);
        }
        return 0;
    }

    private long run() {
        long length = registers.get(DMA_LEN);
        if (length == 0 || length > MAX_DMA_BYTES) {
            return Result.BAD_LENGTH;
        }
        if (contradicts(registers.get(DMA_ATTRS))) {
            return Result.BAD_ATTRIBUTES;
        }
        long iova = pair(DMA_GVA_LO, DMA_GVA_HI);
        MemorySegment pattern = pattern();
        for (long done = 0; done < length; done += PIECE_BYTES) {
            MemorySegment piece = pattern.asSlice(0, Math.min(PIECE_BYTES, length - done));
            if (function.dma().write(function.requester(), iova + done, piece)
                    != CompletionStatus.SUCCESSFUL) {
                return Result.TRANSMIT_FAILED;
            }
        }
        return verify(pair(DMA_GPA_LO, DMA_GPA_HI), length, pattern);
    }

    private static boolean contradicts(long attributes) {
        if (!Attributes.SPACE_VALID.isSet(attributes)) {
            return false;
        }
        boolean secure = Attributes.SECURE.isSet(attributes);
        return switch (Attributes.SPACE.getInt(attributes)) {
            case 0 -> secure;
            case 1 -> !secure;
            default -> false;
        };
    }

    /** Compares memory with what was written, past the IOMMU. */
    private long verify(long gpa, long length, MemorySegment pattern) {
        MemorySegment seen = MemorySegment.ofArray(new byte[PIECE_BYTES]);
        for (long done = 0; done < length; done += PIECE_BYTES) {
            MemorySegment piece = seen.asSlice(0, Math.min(PIECE_BYTES, length - done));
            if (function.dmaUntranslated().read(function.requester(), gpa + done, piece)
                    != CompletionStatus.SUCCESSFUL) {
                return Result.READ_FAILED;
            }
            if (pattern.asSlice(0, piece.byteSize()).mismatch(piece) >= 0) {
                return Result.MISMATCH;
            }
        }
        return Result.OK;
    }

    /** One piece of the pattern; a piece is a multiple of it. */
    private static MemorySegment pattern() {
        byte[] bytes = new byte[PIECE_BYTES];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (PATTERN >>> 8 * (i % Integer.BYTES));
        }
        return MemorySegment.ofArray(bytes);
    }

    private long pair(Register low, Register high) {
        return registers.get(high) << 32 | registers.get(low);
    }

    private void reset() {
        generation.incrementAndGet();
        armed.set(false);
        registers.reset();
    }

    private final class Bar0 implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            return sizeBytes == 4 ? registers.read(offset, sizeBytes) : -1L;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            if (sizeBytes == 4) {
                registers.write(offset, sizeBytes, value);
            }
        }
    }
}
