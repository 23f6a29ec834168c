// SPDX-License-Identifier: Apache-2.0
/* Address spaces that are copied, replaced, and end. */
#include "sva.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 16, OPENINGS = 50, ROUNDS = 20, STORM = 64 };
#define BYTES (PAGES * PAGE)
/* Where two processes have different memory. */
#define SAME_ADDRESS ((void *)0x700000000000UL)

static struct function demo;

static void write_and_close(void) {
    unsigned char *memory = map(BYTES);
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "the device does not serve the next process");
    expect(demo_pattern(memory, BYTES), "wrong bytes in the next process");
    function_close(&demo);
}

static void open_and_write(void) {
    demo_open(&demo);
    write_and_close();
}

/* After fork both have the same pages, read-only: the device's write makes a copy as the CPU's would. */
static void copy_on_write(void) {
    demo_open(&demo);
    unsigned char *memory = map(BYTES);
    int start[2];
    memset(memory, 0xee, BYTES);
    expect(pipe(start) == 0, "pipe: %m");
    int child = fork();
    if (child == 0) {
        char byte;
        if (read(start[0], &byte, 1) != 1)
            _exit(2);
        for (size_t i = 0; i < BYTES; i++) {
            if (memory[i] != 0xee)
                _exit(3);
        }
        _exit(0);
    }
    unsigned long faults = page_faults();
    expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "write after fork");
    printf("faults=%lu\n", page_faults() - faults);
    expect(page_faults() - faults >= PAGES, "fewer faults than pages");
    expect(demo_pattern(memory, BYTES), "the parent does not see what the device wrote");
    expect(write(start[1], "", 1) == 1, "write: %m");
    int status = status_of_child(child);
    expect(status == 0, "the child's memory changed (status 0x%x)", status);
}

static void exit_now(void) {
    exit(0);
}

static void execute(void) {
    // The function stays open in the new program, whose memory the device never sees.
    execl("/bin/busybox", "true", NULL);
    _exit(9);
}

static void wait_to_be_killed(void) {
    for (;;)
        pause();
}

/*
 * A process starts a command, the device stalls on its first page, and then the process ends as told. The SMMU may
 * report what was under way, once for each access, and the next process finds the device as new.
 */
static void end_under_dma(void (*end)(void), bool killed) {
    unsigned long events = iommu_events();
    for (int round = 0; round < ROUNDS; round++) {
        int ready[2];
        char byte;
        expect(pipe(ready) == 0, "pipe: %m");
        int child = fork();
        if (child == 0) {
            demo_open_drained(&demo);
            unsigned char *memory = map(BYTES);
            // Some rounds with translations in the SMMU, some with none.
            if (round % 2)
                memset(memory, 1, BYTES / 2);
            run_before_page_faults();
            unsigned long before = iommu_interrupts();
            demo_start(&demo, DEMO_WRITE, memory, BYTES);
            await_iommu_interrupt(before);
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
               "round %d: the child ended with 0x%x", round, status);
    }
    events = iommu_events() - events;
    printf("rounds=%d\niommu_events=%lu\n", ROUNDS, events);
    expect(events <= ROUNDS * STORM, "a storm of events");
    demo_open_drained(&demo);
    write_and_close();
}

static void exit_under_dma(void) {
    end_under_dma(exit_now, false);
}

static void exec_under_dma(void) {
    end_under_dma(execute, false);
}

static void kill_under_dma(void) {
    end_under_dma(wait_to_be_killed, true);
}

/* The same process binds again and again; then each process is new, and gets a PASID that another had. */
static void reopen(void) {
    for (int i = 0; i < OPENINGS; i++)
        open_and_write();
    unsigned first = demo.pasid, reused = 0;
    for (int i = 0; i < OPENINGS; i++) {
        int child = fork();
        if (child == 0) {
            open_and_write();
            _exit(demo.pasid & 0x7f);
        }
        int status = status_of_child(child);
        expect(WIFEXITED(status) && WEXITSTATUS(status) > 0, "child %d ended with 0x%x", i, status);
        static bool seen[0x80]; // the kernel gives a PASID back a while after its process ended
        reused += seen[WEXITSTATUS(status)];
        seen[WEXITSTATUS(status)] = true;
    }
    printf("pasid=%u\nreused=%u\n", first, reused);
    expect(reused > 0, "no PASID came twice: nothing was reused");
}

static unsigned char *same_address(void) {
    unsigned char *memory =
            mmap(SAME_ADDRESS, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    expect(memory == SAME_ADDRESS, "mmap: %m");
    return memory;
}

/* Two processes, two devices, one virtual address. */
static void two_processes(void) {
    int go[2];
    expect(pipe(go) == 0, "pipe: %m");
    int child = fork();
    if (child == 0) {
        static struct function engine;
        static unsigned char expected[BYTES];
        engine_open(&engine);
        char byte;
        expect(write(go[1], "", 1) == 1 && read(go[0], &byte, 0) == 0, "pipe: %m");
        for (uint32_t seed = 0; seed < ROUNDS; seed++) {
            unsigned char *memory = same_address();
            struct transfer fill = {.command = ENGINE_RAND48, .begin = memory, .bytes = BYTES, .seed = seed};
            expect(engine_run(&engine, &fill) == ENGINE_HALTED, "the engine failed in round %u", seed);
            engine_rand48(expected, (uintptr_t)memory, BYTES, seed);
            expect(!memcmp(memory, expected, BYTES), "round %u: not what the engine writes", seed);
        }
        exit(0);
    }
    char byte;
    demo_open(&demo);
    expect(read(go[0], &byte, 1) == 1, "pipe: %m");
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char *memory = same_address();
        expect(demo_write(&demo, memory, BYTES) == DEMO_OK, "the SVM demo device failed in round %d", round);
        expect(demo_pattern(memory, BYTES), "round %d: not what the SVM demo device writes", round);
    }
    int status = status_of_child(child);
    expect(status == 0, "the engine's process ended with 0x%x", status);
}

const struct check PROCESS_CHECKS[] = {
    {"copy-on-write", copy_on_write},
    {"exit-under-dma", exit_under_dma},
    {"exec-under-dma", exec_under_dma},
    {"kill-under-dma", kill_under_dma},
    {"reopen", reopen},
    {"two-processes", two_processes},
    {NULL, NULL},
};
