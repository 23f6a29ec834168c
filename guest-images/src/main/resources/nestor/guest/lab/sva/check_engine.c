// SPDX-License-Identifier: Apache-2.0
/* The commands of the SMMUv3 test engine, on memory that nobody touched, compared with this program's own results. */
#include "sva.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 16, FRAMES = 4 };
#define BYTES (PAGES * PAGE)

static struct function engine;

static void rand48(void) {
    static const uint32_t seeds[] = {0, 7, 0xffffffff};
    static unsigned char expected[BYTES];
    engine_open(&engine);
    for (int i = 0; i < 3; i++) {
        unsigned char *memory = map(BYTES);
        unsigned long events = iommu_events();
        // Neither end on a page boundary; with the order that the seed stands for.
        struct transfer fill = {.command = ENGINE_RAND48, .begin = memory + 3, .bytes = BYTES - 8, .seed = seeds[i]};
        uint32_t end = engine_run(&engine, &fill);
        expect(end == ENGINE_HALTED, "seed %u: cmd=0x%x", seeds[i], end);
        engine_rand48(expected, (uintptr_t)memory + 3, BYTES - 8, seeds[i]);
        expect(!memcmp(memory + 3, expected, BYTES - 8), "seed %u: not the generator's bytes", seeds[i]);
        expect(memory[2] == 0 && memory[BYTES - 5] == 0, "seed %u: a byte outside changed", seeds[i]);
        expect(iommu_events() > events, "seed %u: no fault", seeds[i]);
    }
}

static void copy(void) {
    engine_open(&engine);
    unsigned char *from = map(BYTES), *to = map(BYTES);
    srandom(5);
    for (size_t i = 0; i < BYTES; i++)
        from[i] = random();
    struct transfer linear = {.command = ENGINE_MEMCPY, .begin = from + 1, .bytes = BYTES - 2, .destination = to + 1};
    expect(engine_run(&engine, &linear) == ENGINE_HALTED, "linear copy");
    expect(to[0] == 0 && to[BYTES - 1] == 0 && !memcmp(to + 1, from + 1, BYTES - 2), "linear copy: wrong bytes");
    unsigned char *sparse = map(BYTES);
    struct transfer strided = {
        .command = ENGINE_MEMCPY, .begin = from, .bytes = BYTES, .destination = sparse, .stride = 64};
    expect(engine_run(&engine, &strided) == ENGINE_HALTED, "strided copy");
    for (size_t i = 0; i < BYTES; i++)
        expect(sparse[i] == (i % 64 < 8 ? from[i] : 0), "strided copy: byte %zu", i);
}

static void sum(void) {
    engine_open(&engine);
    uint64_t *memory = map(BYTES), total = 0;
    struct transfer add = {.command = ENGINE_SUM64, .begin = memory, .bytes = BYTES};
    expect(engine_run(&engine, &add) == ENGINE_HALTED, "sum of untouched memory");
    expect(engine_user_data(&engine, 0, 1) == 0, "untouched memory is not zero");
    srandom(6);
    for (size_t i = 0; i < BYTES / sizeof *memory; i++) {
        memory[i] = (uint64_t)random() << 33 ^ random();
        total += memory[i];
    }
    expect(engine_run(&engine, &add) == ENGINE_HALTED, "sum");
    expect(engine_user_data(&engine, 0, 1) == total, "the sum is wrong");
}

/* Several frames at once, each with page faults of its own. */
static void frames(void) {
    static unsigned char expected[BYTES];
    unsigned char *memory[FRAMES];
    engine_open(&engine);
    for (int frame = 0; frame < FRAMES; frame++) {
        memory[frame] = map(BYTES);
        struct transfer fill = {.command = ENGINE_RAND48, .begin = memory[frame], .bytes = BYTES, .seed = frame};
        engine_start(&engine, frame, &fill);
    }
    for (int frame = 0; frame < FRAMES; frame++)
        expect(engine_end(&engine, frame) == ENGINE_HALTED, "frame %d", frame);
    for (int frame = 0; frame < FRAMES; frame++) {
        engine_rand48(expected, (uintptr_t)memory[frame], BYTES, frame);
        expect(!memcmp(memory[frame], expected, BYTES), "frame %d: wrong bytes", frame);
    }
}

static void fault_address(void) {
    engine_open(&engine);
    unsigned char *memory = map(BYTES);
    expect(munmap(memory + 5 * PAGE, PAGE) == 0, "munmap: %m");
    struct transfer fill = {.command = ENGINE_RAND48, .begin = memory, .bytes = BYTES, .seed = 0};
    expect(engine_run(&engine, &fill) == ENGINE_ERROR, "the engine wrote to an unmapped page");
    uint64_t address = engine_user_data(&engine, 0, 2);
    printf("fault=0x%lx\n", (unsigned long)address);
    expect(address == (uintptr_t)memory + 5 * PAGE, "the fault address is not that of the hole");
    expect(!resident(memory + 6 * PAGE), "the engine went on after the fault");
}

const struct check ENGINE_CHECKS[] = {
    {"engine-rand48", rand48},
    {"engine-memcpy", copy},
    {"engine-sum64", sum},
    {"engine-frames", frames},
    {"engine-fault-address", fault_address},
    {NULL, NULL},
};
