/*
 * TLB invalidation (IHI 0070, 4.4) and tags (3.17). What a command names must be gone after the SYNC;
 * what it does not name may go, too, says the architecture, but not here: "keeps" is a check as well.
 */
#include "smmuv3/tables.h"

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
#define expect_kept(space, page)                                                               \
        expect_lands((space)->dev, IOVA + (page) * PAGE, (space)->before + (page) * PAGE)

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
        struct space space = space_new(&devs[0], 1, 3, S1_RW & ~PTE_NG);
        space_move(&space, S1_RW & ~PTE_NG);
        expect(command_sync(on_vmid(TLBI_NH_VA, 4, 1), IOVA | LEAF));
        expect_kept(&space, 0);
        expect(command_sync(on_vmid(TLBI_NH_VA, 3, 1), IOVA | LEAF));
        expect_fresh(&space, 0);
}

CHECK(tlb_nh_all, "tlb: TLBI_NH_ALL drops a VMID, global mappings included, and keeps another")
{
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
        expect_kept(&one, 0);
        expect_kept(&other, 0);
        expect_kept(&one, 0);
}

CHECK(tag_vmid, "tags: the same address and ASID in two VMIDs is two mappings")
{
        struct space one = space_new(&devs[0], 1, 3, S1_RW), other = space_new(&devs[1], 1, 4, S1_RW);
        expect_kept(&one, 0);
        expect_kept(&other, 0);
        expect_kept(&one, 0);
}

CHECK(tag_vmid_global, "tags: a global mapping of one VMID does not serve another")
{
        struct space one = space_new(&devs[0], 1, 3, S1_RW & ~PTE_NG);
        struct space other = space_new(&devs[1], 1, 4, S1_RW & ~PTE_NG);
        expect_kept(&one, 0);
        expect_kept(&other, 0);
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
        if (!(smmu.idr3 & IDR3_RIL))
                return skip("RIL is 0");
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
        if (!(smmu.idr3 & IDR3_RIL))
                return skip("RIL is 0");
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
        if (!(smmu.idr3 & IDR3_RIL))
                return skip("RIL is 0");
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 0, 0), range1(IOVA + 3 * PAGE, 1, 3)));
        expect_fresh(&space, 3);
        expect_kept(&space, 4);
}

CHECK(range_large, "range: SCALE 31 covers the whole address space")
{
        if (!(smmu.idr3 & IDR3_RIL))
                return skip("RIL is 0");
        struct space space = space_new(&devs[0], 1, 0, S1_RW);
        space_move(&space, S1_RW);
        expect(command_sync(range0(TLBI_NH_VA, 1, 31, 31), range1(0, 3, 0)));
        expect_fresh(&space, 0);
        expect_fresh(&space, 7);
}

