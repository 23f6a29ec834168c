package nestor.endpoints;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * A small teaching device with a DMA engine, {@code 1234:11e8}, register-compatible with QEMU's
 * {@code edu} (sections cite QEMU's document {@code specs/edu}): enough to provoke every fault of
 * an IOMMU from a few register writes.
 *
 * <p>BAR 0 takes 4-byte accesses below 0x80, and 4- or 8-byte ones from there on; a 4-byte access
 * is one half of a register there. Other sizes read as ones and write nothing. DMA and factorial
 * run on the device's loop, so their busy bits may already be clear when the write that started
 * them returns.
 *
 * <p>A DMA that fails completes like any other: START clears and the interrupt, if asked for, is
 * raised. What a driver sees of the failure: the internal buffer is unchanged after a failed read;
 * memory is unchanged from the failing block on after a failed write; a failed read sets Received
 * Master Abort or Received Target Abort in the PCI Status register; and the IOMMU has recorded the
 * fault. A transfer that does not lie wholly in the internal buffer moves nothing and completes.
 *
 * <p>There is no interrupt wire: without MSI, interrupts show in the interrupt status register
 * only.
 */
public final class Edu {
    /** Bus addresses the DMA engine reaches unless told otherwise: 28 bits. */
    public static final long DEFAULT_DMA_MASK = (1L << 28) - 1;

    private static final int VENDOR = 0x1234;
    private static final int DEVICE = 0x11e8;
    private static final int REVISION = 0x10;
    private static final int CLASS_OTHER = 0x00ff00;
    private static final long BAR_BYTES = 1 << 20;

    private static final long BUFFER_BASE = 0x40000;
    private static final int BUFFER_BYTES = 4096;

    /** Registers from here on are 64 bits wide. */
    private static final int DMA_REGISTERS = 0x80;

    private static final int FRAME_BYTES = 0xa0;

    private static final long ALL = -1L;
    private static final long ALL_32 = 0xffff_ffffL;
    private static final String MMIO = "MMIO area spec";
    private static final String DMA = "DMA controller";
    private static final String IRQ = "IRQ controller";

    static final Register IDENTIFICATION = readOnly("IDENTIFICATION", 0x00, 4, 0x010000ed, MMIO);
    static final Register LIVENESS = readWrite("LIVENESS", 0x04, 4, ALL_32, MMIO);
    static final Register FACTORIAL = readWrite("FACTORIAL", 0x08, 4, ALL_32, MMIO);

    /** COMPUTING is read-only; FACTORIAL_INTERRUPT asks for an interrupt at the end. */
    static final Register STATUS = readWrite("STATUS", 0x20, 4, 0x80, MMIO);

    static final Register INTERRUPT_STATUS = readOnly("INTERRUPT STATUS", 0x24, 4, 0, IRQ);
    static final Register INTERRUPT_RAISE = readWrite("INTERRUPT RAISE", 0x60, 4, ALL_32, IRQ);
    static final Register INTERRUPT_ACKNOWLEDGE =
            readWrite("INTERRUPT ACKNOWLEDGE", 0x64, 4, ALL_32, IRQ);
    static final Register DMA_SOURCE = readWrite("DMA SOURCE", 0x80, 8, ALL, DMA);
    static final Register DMA_DESTINATION = readWrite("DMA DESTINATION", 0x88, 8, ALL, DMA);
    static final Register DMA_COUNT = readWrite("DMA COUNT", 0x90, 8, ALL, DMA);
    static final Register DMA_COMMAND = readWrite("DMA COMMAND", 0x98, 8, 0b111, DMA);

    private static final BitField COMPUTING = bit(0);
    private static final BitField FACTORIAL_INTERRUPT = bit(7);

    private static final BitField START = bit(0);

    /** Direction: set, from the buffer to memory; clear, from memory to the buffer. */
    private static final BitField TO_MEMORY = bit(1);

    private static final BitField DMA_INTERRUPT = bit(2);

    /** Causes in the interrupt status register. */
    private static final long FACTORIAL_DONE = 0x001;

    private static final long DMA_DONE = 0x100;

    /** From here on n! is a multiple of 2^32. */
    private static final int FACTORIAL_IS_ZERO = 34;

    private final DeviceLoop loop;
    private final long dmaMask;
    private final PciFunction function;
    private final RegisterFile registers;
    private final AtomicBoolean transferring = new AtomicBoolean();
    private final AtomicBoolean computing = new AtomicBoolean();
    private final Object bufferLock = new Object();
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private volatile int generation;

    /**
     * An edu device, to be plugged.
     *
     * @param name for messages
     * @param loop where DMA and factorial run
     * @param dmaMask the address bits the DMA engine drives; the others are zero on the bus
     */
    public Edu(String name, DeviceLoop loop, long dmaMask) {
        this.loop = loop;
        this.dmaMask = dmaMask;
        this.registers =
                new RegisterFile(
                        FRAME_BYTES,
                        4,
                        List.of(
                                IDENTIFICATION,
                                LIVENESS,
                                FACTORIAL,
                                STATUS,
                                INTERRUPT_STATUS,
                                INTERRUPT_RAISE,
                                INTERRUPT_ACKNOWLEDGE,
                                DMA_SOURCE,
                                DMA_DESTINATION,
                                DMA_COUNT,
                                DMA_COMMAND));
        registers.onWrite(LIVENESS, value -> registers.set(LIVENESS, ~value & ALL_32));
        registers.onWrite(FACTORIAL, this::startFactorial);
        registers.onWrite(INTERRUPT_RAISE, this::raise);
        registers.onWrite(INTERRUPT_ACKNOWLEDGE, this::acknowledge);
        registers.onWrite(DMA_COMMAND, this::startTransfer);
        this.function =
                PciFunction.builder(name)
                        .ids(VENDOR, DEVICE)
                        .revision(REVISION)
                        .classCode(CLASS_OTHER)
                        .bar(0, BAR_BYTES, BarKind.MEM32, new Bar0())
                        .express()
                        .msi()
                        .onReset(this::reset)
                        .build();
    }

    /** What to plug. */
    public PciFunction function() {
        return function;
    }

    private void startFactorial(long n) {
        if (!computing.compareAndSet(false, true)) {
            return;
        }
        registers.update(STATUS, COMPUTING::setAll);
        int started = generation;
        loop.post(() -> {
            if (started == generation) {
                finishFactorial(n);
            }
        });
    }

    private void finishFactorial(long n) {
        int factorial = 1;
        for (int i = (int) Math.min(n, FACTORIAL_IS_ZERO); i > 1; i--) {
            factorial *= i;
        }
        registers.set(FACTORIAL, Integer.toUnsignedLong(factorial));
        registers.update(STATUS, COMPUTING::clear);
        computing.set(false);
        if (FACTORIAL_INTERRUPT.isSet(registers.get(STATUS))) {
            raise(FACTORIAL_DONE);
        }
    }

    private void startTransfer(long command) {
        if (!START.isSet(command) || !transferring.compareAndSet(false, true)) {
            return;
        }
        int started = generation;
        loop.post(() -> {
            if (started == generation) {
                transfer(started);
            }
        });
    }

    private void transfer(int started) {
        long command = registers.get(DMA_COMMAND);
        long source = registers.get(DMA_SOURCE);
        long destination = registers.get(DMA_DESTINATION);
        long count = registers.get(DMA_COUNT);
        if (TO_MEMORY.isSet(command)) {
            if (liesInBuffer(source, count)) {
                writeMemory((int) (source - BUFFER_BASE), destination & dmaMask, (int) count);
            }
        } else if (liesInBuffer(destination, count)) {
            readMemory(source & dmaMask, (int) (destination - BUFFER_BASE), (int) count, started);
        }
        if (started != generation) {
            return;
        }
        registers.update(DMA_COMMAND, START::clear);
        transferring.set(false);
        if (DMA_INTERRUPT.isSet(command)) {
            raise(DMA_DONE);
        }
    }

    private static boolean liesInBuffer(long address, long count) {
        long offset = address - BUFFER_BASE;
        return Long.compareUnsigned(offset, BUFFER_BYTES) <= 0
                && Long.compareUnsigned(count, BUFFER_BYTES - offset) <= 0;
    }

    private void readMemory(long iova, int offset, int count, int started) {
        byte[] data = new byte[count];
        CompletionStatus status =
                function.dma().read(function.requester(), iova, MemorySegment.ofArray(data));
        synchronized (bufferLock) {
            if (status == CompletionStatus.SUCCESSFUL && started == generation) {
                System.arraycopy(data, 0, buffer, offset, count);
            }
        }
    }

    private void writeMemory(int offset, long iova, int count) {
        byte[] data = new byte[count];
        synchronized (bufferLock) {
            System.arraycopy(buffer, offset, data, 0, count);
        }
        // Posted: the device goes on whatever became of it.
        function.dma().write(function.requester(), iova, MemorySegment.ofArray(data));
    }

    private void raise(long causes) {
        registers.update(INTERRUPT_STATUS, pending -> pending | causes);
        if (registers.get(INTERRUPT_STATUS) != 0) {
            function.signalMsi(0);
        }
    }

    private void acknowledge(long causes) {
        registers.update(INTERRUPT_STATUS, pending -> pending & ~causes);
    }

    private void reset() {
        synchronized (bufferLock) {
            generation++;
            Arrays.fill(buffer, (byte) 0);
        }
        registers.reset();
        transferring.set(false);
        computing.set(false);
    }

    /** The register frame with the device's access sizes; beyond the registers, nothing. */
    private final class Bar0 implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            return accepts(offset, sizeBytes) ? registers.read(offset, sizeBytes) : ALL;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            if (accepts(offset, sizeBytes) && !isBusy(offset)) {
                registers.write(offset, sizeBytes, value);
            }
        }

        private boolean accepts(long offset, int sizeBytes) {
            return sizeBytes == 4 || (sizeBytes == 8 && offset >= DMA_REGISTERS);
        }

        /** Registers that an operation is using ignore writes until it ends. */
        private boolean isBusy(long offset) {
            return offset >= DMA_REGISTERS
                    ? transferring.get()
                    : offset == FACTORIAL.offset() && computing.get();
        }
    }
}
