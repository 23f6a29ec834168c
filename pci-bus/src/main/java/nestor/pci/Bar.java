package nestor.pci;

import java.util.List;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * One memory Base Address Register, or a pair (PCIe Base §7.5.1.2.1): writing all ones and reading
 * back gives its size, because the address bits below the size are hardwired to zero.
 *
 * @param index of the first register, 0..5
 * @param sizeBytes a power of two, at least 16
 * @param kind what it decodes
 * @param region what answers there
 */
record Bar(int index, long sizeBytes, BarKind kind, MmioRegion region) {
    private static final int FIRST_BAR = 0x10;

    Bar {
        int last = kind.is64Bit() ? 4 : 5;
        if (index < 0 || index > last) {
            throw new IllegalArgumentException("no BAR " + index + " of kind " + kind);
        }
        if (sizeBytes < 16
                || Long.bitCount(sizeBytes) != 1
                || (!kind.is64Bit() && sizeBytes > 1L << 31)) {
            throw new IllegalArgumentException("no size of a " + kind + " BAR: " + sizeBytes);
        }
    }

    /** A BAR in which nothing but an MSI-X table answers: reads as zero, ignores writes. */
    record Reserved() implements MmioRegion {
        @Override
        public long read(long offset, int accessBytes) {
            return 0;
        }

        @Override
        public void write(long offset, int accessBytes, long value) {}
    }

    /** Whether this BAR takes Base Address Register {@code register}. */
    boolean uses(int register) {
        return register == index || (kind.is64Bit() && register == index + 1);
    }

    List<Register> registers() {
        return kind.is64Bit() ? List.of(low(), high()) : List.of(low());
    }

    /** The addresses the BAR decodes now, if its function decodes memory at all. */
    AddressRange decode(RegisterFile config) {
        long address = config.get(low()) & addressMask() & 0xffff_ffffL;
        if (kind.is64Bit()) {
            address |= config.get(high()) << 32;
        }
        return AddressRange.ofSize(address, sizeBytes);
    }

    private Register low() {
        return new Register(
                "BAR" + index,
                FIRST_BAR + 4L * index,
                4,
                kind.typeBits(),
                addressMask() & 0xffff_ffffL,
                0,
                "§7.5.1.2.1");
    }

    private Register high() {
        return new Register(
                "BAR" + (index + 1),
                FIRST_BAR + 4L * (index + 1),
                4,
                0,
                addressMask() >>> 32,
                0,
                "§7.5.1.2.1");
    }

    private long addressMask() {
        return -sizeBytes;
    }
}
