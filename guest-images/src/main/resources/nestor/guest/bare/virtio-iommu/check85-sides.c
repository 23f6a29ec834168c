/* Domains of mappings and domains with tables in one device. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(TABLES | MAPPINGS);
}

enum { IOVA = 0x40000, MAPPED = 300 };

static u64 begin_mapped(struct testdev *dev)
{
        u64 page = take_page();
        expect_answer(attach(MAPPED, endpoint(dev), 0), OK);
        expect_answer(map(MAPPED, IOVA, IOVA + PAGE - 1, page, MAP_RW), OK);
        return page;
}

CHECK(sides_two, "sides: one function with tables, another with mappings, the same address")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], NO_PASID);
        u64 page = take_page(), other = begin_mapped(&devs[1]);
        space_map(&space, IOVA, page);
        for (u32 round = 0; round < 2; round++) {
                expect_lands(&devs[0], IOVA, page);
                expect_lands(&devs[1], IOVA, other);
        }
        expect_no_event();
        struct invalidation what = whole_domain(&space, IOTLB);
        expect_invalidated(what);
        expect_lands(&devs[1], IOVA, other);
        expect_answer(unmap(MAPPED, IOVA, IOVA + PAGE - 1), OK);
        expect_lands(&devs[0], IOVA, page);
        expect_refused(&devs[1], IOVA, other);
        expect_fault(&devs[1], NO_PASID, R_MAPPING, A_WRITE, IOVA);
}

CHECK(sides_pasid, "sides: one function with mappings, and with tables for a PASID")
{
        NEEDS(FIRST_STAGE);
        testdev_enable_pasid(&devs[0]);
        u64 other = begin_mapped(&devs[0]), page = take_page();
        struct x86 x86 = x86_new(4);
        *x86_entry(&x86, IOVA, 1) = page | X86_RW;
        struct tables tables = tables_of_x86(&x86, 5);
        expect_answer(attach_table(DOMAIN, endpoint(&devs[0]), &tables), OK);
        expect_lands(&devs[0], IOVA, other);
        testdev_control(&devs[0], WITH_PASID, 5);
        expect_lands(&devs[0], IOVA, page);
        expect_answer(detach(MAPPED, endpoint(&devs[0])), OK);
        expect_lands(&devs[0], IOVA, page);
        testdev_control(&devs[0], 0, 0);
        expect_refused(&devs[0], IOVA, other);
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, IOVA);
}

CHECK(sides_to_tables, "sides: from mappings to tables and back, and nothing of the former is left")
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], NO_PASID);
        u64 page = take_page();
        space_map(&space, IOVA, page);
        struct tables tables = { 0 };
        for (u32 round = 0; round < 3; round++) {
                expect_lands(&devs[0], IOVA, page);
                u64 other = begin_mapped(&devs[0]);
                expect_lands(&devs[0], IOVA, other);
                expect_refused(&devs[0], IOVA + PAGE, page);
                expect_fault(&devs[0], NO_PASID, R_MAPPING, A_WRITE, IOVA + PAGE);
                spaces_begin(&devs[0]);
                space = space_of(&devs[0], NO_PASID);
                space_map(&space, IOVA, page);
                expect_answer(detach(MAPPED, endpoint(&devs[0])), INVAL);
        }
        (void)tables;
}

CHECK(sides_bypass, "sides: tables, mappings and bypass in three functions")
{
        NEEDS(BYPASSES | ENGINE);
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], NO_PASID);
        u64 page = take_page(), other = begin_mapped(&devs[1]), free = take_page();
        space_map(&space, IOVA, page);
        expect_answer(attach(MAPPED + 1, engine.function.rid, ATTACH_BYPASS), OK);
        expect_lands(&devs[0], IOVA, page);
        expect_lands(&devs[1], IOVA, other);
        engine_start(&engine, 0, RAND48, free, PAGE);
        expect_eq(engine_end(&engine, 0), HALTED);
        expect(*(volatile u64 *)free != 0);
}

CHECK(sides_arm_and_x86, "sides: Context descriptors in one function, a first stage of VT-d in another")
{
        NEEDS(CONTEXTS | FIRST_STAGE);
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        u64 page = take_page(), other = take_page();
        space_map(&space, IOVA, page);
        struct x86 x86 = x86_new(5);
        *x86_entry(&x86, IOVA, 1) = other | X86_RW;
        struct tables tables = tables_of_x86(&x86, 5);
        expect_answer(attach_table(MAPPED, endpoint(&devs[1]), &tables), OK);
        for (u32 i = 0; i < 2; i++) {
                testdev_enable_pasid(&devs[i]);
                testdev_control(&devs[i], WITH_PASID, 5);
                expect_lands(&devs[i], IOVA, i ? other : page);
        }
        struct invalidation what = whole_domain(&space, IOTLB | PASID_CACHE);
        expect_invalidated(what);
        expect_lands(&devs[1], IOVA, other);
}
