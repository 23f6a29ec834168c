/* Context cache and PASID cache (D51397, 6.2.2, 6.2.3, 6.5.2.1, 6.5.2.2). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(CACHES | SECOND);
}

enum { IOVA = 0x40000, PASID = 5 };

static u64 old, new;

static struct table maps(u64 page)
{
        struct table table = table_new(2, 4);
        table_map(&table, IOVA, page, 1, SS_RW);
        return table;
}

/* The function's entry leads elsewhere now; IOTLB entries of both domains are dropped before each look. */
static void begin_contexts(void)
{
        vtd_restart(&(struct shape){ .legacy = true });
        old = take_page();
        new = take_page();
        struct table before = maps(old), after = maps(new);
        context_install(&devs[0], before.root | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        expect_lands(&devs[0], IOVA, old);
        volatile u64 *entry = context_at(&devs[0]);
        entry[0] = after.root | CONTEXT_P;
}

static void expect_moved(bool moved)
{
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        expect_lands(&devs[0], IOVA, moved ? new : old);
}

CHECK(context_stale, "context cache: a changed entry does not show before an invalidation")
{
        begin_contexts();
        expect_moved(false);
}

CHECK(context_global, "context cache: global")
{
        begin_contexts();
        invalidate(INV_CONTEXT(GLOBAL, 0, 0), 0);
        expect_moved(true);
}

CHECK(context_domain, "context cache: by domain, and not by another")
{
        begin_contexts();
        invalidate(INV_CONTEXT(DOMAIN, DID + 1, 0), 0);
        expect_moved(false);
        invalidate(INV_CONTEXT(DOMAIN, DID, 0), 0);
        expect_moved(true);
}

CHECK(context_device, "context cache: by device, and not by another")
{
        begin_contexts();
        invalidate(INV_CONTEXT(SELECTIVE, DID, sid(&devs[0]) ^ 8), 0);
        expect_moved(false);
        invalidate(INV_CONTEXT(SELECTIVE, DID, sid(&devs[0])), 0);
        expect_moved(true);
}

CHECK(context_function_mask, "context cache: FM leaves out function bits")
{
        begin_contexts();
        invalidate(INV_CONTEXT(SELECTIVE, DID, sid(&devs[0]) | 1), 0);
        expect_moved(false);
        invalidate(INV_CONTEXT(SELECTIVE, DID, sid(&devs[0]) | 7) | FIELD(3, 49, 48), 0);
        expect_moved(true);
}

CHECK(context_absent, "context cache: an entry that is not present is not remembered")
{
        if (vtd->cap & BIT(7))
                return skip("caching mode");
        vtd_restart(&(struct shape){ .legacy = true });
        old = take_page();
        struct table table = maps(old);
        volatile u64 *entry = context_at(&devs[0]);
        expect_refused(&devs[0], IOVA, old);
        expect_fault(0x02, 0, IOVA);
        entry[1] = CONTEXT_AW(4) | CONTEXT_DID(DID);
        entry[0] = table.root | CONTEXT_P;
        expect_lands(&devs[0], IOVA, old);
}

CHECK(context_scalable_did, "context cache: in scalable mode a device's invalidation ignores DID")
{
        NEEDS(SCALABLE);
        old = take_page();
        new = take_page();
        struct table before = maps(old), after = maps(new);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_second(&before);
        pasid_store(&devs[0], 0, &entry);
        expect_lands(&devs[0], IOVA, old);
        entry = entry_second(&after);
        u64 directory = take_page();
        volatile u64 *context = context_at(&devs[0]);
        context[0] = directory | CONTEXT_P;
        pasid_store(&devs[0], 0, &entry);
        expect_moved(false);
        invalidate(INV_CONTEXT(SELECTIVE, 0x1234, sid(&devs[0])), 0);
        invalidate(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0);
        expect_moved(true);
}

static void begin_pasid_cache(void)
{
        old = take_page();
        new = take_page();
        struct table before = maps(old), after = maps(new);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_second(&before);
        pasid_store(&devs[0], PASID, &entry);
        testdev_control(&devs[0], WITH_PASID, PASID);
        expect_lands(&devs[0], IOVA, old);
        entry = entry_second(&after);
        pasid_store(&devs[0], PASID, &entry);
}

CHECK(pasid_stale, "pasid cache: a changed entry does not show before an invalidation")
{
        NEEDS(PASIDS);
        begin_pasid_cache();
        expect_moved(false);
}

CHECK(pasid_global, "pasid cache: global")
{
        NEEDS(PASIDS);
        begin_pasid_cache();
        invalidate(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0);
        expect_moved(true);
}

CHECK(pasid_domain, "pasid cache: by domain, and not by another")
{
        NEEDS(PASIDS);
        begin_pasid_cache();
        invalidate(INV_PASID_CACHE(PASID_CACHE_DOMAIN, DID + 1, 0), 0);
        expect_moved(false);
        invalidate(INV_PASID_CACHE(PASID_CACHE_DOMAIN, DID, 0), 0);
        expect_moved(true);
}

CHECK(pasid_selective, "pasid cache: by PASID, and not by another, above bit 15 included")
{
        NEEDS(PASIDS);
        begin_pasid_cache();
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID, PASID + 1), 0);
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID, 0x30000 | PASID), 0);
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID + 1, PASID), 0);
        expect_moved(false);
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID, PASID), 0);
        expect_moved(true);
}

CHECK(pasid_removed, "pasid cache: an entry that is removed is gone after the invalidation")
{
        NEEDS(PASIDS);
        begin_pasid_cache();
        *pasid_at(&devs[0], PASID) = 0;
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID, PASID), 0);
        expect(invalidate_wait(INV_IOTLB(DOMAIN, DID), 0));
        expect_refused(&devs[0], IOVA, old);
        expect_fault(0x59, FAULT_PASID(PASID), IOVA);
}
