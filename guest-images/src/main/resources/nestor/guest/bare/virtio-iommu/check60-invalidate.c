/* INVALIDATE: what goes with each granularity and cache, what stays, and what is refused. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(TABLES);
}

enum { IOVA = 0x200000, PASID = 5, OTHER_PASID = 6, PASID_BITS = 20, PAGES = 6 };

/* Address spaces of one function, with pages in a row that are in the TLB. */
static struct space spaces[3];
static u64 pages[3][PAGES];
enum { ONE, OTHER, OWN };

static void use_all(void)
{
        for (u32 s = 0; s < COUNT(spaces); s++) {
                space_use(&spaces[s]);
                for (u32 i = 0; i < PAGES; i++)
                        expect_lands(&devs[0], IOVA + i * PAGE, pages[s][i]);
        }
}

static void begin(void)
{
        static const u32 pasids[] = { PASID, OTHER_PASID, NO_PASID };
        spaces_begin(&devs[0]);
        for (u32 s = 0; s < COUNT(spaces); s++) {
                spaces[s] = space_of(&devs[0], pasids[s]);
                for (u32 i = 0; i < PAGES; i++) {
                        pages[s][i] = take_page();
                        space_map(&spaces[s], IOVA + i * PAGE, pages[s][i]);
                }
        }
        use_all();
}

/* Takes all pages out of all tables; what can still be used is cached. */
static void unmap_all(void)
{
        for (u32 s = 0; s < COUNT(spaces); s++) {
                for (u32 i = 0; i < PAGES; i++)
                        *(volatile u64 *)space_entry(&spaces[s], IOVA + i * PAGE) = 0;
        }
}

static void expect_gone(u32 s, u32 page)
{
        u64 iova = IOVA + page * PAGE;
        space_use(&spaces[s]);
        expect_refused(&devs[0], iova, pages[s][page]);
        expect_fault(&devs[0], spaces[s].pasid, R_PTE_FETCH, A_WRITE, iova);
}

static void expect_kept(u32 s, u32 page)
{
        if (!viommu.caches)
                return;
        space_use(&spaces[s]);
        expect_lands(&devs[0], IOVA + page * PAGE, pages[s][page]);
}

/* Pages [from, to] of an address space are gone, all others kept. */
static void expect_only(u32 s, u32 from, u32 to)
{
        for (u32 i = 0; i < PAGES; i++) {
                if (i >= from && i <= to)
                        expect_gone(s, i);
                else
                        expect_kept(s, i);
        }
}

static void expect_all_kept(u32 s)
{
        expect_only(s, 1, 0);
}

CHECK(inv_none, "invalidate: without it, translations may stay")
{
        begin();
        unmap_all();
        for (u32 s = 0; s < COUNT(spaces); s++)
                expect_all_kept(s);
        if (!viommu.caches)
                skip("the TLB keeps nothing");
}

CHECK(inv_domain, "invalidate: DOMAIN takes every PASID of the domain; another domain's stay")
{
        begin();
        unmap_all();
        struct invalidation what = whole_domain(&spaces[ONE], IOTLB);
        expect_invalidated(what);
        expect_only(ONE, 0, PAGES - 1);
        for (u32 s = OTHER; s <= OWN; s++) {
                if (spaces[s].domain == spaces[ONE].domain)
                        expect_only(s, 0, PAGES - 1);
                else
                        expect_all_kept(s);
        }
}

CHECK(inv_pasid, "invalidate: PASID takes one; the others stay")
{
        begin();
        unmap_all();
        struct invalidation what = whole_space(&spaces[ONE], IOTLB);
        expect_invalidated(what);
        expect_only(ONE, 0, PAGES - 1);
        expect_all_kept(OTHER);
        expect_all_kept(OWN);
}

CHECK(inv_pasid_zero, "invalidate: PASID 0 is requests without PASID; so is a request that names none")
{
        for (u32 names = 0; names < 2; names++) {
                begin();
                unmap_all();
                struct invalidation what = whole_space(&spaces[OWN], IOTLB);
                what.has_pasid = names;
                expect_invalidated(what);
                expect_only(OWN, 0, PAGES - 1);
                expect_all_kept(ONE);
                expect_all_kept(OTHER);
                viommu_restart(&(struct start){ 0 });
        }
}

