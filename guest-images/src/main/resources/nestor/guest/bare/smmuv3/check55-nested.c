/* Both stages: structures and tables of stage 1 are themselves read through stage 2 (IHI 0070, 3.3.2, 7.3). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(NESTING);
}

enum { IOVA = 0x10000, VMID = 9, NESTED_ASID = 4 };

#define NOWHERE 0x3000000000ull

/* A data page whose intermediate address is not its address plus bias, so that no stage can be left out. */
#define DATA_IPA 0x7700000000ull

static struct nested both;

static u64 begin(void)
{
        both = attach_nested(&devs[0], VMID, NESTED_ASID);
        u64 page = take_page();
        table_map(&both.context.table, IOVA, DATA_IPA, 3, S1_RW);
        table_map(&both.stage2, DATA_IPA, page, 3, S2_RW);
        return page;
}

/* Takes intermediate address ipa, which lies in a block of RAM, out of stage 2 or changes its attributes. */
static void stage2_page(u64 ipa, u64 attributes)
{
        u64 *block = table_entry(&both.stage2, ipa, 2);
        u64 base = ipa & -BIT(21);
        *block = 0;
        for (u64 at = base; at < base + BIT(21); at += PAGE)
                table_map(&both.stage2, at, at - both.bias, 3, S2_RW);
        if (attributes)
                table_map(&both.stage2, ipa & -4096ull, (ipa & -4096ull) - both.bias, 3, attributes);
        else
                *table_entry(&both.stage2, ipa, 3) = 0;
        expect(command_sync(TLBI_NSNH_ALL, 0));
}

static void expect_fault(u32 code, u64 bits, u64 ipa)
{
        expect_event(event_of(code, sid(&devs[0])), bits, IOVA, ipa);
        expect_no_event();
}

CHECK(nested_lands, "nested: a page through both stages")
{
        u64 page = begin();
        expect_lands(&devs[0], IOVA + 0x200, page + 0x200);
        expect_reads(&devs[0], IOVA, page);
        expect_no_event();
}

CHECK(nested_stage1_fault, "nested: a stage-1 fault is S2 0 and has no IPA")
{
        begin();
        expect_refused(&devs[0], IOVA + PAGE, take_page());
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, IOVA + PAGE, 0);
}

CHECK(nested_stage2_fault, "nested: stage 2 does not map the page: F_TRANSLATION, S2 1, CLASS IN, IPA")
{
        u64 page = begin();
        *table_entry(&both.stage2, DATA_IPA, 3) = 0;
        expect_refused(&devs[0], IOVA, page);
        expect_fault(F_TRANSLATION, EVENT_S2 | EVENT_CLASS_IN, DATA_IPA);
}

CHECK(nested_permission, "nested: stage 2 read-only refuses a write that stage 1 allows")
{
        u64 page = begin();
        table_map(&both.stage2, DATA_IPA, page, 3, S2_RW & ~S2_WRITE);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(F_PERMISSION, EVENT_S2 | EVENT_CLASS_IN, DATA_IPA);
}

CHECK(nested_hit_intersects, "nested: a cached read has no more permissions than both stages grant")
{
        u64 page = begin();
        table_map(&both.stage2, DATA_IPA, page, 3, S2_RW & ~S2_WRITE);
        expect_reads(&devs[0], IOVA, page);
        clear(page, 64);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(F_PERMISSION, EVENT_S2 | EVENT_CLASS_IN, DATA_IPA);
}

CHECK(nested_stage1_read_only, "nested: stage 1 read-only refuses a write that stage 2 allows")
{
        u64 page = begin();
        table_map(&both.context.table, IOVA, DATA_IPA, 3, S1_RO);
        expect_reads(&devs[0], IOVA, page);
        clear(page, 64);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(F_PERMISSION, EVENT_CLASS_IN, 0);
}

