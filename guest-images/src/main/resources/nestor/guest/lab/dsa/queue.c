// SPDX-License-Identifier: Apache-2.0
#include "dsa.h"
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define QUEUES "/sys/bus/dsa/devices"

enum { PATIENCE_SECONDS = 30 };

static bool read_line(const char *name, const char *attribute, char *line, int bytes) {
    char path[128];
    snprintf(path, sizeof path, QUEUES "/%.20s/%s", name, attribute);
    FILE *file = fopen(path, "r");
    bool read = file && fgets(line, bytes, file);
    if (file)
        fclose(file);
    line[read ? strcspn(line, "\n") : 0] = 0;
    return read;
}

/* Opens the enabled work queue of a mode: "dedicated" or "shared". */
void queue_open(struct queue *queue, const char *mode) {
    char path[64], line[32];
    DIR *all = opendir(QUEUES);
    expect(all != NULL, QUEUES ": %m");
    path[0] = 0;
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        const char *name = entry->d_name;
        if (!strncmp(name, "wq", 2) && read_line(name, "state", line, sizeof line) && !strcmp(line, "enabled") &&
            read_line(name, "mode", line, sizeof line) && !strcmp(line, mode)) {
            snprintf(path, sizeof path, "/dev/dsa/%.20s", name);
            expect(read_line(name, "threshold", line, sizeof line), "%s has no threshold", name);
            queue->entries = strtoul(line, NULL, 10);
            if (queue->entries == 0 && read_line(name, "size", line, sizeof line))
                queue->entries = strtoul(line, NULL, 10);
        }
    }
    closedir(all);
    expect(path[0], "no enabled work queue is %s", mode);
    queue->mode = mode;
    queue->shared = !strcmp(mode, "shared");
    queue->file = open(path, O_RDWR);
    expect(queue->file >= 0, "open of %s: %m", path);
    queue->portal = mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED | MAP_POPULATE, queue->file, 0);
    expect(queue->portal != MAP_FAILED, "mmap of %s: %m", path);
}

void queue_close(struct queue *queue) {
    expect(munmap((void *)queue->portal, PAGE) == 0, "munmap: %m");
    expect(close(queue->file) == 0, "close: %m");
}

/* ENQCMD: ZF says that the device is to be asked again. The PASID comes from the processor. */
static bool enqueued(volatile void *portal, const void *descriptor) {
    bool retry;
    __asm__ volatile(".byte 0xf2, 0x0f, 0x38, 0xf8, 0x02\n\tsetz %0"
                     : "=r"(retry)
                     : "a"(portal), "d"(descriptor)
                     : "cc", "memory");
    return !retry;
}

static void moved(volatile void *portal, const void *descriptor) {
    __asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x02" : : "a"(portal), "d"(descriptor) : "memory");
}

void submit(struct queue *queue, struct descriptor *descriptor) {
    if (!queue->shared) {
        moved(queue->portal, descriptor);
        return;
    }
    while (!enqueued(queue->portal, descriptor))
        sched_yield();
}

void describe(struct descriptor *descriptor, enum opcode opcode, const void *source, const void *destination,
              size_t bytes, struct record *record) {
    *descriptor = (struct descriptor){.flags = BLOCK_ON_FAULT | COMPLETION_ADDRESS | REQUEST_COMPLETION,
                                      .opcode = opcode,
                                      .completion = (uintptr_t)record,
                                      .source = (uintptr_t)source,
                                      .destination = (uintptr_t)destination,
                                      .bytes = bytes};
}

/* Waits for a record whose status was zero. */
int await(struct record *record) {
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        if (record->status)
            return record->status;
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - began.tv_sec < PATIENCE_SECONDS);
    fail("no completion record in %d s", PATIENCE_SECONDS);
}

int run(struct queue *queue, struct descriptor *descriptor, struct record *record) {
    memset(record, 0, sizeof *record);
    submit(queue, descriptor);
    return await(record);
}