CHECK(inv_asid, "invalidate: PASID with ARCHID takes what has that ASID")
{
        NEEDS(CONTEXTS);
        begin();
        unmap_all();
        struct invalidation what = whole_space(&spaces[OTHER], IOTLB);
        what.has_pasid = false;
        what.has_asid = true;
        what.asid = spaces[OTHER].asid;
        expect_invalidated(what);
        expect_only(OTHER, 0, PAGES - 1);
        expect_all_kept(ONE);
        expect_all_kept(OWN);
}

CHECK(inv_pasid_and_asid, "invalidate: PASID with both takes both")
{
        NEEDS(CONTEXTS);
        begin();
        unmap_all();
        struct invalidation what = whole_space(&spaces[ONE], IOTLB);
        what.has_asid = true;
        what.asid = spaces[ONE].asid;
        expect_invalidated(what);
        expect_only(ONE, 0, PAGES - 1);
        expect_all_kept(OTHER);
}

CHECK(inv_page, "invalidate: ADDRESS takes one page, its neighbours and other PASIDs stay")
{
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], IOVA + 2 * PAGE, IOTLB);
        expect_invalidated(what);
        expect_only(ONE, 2, 2);
        expect_all_kept(OTHER);
        expect_all_kept(OWN);
}

CHECK(inv_page_leaf, "invalidate: ADDRESS with LEAF takes the page, too")
{
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], IOVA + 2 * PAGE, IOTLB);
        what.leaf = true;
        expect_invalidated(what);
        expect_only(ONE, 2, 2);
}

CHECK(inv_range, "invalidate: a range of pages is exact at both ends, wherever it begins")
{
        for (u32 from = 0; from < PAGES; from++) {
                for (u32 count = 1; from + count <= PAGES; count += 2) {
                        begin();
                        unmap_all();
                        struct invalidation what = one_page(&spaces[ONE], IOVA + from * PAGE, IOTLB);
                        what.pages = count;
                        expect_invalidated(what);
                        expect_only(ONE, from, from + count - 1);
                        viommu_restart(&(struct start){ 0 });
                }
        }
}

CHECK(inv_range_asid, "invalidate: a range with ARCHID alone, as drivers of 2021 send it")
{
        NEEDS(CONTEXTS);
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], IOVA + PAGE, IOTLB);
        what.has_pasid = false;
        what.has_asid = true;
        what.asid = spaces[ONE].asid;
        what.pages = 2;
        expect_invalidated(what);
        expect_only(ONE, 1, 2);
        expect_all_kept(OTHER);
}

CHECK(inv_range_none, "invalidate: no pages are OK, and take nothing")
{
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], IOVA, IOTLB);
        what.pages = 0;
        expect_invalidated(what);
        expect_all_kept(ONE);
}

CHECK(inv_large_granule, "invalidate: a page of 2 MiB takes all that lie in it")
{
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], IOVA & -BIT(21), IOTLB);
        what.granule = 21;
        expect_invalidated(what);
        expect_only(ONE, 0, PAGES - 1);
        expect_all_kept(OTHER);
}

CHECK(inv_unaligned, "invalidate: an address inside a page is that page's")
{
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], IOVA + 2 * PAGE + 0x123, IOTLB);
        expect_invalidated(what);
        expect_only(ONE, 2, 2);
}

CHECK(inv_everything, "invalidate: 2^52 pages from address 0")
{
        begin();
        unmap_all();
        struct invalidation what = one_page(&spaces[ONE], 0, IOTLB);
        what.pages = BIT(52);
        expect_invalidated(what);
        expect_only(ONE, 0, PAGES - 1);
        expect_all_kept(OTHER);
}

