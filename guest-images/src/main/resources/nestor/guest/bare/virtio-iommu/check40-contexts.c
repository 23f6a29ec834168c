/* Tables of Context descriptors (IHI 0070, 5.4, 3.3.2): which descriptor a request uses, and what it says. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(CONTEXTS);
}

enum { IOVA = 0x40000, ASID_OF = 0x30 };

/* Descriptors, each with a table that maps IOVA to a page of its own. */
static u64 fill(const struct contexts *contexts, u32 index)
{
        struct table table = table_new(1, 12, 39);
        u64 page = take_page();
        table_map(&table, IOVA, page, 3, S1_RW);
        struct cd cd = cd_of(&table, ASID_OF + index % 256);
        cd_store(context_at(contexts, index), &cd);
        return page;
}

static void attach_contexts(const struct contexts *contexts, u32 s1dss)
{
        struct tables tables = tables_of_contexts(contexts, s1dss);
        testdev_enable_pasid(&devs[0]);
        expect_answer(attach_table(DOMAIN, endpoint(&devs[0]), &tables), OK);
}

static void use(u32 pasid)
{
        testdev_control(&devs[0], pasid == (u32)NO_PASID ? 0 : WITH_PASID, pasid == (u32)NO_PASID ? 0 : pasid);
}

static void expect_lands_with(u32 pasid, u64 page)
{
        use(pasid);
        expect_lands(&devs[0], IOVA, page);
        expect_reads(&devs[0], IOVA, page);
}

static void expect_no_context(u32 pasid)
{
        use(pasid);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(&devs[0], pasid, R_DOMAIN, A_WRITE, IOVA);
}

CHECK(contexts_linear, "contexts: a linear table, several PASIDs")
{
        struct contexts contexts = contexts_new(LINEAR, 6);
        static const u32 pasids[] = { 1, 2, 31, 62, 63 };
        u64 pages[COUNT(pasids)], own = fill(&contexts, 0);
        for (u32 i = 0; i < COUNT(pasids); i++)
                pages[i] = fill(&contexts, pasids[i]);
        attach_contexts(&contexts, DSS_SSID0);
        for (u32 round = 0; round < 2; round++) {
                for (u32 i = 0; i < COUNT(pasids); i++)
                        expect_lands_with(pasids[i], pages[i]);
                expect_lands_with(NO_PASID, own);
        }
        expect_no_event();
        expect_no_context(3);
        expect_no_context(64);
        expect_no_context(0xfffff);
}

static void two_levels(u32 s1fmt, const u32 pasids[4], u32 s1cdmax)
{
        struct contexts contexts = contexts_new(s1fmt, s1cdmax);
        u64 pages[4], own = fill(&contexts, 0);
        for (u32 i = 0; i < 4; i++)
                pages[i] = fill(&contexts, pasids[i]);
        attach_contexts(&contexts, DSS_SSID0);
        for (u32 i = 0; i < 4; i++)
                expect_lands_with(pasids[i], pages[i]);
        expect_lands_with(NO_PASID, own);
        expect_no_event();
        if (s1cdmax < 20)
                expect_no_context(1u << s1cdmax);
        expect_no_context(s1cdmax - 1);
        expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
}

CHECK(contexts_4k, "contexts: two levels, leaves of 4 KiB")
{
        two_levels(LEAVES_4K, (u32[]){ 1, 63, 64, 1023 }, 10);
}

CHECK(contexts_64k, "contexts: two levels, leaves of 64 KiB, PASIDs of 20 bits")
{
        two_levels(LEAVES_64K, (u32[]){ 1, 1023, 1024, 0xfffff }, 20);
}

CHECK(contexts_small_two_levels, "contexts: two levels with fewer descriptors than a leaf has room for")
{
        two_levels(LEAVES_64K, (u32[]){ 1, 2, 4, 15 }, 4);
        two_levels(LEAVES_4K, (u32[]){ 1, 2, 4, 15 }, 4);
}

CHECK(contexts_leaf_missing, "contexts: a leaf that is not there, or lies outside memory")
{
        struct contexts contexts = contexts_new(LEAVES_4K, 10);
        fill(&contexts, 0);
        *context_leaf(&contexts, 128) = BIT(46) | 1;
        attach_contexts(&contexts, DSS_SSID0);
        expect_no_context(64);
        use(128);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(&devs[0], 128, R_WALK_EABT, A_WRITE, IOVA);
}

CHECK(contexts_terminate, "contexts: S1DSS 0 refuses requests without PASID; PASID 0 is as any other")
{
        struct contexts contexts = contexts_new(LINEAR, 4);
        u64 page = fill(&contexts, 0);
        attach_contexts(&contexts, DSS_TERMINATE);
        expect_no_context(NO_PASID);
        expect_lands_with(0, page);
}

