/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that share their address space with a device, through a UIO driver. */
#ifndef SVA_H
#define SVA_H

#include "process.h"

/* A PCI function that is bound to this process. */
struct function {
    char folder[64];
    int uio;
    volatile unsigned char *bar;
    size_t bar_bytes;
    unsigned pasid;
};

/* function.c */
void function_open(struct function *function, const char *vendor, const char *device, bool drained);
void function_close(struct function *function);
bool function_interrupted(struct function *function, int timeout_ms);

/* svm_demo.c: docs/devices/svm-demo.md */
enum demo_command { DEMO_WRITE = 1, DEMO_READ = 2 };
enum { DEMO_OK = 0, DEMO_FAILED = 1 };
void demo_open(struct function *demo);
void demo_open_drained(struct function *demo);
void demo_start(struct function *demo, enum demo_command command, const void *buffer, size_t bytes);
int demo_result(struct function *demo);
int demo_write(struct function *demo, const void *buffer, size_t bytes);
int demo_read(struct function *demo, const void *buffer, size_t bytes, uint8_t crc);
uint8_t demo_crc(const void *buffer, size_t bytes);
bool demo_pattern(const void *buffer, size_t bytes);

/* test_engine.c: docs/devices/smmu-test-engine.md */
enum engine_command { ENGINE_HALTED = 1, ENGINE_MEMCPY = 2, ENGINE_RAND48 = 3, ENGINE_SUM64 = 4 };
#define ENGINE_ERROR 0xffffffffu
struct transfer {
    enum engine_command command;
    const void *begin;
    size_t bytes;
    void *destination;
    uint64_t stride;
    uint32_t seed;
};
void engine_open(struct function *engine);
void engine_start(struct function *engine, int frame, const struct transfer *transfer);
uint32_t engine_end(struct function *engine, int frame);
uint32_t engine_run(struct function *engine, const struct transfer *transfer);
uint64_t engine_user_data(struct function *engine, int frame, int index);
void engine_rand48(unsigned char *buffer, uint64_t address, size_t bytes, uint32_t seed);

/* support.c */
unsigned long page_faults(void);
unsigned long iommu_events(void);
bool faults_come_in_groups(void);
bool events_may_be_groups(void);

/* The checks, by file. */
struct check {
    const char *name;
    void (*run)(void);
};
extern const struct check MEMORY_CHECKS[], MAPPING_CHECKS[], PROCESS_CHECKS[], ENGINE_CHECKS[];

#endif
