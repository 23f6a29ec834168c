// SPDX-License-Identifier: Apache-2.0
#include "sva.h"

enum { COMMAND = 0x00, ADDRESS = 0x08, CRC = 0x10, LENGTH = 0x18, PASID = 0x50 };
enum { MAGIC = 0x0b1c5111, CRC_POLYNOMIAL = 0xab, CRC_INITIAL = 0xff, PATTERN = 251, TIMEOUT_MS = 60000 };

static volatile uint64_t *wide(struct function *demo, int offset) {
    return (volatile uint64_t *)(demo->bar + offset);
}

static void open_with(struct function *demo, bool drained) {
    function_open(demo, "0x1234", "0x0b11", drained);
    expect(*wide(demo, COMMAND) == MAGIC, "not the SVM demo device");
    *(volatile uint32_t *)(demo->bar + PASID) = demo->pasid;
    // A command of the process before this one has failed now, and may have left its message.
    while (function_interrupted(demo, 0)) {
    }
}

void demo_open(struct function *demo) {
    open_with(demo, false);
}

/* For a process that ends while the device works for it. */
void demo_open_drained(struct function *demo) {
    open_with(demo, true);
}

void demo_start(struct function *demo, enum demo_command command, const void *buffer, size_t bytes) {
    *wide(demo, ADDRESS) = (uintptr_t)buffer;
    *wide(demo, LENGTH) = bytes;
    *wide(demo, COMMAND) = command;
}

int demo_result(struct function *demo) {
    expect(function_interrupted(demo, TIMEOUT_MS), "no interrupt after a command");
    return *wide(demo, ADDRESS);
}

int demo_write(struct function *demo, const void *buffer, size_t bytes) {
    demo_start(demo, DEMO_WRITE, buffer, bytes);
    return demo_result(demo);
}

int demo_read(struct function *demo, const void *buffer, size_t bytes, uint8_t crc) {
    *wide(demo, CRC) = crc;
    demo_start(demo, DEMO_READ, buffer, bytes);
    return demo_result(demo);
}

uint8_t demo_crc(const void *buffer, size_t bytes) {
    uint8_t crc = CRC_INITIAL;
    for (const uint8_t *byte = buffer; bytes-- > 0; byte++) {
        crc ^= *byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
    }
    return crc;
}

/* Whether the buffer holds what a write leaves. */
bool demo_pattern(const void *buffer, size_t bytes) {
    const volatile uint8_t *byte = buffer;
    uint8_t expected = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != expected)
            return false;
        expected = expected == PATTERN - 1 ? 0 : expected + 1;
    }
    return true;
}
