/* ATS (PCIe Base, 10.2, 10.3) of endpoints that are attached to tables. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(TABLES);
}

enum { IOVA = 0x200000, PASID = 5, RW = ASK_READ | ASK_WRITE, A_WHILE_MS = 20 };

static struct space space;
static u64 page;

/* One page is mapped; the function asks by ATS, with PASID. */
static void begin(u32 pasid)
{
        spaces_begin(&devs[0]);
        space = space_of(&devs[0], pasid);
        page = take_page();
        space_map(&space, IOVA, page);
        testdev_enable_ats(&devs[0]);
        space_use(&space);
}

static void through_the_cache(void)
{
        testdev_control(&devs[0], (space.pasid == (u32)NO_PASID ? 0 : WITH_PASID) | CACHED,
                        space.pasid == (u32)NO_PASID ? 0 : space.pasid);
}

#define RIGHTS (ENTRY_R | ENTRY_W)

static void expect_entry(u64 iova, u32 access, u64 address, u64 rights)
{
        expect_eq(ats_request(&devs[0], iova, PAGE, access), OUTCOME_DONE);
        expect_eq(ats_entries(&devs[0]), 1);
        u64 entry = ats_entry(&devs[0], 0);
        expect_eq(entry & RIGHTS, rights);
        if (rights) {
                expect_eq(entry & -(u64)PAGE, address);
                expect_eq(entry & ENTRY_S, 0);
        }
        expect_no_event();
}

CHECK(ats_page, "ats: a page is translated, with PASID and without")
{
        static const u32 pasids[] = { NO_PASID, PASID };
        for (u32 i = 0; i < COUNT(pasids); i++) {
                begin(pasids[i]);
                expect_entry(IOVA, RW, page, RIGHTS);
                viommu_restart(&(struct start){ 0 });
        }
}

CHECK(ats_read_only, "ats: a read-only page has R alone")
{
        begin(PASID);
        *space_entry(&space, IOVA) = space_leaf(&space, page, false);
        expect_entry(IOVA, RW, page, ENTRY_R);
}

CHECK(ats_unmapped, "ats: what is not mapped is a success without R and W, and no event")
{
        begin(PASID);
        expect_entry(IOVA + PAGE, RW, 0, 0);
}

CHECK(ats_no_context, "ats: a PASID without context is a Completer Abort or Unsupported Request, and no event")
{
        begin(PASID);
        testdev_control(&devs[0], WITH_PASID, 9);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), space.arm ? OUTCOME_CA : OUTCOME_UR);
        expect_no_event();
}

CHECK(ats_walk_abort, "ats: tables outside memory are a Completer Abort, and no event")
{
        begin(PASID);
        u64 *above = space.arm ? table_entry(&space.table, IOVA, 2) : x86_entry(&space.x86, IOVA, 2);
        *above = BIT(46) | (space.arm ? 3 : X86_RW);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_CA);
        expect_no_event();
}

CHECK(ats_block, "ats: 2 MiB come as one entry, with S")
{
        begin(PASID);
        u64 to = page & -BIT(21), block = 1 << 30;
        u64 *entry = space.arm ? table_entry(&space.table, block, 2) : x86_entry(&space.x86, block, 2);
        *entry = space.arm ? to | S1_RW | 1 : to | X86_RW | X86_LARGE;
        expect_eq(ats_request(&devs[0], block + 3 * PAGE, PAGE, RW), OUTCOME_DONE);
        expect_eq(ats_entry(&devs[0], 0) & (-(u64)PAGE | ENTRY_S | RIGHTS),
                  to | FIELD(0xff, 19, 12) | ENTRY_S | RIGHTS);
}

CHECK(ats_several, "ats: several pages in one request, as far as they are mapped")
{
        begin(PASID);
        u64 next = take_page();
        space_map(&space, IOVA + PAGE, next);
        expect_eq(ats_request(&devs[0], IOVA, 3 * PAGE, RW), OUTCOME_DONE);
        expect(ats_entries(&devs[0]) >= 1);
        expect_eq(ats_entry(&devs[0], 0) & (-(u64)PAGE | RIGHTS), page | RIGHTS);
        if (ats_entries(&devs[0]) > 1)
                expect_eq(ats_entry(&devs[0], 1) & (-(u64)PAGE | RIGHTS), next | RIGHTS);
        expect_no_event();
}