CHECK(inv_block, "invalidate: one page inside a block takes the block")
{
        begin();
        u64 to = pages[ONE][0] & -BIT(21), block = 1 << 30;
        u64 *entry = spaces[ONE].arm ? table_entry(&spaces[ONE].table, block, 2)
                                     : x86_entry(&spaces[ONE].x86, block, 2);
        *entry = spaces[ONE].arm ? to | S1_RW | 1 : to | X86_RW | X86_LARGE;
        space_use(&spaces[ONE]);
        u64 at = block + (pages[ONE][0] - to);
        expect_lands(&devs[0], at, pages[ONE][0]);
        *(volatile u64 *)entry = 0;
        struct invalidation what = one_page(&spaces[ONE], block + PAGE, IOTLB);
        expect_invalidated(what);
        expect_refused(&devs[0], at, pages[ONE][0]);
        expect_fault(&devs[0], PASID, R_PTE_FETCH, A_WRITE, at);
}

CHECK(inv_global, "invalidate: a global page stays when its ASID goes, and goes with its address")
{
        NEEDS(CONTEXTS);
        begin();
        u64 iova = IOVA + 16 * PAGE, page = take_page();
        u64 *entry = space_entry(&spaces[ONE], iova);
        *entry = page | (S1_RW & ~PTE_NG) | 3;
        space_use(&spaces[ONE]);
        expect_lands(&devs[0], iova, page);
        *(volatile u64 *)entry = 0;
        struct invalidation what = one_page(&spaces[ONE], iova, IOTLB);
        what.has_pasid = false;
        what.has_asid = true;
        what.asid = spaces[OTHER].asid;
        expect_invalidated(what);
        expect_refused(&devs[0], iova, page);
        expect_fault(&devs[0], PASID, R_PTE_FETCH, A_WRITE, iova);
}

CHECK(inv_context, "invalidate: a Context descriptor is read again after PASID_CACHE, and not before")
{
        NEEDS(CONTEXTS);
        static const bool whole[] = { false, true };
        for (u32 i = 0; i < COUNT(whole); i++) {
                begin();
                volatile u64 *cd = (u64 *)spaces[ONE].cd_at;
                cd[0] = 0;
                expect_kept(ONE, 0);
                struct invalidation tlb = whole_space(&spaces[ONE], IOTLB);
                expect_invalidated(tlb);
                expect_kept(ONE, 0);
                struct invalidation what = whole[i] ? whole_domain(&spaces[ONE], PASID_CACHE)
                                                    : whole_space(&spaces[ONE], PASID_CACHE);
                expect_invalidated(what);
                space_use(&spaces[ONE]);
                expect_refused(&devs[0], IOVA, pages[ONE][0]);
                expect_fault(&devs[0], PASID, R_DOMAIN, A_WRITE, IOVA);
                viommu_restart(&(struct start){ 0 });
        }
}

CHECK(inv_context_other, "invalidate: PASID_CACHE of one PASID leaves another's descriptor cached")
{
        NEEDS(CONTEXTS);
        begin();
        *(volatile u64 *)spaces[ONE].cd_at = 0;
        struct invalidation what = whole_space(&spaces[OTHER], PASID_CACHE);
        expect_invalidated(what);
        expect_kept(ONE, 0);
}

CHECK(inv_context_keeps_tlb, "invalidate: PASID_CACHE alone leaves translations")
{
        NEEDS(CONTEXTS);
        begin();
        unmap_all();
        struct invalidation what = whole_space(&spaces[ONE], PASID_CACHE);
        expect_invalidated(what);
        expect_all_kept(ONE);
}

CHECK(inv_asid_change, "invalidate: a descriptor gets another ASID and tables while it is valid")
{
        NEEDS(CONTEXTS);
        begin();
        struct table table = table_new(1, 12, 39);
        u64 page = take_page();
        table_map(&table, IOVA, page, 3, S1_RW);
        struct cd cd = cd_of(&table, 0x777);
        volatile u64 *at = (u64 *)spaces[ONE].cd_at;
        at[1] = cd.dw[1];
        at[0] = cd.dw[0];
        struct invalidation what = whole_space(&spaces[ONE], PASID_CACHE);
        what.leaf = true;
        expect_invalidated(what);
        space_use(&spaces[ONE]);
        expect_lands(&devs[0], IOVA, page);
        expect_refused(&devs[0], IOVA + PAGE, page);
        expect_fault(&devs[0], PASID, R_PTE_FETCH, A_WRITE, IOVA + PAGE);
}

