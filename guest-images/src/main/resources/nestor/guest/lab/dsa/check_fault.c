// SPDX-License-Identifier: Apache-2.0
/* Memory that is not there when the device comes. */
#include "dsa.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 64 };
#define BYTES (PAGES * PAGE)
#define PATTERN 0x1122334455667788UL

static struct record record;
static struct descriptor descriptor;

static void said(struct queue *queue, unsigned long requests) {
    printf("%s_page_requests=%lu\n", queue->mode, requests);
}

/* Each page of the destination is requested, and is the process's own afterwards. */
static void write_untouched(struct queue *queue) {
    unsigned char *source = map(BYTES), *destination = map(BYTES);
    fill(source, BYTES, PATTERN);
    queue_open(queue, queue->mode);
    trace_page_requests();
    describe(&descriptor, MEMORY_MOVE, source, destination, BYTES, &record);
    int status = run(queue, &descriptor, &record);
    expect(status == SUCCESS, "status %#x at %#lx", status, record.fault_address);
    expect(resident(destination) && resident(destination + BYTES - PAGE), "no pages in the process's tables");
    expect(!memcmp(source, destination, BYTES), "wrong bytes");
    unsigned long requests = page_requests();
    said(queue, requests);
    expect(requests >= PAGES, "fewer page requests than pages");
    queue_close(queue);
}

/* What nobody wrote reads as zeros. */
static void read_untouched(struct queue *queue) {
    unsigned char *memory = map(BYTES);
    queue_open(queue, queue->mode);
    trace_page_requests();
    describe(&descriptor, COMPARE_PATTERN, memory, NULL, BYTES, &record);
    int status = run(queue, &descriptor, &record);
    expect(status == SUCCESS && record.result == 0, "status %#x, result %u", status, record.result);
    said(queue, page_requests());
    expect(page_requests() >= PAGES, "fewer page requests than pages");
    queue_close(queue);
}

/* The page of a record is requested whether or not the descriptor may block. */
static void record_untouched(struct queue *queue) {
    unsigned char *destination = map(PAGE);
    struct record *untouched = map(PAGE);
    destination[0] = 1;
    queue_open(queue, queue->mode);
    trace_page_requests();
    describe(&descriptor, FILL, (void *)PATTERN, destination, PAGE, untouched);
    descriptor.flags &= ~BLOCK_ON_FAULT;
    unsigned long before = iommu_interrupts();
    submit(queue, &descriptor);
    await_iommu_interrupt(before); // reading the record would bring its page
    int status = await(untouched);
    expect(status == SUCCESS && holds(destination, PAGE, PATTERN), "status %#x", status);
    said(queue, page_requests());
    expect(page_requests() == 1, "not one page request");
    queue_close(queue);
}

/* Without block on fault the record says where it ended; software brings the page and hands in the rest. */
static void no_block(struct queue *queue) {
    unsigned char *destination = map(BYTES);
    size_t done = 0;
    unsigned faults = 0;
    queue_open(queue, queue->mode);
    trace_page_requests();
    for (;;) {
        describe(&descriptor, FILL, (void *)PATTERN, destination + done, BYTES - done, &record);
        descriptor.flags &= ~BLOCK_ON_FAULT;
        int status = run(queue, &descriptor, &record);
        if (status == SUCCESS)
            break;
        expect(status == (PAGE_FAULT | FAULT_ON_WRITE), "status %#x", status);
        done += record.bytes_completed;
        expect(done < BYTES && record.fault_address == (uintptr_t)destination + done, "fault at %#lx after %zu bytes",
               record.fault_address, done);
        destination[done] = 0;
        faults++;
    }
    expect(holds(destination, BYTES, PATTERN), "wrong bytes");
    printf("%s_faults=%u\n", queue->mode, faults);
    said(queue, page_requests());
    expect(faults == PAGES && page_requests() == 0, "not one fault for each page, or page requests");
    queue_close(queue);
}

