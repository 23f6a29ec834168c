/* SPDX-License-Identifier: Apache-2.0 */
/* What programs that share their address space with a device see and do of the process and of the IOMMU. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL
#define HUGE_PAGE (2UL << 20)

void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define expect(condition, ...) ((condition) ? (void)0 : fail(__VA_ARGS__))
void *map(size_t bytes);
void *map_aligned(size_t bytes, size_t alignment);
uint64_t page_map(const void *address, size_t pages, uint64_t *entries);
bool resident(const void *address);
unsigned long number_after(const char *path, const char *key);
unsigned long read_number(const char *path);
void write_text(const char *path, const char *text);
unsigned long iommu_interrupts(void);
void run_before_page_faults(void);
void await_iommu_interrupt(unsigned long interrupts);
int status_of_child(int pid);

#endif