CHECK(contexts_bypass, "contexts: S1DSS 1 lets requests without PASID through")
{
        struct contexts contexts = contexts_new(LINEAR, 4);
        u64 page = fill(&contexts, 0), other = take_page();
        attach_contexts(&contexts, DSS_BYPASS);
        use(NO_PASID);
        expect_lands(&devs[0], other, other);
        expect_lands_with(0, page);
        expect_no_event();
}

CHECK(contexts_ssid0, "contexts: S1DSS 2 has requests without PASID use descriptor 0, which PASID 0 then does not")
{
        struct contexts contexts = contexts_new(LINEAR, 4);
        u64 page = fill(&contexts, 0);
        attach_contexts(&contexts, DSS_SSID0);
        expect_lands_with(NO_PASID, page);
        expect_no_context(0);
}

CHECK(contexts_one, "contexts: S1CDMax 0 is one descriptor, for requests without PASID, whatever S1DSS says")
{
        for (u32 s1dss = DSS_TERMINATE; s1dss <= DSS_SSID0; s1dss++) {
                struct contexts contexts = contexts_new(LINEAR, 0);
                u64 page = fill(&contexts, 0);
                attach_contexts(&contexts, s1dss);
                expect_lands_with(NO_PASID, page);
                expect_no_context(0);
                expect_no_context(1);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}

CHECK(contexts_illegal, "contexts: a descriptor that is not legal is none: V, AA64, A, S, ENDI, a table's size")
{
        struct contexts contexts = contexts_new(LINEAR, 4);
        struct table table = table_new(1, 12, 39);
        attach_contexts(&contexts, DSS_SSID0);
        static const u64 flips[] = { CD_V, CD_AA64, CD_A, CD_S, CD_ENDI, FIELD(0x1c, 5, 0), FIELD(3, 7, 6) };
        for (u32 i = 0; i < COUNT(flips); i++) {
                struct cd cd = cd_of(&table, ASID_OF);
                cd.dw[0] ^= flips[i];
                cd_store(context_at(&contexts, 1 + i), &cd);
                expect_no_context(1 + i);
        }
}

CHECK(contexts_quiet, "contexts: with R clear, and with EPD0 set, a refusal is not reported")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        space_use(&space);
        static const u64 quiet[] = { CD_R, CD_EPD0 };
        for (u32 i = 0; i < COUNT(quiet); i++) {
                struct cd cd = space.cd;
                cd.dw[0] ^= quiet[i];
                cd_store(space.cd_at, &cd);
                struct invalidation all = whole_space(&space, PASID_CACHE | IOTLB);
                expect_invalidated(all);
                expect_refused(&devs[0], IOVA, take_page());
                expect_no_event();
        }
        cd_store(space.cd_at, &space.cd);
        struct invalidation all = whole_space(&space, PASID_CACHE | IOTLB);
        expect_invalidated(all);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(&devs[0], 5, R_PTE_FETCH, A_WRITE, IOVA);
}

CHECK(contexts_exit, "contexts: EPD0 set while a process goes away: no DMA passes and none is reported")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        u64 page = take_page();
        space_map(&space, IOVA, page);
        space_use(&space);
        expect_lands(&devs[0], IOVA, page);
        space.cd.dw[0] |= CD_EPD0;
        *(volatile u64 *)space.cd_at = space.cd.dw[0];
        struct invalidation all = whole_space(&space, PASID_CACHE);
        expect_invalidated(all);
        all = whole_space(&space, IOTLB);
        expect_invalidated(all);
        expect_refused(&devs[0], IOVA, page);
        expect_no_event();
        *(volatile u64 *)space.cd_at = 0;
        all = whole_space(&space, PASID_CACHE);
        expect_invalidated(all);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 5, R_DOMAIN, A_WRITE, IOVA);
}

CHECK(contexts_upper, "contexts: TTB1 translates addresses that begin with ones")
{
        struct contexts contexts = contexts_new(LINEAR, 4);
        struct table lower = table_new(1, 12, 39), upper = table_new(1, 14, 36);
        u64 page = take_page(), large = (u64)take(1 << 14, 1 << 14), high = -(1ull << 36) + (1 << 20);
        table_map(&lower, IOVA, page, 3, S1_RW);
        table_map(&upper, high, large, 3, S1_RW);
        struct cd cd = cd_of(&lower, ASID_OF);
        cd_add_upper(&cd, &upper);
        cd_store(context_at(&contexts, 5), &cd);
        attach_contexts(&contexts, DSS_SSID0);
        expect_lands_with(5, page);
        expect_lands(&devs[0], high + 0x1000, large + 0x1000);
        expect_no_event();
        u64 between = BIT(40);
        expect_refused(&devs[0], between, page);
        expect_fault(&devs[0], 5, R_PTE_FETCH, A_WRITE, between);
}

