/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that share their address space with a DSA, through the character devices of Linux's idxd driver. */
#ifndef DSA_H
#define DSA_H

#include "process.h"

/* Intel DSA Architecture Specification, 8.1: what software hands over. */
struct descriptor {
    uint32_t pasid;
    uint32_t flags : 24, opcode : 8;
    uint64_t completion;
    uint64_t source; /* the pattern of a fill and of a comparison; the list of a batch */
    uint64_t destination;
    uint32_t bytes; /* or the number of descriptors */
    uint16_t interrupt, reserved;
    uint64_t specific[3];
} __attribute__((aligned(64)));

/* 8.2: what the device answers. */
struct record {
    volatile uint8_t status;
    uint8_t result, fault_info, reserved;
    uint32_t bytes_completed;
    uint64_t fault_address;
    uint64_t specific[2];
} __attribute__((aligned(32)));

enum opcode { BATCH = 1, MEMORY_MOVE = 3, FILL = 4, COMPARE_PATTERN = 6 };
enum { BLOCK_ON_FAULT = 1 << 1, COMPLETION_ADDRESS = 1 << 2, REQUEST_COMPLETION = 1 << 3 };
enum { SUCCESS = 0x01, PAGE_FAULT = 0x03, PAGE_REQUEST_FAILED = 0x04, BATCH_FAILED = 0x05, FAULT_ON_WRITE = 0x80 };

/* A work queue that is open, and mapped where descriptors go. */
struct queue {
    const char *mode;
    bool shared;
    int file;
    unsigned entries;
    volatile unsigned char *portal;
};

/* queue.c */
void queue_open(struct queue *queue, const char *mode);
void queue_close(struct queue *queue);
void submit(struct queue *queue, struct descriptor *descriptor);
void describe(struct descriptor *descriptor, enum opcode opcode, const void *source, const void *destination,
              size_t bytes, struct record *record);
int await(struct record *record);
int run(struct queue *queue, struct descriptor *descriptor, struct record *record);

/* support.c */
void fill(void *memory, size_t bytes, uint64_t pattern);
bool holds(const void *memory, size_t bytes, uint64_t pattern);
void frames(const void *memory, size_t pages, uint64_t *numbers);
size_t common_frames(const uint64_t *some, uint64_t *others, size_t count);
void trace_page_requests(void);
unsigned long page_requests(void);

/* The checks, by file; each is run with a dedicated and with a shared work queue. */
struct check {
    const char *name;
    void (*run)(struct queue *queue);
};
extern const struct check FAULT_CHECKS[], MAPPING_CHECKS[], PROCESS_CHECKS[];

#endif
