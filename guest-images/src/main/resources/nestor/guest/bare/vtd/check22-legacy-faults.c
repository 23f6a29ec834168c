/* Fault reasons of legacy mode (D51397, 7.1.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x10000 };

static struct table begin(void)
{
        vtd_restart(&(struct shape){ .legacy = true });
        return attach_second(&devs[0], 4);
}

/* A write that is refused for that reason, and a read. */
static void refused(u32 reason, u64 iova)
{
        expect_refused(&devs[0], iova, take_page());
        expect_fault(reason, 0, iova);
        expect_unreadable(&devs[0], iova, take_page());
        expect_fault(reason, FAULT_READ, iova);
        expect_no_fault();
}

static void context(u64 low, u64 high)
{
        begin();
        context_install(&devs[0], low, high);
}

CHECK(root_absent, "legacy faults: 01, root entry not present")
{
        vtd_restart(&(struct shape){ .legacy = true });
        refused(0x01, IOVA);
}

CHECK(context_absent, "legacy faults: 02, context entry not present")
{
        context(0, 0);
        refused(0x02, IOVA);
}

CHECK(context_type, "legacy faults: 03, TT = 3")
{
        context(take_page() | CONTEXT_TT(3) | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        refused(0x03, IOVA);
}

CHECK(context_width, "legacy faults: 03, AW = 0 and AW = 4")
{
        context(take_page() | CONTEXT_P, CONTEXT_DID(DID));
        refused(0x03, IOVA);
        context(take_page() | CONTEXT_P, 4 | CONTEXT_DID(DID));
        refused(0x03, IOVA);
}

CHECK(context_width_unsupported, "legacy faults: 03, a width that SAGAW does not have")
{
        if (vtd->cap & BIT(11))
                return skip("all widths are there");
        context(take_page() | CONTEXT_P, CONTEXT_AW(5) | CONTEXT_DID(DID));
        refused(0x03, IOVA);
}

CHECK(pass_through_absent, "legacy faults: 03, TT = 2 without pass-through")
{
        if (vtd->ecap & BIT(6))
                return skip("pass-through is there");
        context(CONTEXT_TT(TT_PASS_THROUGH) | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        refused(0x03, IOVA);
}

CHECK(table_root_nowhere, "legacy faults: 03, the second stage's root is outside memory")
{
        context(NOWHERE | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        refused(0x03, IOVA);
}

CHECK(beyond_width, "legacy faults: 04, beyond what AW has")
{
        begin();
        refused(0x04, BIT(48) + IOVA);
        refused(0x04, BIT(63));
}

CHECK(beyond_width_3, "legacy faults: 04, beyond 39 bits")
{
        NEEDS(SECOND3);
        vtd_restart(&(struct shape){ .legacy = true });
        attach_second(&devs[0], 3);
        refused(0x04, BIT(39) + IOVA);
}

CHECK(no_write, "legacy faults: 05, no write permission")
{
        struct table table = begin();
        table_map(&table, IOVA, take_page(), 1, SS_R);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x05, 0, IOVA);
        expect_no_fault();
}

CHECK(no_write_above, "legacy faults: 05, no write permission in an entry above")
{
        struct table table = begin();
        table_map(&table, IOVA, take_page(), 1, SS_RW);
        for (u32 level = 2; level <= 4; level++) {
                *(volatile u64 *)table_entry(&table, IOVA, level) &= ~(u64)SS_W;
                expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
                expect_refused(&devs[0], IOVA, take_page());
                expect_fault(0x05, 0, IOVA);
                *(volatile u64 *)table_entry(&table, IOVA, level) |= SS_W;
        }
}

CHECK(no_read, "legacy faults: 06, no read permission")
{
        struct table table = begin();
        table_map(&table, IOVA, take_page(), 1, SS_W);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(0x06, FAULT_READ, IOVA);
        expect_no_fault();
}

CHECK(unmapped, "legacy faults: an entry with R = W = 0 is 05 for a write, 06 for a read")
{
        begin();
        expect_refused(&devs[0], IOVA + 0x340, take_page());
        expect_fault(0x05, 0, IOVA);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(0x06, FAULT_READ, IOVA);
        expect_no_fault();
}

CHECK(next_table, "legacy faults: 07, a table outside memory")
{
        struct table table = begin();
        *(volatile u64 *)table_entry(&table, IOVA, 3) = NOWHERE | SS_RW;
        refused(0x07, IOVA);
}

CHECK(root_nowhere, "legacy faults: 08, the root table is outside memory")
{
        vtd_restart(&(struct shape){ .legacy = true });
        expect(vtd_set_root(NOWHERE));
        refused(0x08, IOVA);
}

CHECK(context_nowhere, "legacy faults: 09, the context table is outside memory")
{
        vtd_restart(&(struct shape){ .legacy = true });
        *root_at(&devs[0]) = NOWHERE | 1;
        refused(0x09, IOVA);
}

CHECK(root_reserved, "legacy faults: 0A, reserved bits in the root entry, upper half included")
{
        vtd_restart(&(struct shape){ .legacy = true });
        context_at(&devs[0]);
        *root_at(&devs[0]) |= 2;
        refused(0x0a, IOVA);
        *root_at(&devs[0]) &= ~2ull;
        root_at(&devs[0])[1] = 1;
        refused(0x0a, IOVA);
}

CHECK(context_reserved, "legacy faults: 0B, each reserved bit of a context entry")
{
        static const u64 low[] = { BIT(4), BIT(11), 0, 0, 0 };
        static const u64 high[] = { 0, 0, BIT(7), BIT(24), BIT(63) };
        for (u32 i = 0; i < COUNT(low); i++) {
                context(take_page() | CONTEXT_P | low[i], CONTEXT_AW(4) | CONTEXT_DID(DID) | high[i]);
                refused(0x0b, IOVA);
        }
}

CHECK(context_ignored, "legacy: bits 6:3 of the upper half mean nothing")
{
        struct table table = begin();
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        context_install(&devs[0], table.root | CONTEXT_P, CONTEXT_AW(4) | FIELD(15, 6, 3) | CONTEXT_DID(DID));
        expect_lands(&devs[0], IOVA, page);
}

static void reserved_entry(u32 level, u64 bits)
{
        struct table table = begin();
        table_map(&table, IOVA, 0, level, SS_RW | bits);
        refused(0x0c, IOVA);
}

CHECK(entry_reserved, "legacy faults: 0C, bit 62 of an entry")
{
        reserved_entry(1, BIT(62));
}

CHECK(entry_host_width, "legacy faults: 0C, an address beyond the host's width")
{
        if (board.dmar_width > 51)
                return skip("the host address width is 52");
        reserved_entry(1, BIT(51));
        reserved_entry(1, BIT(board.dmar_width));
}

CHECK(entry_large_root, "legacy faults: 0C, PS at level 4")
{
        reserved_entry(4, 0);
}

CHECK(entry_large_unaligned, "legacy faults: 0C, a large page's address bits below its size")
{
        reserved_entry(2, BIT(12));
        reserved_entry(2, BIT(20));
        reserved_entry(3, BIT(12));
        reserved_entry(3, BIT(29));
}

CHECK(entry_absent_reserved, "legacy: reserved bits of an entry that is not present mean nothing: 05")
{
        struct table table = begin();
        table_map(&table, IOVA, 0, 1, BIT(62));
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x05, 0, IOVA);
}

CHECK(into_interrupts, "legacy faults: 0E, a page whose output is in the interrupt range")
{
        struct table table = begin();
        table_map(&table, IOVA, 0xfee00000, 1, SS_RW);
        refused(0x0e, IOVA);
        table_map(&table, 0x40000000, 0xfee00000 & -(2ull << 20), 2, SS_RW);
        refused(0x0e, 0x40000000);
}

CHECK(root_type, "legacy faults: 30, TTM is a reserved value, or scalable where that is not there")
{
        vtd_restart(&(struct shape){ .legacy = true, .off = true });
        u64 bad = vtd->ecap & BIT(43) ? TTM_RESERVED : TTM_SCALABLE;
        expect(vtd_set_root(take_page() | bad));
        expect(vtd_enable(TE));
        refused(0x30, IOVA);
}

CHECK(with_pasid, "legacy faults: 31, a request with PASID")
{
        begin();
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 0x54321);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x31, FAULT_PASID(0x54321), IOVA);
        expect_no_fault();
}