CHECK(contexts_top_byte, "contexts: TBI0 has the top byte ignored, in the TLB, too")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        space.cd.dw[0] |= CD_TBI0;
        cd_store(space.cd_at, &space.cd);
        u64 page = take_page();
        space_map(&space, IOVA, page);
        space_use(&space);
        for (u64 tag = 0; tag < 256; tag += 51)
                expect_lands(&devs[0], tag << 56 | IOVA, page);
        expect_no_event();
        *space_entry(&space, IOVA) = 0;
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        expect_refused(&devs[0], 0x66ull << 56 | IOVA, page);
        expect_fault(&devs[0], 5, R_PTE_FETCH, A_WRITE, 0x66ull << 56 | IOVA);
}

CHECK(contexts_access_flag, "contexts: without HA a clear access flag is a fault; with AFFD none; with HA it is set")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        u64 page = take_page();
        u64 *entry = space_entry(&space, IOVA);
        *entry = page | ((S1_RW & ~PTE_AF) | 3);
        space_use(&space);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 5, R_ACCESS, A_WRITE, IOVA);
        struct invalidation all = whole_space(&space, PASID_CACHE | IOTLB);
        space.cd.dw[0] |= CD_AFFD;
        cd_store(space.cd_at, &space.cd);
        expect_invalidated(all);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)entry & PTE_AF, 0);
        space.cd.dw[0] = (space.cd.dw[0] & ~CD_AFFD) | CD_HA;
        cd_store(space.cd_at, &space.cd);
        expect_invalidated(all);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)entry & PTE_AF, PTE_AF);
}

CHECK(contexts_dirty, "contexts: with HD the first write makes a page with DBM writable in memory")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        u64 page = take_page();
        u64 *entry = space_entry(&space, IOVA);
        *entry = page | S1_RO | PTE_DBM | 3;
        space_use(&space);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 5, R_PERMISSION, A_WRITE, IOVA);
        space.cd.dw[0] |= CD_HA | CD_HD;
        cd_store(space.cd_at, &space.cd);
        struct invalidation all = whole_space(&space, PASID_CACHE | IOTLB);
        expect_invalidated(all);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)entry & PTE_READ_ONLY, PTE_READ_ONLY);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)entry & PTE_READ_ONLY, 0);
}

CHECK(contexts_privilege, "contexts: pages without EL0 access are for privileged requests; PAN keeps those from others")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        u64 page = take_page(), kernel = take_page();
        space_map(&space, IOVA, page);
        *space_entry(&space, IOVA + PAGE) = kernel | (S1_RW & ~PTE_USER) | 3;
        space_use(&space);
        expect_refused(&devs[0], IOVA + PAGE, kernel);
        expect_fault(&devs[0], 5, R_PERMISSION, A_WRITE, IOVA + PAGE);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_lands(&devs[0], IOVA + PAGE, kernel);
        expect_lands(&devs[0], IOVA, page);
        space.cd.dw[0] |= CD_PAN;
        cd_store(space.cd_at, &space.cd);
        struct invalidation all = whole_space(&space, PASID_CACHE | IOTLB);
        expect_invalidated(all);
        expect_lands(&devs[0], IOVA + PAGE, kernel);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 5, R_PERMISSION, A_WRITE | (lacking(LONG_REASONS) ? 0 : A_PRIVILEGED), IOVA);
}

CHECK(contexts_shared, "contexts: two endpoints at one table share its address spaces")
{
        spaces_begin(&devs[0]);
        spaces_join(&devs[1]);
        struct space space = space_of(&devs[0], 5);
        u64 page = take_page();
        space_map(&space, IOVA, page);
        for (u32 i = 0; i < COUNT(devs); i++) {
                testdev_control(&devs[i], WITH_PASID, 5);
                expect_lands(&devs[i], IOVA, page);
        }
        *space_entry(&space, IOVA) = 0;
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        for (u32 i = 0; i < COUNT(devs); i++) {
                expect_refused(&devs[i], IOVA, page);
                expect_fault(&devs[i], 5, R_PTE_FETCH, A_WRITE, IOVA);
        }
}

CHECK(contexts_last_memory, "contexts: tables at the end of memory")
{
        struct contexts contexts = { LINEAR, 0, board.ram + board.ram_bytes - 64 };
        struct table table = table_new(1, 12, 39);
        u64 page = take_page();
        table_map(&table, IOVA, page, 3, S1_RW);
        struct cd cd = cd_of(&table, ASID_OF);
        cd_store(contexts.base, &cd);
        attach_contexts(&contexts, DSS_SSID0);
        expect_lands_with(NO_PASID, page);
}
