/* Fault reasons of scalable mode's root, context and PASID structures (D51397, 7.1.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(SCALABLE | SECOND);
}

enum { IOVA = 0x10000, PASID = 5 };

static void refused_as(u32 reason, u64 attributes)
{
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(reason, attributes, IOVA);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(reason, attributes | FAULT_READ, IOVA);
        expect_no_fault();
}

static void refused(u32 reason)
{
        refused_as(reason, 0);
}

static struct pasid_entry begin(void)
{
        struct table table = table_new(2, 4);
        table_map(&table, IOVA, take_page(), 1, SS_RW);
        context_scalable(&devs[0], 0, 0);
        return entry_second(&table);
}

static void refused_entry(u32 reason, const struct pasid_entry *entry)
{
        pasid_replace(&devs[0], 0, entry);
        refused(reason);
}

static void change_context(u32 quadword, u64 set)
{
        struct pasid_entry entry = begin();
        pasid_store(&devs[0], 0, &entry);
        context_at(&devs[0])[quadword] |= set;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
}

CHECK(sm_root_nowhere, "scalable faults: 38, the root table is outside memory")
{
        expect(vtd_set_root(NOWHERE | TTM_SCALABLE));
        refused(0x38);
}

CHECK(sm_root_absent, "scalable faults: 39, root entry not present")
{
        refused(0x39);
}

CHECK(sm_root_reserved, "scalable faults: 3A, reserved bits in the root entry")
{
        context_at(&devs[0]);
        *root_at(&devs[0]) |= 2;
        refused(0x3a);
}

CHECK(sm_context_nowhere, "scalable faults: 40, the context table is outside memory")
{
        *root_at(&devs[0]) = NOWHERE | 1;
        refused(0x40);
}

CHECK(sm_context_absent, "scalable faults: 41, context entry not present")
{
        context_at(&devs[0]);
        refused(0x41);
}

CHECK(sm_context_reserved, "scalable faults: 42, each reserved quadword of the context entry")
{
        static const struct { u32 quadword; u64 bit; } reserved[] = {
                { 0, BIT(5) }, { 0, BIT(8) }, { 1, BIT(21) }, { 1, BIT(63) }, { 2, 1 }, { 3, BIT(63) },
        };
        for (u32 i = 0; i < COUNT(reserved); i++) {
                change_context(reserved[i].quadword, reserved[i].bit);
                refused(0x42);
        }
}

CHECK(sm_no_device_tlb, "scalable faults: 44, a translation request with DTE clear")
{
        NEEDS(ATS);
        change_context(0, 0);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ), OUTCOME_UR);
        expect_fault(0x44, FAULT_AT(AT_REQUEST) | FAULT_READ, IOVA);
        expect_no_fault();
}

CHECK(sm_no_device_tlb_translated, "scalable faults: 44, a translated request with DTE clear")
{
        NEEDS(ATS);
        change_context(0, 0);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], TRANSLATED, 0);
        u64 page = take_page();
        expect_refused(&devs[0], page, page);
        expect_fault(0x44, FAULT_AT(AT_TRANSLATED), page);
}

CHECK(sm_no_pasids, "scalable faults: 45, a request with PASID with PASIDE clear")
{
        NEEDS(PASIDS);
        change_context(0, 0);
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, PASID);
        refused_as(0x45, FAULT_PASID(PASID));
}

static void beyond_directory(u32 pdts)
{
        u32 first = 1u << (pdts + 13);
        begin_pasids(&devs[0], pdts, 0);
        testdev_control(&devs[0], WITH_PASID, first);
        refused_as(0x46, FAULT_PASID(first));
        testdev_control(&devs[0], WITH_PASID, 0xfffff);
        refused_as(0x46, FAULT_PASID(0xfffff));
}

CHECK(sm_beyond_directory, "scalable faults: 46, a PASID beyond the directory, with all its 20 bits in the record")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        beyond_directory(0);
        beyond_directory(6);
}

CHECK(sm_no_page_requests, "scalable faults: 47, a page request with PRE clear, which is answered Invalid")
{
        NEEDS(PRI);
        change_context(0, CONTEXT_DTE);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], IOVA, ASK_READ, 5, true), OUTCOME_DONE);
        expect_fault(0x47, FAULT_PAGE_REQUEST, IOVA);
        expect_eq(pri_responses(&devs[0]), count + 1);
        expect_eq(pri_response(&devs[0]), BIT(31) | 1 << 12 | 5);
}

CHECK(sm_rid_pasid, "scalable faults: 48, RID_PASID beyond the directory")
{
        change_context(1, 1 << 13);
        refused(0x48);
}

CHECK(sm_directory_nowhere, "scalable faults: 50, the PASID directory is outside memory")
{
        begin();
        context_at(&devs[0])[0] = NOWHERE | CONTEXT_P;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        refused(0x50);
}

CHECK(sm_directory_absent, "scalable faults: 51, PASID directory entry not present")
{
        begin();
        refused(0x51);
}

CHECK(sm_directory_reserved, "scalable faults: 52, reserved bits in the PASID directory entry")
{
        struct pasid_entry entry = begin();
        pasid_store(&devs[0], 0, &entry);
        *pasid_directory_at(&devs[0], 0) |= BIT(2);
        refused(0x52);
        *pasid_directory_at(&devs[0], 0) ^= BIT(2) | BIT(11);
        refused(0x52);
}

CHECK(sm_table_nowhere, "scalable faults: 58, the PASID table is outside memory")
{
        begin();
        *pasid_directory_at(&devs[0], 0) = NOWHERE | 1;
        refused(0x58);
}

CHECK(sm_entry_absent, "scalable faults: 59, PASID table entry not present")
{
        begin();
        pasid_at(&devs[0], 0);
        refused(0x59);
}

CHECK(sm_entry_reserved, "scalable faults: 5A, each reserved part of a PASID table entry")
{
        static const struct { u32 quadword; u64 bit; } reserved[] = {
                { 0, BIT(10) }, { 0, BIT(11) }, { 1, BIT(16) }, { 1, BIT(22) }, { 2, BIT(8) },
                { 2, BIT(11) }, { 3, 1 }, { 4, BIT(63) }, { 5, 1 }, { 6, 1 }, { 7, BIT(63) },
        };
        struct pasid_entry good = begin();
        for (u32 i = 0; i < COUNT(reserved); i++) {
                struct pasid_entry entry = good;
                entry.qw[reserved[i].quadword] |= reserved[i].bit;
                refused_entry(0x5a, &entry);
        }
}

CHECK(sm_entry_host_width, "scalable faults: 5A, a second stage beyond the host's address width")
{
        if (board.dmar_width > 51)
                return skip("the host address width is 52");
        struct pasid_entry entry = begin();
        entry.qw[0] |= BIT(51);
        refused_entry(0x5a, &entry);
}

CHECK(sm_entry_srs, "scalable faults: 5A, SRE where SRS is 0, ERE where ERS is 0")
{
        struct pasid_entry good = begin(), entry = good;
        entry.qw[2] |= PASID_SRE;
        if (!(vtd->ecap & BIT(31)))
                refused_entry(0x5a, &entry);
        entry = good;
        entry.qw[2] |= PASID_ERE;
        if (!(vtd->ecap & BIT(30)))
                refused_entry(0x5a, &entry);
        if (lacking(SUPERVISOR) == NULL && lacking(EXECUTE) == NULL)
                skip("SRS and ERS are 1");
}

CHECK(sm_entry_type, "scalable faults: 5B, PGTT is 0, 5, 6 and 7")
{
        static const u32 types[] = { 0, 5, 6, 7 };
        struct pasid_entry good = begin();
        for (u32 i = 0; i < COUNT(types); i++) {
                struct pasid_entry entry = good;
                entry.qw[0] = (entry.qw[0] & ~PASID_PGTT(7)) | PASID_PGTT(types[i]);
                refused_entry(0x5b, &entry);
        }
}

CHECK(sm_entry_width, "scalable faults: 5B, an AW that is no width, or not in SAGAW")
{
        struct pasid_entry good = begin();
        for (u32 width = 0; width < 8; width++) {
                struct pasid_entry entry = good;
                entry.qw[0] = (entry.qw[0] & ~FIELD(7, 4, 2)) | FIELD(width, 4, 2);
                if (width == 0 || width > 3 || !(vtd->cap & BIT(8 + width)))
                        refused_entry(0x5b, &entry);
        }
}

CHECK(sm_entry_paging_mode, "scalable faults: 5B, an FSPM that is no mode, or five levels without FS5LP")
{
        NEEDS(FIRST);
        struct table table = table_new(1, 4);
        context_scalable(&devs[0], 0, 0);
        for (u32 mode = 1; mode < 4; mode++) {
                struct pasid_entry entry = entry_first(&table);
                entry.qw[2] |= FIELD(mode, 3, 2);
                if (mode > 1 || !(vtd->cap & BIT(60)))
                        refused_entry(0x5b, &entry);
        }
}

CHECK(sm_entry_nesting, "scalable faults: 5B, nested translation where there is none")
{
        if (!lacking(NESTING))
                return skip("nested translation is there");
        struct pasid_entry entry = begin();
        entry.qw[0] = (entry.qw[0] & ~PASID_PGTT(7)) | PASID_PGTT(PGTT_NESTED);
        refused_entry(0x5b, &entry);
}

CHECK(sm_privileged, "scalable faults: 5D, a privileged request with SRE clear")
{
        NEEDS(PASIDS | FIRST);
        struct table table = table_new(1, 4);
        table_map(&table, IOVA, take_page(), 1, FS_RW);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&devs[0], PASID, &entry);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        refused_as(0x5d, FAULT_PASID(PASID) | FAULT_PRIV);
}

CHECK(sm_pass_interrupts, "scalable faults: 87, pass-through with PASID into the interrupt range")
{
        NEEDS(PASIDS | PASS_THROUGH);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_pass_through();
        pasid_store(&devs[0], PASID, &entry);
        testdev_control(&devs[0], WITH_PASID, PASID);
        expect_refused(&devs[0], 0xfee01000, take_page());
        expect_fault(0x87, FAULT_PASID(PASID), 0xfee01000);
}

CHECK(sm_pass_host_width, "scalable faults: 83, pass-through beyond the host's address width")
{
        NEEDS(PASS_THROUGH);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_pass_through();
        pasid_store(&devs[0], 0, &entry);
        expect_refused(&devs[0], BIT(52), take_page());
        expect_fault(0x83, 0, BIT(52));
}

CHECK(sm_fault_disabled_context, "scalable faults: FPD of the context entry keeps its 41 out")
{
        context_at(&devs[0])[0] = CONTEXT_FPD;
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_fault();
}

CHECK(sm_fault_disabled_directory, "scalable faults: FPD of the directory entry keeps 51 out, and what lies below it")
{
        begin();
        *pasid_directory_at(&devs[0], 0) = PASID_FPD;
        expect_refused(&devs[0], IOVA, take_page());
        *pasid_directory_at(&devs[0], 0) = take_page() | PASID_FPD | PASID_P;
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_fault();
}

CHECK(sm_fault_disabled_entry, "scalable faults: FPD of the PASID entry keeps 59 and 5B out, but not 58")
{
        struct pasid_entry entry = begin();
        entry.qw[0] = PASID_FPD;
        pasid_replace(&devs[0], 0, &entry);
        expect_refused(&devs[0], IOVA, take_page());
        entry.qw[0] = PASID_FPD | PASID_P;
        pasid_replace(&devs[0], 0, &entry);
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_fault();
        *pasid_directory_at(&devs[0], 0) = NOWHERE | PASID_FPD | PASID_P;
        expect(invalidate_wait(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0));
        refused(0x58);
}
