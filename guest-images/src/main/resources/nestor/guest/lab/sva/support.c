// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "sva.h"
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

#define VIOMMU_STATISTICS "/sys/class/iommu/virtio0/statistics"
#define VTD_UNIT "/sys/class/iommu/dmar0"

enum { STALL_SECONDS = 20 };

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("failed: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    exit(1);
}

void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED, "mmap of %zu bytes: %m", bytes);
    return memory;
}

void *map_aligned(size_t bytes, size_t alignment) {
    uintptr_t memory = (uintptr_t)map(bytes + alignment);
    return (void *)((memory + alignment - 1) & -alignment);
}

/* Whether there is a page in this process's tables: Documentation/admin-guide/mm/pagemap.rst, bit 63. */
bool resident(const void *address) {
    uint64_t entry = 0;
    int file = open("/proc/self/pagemap", O_RDONLY);
    expect(pread(file, &entry, sizeof entry, (uintptr_t)address / PAGE * sizeof entry) == sizeof entry, "pagemap: %m");
    close(file);
    return entry >> 63;
}

static unsigned long number_after(const char *path, const char *key) {
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

/* Faults taken by programs and by devices, of the whole system. */
unsigned long page_faults(void) {
    return number_after("/proc/vmstat", "pgfault ");
}

/* Interrupts of an event queue, an SMMU's or a virtio-iommu's, or of a VT-d unit's page request queue: one or more records each. */
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

/* Page requests and faults that a virtio-iommu's driver has seen; interrupts of others, each of which is one or more. */
unsigned long iommu_events(void) {
    unsigned long faults;
    if (access(VIOMMU_STATISTICS, F_OK) != 0)
        return iommu_interrupts();
    faults = read_number(VIOMMU_STATISTICS "/faults");
    return faults + read_number(VIOMMU_STATISTICS "/page_requests");
}

/* An SMMU's stalls are one page each. A function's page requests are a group, which is answered as a whole. */
bool faults_come_in_groups(void) {
    return access(VIOMMU_STATISTICS, F_OK) == 0 || events_may_be_groups();
}

/* A VT-d unit has one interrupt for all page requests that come until its driver has seen to it (PRS_REG.PPR). */
bool events_may_be_groups(void) {
    return access(VTD_UNIT, F_OK) == 0;
}

unsigned long read_number(const char *path) {
    return number_after(path, "");
}

void write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY);
    expect(file >= 0, "%s: %m", path);
    expect(write(file, text, strlen(text)) == (ssize_t)strlen(text), "write of \"%s\" to %s: %m", text, path);
    close(file);
}

/*
 * From here on no page fault of a device is answered while this process runs: the kernel's worker for them has no
 * priority, nor has that which reads a virtio-iommu's events; the threads that read an SMMU's, or a VT-d unit's, have more than
 * this. There is one CPU.
 */
void run_before_page_faults(void) {
    struct sched_param priority = {.sched_priority = 1};
    expect(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0, "SCHED_FIFO: %m");
}

/* Waits until the IOMMU has reported something since INTERRUPTS were counted; spins, so that nobody answers it. */
void await_stall(unsigned long interrupts) {
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        if (iommu_interrupts() != interrupts)
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - began.tv_sec < STALL_SECONDS);
    fail("no event of the IOMMU in %d s", STALL_SECONDS);
}

int status_of_child(int pid) {
    int status;
    expect(waitpid(pid, &status, 0) == pid, "waitpid: %m");
    return status;
}
