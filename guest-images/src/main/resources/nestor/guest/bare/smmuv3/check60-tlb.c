/*
 * TLB invalidation (IHI 0070, 4.4) and tags (3.17). What a command names must be gone after the SYNC;
 * what it does not name may go, too, says the architecture, but not here: "keeps" is a check as well.
 */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1);
}

enum { IOVA = 0x200000, PAGES = 8, BLOCK_LOG2 = 21 };

/* A context of its own, with pages at IOVA that lie in one piece of memory, or in the other. */
struct space {
        struct testdev *dev;
        struct table table;
        u32 asid, vmid;
        u64 before, after;
        u64 cd_at;
};

static struct space space_new(struct testdev *dev, u32 asid, u32 vmid, u64 attributes)
{
        struct space space = { dev, table_new(1, 12, 39), asid, vmid, (u64)take(PAGES * PAGE, PAGE),
                               (u64)take(PAGES * PAGE, PAGE), (u64)take(64, 64) };
        for (u64 at = 0; at < PAGES * PAGE; at += PAGE)
                table_map(&space.table, IOVA + at, space.before + at, 3, attributes);
        struct cd cd = cd_of(&space.table, asid);
        cd_store(space.cd_at, &cd);
        struct ste ste = ste_stage1(space.cd_at);
        ste.dw[2] = STE_VMID(vmid);
        ste_install(sid(dev), &ste);
        for (u64 at = 0; at < PAGES * PAGE; at += PAGE)
                expect_lands(dev, IOVA + at, space.before + at);
        return space;
}

/* Moves all pages, without telling the SMMU. */
static void space_move(struct space *space, u64 attributes)
{
        for (u64 at = 0; at < PAGES * PAGE; at += PAGE)
                table_map(&space->table, IOVA + at, space->after + at, 3, attributes);
}

#define expect_fresh(space, page)                                                              \
        expect_lands((space)->dev, IOVA + (page) * PAGE, (space)->after + (page) * PAGE)
#define expect_before(space, page)                                                             \
        expect_lands((space)->dev, IOVA + (page) * PAGE, (space)->before + (page) * PAGE)
/* Says nothing of a TLB that keeps nothing. */
#define expect_kept(space, page)                                                               \
        do {                                                                                   \
                if (smmu.caches)                                                               \
                        expect_before(space, page);                                            \
        } while (0)

CHECK(tlb_va, "tlb: TLBI_NH_VA drops the page and keeps its neighbours")
{
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, 1), (IOVA + 3 * PAGE) | LEAF));
        expect_fresh(&space, 3);
        expect_kept(&space, 2);
        expect_kept(&space, 4);
}

CHECK(tlb_va_other_asid, "tlb: TLBI_NH_VA keeps the same page of another ASID")
{
        struct space one = space_new(&devs[0], 1, 0, S1_RW), other = space_new(&devs[1], 2, 0, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, 2), IOVA | LEAF));
        expect_fresh(&other, 0);
        expect_kept(&one, 0);
}

CHECK(tlb_vaa, "tlb: TLBI_NH_VAA drops the page in every ASID")
{
        struct space one = space_new(&devs[0], 1, 0, S1_RW), other = space_new(&devs[1], 2, 0, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VAA, 0, 0), IOVA | LEAF));
        expect_fresh(&one, 0);
        expect_fresh(&other, 0);
        expect_kept(&one, 1);
}

CHECK(tlb_asid, "tlb: TLBI_NH_ASID drops an ASID and keeps another")
{
        struct space one = space_new(&devs[0], 1, 0, S1_RW), other = space_new(&devs[1], 2, 0, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_ASID, 0, 1), 0));
        for (u32 page = 0; page < PAGES; page++)
                expect_fresh(&one, page);
        expect_kept(&other, 0);
}

CHECK(tlb_asid_keeps_global, "tlb: TLBI_NH_ASID keeps global mappings, its own ASID's included")
{
        struct space space = space_new(&devs[0], 1, 0, S1_RW & ~PTE_NG);
        space_move(&space, S1_RW & ~PTE_NG);
        expect(command_sync(on_vmid(TLBI_NH_ASID, 0, 2), 0));
        expect_kept(&space, 0);
        expect(command_sync(on_vmid(TLBI_NH_ASID, 0, 1), 0));
        expect_kept(&space, 0);
}

