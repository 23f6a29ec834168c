// SPDX-License-Identifier: Apache-2.0
/* Memory that changes while a device uses it. */
#define _GNU_SOURCE
#include "dsa.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 16, ROUNDS = 10, MOST = 16, MUCH_PAGES = 256, TIMES = 32 };
#define BYTES (PAGES * PAGE)
#define MUCH (MUCH_PAGES * PAGE)
#define PATTERN 0x5aa5c33c0ff00ff0UL
#define GUARD 0x6775617264677561UL

static struct record record;
static struct descriptor descriptor;

/* After fork both have the same pages, read-only: the device's write makes a copy as the CPU's would. */
static void copy_on_write(struct queue *queue) {
    unsigned char *memory = map(BYTES);
    int start[2];
    fill(memory, BYTES, GUARD);
    expect(pipe(start) == 0, "pipe: %m");
    int child = fork();
    if (child == 0) {
        char byte;
        close(start[1]);
        _exit(read(start[0], &byte, 1) == 1 && holds(memory, BYTES, GUARD) ? 0 : 3);
    }
    queue_open(queue, queue->mode);
    trace_page_requests();
    describe(&descriptor, FILL, (void *)PATTERN, memory, BYTES, &record);
    int status = run(queue, &descriptor, &record);
    printf("%s_page_requests=%lu\n", queue->mode, page_requests());
    expect(status == SUCCESS && holds(memory, BYTES, PATTERN), "status %#x", status);
    expect(page_requests() >= PAGES, "fewer page requests than pages");
    expect(write(start[1], "", 1) == 1, "write: %m");
    status = status_of_child(child);
    expect(status == 0, "the child's memory changed (status %#x)", status);
    queue_close(queue);
}

/* Pages that the process gave back are not the ones the device writes next. */
static void dontneed(struct queue *queue) {
    unsigned char *memory = map(BYTES);
    queue_open(queue, queue->mode);
    for (int round = 0; round < ROUNDS; round++) {
        describe(&descriptor, FILL, (void *)(PATTERN + round), memory, BYTES, &record);
        int status = run(queue, &descriptor, &record);
        expect(status == SUCCESS && holds(memory, BYTES, PATTERN + round), "round %d: status %#x", round, status);
        expect(madvise(memory, BYTES, MADV_DONTNEED) == 0, "MADV_DONTNEED: %m");
        unsigned char *guards = map(BYTES);
        fill(guards, BYTES, GUARD);
        status = run(queue, &descriptor, &record);
        expect(status == SUCCESS && holds(guards, BYTES, GUARD), "round %d: a stale write", round);
        expect(munmap(guards, BYTES) == 0, "munmap: %m");
    }
    queue_close(queue);
}

