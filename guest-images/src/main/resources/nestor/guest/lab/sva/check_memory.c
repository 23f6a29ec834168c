// SPDX-License-Identifier: Apache-2.0
/* Memory that nobody pinned, and most of which nobody ever touched. */
#include "sva.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 64 };

static struct function demo;

static void expect_absent(const unsigned char *memory, size_t bytes) {
    for (size_t at = 0; at < bytes; at += PAGE)
        expect(!resident(memory + at), "page %zu is there before the device came", at / PAGE);
}

/* Runs a command on memory that is not there; each of its pages costs an event and a fault. */
static void faulting(enum demo_command command, const unsigned char *memory, size_t pages, uint8_t crc) {
    unsigned long faults = page_faults(), events = iommu_events();
    int result = command == DEMO_WRITE ? demo_write(&demo, memory, pages * PAGE)
                                       : demo_read(&demo, memory, pages * PAGE, crc);
    faults = page_faults() - faults;
    events = iommu_events() - events;
    printf("pages=%zu\nfaults=%lu\niommu_events=%lu\n", pages, faults, events);
    expect(result == DEMO_OK, "the device failed");
    expect(faults >= pages, "%lu faults for %zu pages", faults, pages);
    expect(events > 0, "the IOMMU reported nothing");
}

static void write_untouched(void) {
    demo_open(&demo);
    printf("pasid=%u\n", demo.pasid);
    unsigned char *memory = map(PAGES * PAGE);
    expect_absent(memory, PAGES * PAGE);
    faulting(DEMO_WRITE, memory, PAGES, 0);
    expect(demo_pattern(memory, PAGES * PAGE), "the memory does not hold what the device writes");
}

static void read_untouched(void) {
    static const unsigned char zeros[PAGES * PAGE];
    demo_open(&demo);
    unsigned char *memory = map(PAGES * PAGE);
    expect_absent(memory, PAGES * PAGE);
    faulting(DEMO_READ, memory, PAGES, demo_crc(zeros, sizeof zeros));
}

static void read_crc(void) {
    demo_open(&demo);
    unsigned char *memory = map(PAGES * PAGE);
    srandom(4);
    for (size_t i = 0; i < PAGES * PAGE; i++)
        memory[i] = random();
    // Neither end on a page boundary.
    uint8_t crc = demo_crc(memory + 5, PAGES * PAGE - 12);
    expect(demo_read(&demo, memory + 5, PAGES * PAGE - 12, crc) == DEMO_OK, "the right CRC is refused");
    expect(demo_read(&demo, memory + 5, PAGES * PAGE - 12, crc ^ 1) == DEMO_FAILED, "a wrong CRC is accepted");
}

static void stack(void) {
    demo_open(&demo);
    for (size_t bytes = 1; bytes <= 256; bytes *= 2) {
        volatile unsigned char local[512];
        for (size_t i = 0; i < sizeof local; i++)
            local[i] = 0xee;
        expect(demo_write(&demo, (const void *)(local + 101), bytes) == DEMO_OK, "write of %zu bytes", bytes);
        for (size_t i = 0; i < sizeof local; i++) {
            bool inside = i >= 101 && i < 101 + bytes;
            expect(local[i] == (inside ? (i - 101) % 251 : 0xee), "byte %zu after a write of %zu", i, bytes);
        }
    }
}

/* The device filled its translations before; each of these must be gone when the call returns. */
static void dontneed(void) {
    demo_open(&demo);
    unsigned char *memory = map(PAGES * PAGE);
    memset(memory, 1, PAGES * PAGE);
    for (int round = 0; round < 8; round++) {
        expect(demo_write(&demo, memory, PAGES * PAGE) == DEMO_OK, "round %d: first write", round);
        expect(madvise(memory, PAGES * PAGE, MADV_DONTNEED) == 0, "madvise: %m");
        expect_absent(memory, PAGES * PAGE);
        faulting(DEMO_WRITE, memory, PAGES, 0);
        expect(demo_pattern(memory, PAGES * PAGE), "round %d: the pages read are not those written", round);
    }
}

static unsigned long huge_kilobytes(const void *address) {
    char line[256];
    bool here = false;
    unsigned long first, last, kilobytes = 0, sum = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    expect(file != NULL, "smaps: %m");
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
            here = (uintptr_t)address >= first && (uintptr_t)address < last;
        else if (here && sscanf(line, "AnonHugePages: %lu", &kilobytes) == 1)
            sum += kilobytes;
    }
    fclose(file);
    return sum;
}

static void transparent_huge_page(void) {
    demo_open(&demo);
    // With less than 512 MiB the kernel does not use them unless told.
    write_text("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
    unsigned char *memory = map_aligned(2 * HUGE_PAGE, HUGE_PAGE);
    expect(madvise(memory, 2 * HUGE_PAGE, MADV_HUGEPAGE) == 0, "madvise: %m");
    unsigned long faults = page_faults();
    expect(demo_write(&demo, memory, 2 * HUGE_PAGE) == DEMO_OK, "write");
    faults = page_faults() - faults;
    unsigned long huge = huge_kilobytes(memory);
    printf("faults=%lu\nhuge_kilobytes=%lu\n", faults, huge);
    expect(huge == 2 * HUGE_PAGE / 1024, "no huge pages came of it");
    expect(demo_pattern(memory, 2 * HUGE_PAGE), "the memory does not hold what the device writes");
    // A hole splits the page: what is left stays usable, what is gone does not.
    unsigned char *hole = memory + 100 * PAGE;
    expect(munmap(hole, PAGE) == 0, "munmap: %m");
    expect(demo_write(&demo, hole, 1) == DEMO_FAILED, "the device writes into the hole");
    expect(demo_write(&demo, memory, 100 * PAGE) == DEMO_OK, "below the hole");
    expect(demo_write(&demo, hole + PAGE, 100 * PAGE) == DEMO_OK, "above the hole");
    expect(demo_pattern(hole + PAGE, 100 * PAGE), "above the hole: wrong bytes");
}

static void hugetlb(void) {
    demo_open(&demo);
    write_text("/proc/sys/vm/nr_hugepages", "4");
    unsigned char *memory = mmap(
            NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    expect(memory != MAP_FAILED, "mmap of huge pages: %m");
    expect_absent(memory, 2 * HUGE_PAGE);
    faulting(DEMO_WRITE, memory, 1, 0);
    unsigned long events = iommu_events();
    expect(demo_write(&demo, memory, HUGE_PAGE) == DEMO_OK, "write of the whole page");
    expect(iommu_events() == events, "a page that is there faulted");
    expect(demo_pattern(memory, HUGE_PAGE), "the memory does not hold what the device writes");
    munmap(memory, 2 * HUGE_PAGE);
    expect(demo_write(&demo, memory, 1) == DEMO_FAILED, "the device writes into a huge page that is gone");
    write_text("/proc/sys/vm/nr_hugepages", "0");
}

const struct check MEMORY_CHECKS[] = {
    {"write-untouched", write_untouched},
    {"read-untouched", read_untouched},
    {"read-crc", read_crc},
    {"stack", stack},
    {"dontneed", dontneed},
    {"transparent-huge-page", transparent_huge_page},
    {"hugetlb", hugetlb},
    {NULL, NULL},
};
