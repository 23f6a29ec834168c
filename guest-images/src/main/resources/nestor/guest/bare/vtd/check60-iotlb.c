/* IOTLB invalidation (D51397, 6.2.4, 6.5.2.3, 6.5.2.4): what goes, and what stays. */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(CACHES);
}

enum { IOVA = 0x40000, NEXT = IOVA + PAGE, FAR = 0x80000000, MIB2 = 2 << 20, PASID = 5 };

static struct table table;
static u64 old, new;
static u64 attributes;

/* Three pages that the IOTLB has; the tables say something else now. */
static void change(void)
{
        static const u64 all[] = { IOVA, NEXT, FAR };
        old = take_page();
        new = take_page();
        for (u32 i = 0; i < COUNT(all); i++) {
                table_map(&table, all[i], old, 1, attributes);
                expect_lands(&devs[0], all[i], old);
                table_map(&table, all[i], new, 1, attributes);
                expect_lands(&devs[0], all[i], old);
        }
}

static void begin_second(void)
{
        table = attach_second(&devs[0], 4);
        attributes = SS_RW;
        change();
}

static void begin_first(void)
{
        struct table first = table_new(1, 4);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_first(&first);
        pasid_store(&devs[0], PASID, &entry);
        testdev_control(&devs[0], WITH_PASID, PASID);
        table = first;
        attributes = FS_RW;
        change();
}

static void expect_now(bool iova, bool next, bool distant)
{
        expect_lands(&devs[0], IOVA, iova ? new : old);
        expect_lands(&devs[0], NEXT, next ? new : old);
        expect_lands(&devs[0], FAR, distant ? new : old);
        expect_no_fault();
}

CHECK(iotlb_global, "iotlb: global invalidation takes all")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        expect_now(true, true, true);
}

CHECK(iotlb_domain, "iotlb: domain invalidation takes all of the domain")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(DOMAIN, DID), 0));
        expect_now(true, true, true);
}

CHECK(iotlb_other_domain, "iotlb: invalidation of another domain keeps all")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(DOMAIN, DID + 1), 0));
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID + 1), PAGES(0, 18)));
        expect_now(false, false, false);
}

CHECK(iotlb_page, "iotlb: page-selective invalidation takes one page")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), IOVA));
        expect_now(true, false, false);
}

CHECK(iotlb_pages, "iotlb: AM takes 2^AM pages")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), PAGES(IOVA, 1)));
        expect_now(true, true, false);
}

CHECK(iotlb_leaf, "iotlb: IH takes the page all the same")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), PAGES(IOVA, 0) | IH));
        expect_now(true, false, false);
}

CHECK(iotlb_drains, "iotlb: DW and DR change nothing")
{
        NEEDS(SECOND);
        begin_second();
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID) | BIT(6) | BIT(7), IOVA));
        expect_now(true, false, false);
}

CHECK(iotlb_large, "iotlb: one page of a page of 2 MiB takes it as a whole")
{
        NEEDS(SECOND);
        table = attach_second(&devs[0], 4);
        u64 one = (u64)take(MIB2, MIB2), two = (u64)take(MIB2, MIB2);
        table_map(&table, FAR, one, 2, SS_RW);
        expect_lands(&devs[0], FAR, one);
        expect_lands(&devs[0], FAR + MIB2 - PAGE, one + MIB2 - PAGE);
        table_map(&table, FAR, two, 2, SS_RW);
        expect_lands(&devs[0], FAR, one);
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), FAR + 5 * PAGE));
        expect_lands(&devs[0], FAR, two);
        expect_lands(&devs[0], FAR + MIB2 - PAGE, two + MIB2 - PAGE);
}

CHECK(iotlb_absent, "iotlb: pages that are not there are not remembered")
{
        NEEDS(SECOND);
        if (vtd->cap & BIT(7))
                return skip("caching mode");
        table = attach_second(&devs[0], 4);
        u64 page = take_page();
        expect_refused(&devs[0], IOVA, page);
        fault_drop();
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(iotlb_refused_kept, "iotlb: an unmapped page is gone after the invalidation, for reads and writes")
{
        NEEDS(SECOND);
        begin_second();
        *(volatile u64 *)table_entry(&table, IOVA, 1) = 0;
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), IOVA));
        expect_refused(&devs[0], IOVA, old);
        fault_drop();
        expect_unreadable(&devs[0], IOVA, old);
        fault_drop();
        expect_lands(&devs[0], NEXT, old);
}

CHECK(iotlb_mask_refused, "iotlb: an AM beyond MAMV is IQEI 4")
{
        NEEDS(SECOND);
        u32 mamv = vtd->cap >> 48 & 63;
        expect_refused_descriptor(INV_IOTLB(SELECTIVE, DID), PAGES(0, mamv + 1), IQEI_RESERVED);
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), PAGES(0, mamv)));
}

CHECK(pasid_iotlb_all, "pasid iotlb: all of a PASID")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(DOMAIN, DID, PASID), 0));
        expect_now(true, true, true);
}

CHECK(pasid_iotlb_page, "pasid iotlb: one page")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, PASID), IOVA));
        expect_now(true, false, false);
}

CHECK(pasid_iotlb_pages, "pasid iotlb: 2^AM pages")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, PASID), PAGES(IOVA, 1)));
        expect_now(true, true, false);
}

CHECK(pasid_iotlb_block, "pasid iotlb: AM = 9 takes 2 MiB: what lies beyond stays")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, PASID), PAGES(0, 9)));
        expect_now(true, true, false);
}

static void huge_mask(u32 am)
{
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, PASID), PAGES(0, am)));
        expect_now(true, true, true);
}

CHECK(pasid_iotlb_huge, "pasid iotlb: AM of 32, 36, 51, 52 and 63 take everything")
{
        NEEDS(FIRST | PASIDS);
        huge_mask(32);
        huge_mask(36);
        huge_mask(51);
        huge_mask(52);
        huge_mask(63);
}

CHECK(pasid_iotlb_others, "pasid iotlb: another PASID, and another domain, keep all")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(DOMAIN, DID, PASID + 1), 0));
        expect(invalidate_wait(INV_PASID_IOTLB(DOMAIN, DID + 1, PASID), 0));
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, PASID + 1), PAGES(0, 40)));
        expect_now(false, false, false);
}

CHECK(pasid_iotlb_high_bits, "pasid iotlb: a PASID that differs above bit 15 is another one")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_PASID_IOTLB(DOMAIN, DID, 0x50000 | PASID), 0));
        expect_now(false, false, false);
}

CHECK(pasid_iotlb_high_half, "pasid iotlb: a page of the upper canonical half")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        u64 high = 0xffff800000040000;
        table_map(&table, high, old, 1, FS_RW);
        expect_lands(&devs[0], high, old);
        table_map(&table, high, new, 1, FS_RW);
        expect_lands(&devs[0], high, old);
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, PASID), high));
        expect_lands(&devs[0], high, new);
        expect_now(false, false, false);
}

CHECK(domain_takes_pasids, "iotlb: domain invalidation takes first-stage entries of the domain along")
{
        NEEDS(FIRST | PASIDS);
        begin_first();
        expect(invalidate_wait(INV_IOTLB(DOMAIN, DID), 0));
        expect_now(true, true, true);
}
