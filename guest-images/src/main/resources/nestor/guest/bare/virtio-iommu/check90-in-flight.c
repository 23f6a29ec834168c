/* DMA and requests that are under way while what they use is taken away (virtio 1.3, 5.13.6, 2.4). */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(ENGINE);
}

enum { RANGE_LOG2 = 28, CHUNK_LOG2 = 21, CHUNKS = 1 << (RANGE_LOG2 - CHUNK_LOG2), ROUNDS = 2, DOMAIN_ID = 9 };
/* Below the reserved regions nothing has room for so much. */
#define BASE BIT(32)

static struct testdev agent;            /* only its function counts */

static bool arrives(u64 page)
{
        u64 start = counter();
        while (!*(volatile u64 *)page && within(start, 1000))
                ;
        return *(volatile u64 *)page != 0;
}

static void start_and_wait(u64 first, u64 page)
{
        clear(page, PAGE);
        engine_start(&engine, 0, RAND48, first, 1u << RANGE_LOG2);
        expect(arrives(page));
        clear(page, PAGE);
        expect(arrives(page));
}

/* Nothing may arrive any more. */
static void expect_quiet(u64 page)
{
        clear(page, PAGE);
        expect_eq(engine_end(&engine, 0), ENGINE_ERROR);
        for (u64 at = 0; at < PAGE; at += 8) {
                if (*(volatile u64 *)(page + at))
                        return (void)expect_eq(*(volatile u64 *)(page + at), 0);
        }
}

/* 256 MiB that all lie in one page, by tables of requests without PASID. The entry above all of it. */
static u64 *alias(struct space *space, u64 page)
{
        agent.function = engine.function;
        agent.pasid = pci_extended(&engine.function, PCI_PASID);
        spaces_begin(&agent);
        *space = space_of(&agent, NO_PASID);
        u64 *leaves = take(PAGE, PAGE);
        for (u32 i = 0; i < PAGE / 8; i++)
                leaves[i] = space_leaf(space, page, true);
        for (u64 i = 0; i < CHUNKS; i++) {
                u64 at = BASE + (i << CHUNK_LOG2);
                u64 *entry = space->arm ? table_entry(&space->table, at, 2) : x86_entry(&space->x86, at, 2);
                *entry = (u64)leaves | (space->arm ? 3 : X86_RW);
        }
        return space->arm ? table_entry(&space->table, BASE, 1) : x86_entry(&space->x86, BASE, 3);
}

CHECK(flight_invalidate, "in flight: after INVALIDATE no DMA reaches a page by an old translation")
{
        NEEDS(TABLES);
        struct space space;
        u64 page = take_page(), *entry = alias(&space, page), mapped = *entry;
        for (u32 i = 0; i < ROUNDS; i++) {
                *(volatile u64 *)entry = mapped;
                start_and_wait(BASE, page);
                *(volatile u64 *)entry = 0;
                struct invalidation what = i ? whole_domain(&space, IOTLB) : whole_space(&space, IOTLB);
                expect_invalidated(what);
                expect_quiet(page);
        }
}

CHECK(flight_detach, "in flight: after DETACH no DMA passes")
{
        NEEDS(TABLES);
        struct space space;
        u64 page = take_page();
        alias(&space, page);
        start_and_wait(BASE, page);
        expect_answer(detach(space.domain, engine.function.rid), OK);
        expect_quiet(page);
}

CHECK(flight_replace, "in flight: after ATTACH_TABLE of other tables no DMA passes by the former")
{
        NEEDS(CONTEXTS);
        struct space space;
        u64 page = take_page();
        alias(&space, page);
        start_and_wait(BASE, page);
        struct contexts contexts = contexts_new(LINEAR, 1);
        struct tables tables = tables_of_contexts(&contexts, DSS_TERMINATE);
        expect_answer(attach_table(99, engine.function.rid, &tables), OK);
        expect_quiet(page);
}

