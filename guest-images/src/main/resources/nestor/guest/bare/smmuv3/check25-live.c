/*
 * Entries that are rewritten while they are in use, word by word as drivers do (IHI 0070, 3.21.3):
 * before the invalidation completes the old or the new entry counts, never a mixture.
 */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1);
}

enum { IOVA = 0x10000 };

/* One stream, and where DMA to IOVA may end while it changes. */
static struct context ours;
static u64 mapped;

static void begin(void)
{
        ours = attach_stage1(&devs[0], 12, 39);
        mapped = take_page();
        table_map(&ours.table, IOVA, mapped, 3, S1_RW);
}

static void publish(void)
{
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
}

static void word(u32 index, u64 value)
{
        ste_at(sid(&devs[0]))[index] = value;
}

/* The entry in use maps IOVA; nothing is recorded. */
static void expect_mapped(void)
{
        expect_lands(&devs[0], IOVA, mapped);
        expect_no_event();
}

/* In a window where old and new may count: both are good, an event is not. */
static void expect_either(u64 one, u64 other)
{
        clear(one, 64);
        u32 result = dma_write(&devs[0], IOVA, other, 64);
        bool first = *(volatile u64 *)one != 0;
        bool second = result == DMA_DONE;
        expect(first != second);
        expect_no_event();
}

CHECK(identity_to_dma, "live: identity to stage 1 in three steps, without a window")
{
        begin();
        u64 low = (u64)take(0x20000, 0x10000);
        struct ste identity = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &identity);
        expect_lands(&devs[0], low, low);
        word(1, ours.ste.dw[1]);                        /* what bypass does not use */
        publish();
        expect_lands(&devs[0], low, low);
        table_map(&ours.table, low, low, 3, S1_RW);     /* so that both agree about this page */
        word(0, ours.ste.dw[0]);                        /* the word that decides */
        expect_lands(&devs[0], low, low);
        publish();
        expect_mapped();
}

CHECK(dma_to_identity, "live: stage 1 to identity in three steps, without a window")
{
        begin();
        u64 page = take_page();
        table_map(&ours.table, page, page, 3, S1_RW);
        expect_lands(&devs[0], page, page);
        word(0, STE_V | STE_CONFIG(CONFIG_BYPASS));
        expect_lands(&devs[0], page, page);
        publish();
        expect_lands(&devs[0], page, page);
        word(1, STE_SHCFG_INCOMING);
        publish();
        u64 other = take_page();
        expect_lands(&devs[0], other, other);
        expect_no_event();
}

CHECK(dma_to_blocked, "live: stage 1 to blocked, and nothing arrives after the SYNC")
{
        begin();
        expect_mapped();
        word(0, STE_V | STE_CONFIG(CONFIG_ABORT));
        publish();
        expect_refused(&devs[0], IOVA, mapped);
        expect_no_event();
}

CHECK(blocked_to_dma, "live: blocked to stage 1, the other words first")
{
        begin();
        struct ste blocked = ste_config(CONFIG_ABORT);
        ste_install(sid(&devs[0]), &blocked);
        expect_refused(&devs[0], IOVA, mapped);
        word(1, ours.ste.dw[1]);
        publish();
        expect_refused(&devs[0], IOVA, mapped);
        expect_no_event();
        word(0, ours.ste.dw[0]);
        publish();
        expect_mapped();
}

CHECK(another_context, "live: one word moves a stream to another context descriptor")
{
        begin();
        expect_mapped();
        struct table table = table_new(1, 12, 39);
        u64 other = take_page();
        table_map(&table, IOVA, other, 3, S1_RW);
        struct cd cd = cd_of(&table, ASID + 1);
        u64 at = (u64)take(64, 64);
        cd_store(at, &cd);
        word(0, ste_stage1(at).dw[0]);
        expect_either(mapped, other);
        publish();
        expect_lands(&devs[0], IOVA, other);
        expect_no_event();
}

CHECK(through_invalid, "live: an entry rewritten through V 0 records C_BAD_STE meanwhile and works after")
{
        NEEDS(NESTING);
        begin();
        expect_mapped();
        word(0, 0);
        publish();
        expect_refused(&devs[0], IOVA, mapped);
        expect_event(event_of(C_BAD_STE, sid(&devs[0])), 0, 0, 0);
        struct table table = table_new(2, 12, 40);
        u64 other = take_page();
        table_map(&table, IOVA, other, 3, S2_RW);
        struct ste ste = ste_stage2(&table, 7);
        for (u32 i = 1; i < 8; i++)
                word(i, ste.dw[i]);
        publish();
        word(0, ste.dw[0]);
        publish();
        expect_lands(&devs[0], IOVA, other);
        expect_no_event();
}

CHECK(eats_any_time, "live: EATS may change in any step and disturbs no DMA")
{
        NEEDS(ATS);
        begin();
        expect_mapped();
        word(1, ours.ste.dw[1] | STE_EATS(EATS_FULL));
        expect_mapped();
        publish();
        expect_mapped();
        word(1, ours.ste.dw[1]);
        publish();
        expect_mapped();
}

CHECK(context_quiet, "live: EPD0 set in a descriptor ends its DMA; R cleared keeps that silent")
{
        begin();
        expect_mapped();
        volatile u64 *cd = (u64 *)ours.cd_at;
        cd[0] = (ours.cd.dw[0] | CD_EPD0) & ~CD_R;
        command(on_ssid(CFGI_CD, sid(&devs[0]), 0), LEAF);
        expect(command_sync(on_vmid(TLBI_NH_ASID, 0, ASID), 0));
        expect_refused(&devs[0], IOVA, mapped);
        expect_no_event();
}

CHECK(context_another_table, "live: a descriptor's TTB0 rewritten in one word")
{
        begin();
        expect_mapped();
        struct table table = table_new(1, 12, 39);
        u64 other = take_page();
        table_map(&table, IOVA, other, 3, S1_RW);
        ((volatile u64 *)ours.cd_at)[1] = table.root;
        command(on_ssid(CFGI_CD, sid(&devs[0]), 0), LEAF);
        expect(command_sync(on_vmid(TLBI_NH_ASID, 0, ASID), 0));
        expect_lands(&devs[0], IOVA, other);
        expect_no_event();
}
