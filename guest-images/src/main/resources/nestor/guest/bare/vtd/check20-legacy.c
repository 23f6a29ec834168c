/* Legacy mode: root and context entries, second stage, pass-through (D51397, 3.4.2, 3.7, 9.1, 9.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x10000, MIB2 = 2 << 20 };

static struct table begin(u32 levels)
{
        vtd_restart(&(struct shape){ .legacy = true });
        return attach_second(&devs[0], levels);
}

static void maps_at(u32 levels, u64 iova)
{
        struct table table = begin(levels);
        u64 page = take_page();
        table_map(&table, iova, page, 1, SS_RW);
        expect_lands(&devs[0], iova, page);
        expect_lands(&devs[0], iova + PAGE - 64, page + PAGE - 64);
        expect_reads(&devs[0], iova + 0x80, page + 0x80);
        expect_no_fault();
}

CHECK(legacy_4, "legacy: a page through four levels")
{
        maps_at(4, IOVA);
}

CHECK(legacy_4_high, "legacy: the last page of 48 bits")
{
        maps_at(4, BIT(48) - PAGE);
}

CHECK(legacy_3, "legacy: three levels, the last page of 39 bits")
{
        NEEDS(SECOND3);
        maps_at(3, BIT(39) - PAGE);
}

CHECK(legacy_5, "legacy: five levels, the last page of 57 bits")
{
        NEEDS(SECOND5);
        maps_at(5, BIT(57) - PAGE);
}

CHECK(legacy_large, "legacy: a page of 2 MiB")
{
        struct table table = begin(4);
        u64 block = (u64)take(MIB2, MIB2);
        table_map(&table, 5 * MIB2, block, 2, SS_RW);
        expect_lands(&devs[0], 5 * MIB2, block);
        expect_lands(&devs[0], 6 * MIB2 - 64, block + MIB2 - 64);
        expect_no_fault();
}

CHECK(legacy_huge, "legacy: a page of 1 GiB")
{
        struct table table = begin(4);
        u64 page = take_page();
        table_map(&table, 7ull << 30, page & -(1ull << 30), 3, SS_RW);
        expect_lands(&devs[0], (7ull << 30) + page % (1 << 30), page);
        expect_no_fault();
}

CHECK(legacy_crossing, "legacy: a DMA over two pages that lie apart")
{
        struct table table = begin(4);
        u64 low = take_page(), gap = take_page(), high = take_page();
        table_map(&table, IOVA, high, 1, SS_RW);
        table_map(&table, IOVA + PAGE, low, 1, SS_RW);
        *(volatile u64 *)gap = 0x5a5a;
        expect_eq(dma_write(&devs[0], IOVA + PAGE - 64, high + PAGE - 64, 64), DMA_DONE);
        expect_eq(dma_write(&devs[0], IOVA + PAGE, low, 64), DMA_DONE);
        expect_eq(dma_write(&devs[0], IOVA + PAGE - 64, high + PAGE - 64, 128), DMA_ELSEWHERE);
        expect_eq(*(volatile u32 *)low, 0x12345678);
        expect_eq(*(volatile u64 *)gap, 0x5a5a);
}

CHECK(legacy_read_only, "legacy: R alone: reads pass")
{
        struct table table = begin(4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_R);
        expect_reads(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(legacy_ignored, "legacy: bits 61:52, 63 and 10 of an entry mean nothing")
{
        struct table table = begin(4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW | FIELD(0x3ff, 61, 52) | BIT(63) | BIT(10));
        *(volatile u64 *)table_entry(&table, IOVA, 2) |= FIELD(0x3ff, 61, 52) | BIT(63) | BIT(10);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(legacy_no_ad, "legacy: accessed and dirty bits are not written")
{
        struct table table = begin(4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)table_entry(&table, IOVA, 1), page | SS_RW);
}

CHECK(legacy_two, "legacy: two functions with tables of their own")
{
        NEEDS(SAME_UNIT);
        struct table first = begin(4);
        struct table second = attach_second(&devs[1], 4);
        u64 one = take_page(), two = take_page();
        table_map(&first, IOVA, one, 1, SS_RW);
        table_map(&second, IOVA, two, 1, SS_RW);
        expect_lands(&devs[0], IOVA, one);
        context_install(&devs[1], second.root | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID + 1));
        expect_lands(&devs[1], IOVA, two);
        expect_lands(&devs[0], IOVA, one);
}

CHECK(legacy_ats_type, "legacy: TT = 1 translates untranslated requests like TT = 0")
{
        NEEDS(ATS);
        struct table table = begin(4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        context_install(&devs[0], table.root | CONTEXT_TT(TT_ATS) | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(legacy_pass, "legacy: TT = 2 passes addresses as they are")
{
        NEEDS(PASS_THROUGH);
        begin(4);
        u64 page = take_page();
        context_install(&devs[0], CONTEXT_TT(TT_PASS_THROUGH) | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        expect_lands(&devs[0], page, page);
        expect_no_fault();
}

CHECK(legacy_narrow, "legacy: with 128-bit descriptors everything is the same")
{
        vtd_restart(&(struct shape){ .legacy = true, .narrow = true });
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(legacy_wide, "legacy: 256-bit descriptors serve a legacy mode root table, too")
{
        NEEDS(SCALABLE);
        vtd_restart(&(struct shape){ .legacy = true });
        expect(vtd->wide);
        expect(queue_wait());
}
