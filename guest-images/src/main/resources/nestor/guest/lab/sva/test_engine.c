// SPDX-License-Identifier: Apache-2.0
#include "sva.h"

enum { FRAME_BYTES = 128, PRIVILEGED = 0x10000, TIMEOUT_MS = 60000 };
enum { CMD = 0x00, UCTRL = 0x04, MSI_ADDRESS = 0x10, MSI_DATA = 0x18, ATTRIBUTES = 0x20, SEED = 0x24 };
enum { BEGIN = 0x28, END_INCLUSIVE = 0x30, STRIDE = 0x38, USER_DATA = 0x40 };
enum { PORT = 0x04, STREAM_ID = 0x08, SUBSTREAM_ID = 0x0c };
/* Inner shareable, write-back, read and write allocate; for the source and the destination. */
#define NORMAL_MEMORY 0x42ff42ffu
#define RAND48_MASK ((1UL << 48) - 1)

static volatile uint32_t *narrow(struct function *engine, int frame, int offset) {
    return (volatile uint32_t *)(engine->bar + frame * FRAME_BYTES + offset);
}

static volatile uint64_t *wide(struct function *engine, int frame, int offset) {
    return (volatile uint64_t *)(engine->bar + frame * FRAME_BYTES + offset);
}

static bool busy(struct function *engine, int frame) {
    uint32_t cmd = *narrow(engine, frame, CMD);
    return cmd >= ENGINE_MEMCPY && cmd <= ENGINE_SUM64;
}

void engine_open(struct function *engine) {
    function_open(engine, "0x13b5", "0xff80", false);
    // Whatever the process before this one left in a frame ends when its address space does.
    for (int frame = 0; frame < 4; frame++) {
        while (busy(engine, frame))
            function_interrupted(engine, 10);
    }
    while (function_interrupted(engine, 0)) {
    }
}

void engine_start(struct function *engine, int frame, const struct transfer *transfer) {
    *narrow(engine, frame, PRIVILEGED + PORT) = 0;
    *narrow(engine, frame, PRIVILEGED + STREAM_ID) = 0;
    *narrow(engine, frame, PRIVILEGED + SUBSTREAM_ID) = engine->pasid;
    *narrow(engine, frame, CMD) = ENGINE_HALTED;
    *narrow(engine, frame, UCTRL) = 0;
    *wide(engine, frame, BEGIN) = (uintptr_t)transfer->begin;
    *wide(engine, frame, END_INCLUSIVE) = (uintptr_t)transfer->begin + transfer->bytes - 1;
    *narrow(engine, frame, ATTRIBUTES) = NORMAL_MEMORY;
    *narrow(engine, frame, SEED) = transfer->seed;
    *wide(engine, frame, STRIDE) = transfer->stride ? transfer->stride : 1;
    *wide(engine, frame, MSI_ADDRESS) = 1;
    *narrow(engine, frame, MSI_DATA) = 0;
    *wide(engine, frame, USER_DATA) = (uintptr_t)transfer->destination;
    *narrow(engine, frame, CMD) = transfer->command;
}

uint32_t engine_end(struct function *engine, int frame) {
    while (busy(engine, frame))
        expect(function_interrupted(engine, TIMEOUT_MS), "no interrupt from frame %d", frame);
    return *narrow(engine, frame, CMD);
}

uint32_t engine_run(struct function *engine, const struct transfer *transfer) {
    engine_start(engine, 0, transfer);
    return engine_end(engine, 0);
}

uint64_t engine_user_data(struct function *engine, int frame, int index) {
    return *wide(engine, frame, USER_DATA + index * sizeof(uint64_t));
}

static uint32_t draw(uint64_t *state) {
    *state = (*state * 0x5deece66dUL + 0xb) & RAND48_MASK;
    uint32_t value = *state >> 17 & 0x7fffffff;
    *state = (*state * 0x5deece66dUL + 0xb) & RAND48_MASK;
    return value | (*state & 0x80000000);
}

/* What RAND48 leaves in the buffer, if the engine knows it by ADDRESS. */
void engine_rand48(unsigned char *buffer, uint64_t address, size_t bytes, uint32_t seed) {
    uint64_t state = 0;
    for (size_t i = 0; i < bytes; i++, address++) {
        if (i == 0 || address % PAGE == 0)
            state = (uint64_t)(uint32_t)(seed ^ address >> 32 ^ address) << 16 | 0x330e;
        buffer[i] = draw(&state);
    }
}
