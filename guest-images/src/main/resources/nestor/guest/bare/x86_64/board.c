/* The start info (Xen, hvm_start_info), ACPI as far as the kit needs it, the local APIC, COM1 and the end. */
#include "machine.h"

enum { MAGIC = 0x336ec578, RAM = 1, HEAP_ALIGN = 2 << 20, MAX_ARGUMENTS = 256 };
enum { COM1 = 0x3f8, LINE_STATUS = 5, TRANSMITTER_EMPTY = 0x20 };
enum { DEBUG_EXIT = 0xf4, PM1A_CONTROL = 0x604, SOFT_OFF = 5 << 10, SLEEP_ENABLE = 1 << 13 };
enum { PM_TIMER_HZ = 3579545, CALIBRATION_MS = 5 };

struct start_info {
        u32 magic, version, flags, modules;
        u64 modules_at, arguments_at, rsdp, memory_map_at;
        u32 memory_map_entries;
};

struct memory_region {
        u64 base, bytes;
        u32 type, reserved;
};

struct board board = { .arguments = "" };
extern u8 image_end[];
extern const u64 lapic;

static char arguments[MAX_ARGUMENTS];
static u32 pm_timer;
static u64 hz;

static void out8(u32 port, u8 value)
{
        __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"((u16)port));
}

static u8 in8(u32 port)
{
        u8 value;
        __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((u16)port));
        return value;
}

static void out16(u32 port, u16 value)
{
        __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"((u16)port));
}

static void out32(u32 port, u32 value)
{
        __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"((u16)port));
}

static u32 in32(u32 port)
{
        u32 value;
        __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((u16)port));
        return value;
}

void uart_put(char c)
{
        while (!(in8(COM1 + LINE_STATUS) & TRANSMITTER_EMPTY))
                ;
        out8(COM1, (u8)c);
}

_Noreturn void power_off(void)
{
        out16(PM1A_CONTROL, SOFT_OFF | SLEEP_ENABLE);   /* as Nestor's \_S5 says */
        out32(DEBUG_EXIT, 0);                           /* where that is not soft-off: isa-debug-exit */
        for (;;)
                __asm__ volatile("cli; hlt");
}

/* ACPI tables are not aligned. */
static u64 get(u64 at, u32 bytes)
{
        u64 value = 0;
        for (u32 i = 0; i < bytes; i++)
                value |= (u64)*(volatile u8 *)(at + i) << i * 8;
        return value;
}

static void read_scopes(struct remapping_unit *unit, u64 at, u64 end)
{
        for (; at < end; at += get(at + 1, 1)) {
                u32 path = (u32)get(at + 6, 2);
                u32 rid = (u32)get(at + 5, 1) << 8 | (path & 0x1f) << 3 | (path >> 8 & 7);
                if (unit->scopes < MAX_SCOPES)
                        unit->scope[unit->scopes++] =
                                (struct scope){ (u32)get(at, 1), (u32)get(at + 4, 1), rid };
        }
}

/* D51397, 8.1 to 8.3. */
static void read_dmar(u64 table)
{
        board.dmar_width = (u32)get(table + 36, 1) + 1;
        board.dmar_flags = (u32)get(table + 37, 1);
        u64 end = table + get(table + 4, 4);
        for (u64 at = table + 48; at < end; at += get(at + 2, 2)) {
                if (get(at, 2) || board.units == MAX_UNITS)
                        continue;
                struct remapping_unit *unit = &board.unit[board.units++];
                unit->all = get(at + 4, 1) & 1;
                unit->base = get(at + 8, 8);
                read_scopes(unit, at + 16, at + get(at + 2, 2));
        }
}

/* ACPI 6.5, 5.2.12: the first I/O APIC. */
static void read_madt(u64 table)
{
        u64 end = table + get(table + 4, 4);
        for (u64 at = table + 44; at < end; at += get(at + 1, 1)) {
                if (get(at, 1) == 1 && !board.ioapic)
                        board.ioapic = get(at + 4, 4);
        }
}

static void read_table(u64 table)
{
        switch (get(table, 4)) {
        case 0x50434146:                /* FACP: PM_TMR_BLK */
                pm_timer = (u32)get(table + 76, 4);
                break;
        case 0x43495041:                /* APIC */
                read_madt(table);
                break;
        case 0x4746434d:                /* MCFG: the first segment */
                board.ecam = get(table + 44, 8);
                board.buses = (u32)get(table + 55, 1) + 1;
                break;
        case 0x52414d44:                /* DMAR */
                read_dmar(table);
                break;
        }
}

static void read_acpi(u64 rsdp)
{
        bool extended = get(rsdp + 15, 1) >= 2 && get(rsdp + 24, 8);
        u32 bytes = extended ? 8 : 4;
        u64 root = extended ? get(rsdp + 24, 8) : get(rsdp + 16, 4);
        for (u64 at = root + 36; at < root + get(root + 4, 4); at += bytes)
                read_table(get(at, bytes));
}

static void read_memory(const struct start_info *info)
{
        u64 kit = (u64)image_end;
        for (u32 i = 0; i < info->memory_map_entries; i++) {
                const struct memory_region *region = (const struct memory_region *)info->memory_map_at + i;
                if (region->type == RAM && region->base <= kit && kit - region->base < region->bytes) {
                        board.ram = region->base;
                        board.ram_bytes = region->bytes;
                }
        }
        board.heap = (kit + HEAP_ALIGN - 1) & -(u64)HEAP_ALIGN;
}

static void calibrate(void)
{
        u32 ticks = PM_TIMER_HZ / 1000 * CALIBRATION_MS;
        u64 start = counter();
        u32 first = in32(pm_timer);
        while (((in32(pm_timer) - first) & 0xffffff) < ticks)
                ;
        hz = (counter() - start) * (1000 / CALIBRATION_MS);
}

u64 counter_hz(void)
{
        return hz;
}

enum { LAPIC_ID = 0x20, TASK_PRIORITY = 0x80, SPURIOUS = 0xf0, LAPIC_ENABLE = 0x1ff };

void board_read(const void *start_info)
{
        const struct start_info *info = start_info;
        for (u32 i = 0; info->arguments_at && i < MAX_ARGUMENTS - 1; i++) {
                arguments[i] = ((const char *)info->arguments_at)[i];
                if (!arguments[i])
                        break;
        }
        board.arguments = arguments;
        board.mem32 = 0xc0000000;
        read_memory(info);
        read_acpi(info->rsdp);
        calibrate();
        board.apic_id = mmio_read32(lapic + LAPIC_ID) >> 24;
        mmio_write32(lapic + TASK_PRIORITY, 0);
        mmio_write32(lapic + SPURIOUS, LAPIC_ENABLE);
        __asm__ volatile("sti");
}

enum { ARRIVAL_MS = 1000, SILENCE_MS = 3 };

bool interrupt_arrives(u32 vector, u64 before)
{
        u64 start = counter();
        while (interrupts[vector] == before && within(start, ARRIVAL_MS))
                ;
        return interrupts[vector] != before;
}

bool interrupt_stays_away(u32 vector, u64 before)
{
        u64 start = counter();
        while (interrupts[vector] == before && within(start, SILENCE_MS))
                ;
        return interrupts[vector] == before;
}

/* From the vectors: an exception nobody asked for fails the check. */
void report_exception(u64 vector, u64 error, u64 rip, u64 cr2)
{
        fail_check();
        print("# exception, vector %d: error code %x, RIP %x, CR2 %x\n", vector, error, rip, cr2);
}
