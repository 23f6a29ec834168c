// SPDX-License-Identifier: Apache-2.0
#include "dsa.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE "/sys/kernel/tracing/"

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
