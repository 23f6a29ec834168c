// SPDX-License-Identifier: Apache-2.0
/* Mappings of files, and mappings that change while the device has their translations. */
#define _GNU_SOURCE
#include "sva.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 16 };
#define BYTES (PAGES * PAGE)

static struct function demo;

static void *map_file(int file, int protection, int flags) {
    void *memory = mmap(NULL, BYTES, protection, flags, file, 0);
    expect(memory != MAP_FAILED, "mmap of a file: %m");
    return memory;
}

static int new_file(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    expect(file >= 0 && ftruncate(file, BYTES) == 0, "%s: %m", path);
    return file;
}

static void shared_file(void) {
    static unsigned char content[BYTES];
    demo_open(&demo);
    int file = new_file("/tmp/shared");
    unsigned char *memory = map_file(file, PROT_READ | PROT_WRITE, MAP_SHARED);
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "write of a shared mapping");
    expect(pread(file, content, BYTES, 0) == (ssize_t)BYTES, "read: %m");
    expect(demo_pattern(content, BYTES), "the file does not hold what the device wrote");
    // Its other way round, through a second mapping that only reads.
    memset(content, 0x5a, BYTES);
    expect(pwrite(file, content, BYTES, 0) == (ssize_t)BYTES, "write: %m");
    const unsigned char *view = map_file(file, PROT_READ, MAP_SHARED);
    expect(demo_read(&demo, view, BYTES, demo_crc(content, BYTES)) == DEMO_OK, "read of a second mapping");
    expect(demo_write(&demo, view, 1) == DEMO_FAILED, "the device writes to a mapping that only reads");
    expect(view[0] == 0x5a, "the byte changed");
    // Beyond the end of the file there is nothing, though it is mapped (a program would get SIGBUS).
    expect(ftruncate(file, BYTES / 2) == 0, "ftruncate: %m");
    expect(demo_write(&demo, memory + BYTES / 2, 1) == DEMO_FAILED, "the device writes beyond the end of the file");
    expect(demo_write(&demo, memory, BYTES / 2) == DEMO_OK, "write of the half that is left");
}

static void private_file(void) {
    static unsigned char content[BYTES];
    demo_open(&demo);
    int file = new_file("/tmp/private");
    unsigned char *memory = map_file(file, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    expect(demo_read(&demo, memory, BYTES, demo_crc(content, BYTES)) == DEMO_OK, "read of the file's pages");
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "write of a private mapping");
    expect(demo_pattern(memory, BYTES), "the mapping does not hold what the device wrote");
    expect(pread(file, content, BYTES, 0) == (ssize_t)BYTES, "read: %m");
    for (size_t i = 0; i < BYTES; i++)
        expect(content[i] == 0, "byte %zu of the file changed", i);
}

/* Each fault of the device waits for the disk, which is behind the same IOMMU. */
static void disk(void) {
    const char *path = "/dev/vda";
    demo_open(&demo);
    unsigned char *content = map_aligned(BYTES, PAGE);
    int direct = open(path, O_RDONLY | O_DIRECT);
    expect(direct >= 0 && pread(direct, content, BYTES, 0) == (ssize_t)BYTES, "%s: %m", path);
    write_text("/proc/sys/vm/drop_caches", "3");
    unsigned char *memory = map_file(open(path, O_RDONLY), PROT_READ, MAP_SHARED);
    madvise(memory, BYTES, MADV_RANDOM);
    unsigned long faults = page_faults(), events = iommu_events();
    expect(demo_read(&demo, memory, BYTES, demo_crc(content, BYTES)) == DEMO_OK, "the disk's content is another");
    faults = page_faults() - faults;
    events = iommu_events() - events;
    printf("faults=%lu\niommu_events=%lu\n", faults, events);
    expect(faults >= PAGES, "fewer faults than pages");
    expect(events >= (events_may_be_groups() ? 1 : PAGES), "too few events for so many pages");
    expect(demo_write(&demo, memory, 1) == DEMO_FAILED, "the device writes to a disk that is mapped for reading");
}

static void unmapped(void) {
    demo_open(&demo);
    unsigned char *memory = map(2 * PAGE);
    munmap(memory, PAGE);
    unsigned long events = iommu_events();
    expect(demo_write(&demo, memory, 1) == DEMO_FAILED, "write of an unmapped page");
    expect(demo_read(&demo, memory, 1, 0) == DEMO_FAILED, "read of an unmapped page");
    expect(iommu_events() > events, "the IOMMU reported nothing");
    expect(demo_write(&demo, NULL, 1) == DEMO_FAILED, "write of address 0");
    // Kernel addresses: the upper half has no tables (CD.EPD1).
    expect(demo_write(&demo, (void *)0xffff000000000000UL, 1) == DEMO_FAILED, "write of a kernel address");
    expect(demo_write(&demo, memory + PAGE, PAGE) == DEMO_OK, "the page that is left");
}