CHECK(ats_translated, "ats: translated requests pass while the function is attached, and not after")
{
        begin(PASID);
        u64 other = take_page();
        testdev_control(&devs[0], TRANSLATED, 0);
        expect_lands(&devs[0], other, other);
        expect_no_event();
        expect_answer(detach(space.domain, endpoint(&devs[0])), OK);
        testdev_control(&devs[0], TRANSLATED, 0);
        expect_refused(&devs[0], other, other);
        expect_fault(&devs[0], NO_PASID, R_UNKNOWN, A_WRITE, other);
}

CHECK(ats_cached, "ats: the function uses what it cached, until INVALIDATE reaches it")
{
        static const u32 caches[] = { IOTLB, DEVICE_TLB, IOTLB | DEVICE_TLB };
        for (u32 i = 0; i < COUNT(caches); i++) {
                begin(PASID);
                through_the_cache();
                expect_lands(&devs[0], IOVA, page);
                u32 hits = testdev_read(&devs[0], X_ATC_HITS);
                expect_lands(&devs[0], IOVA, page);
                expect(testdev_read(&devs[0], X_ATC_HITS) > hits);
                *space_entry(&space, IOVA) = 0;
                expect_lands(&devs[0], IOVA, page);
                u32 count = testdev_read(&devs[0], X_INV_COUNT);
                struct invalidation what = one_page(&space, IOVA, caches[i]);
                expect_invalidated(what);
                expect_eq(testdev_read(&devs[0], X_INV_COUNT), count + 1);
                expect_refused(&devs[0], IOVA, page);
                viommu_restart(&(struct start){ 0 });
        }
}

CHECK(ats_scopes, "ats: DOMAIN and PASID reach the function, too; another page's and PASID's translations stay")
{
        begin(PASID);
        u64 neighbour = take_page();
        space_map(&space, IOVA + PAGE, neighbour);
        through_the_cache();
        expect_lands(&devs[0], IOVA, page);
        expect_lands(&devs[0], IOVA + PAGE, neighbour);
        *space_entry(&space, IOVA) = *space_entry(&space, IOVA + PAGE) = 0;
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        expect_refused(&devs[0], IOVA, page);
        expect_lands(&devs[0], IOVA + PAGE, neighbour);
        what = whole_space(&space, IOTLB);
        what.pasid = 6;
        if (space.arm)
                expect_invalidated(what);
        expect_lands(&devs[0], IOVA + PAGE, neighbour);
        what = whole_space(&space, IOTLB);
        expect_invalidated(what);
        expect_refused(&devs[0], IOVA + PAGE, neighbour);
        space_map(&space, IOVA, page);
        expect_lands(&devs[0], IOVA, page);
        *space_entry(&space, IOVA) = 0;
        what = whole_domain(&space, IOTLB);
        expect_invalidated(what);
        expect_refused(&devs[0], IOVA, page);
}

CHECK(ats_context_only, "ats: PASID_CACHE alone does not reach the function")
{
        begin(PASID);
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        struct invalidation what = whole_space(&space, PASID_CACHE);
        expect_invalidated(what);
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count);
}

CHECK(ats_both, "ats: every endpoint of the domain is told")
{
        NEEDS(CONTEXTS);
        begin(PASID);
        spaces_join(&devs[1]);
        testdev_enable_ats(&devs[1]);
        u32 counts[2];
        for (u32 i = 0; i < 2; i++)
                counts[i] = testdev_read(&devs[i], X_INV_COUNT);
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        for (u32 i = 0; i < 2; i++)
                expect_eq(testdev_read(&devs[i], X_INV_COUNT), counts[i] + 1);
}

CHECK(ats_disabled, "ats: a function whose ATS is disabled is not told")
{
        begin(PASID);
        testdev_disable(&devs[0]);
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count);
}

/* Sends a request, and says whether it is answered before long. */
static bool is_answered(u32 *status)
{
        u32 number, bytes;
        u64 start = counter();
        while (!virtqueue_take(&viommu.requests, &number, &bytes)) {
                if (!within(start, A_WHILE_MS))
                        return false;
        }
        *status = status_in(4);
        return true;
}

