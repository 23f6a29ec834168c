package nestor.machine.pc;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.PciHost;
import nestor.vmm.memory.GuestMemory;

/**
 * Guest-physical addresses, I/O ports and interrupt numbers of the board.
 *
 * @param ramBytes of all RAM: from 0 up, what does not fit below {@link #LOW_RAM_END} from 4 GiB up
 */
public record PcMap(long ramBytes) {
    /** From here to {@link #FIRMWARE} there is no RAM. */
    public static final long CONVENTIONAL_END = 0xa_0000L;

    /** What firmware would leave behind: ACPI tables and what the entry protocol passes. */
    public static final long FIRMWARE = 0xe_0000L;

    public static final long FIRMWARE_BYTES = 0x2_0000L;
    public static final long EXTENDED = 0x10_0000L;
    public static final long LOW_RAM_END = 0x8000_0000L;
    public static final long HIGH_RAM = 0x1_0000_0000L;
    public static final long MAX_RAM_BYTES = 512L << 30;

    public static final long ECAM = 0xb000_0000L;
    public static final int BUSES = 256;
    public static final long ECAM_BYTES = (long) BUSES * PciHost.ECAM_BYTES_PER_BUS;
    public static final long PCI_MEM32 = 0xc000_0000L;
    public static final long PCI_MEM32_BYTES = 0x3ec0_0000L;
    public static final long PCI_MEM64_BYTES = 64L << 30;
    public static final int PCI_IO = 0xc000;
    public static final int PCI_IO_PORTS = 0x4000;

    public static final long IOAPIC = 0xfec0_0000L;
    public static final long IOAPIC_BYTES = 0x1000;

    /** The first remapping unit's registers; those of others follow. */
    public static final long VTD = 0xfed9_0000L;

    /** The local APICs; as seen by devices, where interrupt messages go. */
    public static final long LOCAL_APIC = 0xfee0_0000L;

    public static final long MESSAGE_BYTES = 0x10_0000L;

    public static final int IOAPIC_ID = 0;

    /** Source ID of the I/O APIC's messages, ff:1f.0: no function of a guest's is there. */
    public static final int IOAPIC_SID = 0xfff8;

    public static final int RTC = 0x70;
    public static final int DEBUG_EXIT = 0xf4;
    public static final int COM1 = 0x3f8;
    public static final int PM = 0x600;
    public static final int PM_TIMER = PM + PowerManagement.TIMER;
    public static final int CONFIG = 0xcf8;
    public static final int RESET_CONTROL = CONFIG + ConfigPorts.RESET_CONTROL;

    public static final int COM1_IRQ = 4;
    public static final int RTC_IRQ = 8;
    public static final int SCI_IRQ = 9;

    /** The first of four pins that INTA to INTD of PCI devices lead to. */
    public static final int INTX_PIN = 16;

    private static final long WINDOW_ALIGNMENT = 64L << 30;

    /** RAM below 4 GiB. */
    public long lowBytes() {
        return Math.min(ramBytes, LOW_RAM_END);
    }

    /** RAM from 4 GiB up; may be 0. */
    public long highBytes() {
        return ramBytes - lowBytes();
    }

    /** Where there is RAM, the firmware's included. */
    public List<GuestMemory.Range> ram() {
        List<GuestMemory.Range> ranges = new ArrayList<>();
        ranges.add(new GuestMemory.Range(0, CONVENTIONAL_END));
        ranges.add(new GuestMemory.Range(FIRMWARE, EXTENDED - FIRMWARE + lowBytes() - EXTENDED));
        if (highBytes() > 0) {
            ranges.add(new GuestMemory.Range(HIGH_RAM, highBytes()));
        }
        return ranges;
    }

    /** The PCI host's windows; I/O has none in memory. */
    public PciHost.Layout pci() {
        long ramEnd = highBytes() == 0 ? HIGH_RAM : HIGH_RAM + highBytes();
        long mem64 = (ramEnd + WINDOW_ALIGNMENT - 1) & -WINDOW_ALIGNMENT;
        return new PciHost.Layout(
                ECAM, BUSES, PCI_MEM32, PCI_MEM32_BYTES, mem64, PCI_MEM64_BYTES, 0, 0);
    }
}
