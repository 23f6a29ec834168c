/* Register-based invalidation (D51397, 6.5.1, 11.4.6, 11.4.8). In scalable mode it is not there: 6.5. */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(SECOND | CACHES);
}

enum { IOVA = 0x10000, OTHER = 0x20000, TIMEOUT_MS = 1000 };

#define ICC BIT(63)
#define CIRG(g) FIELD(g, 62, 61)
#define CAIG(value) ((value) >> 59 & 3)
#define IIRG(g) FIELD(g, 61, 60)
#define IAIG(value) ((value) >> 57 & 3)
#define IOTLB_DID(did) FIELD(did, 47, 32)

static u64 finish(u32 offset)
{
        u64 start = counter();
        while (vtd_read64(offset) & BIT(63) && within(start, TIMEOUT_MS))
                ;
        return vtd_read64(offset);
}

static u64 flush_iotlb(u64 command)
{
        vtd_write64(iotlb_offset() + 8, IVT | command);
        return finish(iotlb_offset() + 8);
}

static u64 flush_contexts(u64 command)
{
        vtd_write64(CCMD, ICC | command);
        return finish(CCMD);
}

static struct table table;
static u64 page, other;

/* Two pages in use by the IOTLB, whose entries then say something else. */
static void begin(void)
{
        vtd_restart(&(struct shape){ .legacy = true });
        table = attach_second(&devs[0], 4);
        page = take_page();
        other = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        table_map(&table, OTHER, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect_lands(&devs[0], OTHER, page);
        table_map(&table, IOVA, other, 1, SS_RW);
        table_map(&table, OTHER, other, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(iotlb_global, "register invalidation: IOTLB, global: IVT clears, IAIG says global")
{
        begin();
        u64 done = flush_iotlb(IIRG(1));
        expect_eq(done & IVT, 0);
        expect_eq(IAIG(done), 1);
        expect_lands(&devs[0], IOVA, other);
        expect_lands(&devs[0], OTHER, other);
}

CHECK(iotlb_domain, "register invalidation: IOTLB, by domain")
{
        begin();
        expect(IAIG(flush_iotlb(IIRG(2) | IOTLB_DID(DID))) != 0);
        expect_lands(&devs[0], IOVA, other);
}

CHECK(iotlb_other_domain, "register invalidation: IOTLB, another domain keeps it")
{
        begin();
        expect(IAIG(flush_iotlb(IIRG(2) | IOTLB_DID(DID + 1))) != 0);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(iotlb_page, "register invalidation: IOTLB, by page, keeps the other page")
{
        begin();
        vtd_write64(iotlb_offset(), IOVA);
        expect_eq(IAIG(flush_iotlb(IIRG(3) | IOTLB_DID(DID))), 3);
        expect_lands(&devs[0], IOVA, other);
        expect_lands(&devs[0], OTHER, page);
}

CHECK(iotlb_pages, "register invalidation: IOTLB, 2^AM pages")
{
        begin();
        vtd_write64(iotlb_offset(), PAGES(0, 6));
        expect_eq(IAIG(flush_iotlb(IIRG(3) | IOTLB_DID(DID))), 3);
        expect_lands(&devs[0], IOVA, other);
        expect_lands(&devs[0], OTHER, other);
}

static void move_context(void)
{
        struct table second = table_new(2, 4);
        table_map(&second, IOVA, other, 1, SS_RW);
        context_at(&devs[0])[0] = second.root | CONTEXT_P;
}

static void expect_moved(bool moved)
{
        expect(IAIG(flush_iotlb(IIRG(1))) != 0);
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, moved ? other : page);
}

CHECK(contexts_global, "register invalidation: context cache, global: ICC clears, CAIG says global")
{
        begin();
        move_context();
        u64 done = flush_contexts(CIRG(1));
        expect_eq(done & ICC, 0);
        expect_eq(CAIG(done), 1);
        expect_moved(true);
}

CHECK(contexts_domain, "register invalidation: context cache, by domain")
{
        begin();
        move_context();
        expect(CAIG(flush_contexts(CIRG(2) | DID)) != 0);
        expect_moved(true);
}

CHECK(contexts_device, "register invalidation: context cache, by device")
{
        begin();
        move_context();
        expect(CAIG(flush_contexts(CIRG(3) | DID | FIELD(sid(&devs[0]), 31, 16))) != 0);
        expect_moved(true);
}

CHECK(contexts_other_device, "register invalidation: context cache, another device keeps it")
{
        begin();
        move_context();
        expect(CAIG(flush_contexts(CIRG(3) | DID | FIELD(sid(&devs[1]), 31, 16))) != 0);
        expect_moved(false);
}
