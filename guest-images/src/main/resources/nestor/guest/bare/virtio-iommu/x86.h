/* Page tables of VT-d's first stage (VT-d 9.6, 9.7): those of x86-64. */
#ifndef X86_H
#define X86_H

#include "kit/kit.h"

/* Bits of an entry */
#define X86_PRESENT BIT(0)
#define X86_WRITE BIT(1)
#define X86_USER BIT(2)
#define X86_ACCESSED BIT(5)
#define X86_DIRTY BIT(6)
#define X86_LARGE BIT(7)
#define X86_GLOBAL BIT(8)
#define X86_NO_EXECUTE BIT(63)
#define X86_RW (X86_PRESENT | X86_WRITE | X86_USER)
#define X86_RO (X86_PRESENT | X86_USER)

struct x86 {
        u32 levels;                     /* 4 or 5 */
        u64 root;
};

/* An empty table. */
struct x86 x86_new(u32 levels);

/* The entry for input at a level, 1 for pages; tables above are made. */
u64 *x86_entry(const struct x86 *table, u64 input, u32 level);

#endif