CHECK(range_vaa, "range: TLBI_NH_VAA by range, every ASID")
{
        if (!(smmu.idr3 & IDR3_RIL))
                return skip("RIL is 0");
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

/* Stage 2 alone. */
struct guest {
        struct testdev *dev;
        struct table table;
        u32 vmid;
        u64 before, after;
};

static struct guest guest_new(struct testdev *dev, u32 vmid)
{
        struct guest guest = { dev, table_new(2, 12, 40), vmid, (u64)take(2 * PAGE, PAGE), take_page() };
        struct ste ste = ste_stage2(&guest.table, vmid);
        table_map(&guest.table, IOVA, guest.before, 3, S2_RW);
        table_map(&guest.table, IOVA + PAGE, guest.before + PAGE, 3, S2_RW);
        ste_install(sid(dev), &ste);
        expect_lands(dev, IOVA, guest.before);
        expect_lands(dev, IOVA + PAGE, guest.before + PAGE);
        table_map(&guest.table, IOVA, guest.after, 3, S2_RW);
        return guest;
}

CHECK(s2_ipa, "tlb: TLBI_S2_IPA drops the page of its VMID and keeps another VMID's")
{
        struct guest one = guest_new(&devs[0], 3), other = guest_new(&devs[1], 4);
        expect(command_sync(on_vmid(TLBI_S2_IPA, 3, 0), IOVA | LEAF));
        expect_lands(&devs[0], IOVA, one.after);
        expect_lands(&devs[1], IOVA, other.before);
}

CHECK(s2_ipa_neighbour, "tlb: TLBI_S2_IPA of the next page keeps this one")
{
        struct guest guest = guest_new(&devs[0], 3);
        expect(command_sync(on_vmid(TLBI_S2_IPA, 3, 0), (IOVA + PAGE) | LEAF));
        expect_lands(&devs[0], IOVA, guest.before);
}

CHECK(s2_ipa_range, "range: TLBI_S2_IPA by range")
{
        if (!(smmu.idr3 & IDR3_RIL))
                return skip("RIL is 0");
        struct guest guest = guest_new(&devs[0], 3);
        expect(command_sync(on_vmid(TLBI_S2_IPA, 3, 0) | FIELD(1, 16, 12), range1(IOVA - PAGE, 1, 0)));
        expect_lands(&devs[0], IOVA, guest.after);
}

CHECK(s12_vmall, "tlb: TLBI_S12_VMALL drops a VMID and keeps another")
{
        struct guest one = guest_new(&devs[0], 3), other = guest_new(&devs[1], 4);
        expect(command_sync(on_vmid(TLBI_S12_VMALL, 3, 0), 0));
        expect_lands(&devs[0], IOVA, one.after);
        expect_lands(&devs[1], IOVA, other.before);
}

CHECK(nested_s12, "tlb: TLBI_S12_VMALL drops combined entries of both stages")
{
        struct nested both = attach_nested(&devs[0], 9, 4);
        u64 before = take_page(), after = take_page(), ipa = 0x7700000000;
        table_map(&both.context.table, IOVA, ipa, 3, S1_RW);
        table_map(&both.stage2, ipa, before, 3, S2_RW);
        expect_lands(&devs[0], IOVA, before);
        table_map(&both.stage2, ipa, after, 3, S2_RW);
        expect(command_sync(on_vmid(TLBI_S12_VMALL, 9, 0), 0));
        expect_lands(&devs[0], IOVA, after);
}

CHECK(nested_s2_then_s1, "tlb: a stage-2 change counts after TLBI_S2_IPA and TLBI_NH_ALL, as drivers do it")
{
        struct nested both = attach_nested(&devs[0], 9, 4);
        u64 before = take_page(), after = take_page(), ipa = 0x7700000000;
        table_map(&both.context.table, IOVA, ipa, 3, S1_RW);
        table_map(&both.stage2, ipa, before, 3, S2_RW);
        expect_lands(&devs[0], IOVA, before);
        table_map(&both.stage2, ipa, after, 3, S2_RW);
        command(on_vmid(TLBI_S2_IPA, 9, 0), ipa | LEAF);
        expect(sync());
        expect(command_sync(on_vmid(TLBI_NH_ALL, 9, 0), 0));
        expect_lands(&devs[0], IOVA, after);
}

CHECK(nested_va, "tlb: TLBI_NH_VA drops a combined entry of both stages")
{
        struct nested both = attach_nested(&devs[0], 9, 4);
        u64 before = take_page(), after = take_page(), ipa = 0x7700000000;
        table_map(&both.context.table, IOVA, ipa, 3, S1_RW);
        table_map(&both.stage2, ipa, before, 3, S2_RW);
        table_map(&both.stage2, ipa + PAGE, after, 3, S2_RW);
        expect_lands(&devs[0], IOVA, before);
        table_map(&both.context.table, IOVA, ipa + PAGE, 3, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VA, 9, 4), IOVA | LEAF));
        expect_lands(&devs[0], IOVA, after);
}