static void protect(void) {
    demo_open(&demo);
    unsigned char *memory = map(BYTES);
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "write before");
    uint8_t crc = demo_crc(memory, BYTES);
    memory[0] = 1;
    expect(mprotect(memory, BYTES, PROT_READ) == 0, "mprotect: %m");
    expect(demo_write(&demo, memory, BYTES) == DEMO_FAILED, "the device writes to read-only memory");
    expect(memory[0] == 1, "and changes it");
    expect(mprotect(memory, BYTES, PROT_NONE) == 0, "mprotect: %m");
    expect(demo_read(&demo, memory, BYTES, crc) == DEMO_FAILED, "the device reads memory with no access");
    expect(mprotect(memory, BYTES, PROT_READ | PROT_WRITE) == 0, "mprotect: %m");
    memory[0] = 0;
    expect(demo_read(&demo, memory, BYTES, crc) == DEMO_OK, "read after");
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "write after");
}

/*
 * A device that keeps its translations over an mprotect(), and time enough for an oracle to see it. The pages stay the
 * process's own, so that a driver that leaves an invalidation out harms nobody else.
 */
static void protect_and_wait(void) {
    demo_open(&demo);
    unsigned char *memory = map(BYTES);
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "write before");
    expect(mprotect(memory, BYTES, PROT_READ) == 0, "mprotect: %m");
    sleep(2);
    bool written = demo_write(&demo, memory, BYTES) == DEMO_OK;
    sleep(2);
    printf("written=%d\n", written);
    expect(!written, "the device writes to read-only memory");
}

static void remap(void) {
    demo_open(&demo);
    unsigned char *old = map(BYTES);
    expect(demo_write(&demo, old, BYTES) == DEMO_OK, "write before");
    uint8_t crc = demo_crc(old, BYTES);
    unsigned char *other = map(BYTES);
    unsigned char *moved = mremap(old, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, other);
    expect(moved == other, "mremap: %m");
    expect(demo_read(&demo, moved, BYTES, crc) == DEMO_OK, "the pages are not at their new place");
    expect(demo_write(&demo, old, 1) == DEMO_FAILED, "the device still writes to the old place");
    memset(moved, 0, BYTES);
    expect(demo_write(&demo, moved, BYTES) == DEMO_OK, "write after");
    expect(demo_pattern(moved, BYTES), "wrong bytes at the new place");
}

/* The device waits for its first page while the second half of what it was told to write goes away. */
static void unmap_under_dma(void) {
    demo_open(&demo);
    unsigned char *memory = map(BYTES);
    run_before_page_faults();
    unsigned long interrupts = iommu_interrupts();
    demo_start(&demo, DEMO_WRITE, memory, BYTES);
    await_iommu_interrupt(interrupts);
    expect(munmap(memory + BYTES / 2, BYTES / 2) == 0, "munmap: %m");
    expect(!resident(memory), "the device did not wait");
    expect(demo_result(&demo) == DEMO_FAILED, "the device wrote to pages that are gone");
    // A group that has a page which is gone fails before anything is written.
    expect(faults_come_in_groups() || demo_pattern(memory, BYTES / 2),
           "the pages before them do not hold what the device writes");
    // The same with pages that the device has translations of: when munmap returns, nothing may reach them.
    for (int round = 0; round < 50; round++) {
        unsigned char *large = map(4 * HUGE_PAGE);
        memset(large, 0xee, 4 * HUGE_PAGE);
        demo_start(&demo, DEMO_WRITE, large, 4 * HUGE_PAGE);
        expect(munmap(large, 4 * HUGE_PAGE) == 0, "munmap: %m");
        unsigned char *next = mmap(large, 4 * HUGE_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expect(next == large, "mmap: %m");
        demo_result(&demo);
        for (size_t at = 0; at < 4 * HUGE_PAGE; at += PAGE)
            expect(next[at] == 0, "round %d: the device wrote to memory that it may only read", round);
        munmap(next, 4 * HUGE_PAGE);
    }
    expect(demo_write(&demo, memory, PAGE) == DEMO_OK, "the device is usable afterwards");
}

const struct check MAPPING_CHECKS[] = {
    {"shared-file", shared_file},
    {"private-file", private_file},
    {"disk", disk},
    {"unmapped", unmapped},
    {"mprotect", protect},
    {"mprotect-and-wait", protect_and_wait},
    {"mremap", remap},
    {"munmap-under-dma", unmap_under_dma},
    {NULL, NULL},
};
