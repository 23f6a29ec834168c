/* Device-TLB invalidation (D51397, 6.5.2.5, 6.5.2.6) and translated requests (4.2.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(ATS | SCALABLE | SECOND);
}

enum { IOVA = 0x40000, NEXT = IOVA + PAGE, FAR = 0x40000000, PASID = 5, VECTOR = 0x53, TIMEOUT_MS = 5000 };

static struct table table;
static u64 old, new;

/* The function's cache has three pages; the tables and the unit know better. */
static void change(void)
{
        static const u64 all[] = { IOVA, NEXT, FAR };
        old = take_page();
        new = take_page();
        for (u32 i = 0; i < COUNT(all); i++) {
                table_map(&table, all[i], old, 1, SS_RW);
                expect_lands(&devs[0], all[i], old);
                table_map(&table, all[i], new, 1, SS_RW);
        }
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        for (u32 i = 0; i < COUNT(all); i++)
                expect_lands(&devs[0], all[i], old);
}

static void begin(void)
{
        table = attach_second(&devs[0], 4);
        context_at(&devs[0])[0] |= CONTEXT_DTE;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], CACHED, 0);
        change();
}

static void begin_pasid(void)
{
        table = table_new(2, 4);
        begin_pasids(&devs[0], 0, CONTEXT_DTE);
        struct pasid_entry entry = entry_second(&table);
        pasid_store(&devs[0], PASID, &entry);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], CACHED | WITH_PASID, PASID);
        change();
}

static void expect_now(bool iova, bool next, bool distant)
{
        expect_lands(&devs[0], IOVA, iova ? new : old);
        expect_lands(&devs[0], NEXT, next ? new : old);
        expect_lands(&devs[0], FAR, distant ? new : old);
        expect_no_fault();
}

CHECK(device_page, "device tlb: one page")
{
        begin();
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        expect(invalidate_wait(INV_DEVICE(sid(&devs[0])), IOVA));
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count + 1);
        expect_now(true, false, false);
}

CHECK(device_pages, "device tlb: S and the size code: two pages")
{
        begin();
        expect(invalidate_wait(INV_DEVICE(sid(&devs[0])), IOVA | DEVICE_SIZE_NARROW));
        expect_now(true, true, false);
}

CHECK(device_all, "device tlb: everything, by all ones but bit 63")
{
        begin();
        expect(invalidate_wait(INV_DEVICE(sid(&devs[0])), DEVICE_ALL | DEVICE_SIZE_NARROW));
        expect_now(true, true, true);
}

CHECK(device_everything, "device tlb: everything, by all ones")
{
        begin();
        expect(invalidate_wait(INV_DEVICE(sid(&devs[0])), FIELD(~0ull, 63, 12) | DEVICE_SIZE_NARROW));
        expect_now(true, true, true);
}

CHECK(device_other, "device tlb: another function's invalidation does not reach it")
{
        begin();
        testdev_enable_ats(&devs[1]);
        expect(invalidate_wait(INV_DEVICE(sid(&devs[1])), DEVICE_ALL | DEVICE_SIZE_NARROW));
        expect_now(false, false, false);
}

CHECK(device_absent, "device tlb: a function that is not there, or has ATS disabled, keeps no wait waiting")
{
        expect(invalidate_wait(INV_DEVICE(31 << 3 | 7), DEVICE_ALL | DEVICE_SIZE_NARROW));
        expect(invalidate_wait(INV_DEVICE(sid(&devs[0])), DEVICE_ALL | DEVICE_SIZE_NARROW));
        expect_eq(vtd_read(FSTS) & (IQE | ITE), 0);
}

CHECK(pasid_device_page, "device tlb: one page of a PASID")
{
        NEEDS(PASIDS);
        begin_pasid();
        expect(invalidate_wait(INV_PASID_DEVICE(sid(&devs[0]), PASID), IOVA));
        expect_now(true, false, false);
}

CHECK(pasid_device_pages, "device tlb: two pages, and all, of a PASID")
{
        NEEDS(PASIDS);
        begin_pasid();
        expect(invalidate_wait(INV_PASID_DEVICE(sid(&devs[0]), PASID), IOVA | DEVICE_SIZE));
        expect_now(true, true, false);
        expect(invalidate_wait(INV_PASID_DEVICE(sid(&devs[0]), PASID), DEVICE_ALL | DEVICE_SIZE));
        expect_now(true, true, true);
}

CHECK(pasid_device_other, "device tlb: another PASID's invalidation keeps it, above bit 15 included")
{
        NEEDS(PASIDS);
        begin_pasid();
        expect(invalidate_wait(INV_PASID_DEVICE(sid(&devs[0]), PASID + 1), DEVICE_ALL | DEVICE_SIZE));
        expect(invalidate_wait(INV_PASID_DEVICE(sid(&devs[0]), 0x50000 | PASID), DEVICE_ALL | DEVICE_SIZE));
        expect_now(false, false, false);
}

CHECK(pasid_device_global, "device tlb: G takes every PASID along")
{
        NEEDS(PASIDS);
        begin_pasid();
        expect(invalidate_wait(INV_PASID_DEVICE(sid(&devs[0]), PASID + 1), DEVICE_ALL | DEVICE_SIZE | 1));
        expect_now(true, true, true);
}

