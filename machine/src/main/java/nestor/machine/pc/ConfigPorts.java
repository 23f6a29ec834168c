package nestor.machine.pc;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;

/**
 * CONFIG_ADDRESS and CONFIG_DATA (PCI Local Bus 3.0 §3.2.2.3.2) over the ECAM of the same host, and
 * the reset control register among them, which is reached by bytes only.
 */
public final class ConfigPorts implements MmioRegion {
    /** Ports it takes, from CONFIG_ADDRESS on. */
    public static final int PORTS = 8;

    /** Offset of the reset control register: port CF9h. */
    static final int RESET_CONTROL = 1;

    private static final int CONFIG_DATA = 4;

    private static final BitField ENABLE = bit(31);
    private static final BitField BUS_DEVICE_FUNCTION = bits(23, 8);
    private static final BitField REGISTER = bits(7, 2);
    private static final long ADDRESS_MASK = 0x80ff_fffcL;

    private static final BitField ECAM_FUNCTION = bits(27, 12);
    private static final BitField ECAM_DWORD = bits(11, 2);

    /** Of the reset control register: full reset, which is what any reset is, and the trigger. */
    private static final BitField SYS_RST = bit(1);

    private static final BitField RST_CPU = bit(2);

    private final MmioBus mmio;
    private final long ecamGpa;
    private final Runnable onReset;
    private long address;
    private long resetControl;

    /**
     * Registers after reset.
     *
     * @param mmio where the host's ECAM is mapped
     * @param onReset resets the machine; runs on the thread of the vCPU that asked for it
     */
    public ConfigPorts(MmioBus mmio, long ecamGpa, Runnable onReset) {
        this.mmio = mmio;
        this.ecamGpa = ecamGpa;
        this.onReset = onReset;
    }

    /** As after power-on. */
    public synchronized void reset() {
        address = 0;
        resetControl = 0;
    }

    @Override
    public int maxAccessBytes() {
        return Integer.BYTES;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        if (offset >= CONFIG_DATA) {
            long now = selected();
            return ENABLE.isSet(now) ? mmio.read(ecam(now, offset), sizeBytes) : -1L;
        }
        synchronized (this) {
            if (sizeBytes == Integer.BYTES) {
                return address;
            }
            return offset == RESET_CONTROL && sizeBytes == 1 ? resetControl : -1L;
        }
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        if (offset >= CONFIG_DATA) {
            long now = selected();
            if (ENABLE.isSet(now)) {
                mmio.write(ecam(now, offset), sizeBytes, value);
            }
        } else if (sizeBytes == Integer.BYTES) {
            synchronized (this) {
                address = value & ADDRESS_MASK;
            }
        } else if (offset == RESET_CONTROL && sizeBytes == 1) {
            control(value);
        }
    }

    private synchronized long selected() {
        return address;
    }

    private long ecam(long selected, long offset) {
        long function = ECAM_FUNCTION.set(0, BUS_DEVICE_FUNCTION.get(selected));
        return ecamGpa
                + ECAM_DWORD.set(function, REGISTER.get(selected))
                + (offset - CONFIG_DATA);
    }

    /** A reset takes place when RST_CPU goes from 0 to 1. */
    private void control(long value) {
        boolean rises;
        synchronized (this) {
            rises = RST_CPU.isSet(value) && !RST_CPU.isSet(resetControl);
            resetControl = value & (SYS_RST.mask() | RST_CPU.mask());
        }
        if (rises) {
            onReset.run();
        }
    }
}