/* One page request brings 2 MiB. */
static void huge_page(struct queue *queue) {
    unsigned char *destination = map_aligned(HUGE_PAGE, HUGE_PAGE);
    expect(madvise(destination, HUGE_PAGE, MADV_HUGEPAGE) == 0, "MADV_HUGEPAGE: %m");
    queue_open(queue, queue->mode);
    trace_page_requests();
    describe(&descriptor, FILL, (void *)PATTERN, destination, HUGE_PAGE, &record);
    int status = run(queue, &descriptor, &record);
    expect(status == SUCCESS, "status %#x at %#lx", status, record.fault_address);
    expect(holds(destination, HUGE_PAGE, PATTERN), "wrong bytes");
    unsigned long requests = page_requests();
    said(queue, requests);
    expect(requests > 0 && requests <= PAGES, "no page request, or more than one group");
    queue_close(queue);
}

/* The list of a batch, its records and its operands: nothing is there but the list's content. */
static void batch_untouched(struct queue *queue) {
    enum { COUNT = 8 };
    struct descriptor *list = map(PAGE);
    struct record *records = map(PAGE);
    unsigned char *destination = map(COUNT * PAGE);
    for (int i = 0; i < COUNT; i++)
        describe(&list[i], FILL, (void *)(PATTERN + i), destination + i * PAGE, PAGE, &records[i]);
    queue_open(queue, queue->mode);
    trace_page_requests();
    describe(&descriptor, BATCH, list, NULL, COUNT, &record);
    descriptor.flags &= ~BLOCK_ON_FAULT; // a batch's own blocks are its descriptors'
    int status = run(queue, &descriptor, &record);
    expect(status == SUCCESS && record.bytes_completed == COUNT, "status %#x", status);
    said(queue, page_requests());
    expect(page_requests() >= COUNT + 1, "fewer page requests than pages");
    for (int i = 0; i < COUNT; i++) {
        expect(records[i].status == SUCCESS, "status %#x of descriptor %d", records[i].status, i);
        expect(holds(destination + i * PAGE, PAGE, PATTERN + i), "wrong bytes of descriptor %d", i);
    }
    queue_close(queue);
}

/* What is no memory of the process: the page request is refused, and the record says so. */
static void unmapped(struct queue *queue) {
    queue_open(queue, queue->mode); // first, lest the portal comes to lie in the gap
    unsigned char *memory = map(2 * PAGE);
    fill(memory, PAGE, PATTERN);
    expect(munmap(memory + PAGE, PAGE) == 0, "munmap: %m");
    describe(&descriptor, FILL, (void *)PATTERN, memory, 2 * PAGE, &record);
    int status = run(queue, &descriptor, &record);
    expect(status == (PAGE_REQUEST_FAILED | FAULT_ON_WRITE) && record.bytes_completed == PAGE &&
               record.fault_address == (uintptr_t)memory + PAGE,
           "write: status %#x, %u bytes", status, record.bytes_completed);
    describe(&descriptor, COMPARE_PATTERN, memory, (void *)PATTERN, 2 * PAGE, &record);
    status = run(queue, &descriptor, &record);
    expect(status == PAGE_REQUEST_FAILED && record.bytes_completed == PAGE, "read: status %#x, %u bytes", status,
           record.bytes_completed);
    queue_close(queue);
}

/* Memory that may only be read. */
static void read_only(struct queue *queue) {
    unsigned char *memory = map(PAGE);
    fill(memory, PAGE, ~PATTERN);
    expect(mprotect(memory, PAGE, PROT_READ) == 0, "mprotect: %m");
    queue_open(queue, queue->mode);
    describe(&descriptor, FILL, (void *)PATTERN, memory, PAGE, &record);
    int status = run(queue, &descriptor, &record);
    expect(status == (PAGE_REQUEST_FAILED | FAULT_ON_WRITE), "status %#x", status);
    expect(holds(memory, PAGE, ~PATTERN), "the page was written");
    expect(mprotect(memory, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect: %m");
    status = run(queue, &descriptor, &record);
    expect(status == SUCCESS && holds(memory, PAGE, PATTERN), "writable again: status %#x", status);
    queue_close(queue);
}

const struct check FAULT_CHECKS[] = {
    {"write-untouched", write_untouched},
    {"read-untouched", read_untouched},
    {"record-untouched", record_untouched},
    {"batch-untouched", batch_untouched},
    {"no-block", no_block},
    {"huge-page", huge_page},
    {"unmapped", unmapped},
    {"read-only", read_only},
    {NULL, NULL},
};