CHECK(tlb_va_drops_global, "tlb: TLBI_NH_VA of any ASID drops the page's global mapping")
{
        struct space space = space_new(&devs[0], 1, 0, S1_RW & ~PTE_NG);
        space_move(&space, S1_RW & ~PTE_NG);
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, 77), IOVA | LEAF));
        expect_fresh(&space, 0);
        expect_kept(&space, 1);
}

CHECK(tlb_global_vmid, "tlb: TLBI_NH_VA of another VMID keeps a global mapping")
{
        NEEDS(STAGE2);
        struct space space = space_new(&devs[0], 1, 3, S1_RW & ~PTE_NG);
        space_move(&space, S1_RW & ~PTE_NG);
        expect(command_sync(on_vmid(TLBI_NH_VA, 4, 1), IOVA | LEAF));
        expect_kept(&space, 0);
        expect(command_sync(on_vmid(TLBI_NH_VA, 3, 1), IOVA | LEAF));
        expect_fresh(&space, 0);
}

CHECK(tlb_nh_all, "tlb: TLBI_NH_ALL drops a VMID, global mappings included, and keeps another")
{
        NEEDS(STAGE2);
        struct space one = space_new(&devs[0], 1, 3, S1_RW & ~PTE_NG);
        struct space other = space_new(&devs[1], 1, 4, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_ALL, 3, 0), 0));
        expect_fresh(&one, 0);
        expect_kept(&other, 0);
}

CHECK(tlb_nsnh_all, "tlb: TLBI_NSNH_ALL drops everything")
{
        NEEDS(STAGE2);
        struct space one = space_new(&devs[0], 1, 3, S1_RW & ~PTE_NG);
        struct space other = space_new(&devs[1], 2, 4, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(TLBI_NSNH_ALL, 0));
        expect_fresh(&one, 0);
        expect_fresh(&other, 5);
}

CHECK(tag_asid, "tags: the same address in two ASIDs is two mappings")
{
        struct space one = space_new(&devs[0], 1, 0, S1_RW), other = space_new(&devs[1], 2, 0, S1_RW);
        expect_before(&one, 0);
        expect_before(&other, 0);
        expect_before(&one, 0);
}

CHECK(tag_vmid, "tags: the same address and ASID in two VMIDs is two mappings")
{
        NEEDS(STAGE2);
        struct space one = space_new(&devs[0], 1, 3, S1_RW), other = space_new(&devs[1], 1, 4, S1_RW);
        expect_before(&one, 0);
        expect_before(&other, 0);
        expect_before(&one, 0);
}

CHECK(tag_vmid_global, "tags: a global mapping of one VMID does not serve another")
{
        NEEDS(STAGE2);
        struct space one = space_new(&devs[0], 1, 3, S1_RW & ~PTE_NG);
        struct space other = space_new(&devs[1], 1, 4, S1_RW & ~PTE_NG);
        expect_before(&one, 0);
        expect_before(&other, 0);
}

CHECK(tag_vmid16, "tags: VMIDs that differ in bits above 7 only are two")
{
        if (!(smmu.idr0 & IDR0_VMID16))
                return skip("VMID16 is 0");
        struct space one = space_new(&devs[0], 1, 3, S1_RW), other = space_new(&devs[1], 1, 0x103, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_ALL, 0x103, 0), 0));
        expect_fresh(&other, 0);
        expect_kept(&one, 0);
}

CHECK(tag_asid_high, "tags: ASIDs that differ in bits above 7 only are two")
{
        struct space one = space_new(&devs[0], 1, 0, S1_RW), other = space_new(&devs[1], 0xff01, 0, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_ASID, 0, 0xff01), 0));
        expect_fresh(&other, 0);
        expect_kept(&one, 0);
}

CHECK(no_negative, "tlb: a page that becomes valid needs no invalidation")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
        table_map(&context.table, IOVA, page, 3, S1_RW);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(unmap, "tlb: after the SYNC an unmapped page is refused")
{
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        *table_entry(&space.table, IOVA, 3) = 0;
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, 1), IOVA | LEAF));
        expect_refused(&devs[0], IOVA, space.before);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
        expect_kept(&space, 1);
}

