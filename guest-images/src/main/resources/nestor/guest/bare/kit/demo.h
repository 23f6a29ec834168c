/* svm-demo (docs/devices/svm-demo.md): moves memory of a PASID by ATS and page requests, and signals by MSI. */
#ifndef DEMO_H
#define DEMO_H

#include "kit/pci.h"

struct demo {
        struct function function;
        u32 msi;                        /* offset of the capability */
};

enum { DEMO_WRITE = 1, DEMO_READ = 2, DEMO_PRIVILEGED = 1, DEMO_NO_PASID = 1 << 20 };

bool demo_find(struct demo *demo);

/* ATS, PRI and the PASID disabled, no message. */
void demo_quiet(struct demo *demo);

/* Where the message goes that ends each command. */
void demo_message(struct demo *demo, u64 address, u16 data);

/* All capabilities enabled. */
void demo_enable(struct demo *demo);
void demo_pasid(struct demo *demo, u32 pasid);

/* Begins a command; its end is a message. */
void demo_begin(struct demo *demo, u32 command, u64 iova, u64 bytes, u64 options);
void demo_expect_crc(struct demo *demo, u64 crc);

/* 0: the last command succeeded. */
u64 demo_result(struct demo *demo);

/* What command 1 writes as byte i, and the checksum of command 2. */
u8 demo_byte(u64 i);
u8 demo_crc(const volatile u8 *bytes, u64 count);

#endif
