/* What the kit knows of the CPU and of the board. */
#ifndef MACHINE_H
#define MACHINE_H

#include "kit/kit.h"

bool call_protected(void (*body)(void));
_Noreturn void power_off(void);

static inline void barrier(void)
{
        __asm__ volatile("mfence" ::: "memory");
}

static inline u64 counter(void)
{
        u32 low, high;
        __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
        return (u64)high << 32 | low;
}

/* Measured by the PM timer. */
u64 counter_hz(void);

/* True as long as fewer than so many milliseconds have passed since start. */
static inline bool within(u64 start, u32 milliseconds)
{
        return counter() - start < counter_hz() / 1000 * milliseconds;
}

/* One instruction each, whatever the compiler would make of it. */
static inline u32 mmio_read32(u64 address)
{
        u32 value;
        __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
        return value;
}

static inline void mmio_write32(u64 address, u32 value)
{
        __asm__ volatile("movl %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static inline u64 mmio_read64(u64 address)
{
        u64 value;
        __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
        return value;
}

static inline void mmio_write64(u64 address, u64 value)
{
        __asm__ volatile("movq %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static inline u16 mmio_read16(u64 address)
{
        u16 value;
        __asm__ volatile("movw (%1), %0" : "=r"(value) : "r"(address) : "memory");
        return value;
}

static inline void mmio_write16(u64 address, u16 value)
{
        __asm__ volatile("movw %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

enum { MAX_UNITS = 4, MAX_SCOPES = 16, SCOPE_IOAPIC = 3 };

/* A device scope of a remapping unit (D51397, 8.3.1): only paths of one hop are kept. */
struct scope {
        u32 type, id, rid;
};

/* A remapping unit (D51397, 8.3). */
struct remapping_unit {
        u64 base;
        bool all;                       /* INCLUDE_PCI_ALL */
        u32 scopes;
        struct scope scope[MAX_SCOPES];
};

/* Found in the start info and in ACPI. */
struct board {
        u64 ram, ram_bytes;             /* free memory: above the kit, below 4 GiB */
        u64 heap;                       /* the first address that checks may take */
        u64 ecam, mem32;
        u32 buses;                      /* that ECAM covers */
        u64 ioapic;
        u32 apic_id;                    /* of this CPU */
        u32 units;
        struct remapping_unit unit[MAX_UNITS];
        u32 dmar_width, dmar_flags;     /* host address width, and flags as they are */
        const char *arguments;          /* the command line */
};
extern struct board board;
void board_read(const void *start_info);

void uart_put(char c);

/* How often each vector has arrived since the machine began; interrupts are enabled. */
extern volatile u64 interrupts[256];

/* Whether a vector arrives more often than it had by then, in a second or so. */
bool interrupt_arrives(u32 vector, u64 before);

/* Whether none arrives, in a few milliseconds. */
bool interrupt_stays_away(u32 vector, u64 before);

#endif