CHECK(translation_request, "legacy faults: 0D, a translation request with TT = 0")
{
        NEEDS(ATS);
        begin();
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ | ASK_WRITE), OUTCOME_UR);
        expect_fault(0x0d, FAULT_AT(AT_REQUEST), IOVA);
        expect_no_fault();
}

CHECK(translated_request, "legacy faults: 0D, a translated request with TT = 0")
{
        NEEDS(ATS);
        begin();
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], TRANSLATED, 0);
        u64 page = take_page();
        expect_refused(&devs[0], page, page);
        expect_fault(0x0d, FAULT_AT(AT_TRANSLATED), page);
}

CHECK(page_request, "legacy faults: 32, a page request, which is answered Invalid")
{
        NEEDS(PRI);
        begin();
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], IOVA, ASK_READ, 5, true), OUTCOME_DONE);
        expect_fault(0x32, FAULT_PAGE_REQUEST, IOVA);
        expect_eq(pri_responses(&devs[0]), count + 1);
        expect_eq(pri_response(&devs[0]), BIT(31) | 1 << 12 | 5);
}

CHECK(fault_disabled, "legacy faults: FPD keeps qualified faults out of the records")
{
        struct table table = begin();
        context_install(&devs[0], table.root | CONTEXT_FPD | CONTEXT_P, CONTEXT_AW(4) | CONTEXT_DID(DID));
        expect_refused(&devs[0], IOVA, take_page());
        expect_refused(&devs[0], BIT(50), take_page());
        context_install(&devs[0], CONTEXT_FPD, 0);
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_fault();
}
