/* ATS Translation Requests that are granted something (IHI 0070, 3.9.1.1; PCIe Base, 10.2). */
#include "smmuv3/ats.h"

static const char *missing(void)
{
        return lacking(STAGE1 | ATS);
}

/* The size code of PCIe Base, 10.2.3.2: ones below the size's highest bit. */
static u64 sized(u64 address, u32 log2, u64 bits)
{
        return address | ENTRY_S | (BIT(log2 - 1) - BIT(12)) | bits;
}

CHECK(ats_page, "ats: a page of 4 KiB")
{
        struct context context = begin_ats();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}

CHECK(ats_2m, "ats: a block of 2 MiB says its size")
{
        struct context context = begin_ats();
        u64 base = board.ram + BIT(21);
        table_map(&context.table, 0, base, 2, S1_RW);
        expect_entry(0x5000, RW, sized(base, 21, WRITE_BITS));
}

CHECK(ats_1g, "ats: a block of 1 GiB says its size")
{
        struct context context = begin_ats();
        table_map(&context.table, 0, BIT(30), 1, S1_RO);
        expect_entry(0x123000, RW, sized(BIT(30), 30, ENTRY_R));
}

CHECK(ats_64k, "ats: a page of 64 KiB says its size")
{
        struct context context = attach_stage1(&devs[0], 16, 42);
        context.ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_ats(&devs[0]);
        u64 page = (u64)take(0x10000, 0x10000);
        table_map(&context.table, 0, page, 3, S1_RW);
        expect_entry(0x3000, RW, sized(page, 16, WRITE_BITS));
}

CHECK(ats_several, "ats: one request for four pages, scattered")
{
        struct context context = begin_ats();
        u64 memory = (u64)take(4 * PAGE, PAGE);
        for (u64 i = 0; i < 4; i++)
                table_map(&context.table, IOVA + i * PAGE, memory + (3 - i) * PAGE, 3, S1_RW);
        expect_eq(ats_request(&devs[0], IOVA, 4 * PAGE, RW), OUTCOME_DONE);
        expect_eq(ats_entries(&devs[0]), 4);
        for (u64 i = 0; i < 4; i++)
                expect_eq(ats_entry(&devs[0], (u32)i), (memory + (3 - i) * PAGE) | WRITE_BITS);
}

CHECK(ats_read_only, "ats: a read-only page grants R alone, asked for both")
{
        struct context context = begin_ats();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO);
        expect_entry(IOVA, RW, page | ENTRY_R);
}

CHECK(ats_not_global, "ats: a global mapping is not Global in the answer")
{
        struct context context = begin_ats();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW & ~PTE_NG);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}

CHECK(ats_unmapped, "ats: nothing mapped is success without access, not recorded")
{
        begin_ats();
        expect_no_access(IOVA, RW);
}

CHECK(ats_access_flag, "ats: AF 0 is success without access")
{
        struct context context = begin_ats();
        table_map(&context.table, IOVA, take_page(), 3, S1_RW & ~PTE_AF);
        expect_no_access(IOVA, RW);
}

CHECK(ats_address_size, "ats: an output beyond IPS is success without access")
{
        struct context context = begin_ats();
        context.cd.dw[0] &= ~CD_IPS(7);
        context_update(&devs[0], &context);
        table_map(&context.table, IOVA, BIT(32), 3, S1_RW);
        expect_no_access(IOVA, RW);
}

CHECK(ats_out_of_range, "ats: an address beyond the input size is success without access")
{
        begin_ats();
        expect_no_access(BIT(40), RW);
}

CHECK(ats_no_user, "ats: a privileged page is success without access for others")
{
        struct context context = begin_ats();
        table_map(&context.table, IOVA, take_page(), 3, S1_RW & ~PTE_USER);
        expect_no_access(IOVA, RW);
}

CHECK(ats_privileged, "ats: Priv echoes the request, with the permissions of the privileged")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_ats_substream();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, (S1_RO & ~PTE_USER) | PTE_UXN | PTE_PXN);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_PRIV);
}

CHECK(ats_execute, "ats: Exe is granted only if asked for")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_ats_substream();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO);
        expect_entry(IOVA, ASK_READ, page | ENTRY_R);
        expect_entry(IOVA, ASK_READ | ASK_EXECUTE, page | ENTRY_R | ENTRY_EXE);
}

CHECK(ats_execute_never, "ats: Exe is not granted on an execute-never page")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_ats_substream();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO | PTE_UXN);
        expect_entry(IOVA, ASK_READ | ASK_EXECUTE, page | ENTRY_R);
}

CHECK(ats_wxn, "ats: WXN makes a writable page execute-never")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_ats_substream();
        u64 page = take_page();
        context.cd.dw[0] |= CD_WXN;
        cd_store(context.cd_at, &context.cd);
        expect(command_sync(on_sid(CFGI_CD_ALL, sid(&devs[0])), 0));
        table_map(&context.table, IOVA, page, 3, S1_RW);
        expect_entry(IOVA, RW | ASK_EXECUTE, page | WRITE_BITS);
}

/* HTTU by Translation Requests, 3.13. */
static struct context tracked(u64 attributes, u64 *page)
{
        struct context context = begin_ats();
        *page = take_page();
        context.cd.dw[0] |= CD_HA | CD_HD;
        context_update(&devs[0], &context);
        table_map(&context.table, IOVA, *page, 3, attributes);
        return context;
}

static u64 leaf_bits(const struct context *context, u64 bits)
{
        return *(volatile u64 *)table_entry(&context->table, IOVA, 3) & bits;
}

CHECK(ats_sets_af, "ats: with HA a request sets AF")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct context context = tracked(S1_RW & ~PTE_AF, &page);
        expect_entry(IOVA, RW, page | WRITE_BITS);
        expect_eq(leaf_bits(&context, PTE_AF), PTE_AF);
}

CHECK(ats_marks_dirty, "ats: without No Write, a writable-clean page becomes dirty and is granted W")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct context context = tracked(S1_RO | PTE_DBM, &page);
        expect_entry(IOVA, RW, page | WRITE_BITS);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), 0);
}

CHECK(ats_no_write_clean, "ats: with No Write, a writable-clean page stays clean and is not granted W")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct context context = tracked(S1_RO | PTE_DBM, &page);
        expect_entry(IOVA, ASK_READ, page | ENTRY_R);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
}

CHECK(ats_clean_without_hd, "ats: without HD a writable-clean page is not granted W")
{
        struct context context = begin_ats();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO | PTE_DBM);
        expect_entry(IOVA, RW, page | ENTRY_R);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
}

CHECK(ats_dss_bypass, "ats: S1DSS 1 without a substream answers identity, R and W")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_ats_substream();
        context.ste.dw[1] |= STE_S1DSS(DSS_BYPASS);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_control(&devs[0], 0, 0);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_DONE);
        u64 entry = ats_entry(&devs[0], 0);
        expect_eq(entry & 0x3f, WRITE_BITS);
        /* Identity of whatever size: the part of the address above the size is that of IOVA. */
        u32 log2 = 12;
        if (entry & ENTRY_S) {
                for (log2 = 13; entry & BIT(log2 - 1); log2++)
                        ;
        }
        expect(log2 <= 48);
        expect_eq(entry >> log2, (u64)IOVA >> log2);
}
