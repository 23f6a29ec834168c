/* What the device is, and what it offers (virtio 1.3, 5.13.1 to 5.13.4, and the proposals). */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return NULL;
}

enum { REVISION_CLASS = 0x08, REVISION = 1, OTHER_PERIPHERAL = 0x088000 };
#define TRANSPORT (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)

CHECK(device_class, "device: a modern one, whose class is that of other system peripherals")
{
        u32 value = pci_read(&viommu.dev.function, REVISION_CLASS);
        expect_eq(value >> 8, OTHER_PERIPHERAL);
        expect_eq(value & 0xff, REVISION);
}

CHECK(device_features, "device: of its own feature bits it offers exactly the profile's")
{
        expect_eq(virtio_offered(&viommu.dev) & (BIT(24) - 1), all_features());
        expect_eq(virtio_offered(&viommu.dev) & TRANSPORT, TRANSPORT);
}

CHECK(device_queues, "device: two queues, of 256 and 64 buffers")
{
        viommu_restart(&(struct start){ .no_queues = true });
        expect_eq(virtqueue_new(&viommu.dev, 0, 0).size, 256);
        expect_eq(virtqueue_new(&viommu.dev, 1, 0).size, 64);
        expect_eq(virtqueue_new(&viommu.dev, 2, 0).size, 0);
}

CHECK(device_config, "device: its configuration is the machine's")
{
        u64 at = viommu.dev.config;
        expect_eq(mmio_read64(at + PAGE_SIZE_MASK), -viommu.granule);
        expect_eq(mmio_read64(at + INPUT_START), 0);
        expect_eq(mmio_read64(at + INPUT_END), viommu.input_end);
        expect_eq(mmio_read32(at + DOMAIN_START), 0);
        expect_eq(mmio_read32(at + DOMAIN_END), 0xffffffff);
        expect_eq(mmio_read32(at + PROBE_SIZE), 512);
}

CHECK(device_config_read_only, "device: of its configuration nothing but bypass can be written")
{
        u64 before[5];
        for (u32 i = 0; i < COUNT(before); i++)
                before[i] = mmio_read64(viommu.dev.config + i * 8);
        for (u32 at = 0; at < BYPASS; at += 4)
                mmio_write32(viommu.dev.config + at, 0x12345678);
        *(volatile u8 *)(viommu.dev.config + BYPASS + 1) = 0xff;
        *(volatile u16 *)(viommu.dev.config + BYPASS + 2) = 0xffff;
        for (u32 i = 0; i < COUNT(before); i++)
                expect_eq(mmio_read64(viommu.dev.config + i * 8), before[i]);
}

static bool accepts(u64 features)
{
        expect(virtio_reset(&viommu.dev));
        return virtio_accept(&viommu.dev, features);
}

CHECK(device_not_offered, "device: features that are not offered are not accepted")
{
        u64 offered = virtio_offered(&viommu.dev);
        for (u32 bit = 0; bit < 38; bit++) {
                if (!(offered & BIT(bit)))
                        expect_eq(accepts(TRANSPORT | BIT(bit)), false);
        }
}

CHECK(device_legacy, "device: a driver without VERSION_1 is not accepted")
{
        expect_eq(accepts(all_features()), false);
        expect_eq(accepts(all_features() | TRANSPORT), true);
}

CHECK(device_fewer_features, "device: each feature can be left out")
{
        for (u32 bit = 0; bit < 24; bit++) {
                if (all_features() & BIT(bit))
                        expect_eq(accepts(TRANSPORT | (all_features() & ~BIT(bit))), true);
        }
        expect_eq(accepts(TRANSPORT), true);
}

CHECK(device_reset, "device: a reset forgets features and queues, as often as it is asked for")
{
        for (u32 i = 0; i < 20; i++) {
                expect(virtio_reset(&viommu.dev));
                expect_eq(virtio_status(&viommu.dev), 0);
                viommu_restart(&(struct start){ 0 });
                expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
        }
}

CHECK(device_second_unit, "device: the function is not an endpoint of its own")
{
        expect_eq(answer(detach(1, viommu.dev.function.rid)), NOENT);
        if (!lacking(MAPPINGS))
                expect_answer(attach(1, viommu.dev.function.rid, 0), NOENT);
        expect_answer(probe(viommu.dev.function.rid), NOENT);
}