CHECK(nested_block_in_pages, "nested: a stage-1 block over stage-2 pages ends where the page ends")
{
        begin();
        u64 one = take_page(), other = take_page(), block = BIT(21);
        table_map(&both.context.table, block, 0x7800000000, 2, S1_RW);
        table_map(&both.stage2, 0x7800000000, one, 3, S2_RW);
        table_map(&both.stage2, 0x7800000000 + PAGE, other, 3, S2_RW);
        expect_lands(&devs[0], block, one);
        expect_lands(&devs[0], block + PAGE, other);
        expect_refused(&devs[0], block + 2 * PAGE, take_page());
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN, block + 2 * PAGE,
                     0x7800000000 + 2 * PAGE);
}

CHECK(nested_cd_fetch, "nested: stage 2 does not map the context descriptor: CLASS CD")
{
        begin();
        u64 ipa = both.context.cd_at + both.bias;
        stage2_page(ipa, 0);
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
        expect_refused(&devs[0], IOVA, take_page());
        u64 record[4];
        expect(event_take(record));
        expect_eq(record[0], event_of(F_TRANSLATION, sid(&devs[0])));
        expect_eq(record[1] & (EVENT_S2 | FIELD(3, 41, 40)), EVENT_S2 | EVENT_CLASS_CD);
        expect_eq(record[2], IOVA);
        expect_eq(record[3], ipa & -4096ull);
}

CHECK(nested_cd_abort, "nested: a context descriptor that stage 2 maps to nowhere is F_CD_FETCH with the final address")
{
        begin();
        table_map(&both.stage2, 0x7900000000, NOWHERE, 3, S2_RW);
        struct ste ste = ste_nested(0x7900000040, &both.stage2, VMID);
        ste_install(sid(&devs[0]), &ste);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_CD_FETCH, sid(&devs[0])), 0, 0, NOWHERE + 0x40);
}

CHECK(nested_table_fetch, "nested: stage 2 does not map a stage-1 table: CLASS TT, TTRnW 1, IPA of the table")
{
        begin();
        u64 table = (u64)table_entry(&both.context.table, IOVA, 3) & -4096ull;
        stage2_page(table + both.bias, 0);
        expect_refused(&devs[0], IOVA, take_page());
        u64 record[4];
        expect(event_take(record));
        expect_eq(record[0], event_of(F_TRANSLATION, sid(&devs[0])));
        expect_eq(record[1] & (EVENT_S2 | FIELD(3, 41, 40)), EVENT_S2 | EVENT_CLASS_TT);
        expect_eq(record[2], IOVA);
        expect_eq(record[3], table + both.bias);
}

CHECK(nested_table_permission, "nested: a stage-1 table that stage 2 does not let be read: F_PERMISSION, TTRnW 1")
{
        begin();
        u64 table = (u64)table_entry(&both.context.table, IOVA, 3) & -4096ull;
        stage2_page(table + both.bias, S2_RW & ~S2_READ);
        expect_refused(&devs[0], IOVA, take_page());
        u64 record[4];
        expect(event_take(record));
        expect_eq(record[0], event_of(F_PERMISSION, sid(&devs[0])));
        expect_eq(record[1] & (EVENT_S2 | FIELD(3, 41, 40) | EVENT_TTRNW),
                  EVENT_S2 | EVENT_CLASS_TT | EVENT_TTRNW);
        expect_eq(record[3], table + both.bias);
}

CHECK(nested_ptw, "nested: S2PTW refuses a stage-1 table in Device memory, and without it the walk goes on")
{
        u64 page = begin();
        u64 table = (u64)table_entry(&both.context.table, IOVA, 3) & -4096ull;
        stage2_page(table + both.bias, S2_READ | S2_WRITE | S2_DEVICE | PTE_AF);
        expect_lands(&devs[0], IOVA, page);
        both.context.ste.dw[2] |= STE_S2PTW;
        ste_install(sid(&devs[0]), &both.context.ste);
        expect(command_sync(TLBI_NSNH_ALL, 0));
        expect_refused(&devs[0], IOVA, page);
        u64 record[4];
        expect(event_take(record));
        expect_eq(record[0], event_of(F_PERMISSION, sid(&devs[0])));
        expect_eq(record[1] & (EVENT_S2 | FIELD(3, 41, 40)), EVENT_S2 | EVENT_CLASS_TT);
}

