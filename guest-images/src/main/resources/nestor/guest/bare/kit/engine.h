/* smmu-test-engine (docs/devices/smmu-test-engine.md): DMA that goes on while the CPU does, and may stall. */
#ifndef ENGINE_H
#define ENGINE_H

#include "kit/pci.h"

struct engine {
        struct function function;
};

/* A frame's cmd. */
enum { HALTED = 1, RAND48 = 3, SUM64 = 4, ENGINE_ERROR = 0xffffffff };

/* Attributes beside plain memory. */
enum { AS_PRIVILEGED = 1 << 8, AS_INSTRUCTION = 1 << 10 };

#define NO_SUBSTREAM 0xffffffffu

bool engine_find(u32 index, struct engine *engine);
void engine_enable_pasid(struct engine *engine);

/* Frame number frame begins: RAND48 writes, SUM64 reads, bytes at iova. */
void engine_start(struct engine *engine, u32 frame, u32 command, u64 iova, u32 bytes);
void engine_start_as(struct engine *engine, u32 frame, u32 command, u64 iova, u32 bytes, u32 substream,
                     u32 attributes);

/* cmd once the frame no longer runs, or after a while. */
u32 engine_end(struct engine *engine, u32 frame);
bool engine_runs(struct engine *engine, u32 frame);

u64 engine_sum(struct engine *engine, u32 frame);
u64 engine_fault(struct engine *engine, u32 frame);

#endif