CHECK(flight_reset, "in flight: after a reset of the device no DMA passes by its tables")
{
        NEEDS(TABLES);
        struct space space;
        u64 page = take_page();
        alias(&space, page);
        start_and_wait(BASE, page);
        expect(virtio_reset(&viommu.dev));
        expect_quiet(page);
}

/* The same 2 MiB over and over, by one MAP for each. */
static u64 map_chunks(void)
{
        u64 chunk = (u64)take(1 << CHUNK_LOG2, 1 << CHUNK_LOG2);
        expect_answer(attach(DOMAIN_ID, engine.function.rid, 0), OK);
        for (u64 i = 0; i < CHUNKS; i++) {
                u64 first = BASE + (i << CHUNK_LOG2);
                expect_answer(map(DOMAIN_ID, first, first + (1 << CHUNK_LOG2) - 1, chunk, MAP_RW), OK);
        }
        return chunk;
}

CHECK(flight_unmap, "in flight: after UNMAP no DMA reaches what was mapped")
{
        NEEDS(MAPPINGS);
        u64 chunk = map_chunks();
        start_and_wait(BASE, chunk);
        expect_answer(unmap(DOMAIN_ID, BASE, BASE + (1ull << RANGE_LOG2) - 1), OK);
        expect_quiet(chunk);
}

CHECK(flight_unmap_reset, "in flight: after a reset of the device no DMA reaches what was mapped")
{
        NEEDS(MAPPINGS);
        u64 chunk = map_chunks();
        start_and_wait(BASE, chunk);
        expect(virtio_reset(&viommu.dev));
        expect_quiet(chunk);
}

CHECK(flight_bypass, "in flight: once bypass reads 0 no DMA of unattached endpoints passes")
{
        NEEDS(BYPASSES);
        u64 bytes = 64 << 20, memory = (u64)take(PAGE, PAGE);
        bypass_set(1);
        engine_start(&engine, 0, RAND48, memory, (u32)bytes);
        expect(arrives(memory));
        bypass_set(0);
        u64 start = counter();
        while (bypass_shown() && within(start, 1000))
                ;
        expect_eq(bypass_shown(), 0);
        u64 last = memory + bytes - 8, seen = *(volatile u64 *)last;
        u32 ended = engine_end(&engine, 0);
        if (ended == HALTED)
                return;                 /* it was through before */
        expect_eq(ended, ENGINE_ERROR);
        expect_eq(*(volatile u64 *)last, seen);
}

CHECK(flight_requests, "in flight: a reset while requests wait; the device serves again")
{
        for (u32 round = 0; round < 10; round++) {
                struct request request = probe(endpoint(&devs[0]));
                struct piece pieces[] = { { request_at(&request), request.readable, false },
                                          { reply_at(), request.writable, true } };
                for (u32 i = 0; i < 100; i++)
                        virtqueue_add(&viommu.requests, pieces, 2);
                virtqueue_tell(&viommu.requests);
                expect(virtio_reset(&viommu.dev));
                viommu_restart(&(struct start){ 0 });
                expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
        }
}

CHECK(flight_waiting, "in flight: a reset while INVALIDATE waits for a function; the function's late answer does no harm")
{
        NEEDS(TABLES);
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], 5);
        testdev_enable_ats(&devs[0]);
        testdev_write(&devs[0], X_INV_HOLD, 16);
        struct invalidation what = whole_space(&space, IOTLB);
        struct request request = invalidate(&what);
        struct piece pieces[] = { { request_at(&request), request.readable, false },
                                  { reply_at(), request.writable, true } };
        virtqueue_add(&viommu.requests, pieces, 2);
        virtqueue_tell(&viommu.requests);
        *(volatile u8 *)(viommu.dev.common + 0x14) = 0;
        testdev_write(&devs[0], X_INV_HOLD, 0);
        testdev_write(&devs[0], X_INV_RELEASE, 64);
        viommu_restart(&(struct start){ 0 });
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
}