CHECK(nested_walk_abort, "nested: a stage-1 table that stage 2 maps to nowhere is F_WALK_EABT, S2 0, CLASS TT")
{
        begin();
        table_map(&both.stage2, 0x7a00000000, NOWHERE, 3, S2_RW);
        *table_entry(&both.context.table, IOVA, 2) = 0x7a00000000 | 3;
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_WALK_EABT, sid(&devs[0])), EVENT_CLASS_TT, IOVA, NOWHERE + (IOVA >> 12) * 8);
}

CHECK(nested_stage1_size, "nested: stage 1's output beyond IPS is F_ADDR_SIZE of stage 1")
{
        NEEDS(BITS_48);
        begin();
        both.context.cd.dw[0] = (both.context.cd.dw[0] & ~CD_IPS(7)) | CD_IPS(2);      /* 40 bits */
        context_update(&devs[0], &both.context);
        table_map(&both.context.table, IOVA, BIT(40), 3, S1_RW);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(F_ADDR_SIZE, EVENT_CLASS_IN, 0);
}

CHECK(nested_beyond_stage2, "nested: an IPA beyond S2T0SZ is F_TRANSLATION of stage 2")
{
        NEEDS(BITS_48);
        begin();
        table_map(&both.context.table, IOVA, BIT(41), 3, S1_RW);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(F_TRANSLATION, EVENT_S2 | EVENT_CLASS_IN, BIT(41));
}

CHECK(nested_ha, "nested: HA sets AF in the stage-1 descriptor, through stage 2")
{
        NEEDS(ACCESS_FLAG);
        u64 page = begin();
        table_map(&both.context.table, IOVA, DATA_IPA, 3, S1_RW & ~PTE_AF);
        both.context.cd.dw[0] |= CD_HA;
        context_update(&devs[0], &both.context);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)table_entry(&both.context.table, IOVA, 3) & PTE_AF, PTE_AF);
}

CHECK(nested_ha_read_only, "nested: HA cannot set AF in a table that stage 2 maps read-only: F_PERMISSION, CLASS TT, TTRnW 0")
{
        NEEDS(ACCESS_FLAG);
        begin();
        table_map(&both.context.table, IOVA, DATA_IPA, 3, S1_RW & ~PTE_AF);
        u64 table = (u64)table_entry(&both.context.table, IOVA, 3) & -4096ull;
        both.context.cd.dw[0] |= CD_HA;
        context_update(&devs[0], &both.context);
        stage2_page(table + both.bias, S2_RW & ~S2_WRITE);
        expect_refused(&devs[0], IOVA, take_page());
        u64 record[4];
        expect(event_take(record));
        expect_eq(record[0], event_of(F_PERMISSION, sid(&devs[0])));
        expect_eq(record[1] & (EVENT_S2 | FIELD(3, 41, 40) | EVENT_TTRNW), EVENT_S2 | EVENT_CLASS_TT);
        expect_eq(*(volatile u64 *)(u64)table_entry(&both.context.table, IOVA, 3) & PTE_AF, 0);
}

CHECK(nested_bypass, "nested: S1DSS 1 without a substream goes through stage 2 alone")
{
        NEEDS(SUBSTREAMS);
        u64 page = begin();
        both.context.ste.dw[0] |= STE_S1CDMAX(1);
        both.context.ste.dw[1] |= STE_S1DSS(DSS_BYPASS);
        ste_install(sid(&devs[0]), &both.context.ste);
        expect_lands(&devs[0], DATA_IPA, page);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN, IOVA, IOVA);
}
