// SPDX-License-Identifier: Apache-2.0
/* Address spaces that end with descriptors under way, and those that come after them. */
#include "dsa.h"
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 16, ROUNDS = 5, OPENINGS = 20, MOST = 16, PART_PAGES = 16 };
#define BYTES (PAGES * PAGE)
#define PART (PART_PAGES * PAGE)
#define PATTERN 0x5aa5c33c0ff00ff0UL
#define GUARD 0x6775617264677561UL
/* Where two processes have different memory. */
#define SAME_ADDRESS ((void *)0x700000000000UL)

static struct record record;
static struct descriptor descriptor;

static void open_fill_close(struct queue *queue) {
    unsigned char *memory = map(BYTES);
    queue_open(queue, queue->mode);
    describe(&descriptor, FILL, (void *)PATTERN, memory, BYTES, &record);
    int status = run(queue, &descriptor, &record);
    expect(status == SUCCESS && holds(memory, BYTES, PATTERN), "status %#x", status);
    queue_close(queue);
    expect(munmap(memory, BYTES) == 0, "munmap: %m");
}

/* Hands in as many descriptors as there is room for; of each part half is there, and half must be requested. */
static void fill_much(struct queue *queue, uint64_t *numbers) {
    static struct descriptor descriptors[MOST];
    static struct record records[MOST];
    queue_open(queue, queue->mode);
    unsigned count = queue->entries < MOST ? queue->entries : MOST;
    unsigned char *memory = map(count * PART);
    for (unsigned i = 0; i < count; i++)
        fill(memory + i * PART, PART / 2, GUARD);
    frames(memory, count * PART_PAGES, numbers);
    for (unsigned i = 0; i < count; i++)
        describe(&descriptors[i], FILL, (void *)PATTERN, memory + i * PART, PART, &records[i]);
    run_before_page_faults();
    unsigned long before = iommu_interrupts();
    for (unsigned i = 0; i < count; i++)
        submit(queue, &descriptors[i]);
    await_iommu_interrupt(before);
}

static void exit_now(void) {
    exit(0);
}

static void execute(void) {
    // The queue stays open in the new program, whose memory the device never sees.
    execl("/bin/busybox", "true", NULL);
    _exit(9);
}

static void wait_to_be_killed(void) {
    for (;;)
        pause();
}

/*
 * A process ends as told with descriptors under way, some of them waiting for pages. Its frames are used for something
 * else at once, and nothing writes there; the next process finds the queue as new.
 */
static void end_under_dma(struct queue *queue, void (*end)(void), bool killed) {
    enum { NUMBERS = MOST * PART_PAGES };
    size_t bytes = NUMBERS * sizeof(uint64_t), reused = 0;
    uint64_t *numbers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static uint64_t now[NUMBERS];
    expect(numbers != MAP_FAILED, "mmap: %m");
    for (int round = 0; round < ROUNDS; round++) {
        int ready[2];
        char byte;
        expect(pipe(ready) == 0, "pipe: %m");
        int child = fork();
        if (child == 0) {
            fill_much(queue, numbers);
            if (write(ready[1], "", 1) != 1)
                _exit(8);
            end();
        }
        close(ready[1]);
        expect(read(ready[0], &byte, 1) == 1, "round %d: the child failed", round);
        close(ready[0]);
        if (killed)
            kill(child, SIGKILL);
        int status = status_of_child(child);
        expect(killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0,
               "round %d: the child ended with %#x", round, status);
        unsigned char *guards = map(NUMBERS * PAGE);
        fill(guards, NUMBERS * PAGE, GUARD);
        frames(guards, NUMBERS, now);
        reused += common_frames(numbers, now, NUMBERS);
        open_fill_close(queue); // what was before it in the queue has ended
        expect(holds(guards, NUMBERS * PAGE, GUARD), "round %d: a stale write", round);
        expect(munmap(guards, NUMBERS * PAGE) == 0, "munmap: %m");
    }
    printf("%s_rounds=%d\n%s_reused_frames=%zu\n", queue->mode, ROUNDS, queue->mode, reused);
    expect(reused > 0, "no frame of an ended process came back");
    expect(munmap(numbers, bytes) == 0, "munmap: %m");
}

static void exit_under_dma(struct queue *queue) {
    end_under_dma(queue, exit_now, false);
}

static void exec_under_dma(struct queue *queue) {
    end_under_dma(queue, execute, false);
}

static void kill_under_dma(struct queue *queue) {
    end_under_dma(queue, wait_to_be_killed, true);
}

/* Each process has a PASID of its own, and gives it back. */
static void reopen(struct queue *queue) {
    for (int i = 0; i < OPENINGS; i++)
        open_fill_close(queue);
    for (int i = 0; i < OPENINGS; i++) {
        int child = fork();
        if (child == 0) {
            open_fill_close(queue);
            _exit(0);
        }
        int status = status_of_child(child);
        expect(status == 0, "child %d ended with %#x", i, status);
    }
    printf("%s_openings=%d\n", queue->mode, 2 * OPENINGS);
}

static void fill_same_address(struct queue *queue, uint64_t pattern) {
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char *memory =
                mmap(SAME_ADDRESS, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expect(memory == SAME_ADDRESS, "mmap: %m");
        describe(&descriptor, FILL, (void *)(pattern + round), memory, BYTES, &record);
        int status = run(queue, &descriptor, &record);
        sched_yield();
        expect(status == SUCCESS && holds(memory, BYTES, pattern + round), "round %d: status %#x", round, status);
    }
}

/* Two processes, one virtual address; in the shared queue, at once. */
static void two_processes(struct queue *queue) {
    struct queue other = {.mode = "shared"};
    int go[2];
    char byte;
    expect(pipe(go) == 0, "pipe: %m");
    int child = fork();
    if (child == 0) {
        queue_open(&other, other.mode);
        expect(write(go[1], "", 1) == 1, "pipe: %m");
        fill_same_address(&other, GUARD);
        _exit(0);
    }
    queue_open(queue, queue->mode);
    expect(read(go[0], &byte, 1) == 1, "pipe: %m");
    fill_same_address(queue, PATTERN);
    int status = status_of_child(child);
    expect(status == 0, "the other process ended with %#x", status);
    queue_close(queue);
}

const struct check PROCESS_CHECKS[] = {
    {"exit-under-dma", exit_under_dma},
    {"exec-under-dma", exec_under_dma},
    {"kill-under-dma", kill_under_dma},
    {"reopen", reopen},
    {"two-processes", two_processes},
    {NULL, NULL},
};