/* Pages move; what the device writes to the new address is there. */
static void remapped(struct queue *queue) {
    unsigned char *memory = map(BYTES), *target = map(BYTES);
    queue_open(queue, queue->mode);
    for (int round = 0; round < ROUNDS; round++) {
        describe(&descriptor, FILL, (void *)(PATTERN + round), memory, BYTES, &record);
        expect(run(queue, &descriptor, &record) == SUCCESS, "round %d: status %#x", round, record.status);
        unsigned char *moved = mremap(memory, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, target);
        expect(moved == target, "mremap: %m");
        descriptor.flags &= ~BLOCK_ON_FAULT;
        int status = run(queue, &descriptor, &record);
        expect(status == (PAGE_FAULT | FAULT_ON_WRITE), "round %d: status %#x at the old address", round, status);
        expect(holds(target, BYTES, PATTERN + round), "round %d: wrong bytes at the new address", round);
        target = memory;
        memory = moved;
        unsigned char *again = mmap(target, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expect(again == target, "mmap: %m");
    }
    queue_close(queue);
}

/*
 * Memory goes while the device writes to it again and again, and its frames are used for something else at once. munmap returns when
 * the IOMMU and the device have forgotten the pages: from then on nothing may write there.
 */
static void munmap_under_dma(struct queue *queue) {
    static struct descriptor list[TIMES];
    static struct record records[MOST], failure;
    static uint64_t before[MUCH_PAGES], after[MUCH_PAGES];
    size_t cut = 0, whole = 0, reused = 0;
    queue_open(queue, queue->mode);
    unsigned count = queue->entries < MOST ? queue->entries : MOST;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char *memory = map(MUCH);
        fill(memory, MUCH, GUARD);
        frames(memory, MUCH_PAGES, before);
        memset(records, 0, sizeof records);
        memset(&failure, 0, sizeof failure);
        for (int time = 0; time < TIMES; time++) {
            describe(&list[time], FILL, (void *)PATTERN, memory, MUCH, &failure);
            list[time].flags = COMPLETION_ADDRESS;
        }
        for (unsigned i = 0; i < count; i++) {
            describe(&descriptor, BATCH, list, NULL, TIMES, &records[i]);
            descriptor.flags &= ~BLOCK_ON_FAULT;
            submit(queue, &descriptor);
        }
        expect(munmap(memory, MUCH) == 0, "munmap: %m");
        // Nobody is to have the address again: what is still under way may write there.
        void *taken = mmap(memory, MUCH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        expect(taken == memory, "mmap: %m");
        unsigned char *guards = map(MUCH);
        fill(guards, MUCH, GUARD);
        for (unsigned i = 0; i < count; i++) {
            int status = await(&records[i]);
            expect(status == SUCCESS || status == BATCH_FAILED, "status %#x", status);
            whole += status == SUCCESS;
            cut += status != SUCCESS;
        }
        expect(failure.status == 0 || failure.status == (PAGE_FAULT | FAULT_ON_WRITE), "status %#x in a batch",
               failure.status);
        expect(holds(guards, MUCH, GUARD), "round %d: a stale write", round);
        frames(guards, MUCH_PAGES, after);
        reused += common_frames(before, after, MUCH_PAGES);
        expect(munmap(guards, MUCH) == 0 && munmap(taken, MUCH) == 0, "munmap: %m");
    }
    printf("%s_rounds=%d\n%s_batches_cut_short=%zu\n%s_batches_whole=%zu\n%s_reused_frames=%zu\n", queue->mode, ROUNDS,
           queue->mode, cut, queue->mode, whole, queue->mode, reused);
    expect(cut > 0, "no descriptor was under way when its memory went");
    expect(reused > 0, "no frame came back");
    queue_close(queue);
}

static void *from_another_thread(void *argument) {
    struct queue *queue = argument;
    static struct record own;
    static struct descriptor mine;
    unsigned char *memory = map(BYTES);
    describe(&mine, FILL, (void *)PATTERN, memory, BYTES, &own);
    int status = run(queue, &mine, &own);
    expect(status == SUCCESS && holds(memory, BYTES, PATTERN), "second thread: status %#x", status);
    return NULL;
}

/* Each thread has a PASID register of its own, which the kernel fills when the thread needs it. */
static void threads(struct queue *queue) {
    queue_open(queue, queue->mode);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t other;
        expect(pthread_create(&other, NULL, from_another_thread, queue) == 0, "no thread");
        expect(pthread_join(other, NULL) == 0, "no end of the thread");
        unsigned char *memory = map(PAGE);
        describe(&descriptor, FILL, (void *)PATTERN, memory, PAGE, &record);
        int status = run(queue, &descriptor, &record);
        expect(status == SUCCESS && holds(memory, PAGE, PATTERN), "first thread: status %#x", status);
        expect(munmap(memory, PAGE) == 0, "munmap: %m");
    }
    printf("%s_threads=%d\n", queue->mode, ROUNDS + 1);
    queue_close(queue);
}

const struct check MAPPING_CHECKS[] = {
    {"copy-on-write", copy_on_write},       {"dontneed", dontneed}, {"mremap", remapped},
    {"munmap-under-dma", munmap_under_dma}, {"threads", threads},   {NULL, NULL},
};
