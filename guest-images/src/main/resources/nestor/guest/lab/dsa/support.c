// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "dsa.h"
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

#define TRACE "/sys/kernel/tracing/"

enum { REQUEST_SECONDS = 20 };

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

void fill(void *memory, size_t bytes, uint64_t pattern) {
    for (uint64_t *word = memory; word < (uint64_t *)((char *)memory + bytes); word++)
        *word = pattern;
}

bool holds(const void *memory, size_t bytes, uint64_t pattern) {
    for (const volatile uint64_t *word = memory; word < (uint64_t *)((char *)memory + bytes); word++) {
        if (*word != pattern)
            return false;
    }
    return true;
}

/* Documentation/admin-guide/mm/pagemap.rst: bits 54:0 the frame, bit 63 whether there is one. */
static uint64_t page_map(const void *address, size_t pages, uint64_t *entries) {
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

/* Where pages are in physical memory; 0 where there is none. */
void frames(const void *memory, size_t pages, uint64_t *numbers) {
    page_map(memory, pages, numbers);
    for (size_t i = 0; i < pages; i++)
        numbers[i] = numbers[i] >> 63 ? numbers[i] & ((1ULL << 55) - 1) : 0;
}

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* How many frames are in both; sorts the second. */
size_t common_frames(const uint64_t *some, uint64_t *others, size_t count) {
    size_t found = 0;
    qsort(others, count, sizeof *others, by_number);
    for (size_t i = 0; i < count; i++)
        found += some[i] && bsearch(&some[i], others, count, sizeof *others, by_number) != NULL;
    return found;
}

/* Interrupts of page request queues; each is about one request or more. */
unsigned long interrupts(void) {
    char line[512];
    unsigned long sum = 0;
    FILE *file = fopen("/proc/interrupts", "r");
    expect(file != NULL, "/proc/interrupts: %m");
    while (fgets(line, sizeof line, file)) {
        char *count = strchr(line, ':');
        if (count && strstr(line, "dmar") && strstr(line, "-prq"))
            sum += strtoul(count + 1, NULL, 10);
    }
    fclose(file);
    return sum;
}

static void write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_TRUNC);
    expect(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), "write to %s: %m", path);
    close(file);
}

/* From here on the kernel's own tracing takes down each page request that the IOMMU's driver reads from its queue. */
void trace_page_requests(void) {
    write_text(TRACE "trace", "\n");
    write_text(TRACE "events/intel_iommu/prq_report/enable", "1");
}

unsigned long page_requests(void) {
    char line[512];
    unsigned long count = 0;
    FILE *file = fopen(TRACE "trace", "r");
    expect(file != NULL, TRACE "trace: %m");
    while (fgets(line, sizeof line, file))
        count += strstr(line, " prq_report: ") != NULL;
    fclose(file);
    return count;
}

/*
 * From here on no page request is answered while this process runs: the kernel's worker that answers has no priority.
 * There is one CPU.
 */
void run_before_page_faults(void) {
    struct sched_param priority = {.sched_priority = 1};
    expect(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0, "SCHED_FIFO: %m");
}

/* Waits until there is a page request more than BEFORE; spins, so that nobody answers it. */
void await_interrupt(unsigned long before) {
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        if (interrupts() != before)
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - began.tv_sec < REQUEST_SECONDS);
    fail("no page request in %d s", REQUEST_SECONDS);
}

int status_of_child(int pid) {
    int status;
    expect(waitpid(pid, &status, 0) == pid, "waitpid: %m");
    return status;
}
