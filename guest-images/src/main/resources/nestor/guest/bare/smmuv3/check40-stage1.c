/* Stage 1 (DDI 0487, D8; IHI 0070, 3.4, 3.13): what is translated, and what becomes of descriptors. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1);
}

enum { IOVA = 0x10000 };

/* A page at every input size and granule; tables start where the size says. */
static void maps_page(u32 granule, u32 bits)
{
        struct context context = attach_stage1(&devs[0], granule, bits);
        u64 bytes = BIT(granule);
        u64 first = (u64)take(bytes, bytes), last = (u64)take(bytes, bytes);
        u64 top = BIT(bits) - bytes;
        table_map(&context.table, 0, first, 3, S1_RW);
        table_map(&context.table, top, last, 3, S1_RW);
        expect_lands(&devs[0], 0x80, first + 0x80);
        expect_lands(&devs[0], top + bytes - 64, last + bytes - 64);
        expect_reads(&devs[0], top, last);
        expect_no_event();
}

/* A block at a level, hit at both ends. */
static void maps_block(u32 granule, u32 bits, u32 level)
{
        struct context context = attach_stage1(&devs[0], granule, bits);
        u64 bytes = BIT(level_log2(&context.table, level));
        u64 page = take_page(), base = page & -bytes;
        table_map(&context.table, bytes, base, level, S1_RW);
        expect_lands(&devs[0], bytes + (page - base), page);
        expect_refused(&devs[0], bytes * 2, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, bytes * 2, 0);
}

CHECK(s1_4k_48, "stage 1: 4 KiB pages, 48 bits: four levels")
{
        maps_page(12, 48);
}

CHECK(s1_4k_39, "stage 1: 4 KiB pages, 39 bits: three levels")
{
        maps_page(12, 39);
}

CHECK(s1_4k_25, "stage 1: 4 KiB pages, 25 bits: two levels, few entries in the first")
{
        maps_page(12, 25);
}

CHECK(s1_16k_48, "stage 1: 16 KiB pages, 48 bits: two entries in the first level")
{
        maps_page(14, 48);
}

CHECK(s1_16k_36, "stage 1: 16 KiB pages, 36 bits")
{
        maps_page(14, 36);
}

CHECK(s1_64k_48, "stage 1: 64 KiB pages, 48 bits")
{
        maps_page(16, 48);
}

CHECK(s1_64k_42, "stage 1: 64 KiB pages, 42 bits: two levels")
{
        maps_page(16, 42);
}

CHECK(s1_1g, "stage 1: a block of 1 GiB")
{
        maps_block(12, 39, 1);
}

CHECK(s1_2m, "stage 1: a block of 2 MiB")
{
        maps_block(12, 39, 2);
}

CHECK(s1_32m, "stage 1: a block of 32 MiB (16 KiB granule)")
{
        maps_block(14, 47, 2);
}

CHECK(s1_512m, "stage 1: a block of 512 MiB (64 KiB granule)")
{
        maps_block(16, 42, 2);
}

CHECK(s1_contiguous, "stage 1: the Contiguous bit is a hint: sixteen equal pages work as without it")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 memory = (u64)take(16 * PAGE, 16 * PAGE);
        for (u64 at = 0; at < 16 * PAGE; at += PAGE)
                table_map(&context.table, IOVA + at, memory + at, 3, S1_RW | PTE_CONTIGUOUS);
        expect_lands(&devs[0], IOVA + 9 * PAGE, memory + 9 * PAGE);
        expect_lands(&devs[0], IOVA, memory);
        expect_eq(dma_write(&devs[0], IOVA, memory, 16 * PAGE), DMA_DONE);
}

CHECK(s1_scattered, "stage 1: one request over two pages that lie apart")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 memory = (u64)take(5 * PAGE, PAGE);
        table_map(&context.table, IOVA, memory + 3 * PAGE, 3, S1_RW);
        table_map(&context.table, IOVA + PAGE, memory, 3, S1_RW);
        dma_write(&devs[0], IOVA + PAGE - 32, memory + 4 * PAGE - 32, 64);
        volatile u32 *end = (u32 *)(memory + 4 * PAGE), *start = (u32 *)memory;
        expect_eq(end[-9], 0);
        expect_eq(end[-8], 0x12345678);
        expect_eq(end[-1], 0x12345678);
        expect_eq(start[0], 0x12345678);
        expect_eq(start[7], 0x12345678);
        expect_eq(start[8], 0);
        expect_no_event();
}

CHECK(s1_stops_at_fault, "stage 1: a DMA that meets a fault moves the pages before it and nothing after")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 memory = (u64)take(3 * PAGE, PAGE);
        table_map(&context.table, IOVA, memory, 3, S1_RW);
        table_map(&context.table, IOVA + 2 * PAGE, memory + 2 * PAGE, 3, S1_RW);
        dma_write(&devs[0], IOVA, memory, 3 * PAGE);
        expect_eq(*(volatile u32 *)memory, 0x12345678);
        expect_eq(*(volatile u32 *)(memory + 2 * PAGE), 0);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, IOVA + PAGE, 0);
        expect_no_event();
}

/* A table for addresses that begin with ones. */
static struct context attach_upper(u32 granule, u32 bits, struct table *upper)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        *upper = table_new(1, granule, bits);
        cd_add_upper(&context.cd, upper);
        context_update(&devs[0], &context);
        return context;
}

