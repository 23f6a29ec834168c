package nestor.machine.virt;

import nestor.pci.PciHost;

/** Guest-physical addresses and interrupt numbers of the board. */
public final class MemoryMap {
    public static final long GICD = 0x0800_0000L;
    public static final long ITS = 0x0808_0000L;
    public static final long GICR = 0x080a_0000L;
    public static final long UART = 0x0900_0000L;
    public static final long RTC = 0x0901_0000L;

    /** Frame of the UART and of the RTC. */
    public static final long PERIPHERAL_BYTES = 0x1000;

    public static final long RAM = 0x4000_0000L;

    /** RAM ends below the high ECAM. */
    public static final long MAX_RAM_BYTES = 255L << 30;

    /** The PCI host's windows: ECAM of 256 buses, 32-bit and 64-bit memory, I/O. */
    public static final PciHost.Layout PCI =
            new PciHost.Layout(
                    0x40_1000_0000L,
                    256,
                    0x1000_0000L,
                    0x2eff_0000L,
                    0x80_0000_0000L,
                    0x80_0000_0000L,
                    0x3eff_0000L,
                    0x1_0000L);

    /** SPI numbers; the board has {@link #SPIS}. */
    public static final int UART_SPI = 1;

    public static final int RTC_SPI = 2;
    public static final int SPIS = 224;

    /** The first SMMU's registers, and the first of its {@link #SMMU_SPIS} SPIs; others follow. */
    public static final long SMMU = 0x0905_0000L;

    public static final int SMMU_SPI = 74;

    /** DeviceID of the first SMMU's own messages: above all Requester IDs. */
    public static final int SMMU_DEVICE_ID = 0x1_0000;

    /** Event queue, PRI queue, CMD_SYNC, global errors. */
    public static final int SMMU_SPIS = 4;

    /** INTIDs of the generic timer's PPIs. */
    public static final int VIRTUAL_TIMER = 27;

    public static final int PHYSICAL_TIMER = 30;

    private MemoryMap() {}
}