CHECK(inv_new_context, "invalidate: a descriptor that becomes valid in a new leaf, as drivers write it")
{
        NEEDS(CONTEXTS);
        struct contexts contexts = contexts_new(LEAVES_4K, 10);
        struct tables tables = tables_of_contexts(&contexts, DSS_SSID0);
        testdev_enable_pasid(&devs[0]);
        expect_answer(attach_table(DOMAIN, endpoint(&devs[0]), &tables), OK);
        testdev_control(&devs[0], WITH_PASID, 100);
        u64 page = take_page();
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 100, R_DOMAIN, A_WRITE, IOVA);
        struct table table = table_new(1, 12, 39);
        table_map(&table, IOVA, page, 3, S1_RW);
        struct invalidation sync = { .domain = DOMAIN, .scope = SCOPE_PASID, .caches = PASID_CACHE,
                                     .has_pasid = true, .pasid = 100 };
        u64 at = context_at(&contexts, 100);
        expect_invalidated(sync);
        sync.leaf = true;
        struct cd cd = cd_of(&table, 3);
        for (u32 i = 1; i < 4; i++)
                ((volatile u64 *)at)[i] = cd.dw[i];
        expect_invalidated(sync);
        *(volatile u64 *)at = cd.dw[0];
        expect_invalidated(sync);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(inv_missing_not_cached, "invalidate: what was not mapped is found without it")
{
        begin();
        u64 iova = IOVA + 32 * PAGE, page = take_page();
        space_use(&spaces[ONE]);
        expect_refused(&devs[0], iova, page);
        expect_fault(&devs[0], PASID, R_PTE_FETCH, A_WRITE, iova);
        space_map(&spaces[ONE], iova, page);
        expect_lands(&devs[0], iova, page);
}

CHECK(inv_less_permission, "invalidate: a page that becomes read-only is written until it is invalidated, not after")
{
        begin();
        *(volatile u64 *)space_entry(&spaces[ONE], IOVA) = space_leaf(&spaces[ONE], pages[ONE][0], false);
        expect_kept(ONE, 0);
        struct invalidation what = one_page(&spaces[ONE], IOVA, IOTLB);
        expect_invalidated(what);
        space_use(&spaces[ONE]);
        expect_reads(&devs[0], IOVA, pages[ONE][0]);
        expect_refused(&devs[0], IOVA, pages[ONE][0]);
        expect_fault(&devs[0], PASID, R_PERMISSION, A_WRITE, IOVA);
}

CHECK(inv_many, "invalidate: 64 requests with one notification are answered in order")
{
        begin();
        unmap_all();
        static u64 replies[64];
        u32 number, bytes;
        for (u32 i = 0; i < COUNT(replies); i++) {
                struct request *request = take(sizeof(*request), 16);
                struct invalidation what = one_page(&spaces[ONE], IOVA + i * PAGE, IOTLB);
                *request = invalidate(&what);
                replies[i] = ~0ull;
                struct piece pieces[] = { { (u64)request->quads, request->readable, false },
                                          { (u64)&replies[i], 4, true } };
                virtqueue_add(&viommu.requests, pieces, 2);
        }
        virtqueue_tell(&viommu.requests);
        for (u32 i = 0; i < COUNT(replies); i++) {
                expect(virtqueue_wait(&viommu.requests, &number, &bytes));
                expect_eq(bytes, 4);
                expect_eq((u32)replies[i], OK);
        }
        expect_only(ONE, 0, PAGES - 1);
        expect_all_kept(OTHER);
}

static struct invalidation sample(void)
{
        spaces_begin(&devs[0]);
        spaces[ONE] = space_of(&devs[0], PASID);
        return one_page(&spaces[ONE], IOVA, IOTLB);
}

