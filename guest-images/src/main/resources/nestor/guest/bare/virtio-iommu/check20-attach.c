/* ATTACH and DETACH (virtio 1.3, 5.13.6.3, 5.13.6.4). */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return lacking(MAPPINGS);
}

static u64 iova(void)
{
        return 4 * viommu.granule;
}

static u64 take_granule(void)
{
        return (u64)take(viommu.granule, viommu.granule);
}

static u64 map_one(u32 domain)
{
        u64 pa = take_granule();
        expect_answer(map(domain, iova(), iova() + viommu.granule - 1, pa, MAP_RW), OK);
        return pa;
}

CHECK(attach_detach, "attach: who is detached has no domain any more")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 pa = map_one(1);
        expect_lands(&devs[0], iova(), pa);
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_refused(&devs[0], iova(), pa);
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, iova());
        expect_answer(detach(1, endpoint(&devs[0])), INVAL);
}

CHECK(attach_absent, "attach: an endpoint that is not there is NOENT")
{
        expect_answer(attach(1, ABSENT_ENDPOINT, 0), NOENT);
        expect_answer(attach(1, 0x10000 | endpoint(&devs[0]), 0), NOENT);
        expect_answer(attach(1, 0xffffffff, 0), NOENT);
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
}

CHECK(attach_reserved, "attach: a reserved byte that is set is INVAL, and nothing is attached")
{
        for (u32 at = 16; at < 20; at++) {
                struct request request = attach(1, endpoint(&devs[0]), 0);
                put8(&request, at, 1);
                expect_answer(request, INVAL);
                expect_answer(detach(1, endpoint(&devs[0])), INVAL);
        }
}

CHECK(attach_flags, "attach: each unknown flag is INVAL")
{
        for (u32 bit = lacking(BYPASSES) ? 0 : 1; bit < 32; bit++)
                expect_answer(attach(1, endpoint(&devs[0]), 1u << bit), INVAL);
}

CHECK(detach_reserved, "detach: reserved bytes are ignored")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        struct request request = detach(1, endpoint(&devs[0]));
        put64(&request, 12 & ~7, (u64)0xffffffff << 32 | endpoint(&devs[0]));
        put32(&request, 16, 0xffffffff);
        expect_answer(request, OK);
}

CHECK(detach_other, "detach: from a domain that the endpoint is not attached to is INVAL")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_answer(attach(2, endpoint(&devs[1]), 0), OK);
        expect_answer(detach(2, endpoint(&devs[0])), INVAL);
        expect_answer(detach(3, endpoint(&devs[0])), INVAL);
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_answer(detach(2, endpoint(&devs[1])), OK);
}

CHECK(attach_again, "attach: to where it is attached already changes nothing")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 pa = map_one(1);
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_lands(&devs[0], iova(), pa);
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_answer(detach(1, endpoint(&devs[0])), INVAL);
}

CHECK(attach_elsewhere, "attach: to another domain leaves the first, whose mappings go")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 first = map_one(1);
        expect_lands(&devs[0], iova(), first);
        expect_answer(attach(2, endpoint(&devs[0]), 0), OK);
        expect_refused(&devs[0], iova(), first);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_WRITE, iova());
        expect_answer(map(1, iova(), iova() + viommu.granule - 1, first, MAP_RW), NOENT);
        u64 second = map_one(2);
        expect_lands(&devs[0], iova(), second);
}

CHECK(attach_shared, "attach: endpoints of one domain share its mappings, which stay until the last leaves")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 pa = map_one(1);
        expect_answer(attach(1, endpoint(&devs[1]), 0), OK);
        expect_lands(&devs[0], iova(), pa);
        expect_lands(&devs[1], iova(), pa);
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_refused(&devs[0], iova(), pa);
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, iova());
        expect_lands(&devs[1], iova(), pa);
        expect_answer(detach(1, endpoint(&devs[1])), OK);
        expect_answer(attach(1, endpoint(&devs[1]), 0), OK);
        expect_refused(&devs[1], iova(), pa);
        expect_fault(&devs[1], NO_PASID, R_MAPPING, A_WRITE, iova());
}

CHECK(attach_separate, "attach: domains do not see each other's mappings")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_answer(attach(2, endpoint(&devs[1]), 0), OK);
        u64 first = map_one(1), second = map_one(2);
        expect_lands(&devs[0], iova(), first);
        expect_lands(&devs[1], iova(), second);
        expect_answer(unmap(1, iova(), iova() + viommu.granule - 1), OK);
        expect_refused(&devs[0], iova(), first);
        expect_lands(&devs[1], iova(), second);
}

CHECK(attach_ids, "attach: every 32-bit number can be a domain's")
{
        static const u32 ids[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };
        for (u32 i = 0; i < COUNT(ids); i++) {
                expect_answer(attach(ids[i], endpoint(&devs[0]), 0), OK);
                expect_lands(&devs[0], iova(), map_one(ids[i]));
        }
        expect_answer(detach(0xffffffff, endpoint(&devs[0])), OK);
}

CHECK(attach_pasid, "attach: a domain of mappings has no address space for PASIDs")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 pa = map_one(1);
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 5);
        expect_refused(&devs[0], iova(), pa);
        expect_fault(&devs[0], 5, viommu.profile == PROFILE_NONE ? R_UNKNOWN : R_DOMAIN, A_WRITE, iova());
        testdev_control(&devs[0], 0, 0);
        expect_lands(&devs[0], iova(), pa);
}

CHECK(attach_reset, "attach: a reset of the device detaches everybody, and drops mappings")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 pa = map_one(1);
        expect_lands(&devs[0], iova(), pa);
        viommu_restart(&(struct start){ 0 });
        expect_refused(&devs[0], iova(), pa);
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_refused(&devs[0], iova(), pa);
}

CHECK(attach_ats, "attach: mappings give no translations by ATS, and translated requests are refused")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        u64 pa = map_one(1);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], iova(), PAGE, ASK_READ), OUTCOME_UR);
        expect_no_event();
        testdev_control(&devs[0], TRANSLATED, 0);
        expect_refused(&devs[0], pa, pa);
        expect_fault(&devs[0], NO_PASID, R_UNKNOWN, A_WRITE, pa);
}

CHECK(attach_not_negotiated, "attach: without MAP_UNMAP there are no MAP and UNMAP, and a domain maps nothing")
{
        viommu_restart(&(struct start){ .without = F_MAP_UNMAP });
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_answer(map(1, iova(), iova() + viommu.granule - 1, take_granule(), MAP_RW), NO_STATUS);
        expect_answer(unmap(1, iova(), iova() + viommu.granule - 1), NO_STATUS);
        expect_refused(&devs[0], iova(), take_granule());
}
