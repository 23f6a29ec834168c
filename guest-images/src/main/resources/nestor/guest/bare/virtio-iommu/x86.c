#include "virtio-iommu/x86.h"

enum { STRIDE = 9, PAGE_LOG2 = 12 };
#define ADDRESS (BIT(52) - PAGE)

struct x86 x86_new(u32 levels)
{
        return (struct x86){ levels, take_page() };
}

u64 *x86_entry(const struct x86 *table, u64 input, u32 level)
{
        u64 *at = (u64 *)table->root;
        for (u32 here = table->levels;; here--) {
                at += input >> (PAGE_LOG2 + (here - 1) * STRIDE) & (BIT(STRIDE) - 1);
                if (here == level)
                        return at;
                if (!(*at & X86_PRESENT))
                        *at = take_page() | X86_RW;
                at = (u64 *)(*at & ADDRESS);
        }
}