CHECK(inv_domains, "invalidate: of a domain that is not there NOENT, of one of mappings INVAL")
{
        struct invalidation what = sample();
        what.domain = 500;
        expect_answer(invalidate(&what), NOENT);
        if (lacking(MAPPINGS))
                return;
        expect_answer(attach(500, endpoint(&devs[1]), 0), OK);
        expect_answer(invalidate(&what), INVAL);
}

CHECK(inv_scopes, "invalidate: no granularity, several or unknown ones are INVAL")
{
        struct invalidation what = sample();
        bool hw = viommu.profile == PROFILE_HW;
        for (u32 scope = 0; scope < 0x100; scope++) {
                struct request request = invalidate(&what);
                if (hw)
                        put8(&request, 4, (u8)scope);
                else
                        put16(&request, 4, (u16)scope);
                bool known = hw ? scope >= 1 && scope <= 3 : scope == 1 || scope == 2 || scope == 4;
                expect_answer(request, known ? OK : INVAL);
        }
}

CHECK(inv_caches, "invalidate: no cache, or an unknown one, is INVAL")
{
        struct invalidation what = sample();
        bool hw = viommu.profile == PROFILE_HW;
        for (u32 caches = 0; caches < 0x100; caches++) {
                struct request request = invalidate(&what);
                if (hw)
                        put8(&request, 5, (u8)caches);
                else
                        put16(&request, 6, (u16)caches);
                expect_answer(request, caches && caches <= (hw ? 3 : 7) ? OK : INVAL);
        }
}

CHECK(inv_flags, "invalidate: an unknown flag is INVAL")
{
        struct invalidation what = sample();
        bool hw = viommu.profile == PROFILE_HW;
        for (u32 bit = 0; bit < 16; bit++) {
                struct request request = invalidate(&what);
                put16(&request, hw ? 6 : 8, (u16)(1 << bit));
                expect_answer(request, bit < (hw ? 4u : 3u) ? OK : INVAL);
        }
}

CHECK(inv_pasid_range, "invalidate: a PASID beyond PASID_SIZE is RANGE")
{
        struct invalidation what = sample();
        what.scope = SCOPE_PASID;
        for (u32 bit = PASID_BITS; bit < 32; bit++) {
                what.pasid = 1u << bit;
                expect_answer(invalidate(&what), RANGE);
        }
        what.pasid = BIT(PASID_BITS) - 1;
        expect_answer(invalidate(&what), OK);
}

CHECK(inv_granules, "invalidate: a granule that is no page size is RANGE")
{
        struct invalidation what = sample();
        what.first = 0;
        for (u32 granule = 0; granule < 256; granule++) {
                what.granule = granule;
                expect_answer(invalidate(&what), granule >= 12 && granule < 64 ? OK : RANGE);
        }
}

CHECK(inv_beyond, "invalidate: a range beyond the address space is RANGE")
{
        struct invalidation what = sample();
        what.first = -(u64)PAGE;
        expect_answer(invalidate(&what), OK);
        what.pages = 2;
        expect_answer(invalidate(&what), RANGE);
        what.pages = ~0ull;
        expect_answer(invalidate(&what), RANGE);
        what.first = 0;
        expect_answer(invalidate(&what), RANGE);
        what.pages = BIT(52) + 1;
        expect_answer(invalidate(&what), RANGE);
        what.pages = BIT(52);
        expect_answer(invalidate(&what), OK);
}

CHECK(inv_reserved, "invalidate: reserved fields are ignored")
{
        struct invalidation what = sample();
        bool hw = viommu.profile == PROFILE_HW;
        for (u32 at = hw ? 41 : 49; at < 60; at++) {
                struct request request = invalidate(&what);
                put8(&request, at, 0xff);
                expect_answer(request, OK);
        }
}

CHECK(inv_detached, "invalidate: after the last endpoint has left there is no domain: NOENT")
{
        struct invalidation what = sample();
        expect_answer(detach(what.domain, endpoint(&devs[0])), OK);
        expect_answer(invalidate(&what), NOENT);
}
