/* Bypass (virtio 1.3, 5.13.6.2, 5.13.4) before there is a driver and under one. */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x40000 };

CHECK(bypass_boot, "bypass: before there is a driver, endpoints reach memory if the machine says so")
{
        expect_eq(viommu.boot_result, told("unbypassed") ? DMA_REFUSED : DMA_DONE);
}

CHECK(bypass_boot_shown, "bypass: the field tells it, in devices that have one")
{
        bool there = viommu.profile != PROFILE_RFC2021 && viommu.profile != PROFILE_HW;
        expect_eq(viommu.boot_shown, there && !told("unbypassed"));
}

CHECK(bypass_absent, "bypass: without the field, a driver ends it by being there, and nothing is written")
{
        if (!lacking(BYPASSES))
                return skip("there is a field");
        u64 page = take_page();
        bypass_set(1);
        expect_eq(bypass_shown(), 0);
        expect_refused(&devs[0], page, page);
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, page);
}

CHECK(bypass_on, "bypass: 1 lets unattached endpoints through, 0 stops them")
{
        NEEDS(BYPASSES);
        u64 page = take_page();
        bypass_set(1);
        expect_eq(bypass_shown(), 1);
        expect_lands(&devs[0], page, page);
        expect_reads(&devs[1], page, page);
        expect_no_event();
        bypass_set(0);
        expect_eq(bypass_shown(), 0);
        expect_refused(&devs[0], page, page);
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, page);
}

CHECK(bypass_values, "bypass: other values than 0 and 1 change nothing")
{
        NEEDS(BYPASSES);
        for (u32 value = 2; value < 256; value++) {
                bypass_set((u8)value);
                expect_eq(bypass_shown(), 0);
        }
        bypass_set(1);
        bypass_set(0xfe);
        expect_eq(bypass_shown(), 1);
}

CHECK(bypass_attached, "bypass: who is attached does not bypass, and does again when detached")
{
        NEEDS(BYPASSES | MAPPINGS);
        u64 page = take_page();
        bypass_set(1);
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_refused(&devs[0], page, page);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_WRITE, page);
        expect_lands(&devs[1], page, page);
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_lands(&devs[0], page, page);
}

CHECK(bypass_reset, "bypass: survives a reset of the device")
{
        NEEDS(BYPASSES);
        u64 page = take_page();
        bypass_set(1);
        viommu_restart(&(struct start){ 0 });
        expect_eq(bypass_shown(), 1);
        expect_lands(&devs[0], page, page);
        bypass_set(0);
        viommu_restart(&(struct start){ 0 });
        expect_eq(bypass_shown(), 0);
}

CHECK(bypass_not_negotiated, "bypass: counts though the driver did not accept the feature")
{
        NEEDS(BYPASSES);
        viommu_restart(&(struct start){ .without = F_BYPASS_CONFIG });
        u64 page = take_page();
        expect_refused(&devs[0], page, page);
        bypass_set(1);
        expect_lands(&devs[0], page, page);
        expect_answer(attach(1, endpoint(&devs[0]), ATTACH_BYPASS), INVAL);
}

CHECK(bypass_domain, "bypass: a bypass domain lets its endpoints through, whatever the field says")
{
        NEEDS(BYPASSES);
        u64 page = take_page();
        expect_answer(attach(1, endpoint(&devs[0]), ATTACH_BYPASS), OK);
        expect_lands(&devs[0], page, page);
        expect_answer(attach(1, endpoint(&devs[1]), ATTACH_BYPASS), OK);
        expect_lands(&devs[1], page, page);
        expect_no_event();
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_refused(&devs[0], page, page);
        expect_lands(&devs[1], page, page);
}

CHECK(bypass_domain_kind, "bypass: a domain is one or the other")
{
        NEEDS(BYPASSES);
        expect_answer(attach(1, endpoint(&devs[0]), ATTACH_BYPASS), OK);
        expect_answer(attach(1, endpoint(&devs[1]), 0), INVAL);
        expect_answer(attach(2, endpoint(&devs[1]), 0), OK);
        expect_answer(attach(2, endpoint(&devs[0]), ATTACH_BYPASS), INVAL);
        u64 page = take_page();
        expect_lands(&devs[0], page, page);
}

CHECK(bypass_domain_mapped, "bypass: MAP and UNMAP in a bypass domain are INVAL")
{
        NEEDS(BYPASSES | MAPPINGS);
        expect_answer(attach(1, endpoint(&devs[0]), ATTACH_BYPASS), OK);
        u64 last = IOVA + viommu.granule - 1, pa = (u64)take(viommu.granule, viommu.granule);
        expect_answer(map(1, IOVA, last, pa, MAP_RW), INVAL);
        expect_answer(unmap(1, IOVA, last), INVAL);
}

CHECK(bypass_pasid, "bypass: is for requests without PASID")
{
        NEEDS(BYPASSES);
        u64 page = take_page();
        bypass_set(1);
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 5);
        expect_refused(&devs[0], page, page);
        expect_fault(&devs[0], 5, viommu.profile == PROFILE_NONE ? R_UNKNOWN : R_DOMAIN, A_WRITE, page);
}

CHECK(bypass_ats, "bypass: gives no translations, and lets no translated request through")
{
        NEEDS(BYPASSES);
        u64 page = take_page();
        bypass_set(1);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], page, PAGE, ASK_READ), OUTCOME_UR);
        testdev_control(&devs[0], TRANSLATED, 0);
        expect_refused(&devs[0], page, page);
        expect_fault(&devs[0], NO_PASID, R_UNKNOWN, A_WRITE, page);
}
