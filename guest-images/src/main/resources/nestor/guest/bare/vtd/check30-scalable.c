/* Scalable mode: context entries, PASID directories and tables, pass-through (D51397, 3.4.3, 9.2 to 9.6). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(SCALABLE | SECOND);
}

enum { IOVA = 0x10000, PASID = 5, OTHER_PASID = 6 };

/* A PASID of the function with a second stage that maps IOVA to a new page. */
static u64 bind(u32 pasid, u32 did)
{
        struct table table = table_new(2, 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        struct pasid_entry entry = entry_second(&table);
        entry.qw[1] = PASID_DID(did);
        pasid_store(&devs[0], pasid, &entry);
        return page;
}

static void use(u32 pasid)
{
        testdev_control(&devs[0], WITH_PASID, pasid);
}

CHECK(scalable_rid_pasid, "scalable: a request without PASID uses RID_PASID's entry: 0")
{
        context_scalable(&devs[0], 0, 0);
        u64 page = bind(0, DID);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(scalable_rid_pasid_other, "scalable: a request without PASID uses RID_PASID's entry: another one")
{
        context_scalable(&devs[0], 0, 0);
        bind(0, DID);
        u64 page = bind(0x1fff, DID + 1);
        volatile u64 *context = context_at(&devs[0]);
        context[1] = 0x1fff;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(scalable_pasid, "scalable: each PASID has its own tables")
{
        NEEDS(PASIDS);
        begin_pasids(&devs[0], 0, 0);
        u64 none = bind(0, DID), one = bind(PASID, DID + 1), two = bind(OTHER_PASID, DID + 2);
        use(PASID);
        expect_lands(&devs[0], IOVA, one);
        use(OTHER_PASID);
        expect_lands(&devs[0], IOVA, two);
        testdev_control(&devs[0], 0, 0);
        expect_lands(&devs[0], IOVA, none);
        use(0);
        expect_lands(&devs[0], IOVA, none);
        expect_no_fault();
}

static void last_pasid(u32 pdts)
{
        u32 last = (1u << (pdts + 13)) - 1;
        begin_pasids(&devs[0], pdts, 0);
        u64 page = bind(last, DID);
        use(last);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(scalable_directory_least, "scalable: the last PASID of the smallest directory: 8191")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        last_pasid(0);
}

CHECK(scalable_directory_middle, "scalable: the last PASID of a directory for 17 bits")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        last_pasid(4);
}

CHECK(scalable_directory_whole, "scalable: the last PASID of all: FFFFF")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        last_pasid(7);
}

CHECK(scalable_twenty_bits, "scalable: PASIDs that differ above bit 15 differ")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        begin_pasids(&devs[0], 7, 0);
        u64 low = bind(0x00042, DID), high = bind(0x50042, DID + 1);
        use(0x50042);
        expect_lands(&devs[0], IOVA, high);
        use(0x00042);
        expect_lands(&devs[0], IOVA, low);
        use(0x50042);
        expect_lands(&devs[0], IOVA, high);
}

CHECK(scalable_upper_half, "scalable: functions 0 to 7F use the lower half of the root entry alone")
{
        context_scalable(&devs[0], 0, 0);
        u64 page = bind(0, DID);
        root_at(&devs[0])[1] = NOWHERE | 1;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(scalable_pass, "scalable: pass-through without PASID")
{
        NEEDS(PASS_THROUGH);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_pass_through();
        pasid_store(&devs[0], 0, &entry);
        u64 page = take_page();
        expect_lands(&devs[0], page, page);
        expect_no_fault();
}

CHECK(scalable_pass_pasid, "scalable: pass-through with a PASID")
{
        NEEDS(PASS_THROUGH | PASIDS);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_pass_through();
        pasid_store(&devs[0], PASID, &entry);
        u64 page = take_page();
        use(PASID);
        expect_lands(&devs[0], page, page);
        expect_no_fault();
}

CHECK(scalable_appears, "scalable: an entry that becomes present needs no invalidation")
{
        if (vtd->cap & BIT(7))
                return skip("caching mode");
        NEEDS(PASIDS);
        begin_pasids(&devs[0], 0, 0);
        use(PASID);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x51, FAULT_PASID(PASID), IOVA);
        bind(PASID + 1, DID);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x59, FAULT_PASID(PASID), IOVA);
        u64 page = bind(PASID, DID);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(scalable_ignored, "scalable: PWSNP, CD, EMTE, EMT, PWT, PCD and PAT change nothing here")
{
        struct table table = table_new(2, 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_second(&table);
        entry.qw[1] |= FIELD(0x7f, 31, 25) | FIELD(~0u, 63, 32);
        if (vtd->ecap & BIT(48))
                entry.qw[1] |= BIT(23);
        if (vtd->ecap & BIT(7))
                entry.qw[1] |= BIT(24);
        pasid_store(&devs[0], 0, &entry);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(scalable_two_functions, "scalable: two functions may share a PASID table entry")
{
        NEEDS(SAME_UNIT);
        context_scalable(&devs[0], 0, 0);
        u64 page = bind(0, DID);
        volatile u64 *one = context_at(&devs[0]), *two = context_at(&devs[1]);
        for (u32 i = 4; i-- > 0;)
                two[i] = one[i];
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        expect_lands(&devs[0], IOVA, page);
        expect_lands(&devs[1], IOVA, page);
        expect_no_fault();
}
