/* ATTACH and DETACH (5.13.6.3, 5.13.6.4). */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return lacking(MAPPINGS);
}

CHECK(attach_detach, "attach: an endpoint that is attached and detached has no domain any more")
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_answer(detach(1, endpoint(&devs[0])), OK);
        expect_answer(detach(1, endpoint(&devs[0])), INVAL);
}
