// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "process.h"
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { INTERRUPT_SECONDS = 20 };

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("failed: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    exit(1);
}

/* Pages of 4 KiB, none of them there yet. */
void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED, "mmap of %zu bytes: %m", bytes);
    expect(madvise(memory, bytes, MADV_NOHUGEPAGE) == 0, "MADV_NOHUGEPAGE: %m");
    return memory;
}

void *map_aligned(size_t bytes, size_t alignment) {
    uintptr_t memory = (uintptr_t)map(bytes + alignment);
    return (void *)((memory + alignment - 1) & -alignment);
}

/* Documentation/admin-guide/mm/pagemap.rst: bits 54:0 the frame, bit 63 whether there is one. */
uint64_t page_map(const void *address, size_t pages, uint64_t *entries) {
    int file = open("/proc/self/pagemap", O_RDONLY);
    ssize_t bytes = pages * sizeof *entries;
    expect(pread(file, entries, bytes, (uintptr_t)address / PAGE * sizeof *entries) == bytes, "pagemap: %m");
    close(file);
    return entries[0];
}

bool resident(const void *address) {
    uint64_t entry;
    return page_map(address, 1, &entry) >> 63;
}

unsigned long number_after(const char *path, const char *key) {
    char line[512];
    unsigned long sum = 0;
    FILE *file = fopen(path, "r");
    expect(file != NULL, "%s: %m", path);
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, key, strlen(key)))
            sum += strtoul(line + strlen(key), NULL, 10);
    }
    fclose(file);
    return sum;
}

unsigned long read_number(const char *path) {
    return number_after(path, "");
}

void write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_TRUNC);
    expect(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), "write to %s: %m", path);
    close(file);
}

/*
 * Interrupts of an event queue, an SMMU's or a virtio-iommu's, or of a VT-d unit's page request queue: one or more
 * records each.
 */
unsigned long iommu_interrupts(void) {
    char line[512];
    unsigned long sum = 0;
    FILE *file = fopen("/proc/interrupts", "r");
    expect(file != NULL, "/proc/interrupts: %m");
    while (fgets(line, sizeof line, file)) {
        char *count = strchr(line, ':');
        if (count && (strstr(line, "arm-smmu-v3-evtq") || strstr(line, "arm-smmu-v3-combined") ||
                      (strstr(line, " virtio") && strstr(line, "-event\n")) ||
                      (strstr(line, " dmar") && strstr(line, "-prq\n"))))
            sum += strtoul(count + 1, NULL, 10);
    }
    fclose(file);
    return sum;
}

/*
 * From here on no page fault of a device is answered while this process runs: the kernel's worker for them has no
 * priority, nor has that which reads a virtio-iommu's events; the threads that read an SMMU's, or a VT-d unit's, have
 * more than this. There is one CPU.
 */
void run_before_page_faults(void) {
    struct sched_param priority = {.sched_priority = 1};
    expect(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0, "SCHED_FIFO: %m");
}

/* Waits until the IOMMU has reported something since INTERRUPTS were counted; spins, so that nobody answers it. */
void await_iommu_interrupt(unsigned long interrupts) {
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        if (iommu_interrupts() != interrupts)
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - began.tv_sec < INTERRUPT_SECONDS);
    fail("no event of the IOMMU in %d s", INTERRUPT_SECONDS);
}

int status_of_child(int pid) {
    int status;
    expect(waitpid(pid, &status, 0) == pid, "waitpid: %m");
    return status;
}
