/* What the kit knows of the CPU and of the board. */
#ifndef MACHINE_H
#define MACHINE_H

#include "kit/kit.h"

bool call_protected(void (*body)(void));
void power_off(void);

static inline void barrier(void)
{
        __asm__ volatile("dsb sy" ::: "memory");
}

static inline u64 counter(void)
{
        u64 value;
        __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
        return value;
}

static inline u64 counter_hz(void)
{
        u64 value;
        __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
        return value;
}

/* True as long as fewer than so many milliseconds have passed since start. */
static inline bool within(u64 start, u32 milliseconds)
{
        return counter() - start < counter_hz() / 1000 * milliseconds;
}

static inline u32 mmio_read32(u64 address)
{
        u32 value = *(volatile u32 *)address;
        barrier();
        return value;
}

static inline void mmio_write32(u64 address, u32 value)
{
        barrier();
        *(volatile u32 *)address = value;
}

static inline u16 mmio_read16(u64 address)
{
        u16 value = *(volatile u16 *)address;
        barrier();
        return value;
}

static inline void mmio_write16(u64 address, u16 value)
{
        barrier();
        *(volatile u16 *)address = value;
}

static inline u64 mmio_read64(u64 address)
{
        u64 value = *(volatile u64 *)address;
        barrier();
        return value;
}

static inline void mmio_write64(u64 address, u64 value)
{
        barrier();
        *(volatile u64 *)address = value;
}

/* Found in the device tree. */
struct board {
        u64 ram, ram_bytes;
        u64 heap;                       /* the first address that checks may take */
        u64 uart;
        u64 gicd;
        u64 smmu;
        u32 smmu_spi;                   /* first of four INTIDs */
        u64 ecam, mem32, mem32_bytes;
        u32 buses;                      /* that are looked at */
        const char *arguments;          /* the command line */
};
extern struct board board;
void board_read(const void *tree);

void uart_put(char c);

/* A distributor good enough to see that an SPI became pending (IHI 0069, 12.9). */
bool spi_pending(u32 intid);
void spi_clear(u32 intid);

#endif