static void maps_upper(u32 granule, u32 bits)
{
        struct table upper;
        attach_upper(granule, bits, &upper);
        u64 page = (u64)take(BIT(granule), BIT(granule));
        u64 iova = -BIT(granule);
        table_map(&upper, iova, page, 3, S1_RW);
        expect_lands(&devs[0], iova, page);
        expect_no_event();
        u64 below = -BIT(bits) - BIT(granule);
        expect_refused(&devs[0], below, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, below, 0);
}

CHECK(s1_upper_4k, "stage 1: TTB1, 4 KiB granule; just below its range is F_TRANSLATION")
{
        maps_upper(12, 39);
}

CHECK(s1_upper_64k, "stage 1: TTB1 with a 64 KiB granule beside TTB0 with 4 KiB")
{
        maps_upper(16, 42);
}

CHECK(s1_upper_16k, "stage 1: TTB1 with a 16 KiB granule")
{
        maps_upper(14, 36);
}

CHECK(s1_tbi0, "stage 1: TBI0 ignores the top byte; the event has it")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page(), tag = 0x5aull << 56;
        table_map(&context.table, IOVA, page, 3, S1_RW);
        expect_refused(&devs[0], tag | IOVA, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, tag | IOVA, 0);
        context.cd.dw[0] |= CD_TBI0;
        context_update(&devs[0], &context);
        expect_lands(&devs[0], tag | IOVA, page);
        expect_lands(&devs[0], IOVA, page);
        expect_refused(&devs[0], tag | (IOVA + PAGE), page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, tag | (IOVA + PAGE), 0);
}

static struct context tracked(u64 cd_bits, u64 attributes, u64 *page)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        *page = take_page();
        table_map(&context.table, IOVA, *page, 3, attributes);
        context.cd.dw[0] |= cd_bits;
        context_update(&devs[0], &context);
        return context;
}

static u64 leaf_bits(const struct context *context, u64 bits)
{
        return *(volatile u64 *)table_entry(&context->table, IOVA, 3) & bits;
}

CHECK(s1_affd, "stage 1: AFFD lets pages with AF 0 be used, and leaves AF")
{
        u64 page;
        struct context context = tracked(CD_AFFD, S1_RW & ~PTE_AF, &page);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(leaf_bits(&context, PTE_AF), 0);
}

CHECK(s1_ha, "stage 1: HA sets AF in the descriptor")
{
        NEEDS(ACCESS_FLAG);
        u64 page;
        struct context context = tracked(CD_HA, S1_RW & ~PTE_AF, &page);
        expect_eq(leaf_bits(&context, PTE_AF), 0);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(leaf_bits(&context, PTE_AF), PTE_AF);
        expect_no_event();
}

CHECK(s1_ha_block, "stage 1: HA sets AF in a block's descriptor")
{
        NEEDS(ACCESS_FLAG);
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page(), base = page & -BIT(21);
        table_map(&context.table, 0, base, 2, S1_RW & ~PTE_AF);
        context.cd.dw[0] |= CD_HA;
        context_update(&devs[0], &context);
        expect_lands(&devs[0], page - base, page);
        expect_eq(*(volatile u64 *)table_entry(&context.table, 0, 2) & PTE_AF, PTE_AF);
}

CHECK(s1_hd_write, "stage 1: HD makes a writable-clean page dirty by a write, and not by a read")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct context context = tracked(CD_HA | CD_HD, S1_RO | PTE_DBM, &page);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), 0);
        expect_no_event();
}

CHECK(s1_dbm_without_hd, "stage 1: DBM without HD does not make a page writable")
{
        u64 page;
        struct context context = tracked(0, S1_RO | PTE_DBM, &page);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
}

CHECK(s1_hd_not_dbm, "stage 1: HD does not make a page without DBM writable")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct context context = tracked(CD_HA | CD_HD, S1_RO, &page);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
}

CHECK(s1_refused_leaves_clean, "stage 1: a refused write does not mark the page dirty")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct context context = tracked(CD_HA | CD_HD, (S1_RO | PTE_DBM) & ~PTE_USER, &page);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
}

CHECK(s1_cached_read_only, "stage 1: a read that is cached does not let a write through")
{
        u64 page;
        tracked(0, S1_RO, &page);
        expect_reads(&devs[0], IOVA, page);
        clear(page, 64);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
}

CHECK(s1_cached_table_attribute, "stage 1: a read-only table attribute holds for writes after a cached read")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        *table_entry(&context.table, IOVA, 2) |= TABLE_READ_ONLY;
        expect_reads(&devs[0], IOVA, page);
        clear(page, 64);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
}

CHECK(s1_had, "stage 1: HAD0 ignores the attributes of tables")
{
        if (!(smmu.idr3 & IDR3_HAD))
                return skip("HAD is not there");
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        *table_entry(&context.table, IOVA, 2) |= TABLE_READ_ONLY | TABLE_NO_USER;
        context.cd.dw[1] |= CD_HAD0;
        context_update(&devs[0], &context);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(s1_table_no_user, "stage 1: APTable[0] takes unprivileged access away")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        *table_entry(&context.table, IOVA, 1) |= TABLE_NO_USER;
        expect_unreadable(&devs[0], IOVA, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_CLASS_IN | EVENT_RNW, IOVA, 0);
}