CHECK(block_by_any_address, "tlb: an address anywhere in a block drops the block")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page(), base = page & -BIT(BLOCK_LOG2), offset = page - base;
        table_map(&context.table, IOVA, base, 2, S1_RW);
        expect_lands(&devs[0], IOVA + offset, page);
        *table_entry(&context.table, IOVA, 2) = 0;
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, ASID), (IOVA + BIT(BLOCK_LOG2) - PAGE) | LEAF));
        expect_refused(&devs[0], IOVA + offset, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, IOVA + offset, 0);
}

CHECK(table_replaced, "tlb: a replaced table counts after TLBI_NH_VA with Leaf 0")
{
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        u64 *upper = table_entry(&space.table, IOVA, 2);
        u64 *leaves = take(PAGE, PAGE);
        *upper = (u64)leaves | 3;
        leaves[IOVA >> 12 & 511] = space.after | S1_RW | 3;
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, 1), IOVA));
        expect_fresh(&space, 0);
}

CHECK(privileges_apart, "tlb: a cached privileged access does not open the page to others")
{
        NEEDS(SUBSTREAMS);
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 cds = (u64)take(64 * 8, 64 * 8), page = take_page();
        cd_store(cds + 5 * 64, &context.cd);
        context.ste = ste_stage1(cds);
        context.ste.dw[0] |= STE_S1CDMAX(3);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_pasid(&devs[0]);
        table_map(&context.table, IOVA, page, 3, S1_RW & ~PTE_USER);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_lands(&devs[0], IOVA, page);
        testdev_control(&devs[0], WITH_PASID, 5);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of_ssid(F_PERMISSION, sid(&devs[0]), 5), EVENT_CLASS_IN, IOVA, 0);
}

/* TLBI by range, 4.4.1.1: (NUM + 1) << SCALE pages of TG. */
static u64 range0(u32 opcode, u32 asid, u32 num, u32 scale)
{
        return on_vmid(opcode, 0, asid) | FIELD(num, 16, 12) | FIELD(scale, 24, 20);
}

static u64 range1(u64 address, u32 tg, u32 ttl)
{
        return address | FIELD(tg, 11, 10) | FIELD(ttl, 9, 8) | LEAF;
}

CHECK(range_exact, "range: NUM 2 of 4 KiB drops three pages and keeps the next on both sides")
{
        NEEDS(RANGES);
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 2, 0), range1(IOVA + 2 * PAGE, 1, 0)));
        for (u32 page = 2; page < 5; page++)
                expect_fresh(&space, page);
        expect_kept(&space, 1);
        expect_kept(&space, 5);
}

CHECK(range_scale, "range: SCALE 1 doubles the unit")
{
        NEEDS(RANGES);
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 1, 1), range1(IOVA + 2 * PAGE, 1, 0)));
        for (u32 page = 2; page < 6; page++)
                expect_fresh(&space, page);
        expect_kept(&space, 1);
        expect_kept(&space, 6);
}

CHECK(range_one_page, "range: one page with TTL 3 is legal and drops it")
{
        NEEDS(RANGES);
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 0, 0), range1(IOVA + 3 * PAGE, 1, 3)));
        expect_fresh(&space, 3);
        expect_kept(&space, 4);
}

CHECK(range_large, "range: SCALE 31 covers the whole address space")
{
        NEEDS(RANGES);
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 31, 31), range1(0, 3, 0)));
        expect_fresh(&space, 0);
        expect_fresh(&space, 7);
}

CHECK(range_vaa, "range: TLBI_NH_VAA by range, every ASID")
{
        NEEDS(RANGES);
        struct space one = space_new(&devs[0], 1, 0, S1_RW), other = space_new(&devs[1], 2, 0, S1_RW);
        space_move(&one, S1_RW);
        space_move(&other, S1_RW);
        expect(command_sync(range0(TLBI_NH_VAA, 0, 1, 0), range1(IOVA, 1, 0)));
        expect_fresh(&one, 1);
        expect_fresh(&other, 1);
        expect_kept(&one, 2);
}

CHECK(range_ignored_without_tg, "range: with TG 0, NUM and SCALE mean nothing")
{
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 7, 0), range1(IOVA + PAGE, 0, 0)));
        expect_fresh(&space, 1);
        expect_kept(&space, 2);
}
