/* ATS Translation Requests where stage 2 takes part: full and split-stage (IHI 0070, 3.9.1.1, 3.9.1.3). */
#include "smmuv3/ats.h"

static const char *missing(void)
{
        return lacking(ATS);
}

/* Both stages with EATS = 1 or 2. */
static struct nested begin_nested(u32 eats, u64 *page)
{
        struct nested both = attach_nested(&devs[0], 9, 4);
        both.context.ste.dw[1] |= STE_EATS(eats);
        ste_install(sid(&devs[0]), &both.context.ste);
        testdev_enable_ats(&devs[0]);
        *page = take_page();
        table_map(&both.context.table, IOVA, 0x7700000000, 3, S1_RW);
        table_map(&both.stage2, 0x7700000000, *page, 3, S2_RW);
        return both;
}

CHECK(ats_nested, "ats: full ATS over both stages answers the final address")
{
        NEEDS(NESTING);
        u64 page;
        begin_nested(EATS_FULL, &page);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}

CHECK(ats_nested_size, "ats: the size over both stages is the smaller one")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        table_map(&both.context.table, BIT(21), 0x7700000000, 2, S1_RW);
        expect_entry(BIT(21), RW, page | WRITE_BITS);
}

CHECK(ats_nested_permission, "ats: stage 2 read-only takes W away")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        table_map(&both.stage2, 0x7700000000, page, 3, S2_RW & ~S2_WRITE);
        expect_entry(IOVA, RW, page | ENTRY_R);
}

CHECK(ats_nested_fault, "ats: a stage-2 fault is success without access, not recorded")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        *table_entry(&both.stage2, 0x7700000000, 3) = 0;
        expect_no_access(IOVA, RW);
}

CHECK(ats_nested_table_fault, "ats: a stage-2 fault on a stage-1 table is success without access")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        *table_entry(&both.context.table, IOVA, 2) = 0x7b00000000 | 3;
        expect_no_access(IOVA, RW);
}

CHECK(ats_split, "ats: split-stage ATS answers the intermediate address, permissions of both stages")
{
        NEEDS(SPLIT_ATS);
        u64 page;
        expect(smmu_cr0(smmu.cr0 | ATSCHK));
        struct nested both = begin_nested(EATS_SPLIT, &page);
        table_map(&both.stage2, 0x7700000000, page, 3, S2_RW & ~S2_WRITE);
        expect_entry(IOVA, RW, 0x7700000000 | ENTRY_R);
}

CHECK(ats_split_unchecked, "ats: EATS 2 acts as 0 while ATSCHK is 0")
{
        NEEDS(SPLIT_ATS);
        u64 page;
        begin_nested(EATS_SPLIT, &page);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_bad_request(IOVA);
}

CHECK(ats_stage2, "ats: full ATS over stage 2 alone")
{
        NEEDS(STAGE2);
        struct table table = table_new(2, 12, 40);
        struct ste ste = ste_stage2(&table, 3);
        u64 page = take_page();
        ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_ats(&devs[0]);
        table_map(&table, IOVA, page, 3, S2_RW);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}
