package nestor.machine.acpi;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import nestor.machine.pc.CmosRtc;
import nestor.machine.pc.PcMap;
import nestor.machine.pc.PowerManagement;

/**
 * All tables of the board.
 *
 * @param cpus with APIC IDs from 0
 * @param roots the PCI root buses, in order of their numbers
 * @param dmar the table of the remapping units, complete, if there are any
 * @param virtioIommu RID of a virtio-iommu in front of all other functions
 */
public record AcpiTables(
        PcMap map, int cpus, List<RootBus> roots, Optional<byte[]> dmar, OptionalInt virtioIommu) {
    /**
     * A PCI root bus.
     *
     * @param first its number
     * @param last of the bus numbers below it
     */
    public record RootBus(int first, int last) {}

    private static final int HEADER_BYTES = 36;
    private static final int CHECKSUM = 9;
    private static final int RSDP_BYTES = 36;
    private static final int RSDP_V1_BYTES = 20;
    private static final int RSDP_CHECKSUM = 8;
    private static final int RSDP_EXTENDED_CHECKSUM = 32;
    private static final int FACS_OFFSET = 0x40;
    private static final int FACS_BYTES = 64;
    private static final int FIRST_TABLE = FACS_OFFSET + FACS_BYTES;
    private static final int ALIGNMENT = 16;

    private static final int DSDT_REVISION = 2;
    private static final int FADT_REVISION = 6;
    private static final int MADT_REVISION = 5;

    /** §5.2.9, IAPC_BOOT_ARCH: legacy devices, and no VGA. */
    private static final int BOOT_ARCHITECTURE = 1 << 0 | 1 << 2;

    /**
     * WBINVD, PROC_C1, a fixed power button, no sleep button, RTC without a wake status, 32-bit
     * timer, reset.
     */
    private static final int FADT_FLAGS = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10;

    /** A latency that says there is no such state. */
    private static final int NO_C_STATE = 0x0fff;

    private static final int RESET_VALUE = 6;

    /** §5.2.3.2, generic addresses: I/O space, and access by bytes, words and double words. */
    private static final int SYSTEM_IO = 1;

    private static final int BYTE_ACCESS = 1;
    private static final int WORD_ACCESS = 2;
    private static final int DWORD_ACCESS = 3;

    public AcpiTables {
        roots = List.copyOf(roots);
    }

    /**
     * The tables as they lie in memory, the RSDP (§5.2.5.3) first.
     *
     * @param gpa where that is, below 4 GiB
     */
    public byte[] at(long gpa) {
        List<byte[]> tables = new ArrayList<>();
        List<Long> addresses = new ArrayList<>();
        long at = gpa + FIRST_TABLE;
        byte[] dsdt = table("DSDT", DSDT_REVISION, new Dsdt(map, roots).definitions());
        long dsdtGpa = at;
        at = add(tables, at, dsdt);
        List<byte[]> listed = new ArrayList<>();
        listed.add(fadt(dsdtGpa, gpa + FACS_OFFSET));
        listed.add(madt());
        listed.add(mcfg());
        dmar.ifPresent(listed::add);
        virtioIommu.ifPresent(rid -> listed.add(viot(rid)));
        for (byte[] table : listed) {
            addresses.add(at);
            at = add(tables, at, table);
        }
        Bytes entries = new Bytes();
        addresses.forEach(entries::u64);
        Bytes image = new Bytes().bytes(rsdp(at)).zeros(FACS_OFFSET - RSDP_BYTES).bytes(facs());
        tables.add(table("XSDT", 1, entries.toArray()));
        tables.forEach(image::bytes);
        return image.toArray();
    }

    /** Appends a table and what aligns the next one. */
    private static long add(List<byte[]> tables, long at, byte[] table) {
        int padded = table.length + ALIGNMENT - 1 & -ALIGNMENT;
        tables.add(new Bytes().bytes(table).zeros(padded - table.length).toArray());
        return at + padded;
    }

    private static byte[] rsdp(long xsdtGpa) {
        byte[] rsdp =
                new Bytes()
                        .ascii("RSD PTR ")
                        .u8(0)
                        .ascii("NESTOR")
                        .u8(2)
                        .u32(0)
                        .u32(RSDP_BYTES)
                        .u64(xsdtGpa)
                        .zeros(4)
                        .toArray();
        rsdp[RSDP_CHECKSUM] = checksum(rsdp, RSDP_V1_BYTES);
        rsdp[RSDP_EXTENDED_CHECKSUM] = checksum(rsdp, RSDP_BYTES);
        return rsdp;
    }

    /** §5.2.10. */
    private static byte[] facs() {
        return new Bytes().ascii("FACS").u32(FACS_BYTES).zeros(24).u8(2).zeros(31).toArray();
    }

    /** §5.2.6: a header around {@code body}. */
    private static byte[] table(String signature, int revision, byte[] body) {
        byte[] table =
                new Bytes()
                        .ascii(signature)
                        .u32(HEADER_BYTES + body.length)
                        .u8(revision)
                        .u8(0)
                        .ascii("NESTOR")
                        .ascii("NEST" + signature)
                        .u32(1)
                        .ascii("NSTR")
                        .u32(1)
                        .bytes(body)
                        .toArray();
        table[CHECKSUM] = checksum(table, table.length);
        return table;
    }

    private static byte checksum(byte[] table, int length) {
        byte sum = 0;
        for (int i = 0; i < length; i++) {
            sum += table[i];
        }
        return (byte) -sum;
    }

    /** §5.2.9. */
    private static byte[] fadt(long dsdtGpa, long facsGpa) {
        Bytes body = new Bytes();
        body.u32(facsGpa).u32(dsdtGpa).u8(0).u8(0).u16(PcMap.SCI_IRQ);
        body.u32(0).zeros(4); // no SMI_CMD: ACPI mode is always on
        body.u32(PcMap.PM).u32(0).u32(PcMap.PM + PowerManagement.CONTROL).u32(0).u32(0);
        body.u32(PcMap.PM_TIMER).u32(0).u32(0);
        body.u8(PowerManagement.EVENT_BYTES).u8(PowerManagement.CONTROL_BYTES).u8(0);
        body.u8(PowerManagement.TIMER_BYTES).zeros(4);
        body.u16(NO_C_STATE).u16(NO_C_STATE).zeros(8).u8(CmosRtc.CENTURY);
        body.u16(BOOT_ARCHITECTURE).u8(0).u32(FADT_FLAGS);
        body.bytes(port(PcMap.RESET_CONTROL, 1, BYTE_ACCESS)).u8(RESET_VALUE).zeros(3);
        body.u64(0).u64(dsdtGpa);
        body.bytes(port(PcMap.PM, PowerManagement.EVENT_BYTES, WORD_ACCESS)).zeros(12);
        body.bytes(
                port(
                        PcMap.PM + PowerManagement.CONTROL,
                        PowerManagement.CONTROL_BYTES,
                        WORD_ACCESS));
        body.zeros(24);
        body.bytes(port(PcMap.PM_TIMER, PowerManagement.TIMER_BYTES, DWORD_ACCESS));
        body.zeros(24 + 24 + 8); // general-purpose events, sleep registers, hypervisor
        return table("FACP", FADT_REVISION, body.toArray());
    }

    private static byte[] port(int port, int bytes, int access) {
        return new Bytes().u8(SYSTEM_IO).u8(8L * bytes).u8(0).u8(access).u64(port).toArray();
    }

    /** §5.2.12: no 8259s; the SCI is level-triggered and active high. */
    private byte[] madt() {
        Bytes body = new Bytes().u32(PcMap.LOCAL_APIC).u32(0);
        for (int cpu = 0; cpu < cpus; cpu++) {
            body.u8(0).u8(8).u8(cpu).u8(cpu).u32(1);
        }
        body.u8(1).u8(12).u8(PcMap.IOAPIC_ID).u8(0).u32(PcMap.IOAPIC).u32(0);
        body.u8(2).u8(10).u8(0).u8(PcMap.SCI_IRQ).u32(PcMap.SCI_IRQ).u16(0x0d);
        return table("APIC", MADT_REVISION, body.toArray());
    }

    /** PCI Firmware §4.1.2. */
    private static byte[] mcfg() {
        Bytes body = new Bytes().zeros(8);
        body.u64(PcMap.ECAM).u16(0).u8(0).u8(PcMap.BUSES - 1).u32(0);
        return table("MCFG", 1, body.toArray());
    }

    /** §5.2.34: the IOMMU, then the ranges of RIDs around its own. */
    private static byte[] viot(int rid) {
        int node = HEADER_BYTES + 12;
        List<byte[]> ranges = new ArrayList<>();
        if (rid > 0) {
            ranges.add(range(0, rid - 1, node));
        }
        if (rid < 0xffff) {
            ranges.add(range(rid + 1, 0xffff, node));
        }
        Bytes body = new Bytes().u16(1L + ranges.size()).u16(node).zeros(8);
        body.u8(3).u8(0).u16(16).u16(0).u16(rid).zeros(8);
        ranges.forEach(body::bytes);
        return table("VIOT", 0, body.toArray());
    }

    private static byte[] range(int first, int last, int output) {
        Bytes range = new Bytes().u8(1).u8(0).u16(24).u32(first).u16(0).u16(0);
        return range.u16(first).u16(last).u16(output).zeros(6).toArray();
    }
}
