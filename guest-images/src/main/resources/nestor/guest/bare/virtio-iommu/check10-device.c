/* What the device is, and what it offers (5.13.1 to 5.13.4, and the proposals). */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return NULL;
}

enum { REVISION_CLASS = 0x08, REVISION = 1 };

CHECK(device_class, "device: a modern one, whose class is that of other system peripherals")
{
        u32 value = pci_read(&viommu.dev.function, REVISION_CLASS);
        expect_eq(value >> 8, 0x088000);
        expect_eq(value & 0xff, REVISION);
}