/* A wait descriptor behind an invalidation that the function does not complete. */
static volatile u32 *hold(u32 count)
{
        volatile u32 *word = (volatile u32 *)take_page();
        begin();
        testdev_write(&devs[0], X_INV_HOLD, count);
        for (u32 i = 0; i < count; i++)
                invalidate(INV_DEVICE(sid(&devs[0])), IOVA);
        invalidate(INV_WAIT | WAIT_STATUS(0x77), (u64)word);
        expect_eq(testdev_read(&devs[0], X_INV_HELD), count);
        return word;
}

CHECK(device_wait, "device tlb: a wait is not complete before the function has acknowledged")
{
        volatile u32 *word = hold(1);
        expect_eq(*word, 0);
        testdev_write(&devs[0], X_INV_RELEASE, 1);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, 0x77);
        expect_eq(vtd_read(FSTS), 0);
}

CHECK(device_wait_all, "device tlb: a wait is not complete before every invalidation is acknowledged")
{
        volatile u32 *word = hold(5);
        testdev_write(&devs[0], X_INV_RELEASE, 4);
        expect_eq(*word, 0);
        testdev_write(&devs[0], X_INV_RELEASE, 1);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, 0x77);
}

CHECK(device_wait_interrupt, "device tlb: the same of a wait's interrupt")
{
        event_to(IECTL, VECTOR);
        begin();
        testdev_write(&devs[0], X_INV_HOLD, 1);
        u64 before = interrupts[VECTOR];
        invalidate(INV_DEVICE(sid(&devs[0])), IOVA);
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(interrupt_stays_away(VECTOR, before));
        expect_eq(vtd_read(ICS), 0);
        testdev_write(&devs[0], X_INV_RELEASE, 1);
        expect(interrupt_arrives(VECTOR, before));
}

CHECK(device_many, "device tlb: more invalidations than a function has room for are all done")
{
        begin();
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        testdev_write(&devs[0], X_INV_HOLD, 40);
        for (u32 i = 0; i < 40; i++)
                invalidate(INV_DEVICE(sid(&devs[0])), IOVA);
        expect_eq(testdev_read(&devs[0], X_INV_HELD), 32);
        testdev_write(&devs[0], X_INV_RELEASE, 32);
        testdev_write(&devs[0], X_INV_RELEASE, 8);
        expect(queue_wait());
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count + 40);
}

/* Who says so has made the time-out short enough to wait for. */
static bool patient(void)
{
        return text_equal(board.arguments, "atc-timeout");
}

static bool ite_comes(void)
{
        u64 start = counter();
        while (!(vtd_read(FSTS) & ITE) && within(start, TIMEOUT_MS))
                ;
        return vtd_read(FSTS) & ITE;
}

CHECK(device_timeout, "device tlb: an invalidation that is never acknowledged is ITE, with its source; the wait is aborted")
{
        if (!patient())
                return skip("the time-out is a minute");
        volatile u32 *word = (volatile u32 *)take_page();
        begin();
        event_to(FECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        testdev_write(&devs[0], X_INV_LOSE, 1);
        invalidate(INV_DEVICE(sid(&devs[0])), IOVA);
        invalidate(INV_WAIT | WAIT_STATUS(1), (u64)word);
        expect(ite_comes());
        expect(interrupt_arrives(VECTOR, before));
        expect_eq(vtd_read64(IQERCD), FIELD(sid(&devs[0]), 47, 32));
        expect_eq(*word, 0);
        vtd_write(FSTS, ITE);
        expect_eq(vtd_read64(IQERCD), 0);
        expect(queue_wait());
        expect_eq(*word, 0);
}

CHECK(device_timeout_stops, "device tlb: while ITE is set nothing is served")
{
        if (!patient())
                return skip("the time-out is a minute");
        volatile u32 *word = (volatile u32 *)take_page();
        begin();
        testdev_write(&devs[0], X_INV_LOSE, 1);
        invalidate(INV_DEVICE(sid(&devs[0])), IOVA);
        invalidate(INV_WAIT | WAIT_FENCE, 0);
        expect(ite_comes());
        invalidate(INV_WAIT | WAIT_STATUS(9), (u64)word);
        expect_eq(*word, 0);
        vtd_write(FSTS, ITE);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, 9);
}

CHECK(translated_passes, "translated requests: with DTE the address is final")
{
        begin();
        testdev_control(&devs[0], TRANSLATED, 0);
        u64 page = take_page();
        expect_lands(&devs[0], page, page);
        expect_reads(&devs[0], page, page);
        expect_no_fault();
}

CHECK(translated_interrupts, "translated requests: 87 into the interrupt range")
{
        begin();
        testdev_control(&devs[0], TRANSLATED, 0);
        expect_refused(&devs[0], 0xfee00000, take_page());
        expect_fault(0x87, FAULT_AT(AT_TRANSLATED), 0xfee00000);
}

CHECK(translated_host_width, "translated requests: 83 beyond the host's address width")
{
        begin();
        testdev_control(&devs[0], TRANSLATED, 0);
        expect_refused(&devs[0], BIT(52), take_page());
        expect_fault(0x83, FAULT_AT(AT_TRANSLATED), BIT(52));
}

CHECK(translated_off, "translated requests: refused with TE clear")
{
        begin();
        expect(vtd_disable(TE));
        testdev_control(&devs[0], TRANSLATED, 0);
        u64 page = take_page();
        expect_refused(&devs[0], page, page);
}