static void send(struct request request)
{
        struct piece pieces[] = { { request_at(&request), request.readable, false },
                                  { reply_at(), request.writable, true } };
        virtqueue_add(&viommu.requests, pieces, 2);
        virtqueue_tell(&viommu.requests);
}

CHECK(ats_held, "ats: INVALIDATE is not answered before the function has completed")
{
        begin(PASID);
        u32 status;
        testdev_write(&devs[0], X_INV_HOLD, 1);
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        send(invalidate(&what));
        expect_eq(is_answered(&status), false);
        expect_eq(testdev_read(&devs[0], X_INV_HELD), 1);
        testdev_write(&devs[0], X_INV_RELEASE, 1);
        expect_eq(is_answered(&status), true);
        expect_eq(status, OK);
}

CHECK(ats_held_detach, "ats: neither is DETACH, which takes all the function has cached")
{
        begin(PASID);
        through_the_cache();
        expect_lands(&devs[0], IOVA, page);
        u32 status;
        testdev_write(&devs[0], X_INV_HOLD, 8);
        send(detach(space.domain, endpoint(&devs[0])));
        expect_eq(is_answered(&status), false);
        expect(testdev_read(&devs[0], X_INV_HELD) >= 1);
        testdev_write(&devs[0], X_INV_HOLD, 0);
        testdev_write(&devs[0], X_INV_RELEASE, 64);
        expect_eq(is_answered(&status), true);
        expect_eq(status, OK);
        expect_refused(&devs[0], IOVA, page);
}

CHECK(ats_held_queue, "ats: requests behind one that waits wait with it, and come in order")
{
        begin(PASID);
        u32 status, number, bytes;
        testdev_write(&devs[0], X_INV_HOLD, 1);
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        send(invalidate(&what));
        struct request behind = detach(1, ABSENT_ENDPOINT);
        u64 *tail = take(16, 16), *read = take(32, 16);
        for (u32 i = 0; i < 4; i++)
                read[i] = behind.quads[i];
        struct piece pieces[] = { { (u64)read, 20, false }, { (u64)tail, 4, true } };
        virtqueue_add(&viommu.requests, pieces, 2);
        virtqueue_tell(&viommu.requests);
        expect_eq(is_answered(&status), false);
        testdev_write(&devs[0], X_INV_RELEASE, 1);
        expect_eq(is_answered(&status), true);
        expect_eq(status, OK);
        expect(virtqueue_wait(&viommu.requests, &number, &bytes));
        expect_eq((u32)*tail, NOENT);
}

CHECK(ats_held_reset, "ats: a reset of the device ends when the function has completed")
{
        begin(PASID);
        testdev_write(&devs[0], X_INV_HOLD, 8);
        u64 status = viommu.dev.common + 0x14, start = counter();
        *(volatile u8 *)status = 0;
        while (virtio_status(&viommu.dev) && within(start, A_WHILE_MS))
                ;
        expect(virtio_status(&viommu.dev) != 0);
        testdev_write(&devs[0], X_INV_HOLD, 0);
        testdev_write(&devs[0], X_INV_RELEASE, 64);
        start = counter();
        while (virtio_status(&viommu.dev) && within(start, 2000))
                ;
        expect_eq(virtio_status(&viommu.dev), 0);
}

CHECK(ats_range, "ats: a range is told in few messages, and nothing of it stays")
{
        begin(PASID);
        through_the_cache();
        for (u32 i = 0; i < 12; i++) {
                space_map(&space, IOVA + i * PAGE, page);
                expect_lands(&devs[0], IOVA + i * PAGE, page);
        }
        for (u32 i = 0; i < 12; i++)
                *space_entry(&space, IOVA + i * PAGE) = 0;
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        struct invalidation what = one_page(&space, IOVA + PAGE, IOTLB);
        what.pages = 10;
        expect_invalidated(what);
        expect(testdev_read(&devs[0], X_INV_COUNT) - count <= 8);
        for (u32 i = 1; i <= 10; i++)
                expect_refused(&devs[0], IOVA + i * PAGE, page);
}
