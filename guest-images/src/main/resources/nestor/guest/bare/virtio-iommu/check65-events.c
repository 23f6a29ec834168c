/* The event queue (virtio 1.3, 5.13.6.9): each reason, and buffers of every size, too few, or none. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x40000, FLOOD = 100000, RESULT = 0x10, DOORBELL = 0x14 };

static void refuse(u32 number)
{
        expect_refused(&devs[0], IOVA + number * PAGE, board.ram + PAGE);
}

static void expect_number(u32 number)
{
        expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, IOVA + number * PAGE);
}

CHECK(event_unattached, "events: an endpoint that is not attached; write and read")
{
        refuse(0);
        expect_number(0);
        expect_unreadable(&devs[1], IOVA, take_page());
        expect_fault(&devs[1], NO_PASID, R_DOMAIN, A_READ, IOVA);
}

CHECK(event_address, "events: the address is that of the access, to the byte")
{
        static const u64 addresses[] = { 0x40004, 0xfffffffffff0, 0xfffffffffffffff0 };
        for (u32 i = 0; i < COUNT(addresses); i++) {
                dma_write(&devs[0], addresses[i], board.ram + PAGE, 8);
                expect_fault(&devs[0], NO_PASID, R_DOMAIN, A_WRITE, addresses[i]);
        }
}

CHECK(event_reasons, "events: not mapped, not permitted, no context, each with its PASID")
{
        NEEDS(TABLES);
        spaces_begin(&devs[0]);
        static const u32 pasids[] = { NO_PASID, 5, 0xff };
        for (u32 i = 0; i < COUNT(pasids); i++) {
                struct space space = space_of(&devs[0], pasids[i]);
                u64 page = take_page();
                *space_entry(&space, IOVA) = space_leaf(&space, page, false);
                space_use(&space);
                expect_refused(&devs[0], IOVA, page);
                expect_fault(&devs[0], pasids[i], R_PERMISSION, A_WRITE, IOVA);
                expect_unreadable(&devs[0], IOVA + PAGE, page);
                expect_fault(&devs[0], pasids[i], R_PTE_FETCH, A_READ, IOVA + PAGE);
        }
        testdev_control(&devs[0], WITH_PASID, 77);
        refuse(0);
        expect_fault(&devs[0], 77, R_DOMAIN, A_WRITE, IOVA);
}

CHECK(event_privileged, "events: privileged accesses say so, where reports can")
{
        NEEDS(TABLES);
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        *space_entry(&space, IOVA) = 0;
        u32 privileged = lacking(LONG_REASONS) ? 0 : A_PRIVILEGED;
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        refuse(0);
        expect_fault(&devs[0], 5, space.arm ? R_PTE_FETCH : lacking(LONG_REASONS) ? R_MAPPING : R_PERMISSION,
                     A_WRITE | privileged, IOVA);
}

CHECK(event_order, "events: come in the order of the faults")
{
        for (u32 i = 0; i < 40; i++)
                refuse(i);
        for (u32 i = 0; i < 40; i++)
                expect_number(i);
        expect_no_event();
}

CHECK(event_sizes, "events: in buffers of every size: as much as a whole form needs, or nothing, never part of one")
{
        for (u32 bytes = 1; bytes <= 64; bytes++) {
                viommu_restart(&(struct start){ .event_bytes = bytes, .event_buffers = 1 });
                if (bytes >= 24) {
                        refuse(0);
                        expect_number(0);
                        continue;
                }
                event_buffer(viommu.event_bytes = 48);
                refuse(0);
                u32 number, written;
                expect(virtqueue_wait(&viommu.events, &number, &written));
                expect_eq(written, 0);
                expect_number(0);
        }
}

CHECK(event_small_first, "events: a buffer too small for any report goes back empty, and the fault waits for the next")
{
        viommu_restart(&(struct start){ .event_bytes = 23, .event_buffers = 2 });
        event_buffer(48);
        viommu.event_bytes = 48;
        refuse(3);
        u32 number, bytes;
        for (u32 i = 0; i < 2; i++) {
                expect(virtqueue_wait(&viommu.events, &number, &bytes));
                expect_eq(bytes, 0);
        }
        expect_number(3);
        expect_no_event();
}

CHECK(event_no_buffers, "events: without buffers faults are dropped, and the device goes on")
{
        viommu_restart(&(struct start){ .no_event_buffers = true });
        for (u32 i = 0; i < 200; i++)
                refuse(i);
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
        event_buffer(48);
        expect_no_event();
        refuse(7);
        expect_number(7);
}

CHECK(event_few_buffers, "events: of more faults than buffers the first are told")
{
        viommu_restart(&(struct start){ .event_buffers = 3 });
        for (u32 i = 0; i < 10; i++)
                refuse(i);
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
        for (u32 i = 0; i < 3; i++)
                expect_number(i);
        expect_no_event();
}

CHECK(event_split_buffer, "events: a buffer of several descriptors")
{
        viommu_restart(&(struct start){ .no_event_buffers = true });
        u64 at = (u64)take(64, 64);
        struct piece pieces[48];
        for (u32 i = 0; i < COUNT(pieces); i++)
                pieces[i] = (struct piece){ at + i, 1, true };
        virtqueue_add(&viommu.events, pieces, COUNT(pieces));
        virtqueue_tell(&viommu.events);
        refuse(9);
        u32 number, bytes;
        expect(virtqueue_wait(&viommu.events, &number, &bytes));
        bool long_form = viommu.profile == PROFILE_NESTOR || viommu.profile == PROFILE_RFC2021;
        expect_eq(bytes, long_form ? 48 : 24);
        expect_eq(*(volatile u32 *)at, R_DOMAIN);
}

CHECK(event_readable_buffer, "events: a buffer that the device may not write goes back empty")
{
        viommu_restart(&(struct start){ .no_event_buffers = true });
        u64 at = (u64)take(64, 64);
        struct piece piece = { at, 48, false };
        virtqueue_add(&viommu.events, &piece, 1);
        event_buffer(48);
        refuse(2);
        u32 number, bytes;
        expect(virtqueue_wait(&viommu.events, &number, &bytes));
        expect_eq(bytes, 0);
        for (u32 i = 0; i < 48; i += 8)
                expect_eq(*(volatile u64 *)(at + i), 0);
        expect_number(2);
}

CHECK(event_buffer_nowhere, "events: a buffer where there is no memory loses its report, and nothing else")
{
        viommu_restart(&(struct start){ .no_event_buffers = true });
        struct piece piece = { BIT(46), 48, true };
        virtqueue_add(&viommu.events, &piece, 1);
        event_buffer(48);
        refuse(2);
        u32 number, bytes;
        expect(virtqueue_wait(&viommu.events, &number, &bytes));
        expect_eq(bytes, 0);
        refuse(3);
        expect_number(3);
}

CHECK(event_flood, "events: a flood of a hundred thousand faults, whose reports nobody takes")
{
        expect_refused(&devs[0], IOVA, board.ram + PAGE);
        for (u32 i = 0; i < FLOOD; i++) {
                testdev_write(&devs[0], DOORBELL, 1);
                testdev_read(&devs[0], 0);
        }
        expect_eq(testdev_read(&devs[0], RESULT), DMA_REFUSED);
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
        for (u32 i = 0; i < EVENT_BUFFERS; i++)
                expect_number(0);
        expect_no_event();
        refuse(1);
        expect_number(1);
}

CHECK(event_flood_taken, "events: ten thousand faults, each of whose reports is taken")
{
        for (u32 i = 0; i < FLOOD / 10; i++) {
                refuse(i);
                u64 event[MAX_EVENT_BYTES / 8];
                if (!expect_eq(event_wait(event) != 0, true))
                        return;
        }
        expect_no_event();
}

CHECK(event_no_page_requests, "events: a driver without page requests gets the form before them")
{
        NEEDS(PAGE_REQUESTS);
        viommu_restart(&(struct start){ .without = page_requests_feature() });
        refuse(4);
        expect_number(4);
        viommu_restart(&(struct start){ .without = page_requests_feature(), .event_bytes = 24 });
        refuse(5);
        expect_number(5);
}

CHECK(event_reset, "events: faults of before a reset are not told after it")
{
        viommu_restart(&(struct start){ .no_event_buffers = true });
        for (u32 i = 0; i < 20; i++)
                refuse(i);
        viommu_restart(&(struct start){ 0 });
        expect_no_event();
        refuse(6);
        expect_number(6);
}
