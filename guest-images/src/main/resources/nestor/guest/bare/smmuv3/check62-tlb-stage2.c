/* TLB invalidation of stage 2 and of both stages together (IHI 0070, 4.4.2); see check60-tlb.c. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE2);
}

enum { IOVA = 0x200000 };

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
        if (smmu.caches)
                expect_lands(&devs[1], IOVA, other.before);
}

CHECK(s2_ipa_neighbour, "tlb: TLBI_S2_IPA of the next page keeps this one")
{
        struct guest guest = guest_new(&devs[0], 3);
        expect(command_sync(on_vmid(TLBI_S2_IPA, 3, 0), (IOVA + PAGE) | LEAF));
        if (smmu.caches)
                expect_lands(&devs[0], IOVA, guest.before);
}

CHECK(s2_ipa_range, "range: TLBI_S2_IPA by range")
{
        NEEDS(RANGES);
        struct guest guest = guest_new(&devs[0], 3);
        expect(command_sync(on_vmid(TLBI_S2_IPA, 3, 0) | FIELD(1, 16, 12), (IOVA - PAGE) | FIELD(1, 11, 10) | LEAF));
        expect_lands(&devs[0], IOVA, guest.after);
}

CHECK(s12_vmall, "tlb: TLBI_S12_VMALL drops a VMID and keeps another")
{
        struct guest one = guest_new(&devs[0], 3), other = guest_new(&devs[1], 4);
        expect(command_sync(on_vmid(TLBI_S12_VMALL, 3, 0), 0));
        expect_lands(&devs[0], IOVA, one.after);
        if (smmu.caches)
                expect_lands(&devs[1], IOVA, other.before);
}

CHECK(nested_s12, "tlb: TLBI_S12_VMALL drops combined entries of both stages")
{
        NEEDS(NESTING);
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
        NEEDS(NESTING);
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
        NEEDS(NESTING);
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
