/* ATS Translation Requests (IHI 0070, 3.9.1.1; PCIe Base, 10.2): what is answered, and what is recorded. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1 | ATS);
}

enum { IOVA = 0x10000, RW = ASK_READ | ASK_WRITE, WRITE_BITS = ENTRY_R | ENTRY_W };

#define NOWHERE 0x3000000000ull

/* Stage 1 with EATS = 1, and ATS enabled in the function. */
static struct context begin(void)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_ats(&devs[0]);
        return context;
}

/* The same with substream 5. */
static struct context begin_substream(void)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 cds = (u64)take(64 * 8, 64 * 8);
        context.cd_at = cds + 5 * 64;
        cd_store(context.cd_at, &context.cd);
        context.ste = ste_stage1(cds);
        context.ste.dw[0] |= STE_S1CDMAX(3);
        context.ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_pasid(&devs[0]);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 5);
        return context;
}

#define expect_entry(iova, access, value)                                                      \
        do {                                                                                   \
                expect_eq(ats_request(&devs[0], iova, PAGE, access), OUTCOME_DONE);            \
                expect_eq(ats_entry(&devs[0], 0), value);                                      \
                expect_no_event();                                                             \
        } while (0)

/* Success, and no access to one translation unit. */
#define expect_no_access(iova, access)                                                         \
        do {                                                                                   \
                expect_eq(ats_request(&devs[0], iova, PAGE, access), OUTCOME_DONE);            \
                expect_eq(ats_entries(&devs[0]), 1);                                           \
                expect_eq(ats_entry(&devs[0], 0) & (ENTRY_R | ENTRY_W | ENTRY_S), 0);          \
                expect_no_event();                                                             \
        } while (0)

/* The size code of PCIe Base, 10.2.3.2: ones below the size's highest bit. */
static u64 sized(u64 address, u32 log2, u64 bits)
{
        return address | ENTRY_S | (BIT(log2 - 1) - BIT(12)) | bits;
}

CHECK(ats_page, "ats: a page of 4 KiB")
{
        struct context context = begin();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}

CHECK(ats_2m, "ats: a block of 2 MiB says its size")
{
        struct context context = begin();
        u64 base = board.ram + BIT(21);
        table_map(&context.table, 0, base, 2, S1_RW);
        expect_entry(0x5000, RW, sized(base, 21, WRITE_BITS));
}

CHECK(ats_1g, "ats: a block of 1 GiB says its size")
{
        struct context context = begin();
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
        struct context context = begin();
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
        struct context context = begin();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO);
        expect_entry(IOVA, RW, page | ENTRY_R);
}

CHECK(ats_not_global, "ats: a global mapping is not Global in the answer")
{
        struct context context = begin();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW & ~PTE_NG);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}

CHECK(ats_unmapped, "ats: nothing mapped is success without access, not recorded")
{
        begin();
        expect_no_access(IOVA, RW);
}

CHECK(ats_access_flag, "ats: AF 0 is success without access")
{
        struct context context = begin();
        table_map(&context.table, IOVA, take_page(), 3, S1_RW & ~PTE_AF);
        expect_no_access(IOVA, RW);
}

CHECK(ats_address_size, "ats: an output beyond IPS is success without access")
{
        struct context context = begin();
        context.cd.dw[0] &= ~CD_IPS(7);
        context_update(&devs[0], &context);
        table_map(&context.table, IOVA, BIT(32), 3, S1_RW);
        expect_no_access(IOVA, RW);
}

CHECK(ats_out_of_range, "ats: an address beyond the input size is success without access")
{
        begin();
        expect_no_access(BIT(40), RW);
}

CHECK(ats_no_user, "ats: a privileged page is success without access for others")
{
        struct context context = begin();
        table_map(&context.table, IOVA, take_page(), 3, S1_RW & ~PTE_USER);
        expect_no_access(IOVA, RW);
}

CHECK(ats_privileged, "ats: Priv echoes the request, with the permissions of the privileged")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_substream();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, (S1_RO & ~PTE_USER) | PTE_UXN | PTE_PXN);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_PRIV);
}

CHECK(ats_execute, "ats: Exe is granted only if asked for")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_substream();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO);
        expect_entry(IOVA, ASK_READ, page | ENTRY_R);
        expect_entry(IOVA, ASK_READ | ASK_EXECUTE, page | ENTRY_R | ENTRY_EXE);
}

CHECK(ats_execute_never, "ats: Exe is not granted on an execute-never page")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_substream();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO | PTE_UXN);
        expect_entry(IOVA, ASK_READ | ASK_EXECUTE, page | ENTRY_R);
}

CHECK(ats_wxn, "ats: WXN makes a writable page execute-never")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_substream();
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
        struct context context = begin();
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
        struct context context = begin();
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RO | PTE_DBM);
        expect_entry(IOVA, RW, page | ENTRY_R);
        expect_eq(leaf_bits(&context, PTE_READ_ONLY), PTE_READ_ONLY);
}

/* F_BAD_ATS_TREQ (7.3.6) for one unit, read and write. */
static void expect_bad_request(u64 iova)
{
        expect_event(event_of(F_BAD_ATS_TREQ, sid(&devs[0])), BIT(31) | BIT(30) | 1, iova & -4096ull, 0);
        expect_no_event();
}

CHECK(ats_off, "ats: SMMUEN 0 answers UR and records F_BAD_ATS_TREQ")
{
        begin();
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_bad_request(IOVA);
}

CHECK(ats_eats_0, "ats: EATS 0 answers UR and records F_BAD_ATS_TREQ")
{
        attach_stage1(&devs[0], 12, 39);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_bad_request(IOVA);
}

CHECK(ats_eats_3, "ats: EATS 3 without DPT acts as 0")
{
        struct context context = begin();
        context.ste.dw[1] |= STE_EATS(3);
        ste_install(sid(&devs[0]), &context.ste);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_bad_request(IOVA);
}

CHECK(ats_bypass, "ats: a bypassed stream answers UR and records F_BAD_ATS_TREQ")
{
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_bad_request(IOVA);
}

CHECK(ats_treq_fields, "ats: F_BAD_ATS_TREQ says span, P, X, W and the substream")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_substream();
        context.ste.dw[1] &= ~STE_EATS(3);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_eq(ats_request(&devs[0], IOVA, 3 * PAGE, ASK_READ | ASK_EXECUTE), OUTCOME_UR);
        expect_event(event_of_ssid(F_BAD_ATS_TREQ, sid(&devs[0]), 5), BIT(31) | BIT(29) | BIT(28) | 3, IOVA, 0);
}

CHECK(ats_abort, "ats: an aborted stream answers UR and records nothing")
{
        struct ste ste = ste_config(CONFIG_ABORT);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_no_event();
}

/* Configuration errors: Completer Abort, and nothing recorded. */
static void expect_completer_abort(void)
{
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_CA);
        expect_no_event();
}

CHECK(ats_invalid_ste, "ats: V 0 in the stream's entry answers CA and records nothing")
{
        expect_completer_abort();
}

CHECK(ats_bad_sid, "ats: a stream ID beyond the table answers CA and records nothing")
{
        smmu_restart(&(struct shape){ .strtab_log2 = 3, .cr2 = RECINVSID });
        expect_completer_abort();
}

CHECK(ats_ste_fetch, "ats: a stream table outside memory answers CA and records nothing")
{
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        smmu_write64(STRTAB_BASE, NOWHERE);
        expect(smmu_cr0(smmu.cr0 | SMMUEN));
        expect_completer_abort();
}

CHECK(ats_cd_fetch, "ats: a context descriptor outside memory answers CA and records nothing")
{
        struct ste ste = ste_stage1(NOWHERE);
        ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &ste);
        expect_completer_abort();
}

CHECK(ats_bad_cd, "ats: an illegal context descriptor answers CA and records nothing")
{
        struct context context = begin();
        context.cd.dw[0] &= ~CD_AA64;
        context_update(&devs[0], &context);
        expect_completer_abort();
}

CHECK(ats_bad_ssid, "ats: a substream beyond the table answers CA and records nothing")
{
        NEEDS(SUBSTREAMS);
        begin_substream();
        testdev_control(&devs[0], WITH_PASID, 8);
        expect_completer_abort();
}

CHECK(ats_stream_disabled, "ats: S1DSS 0 without a substream answers CA and records nothing")
{
        NEEDS(SUBSTREAMS);
        begin_substream();
        testdev_control(&devs[0], 0, 0);
        expect_completer_abort();
}

CHECK(ats_walk_abort, "ats: a table outside memory answers CA and records nothing")
{
        struct context context = begin();
        *table_entry(&context.table, IOVA, 2) = NOWHERE | 3;
        expect_completer_abort();
}

CHECK(ats_dss_bypass, "ats: S1DSS 1 without a substream answers identity, R and W")
{
        NEEDS(SUBSTREAMS);
        struct context context = begin_substream();
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

/* Both stages with EATS = 1 or 2. */
static struct nested begin_nested(u32 eats, u64 *page)
{
        struct nested both = attach_nested(&devs[0], 9, 4);
        both.context.ste.dw[1] |= STE_EATS(eats);
        ste_install(sid(&devs[0]), &both.context.ste);
        testdev_enable_ats(&devs[0]);
        *page = take_page();
        table_map(&both.context.table, IOVA, 0x7700000000, 3, S1_RW);
        table_map(&both.stage2, 0x7700000000, *page, 3, S2_RW);
        return both;
}

CHECK(ats_nested, "ats: full ATS over both stages answers the final address")
{
        NEEDS(NESTING);
        u64 page;
        begin_nested(EATS_FULL, &page);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}

CHECK(ats_nested_size, "ats: the size over both stages is the smaller one")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        table_map(&both.context.table, BIT(21), 0x7700000000, 2, S1_RW);
        expect_entry(BIT(21), RW, page | WRITE_BITS);
}

CHECK(ats_nested_permission, "ats: stage 2 read-only takes W away")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        table_map(&both.stage2, 0x7700000000, page, 3, S2_RW & ~S2_WRITE);
        expect_entry(IOVA, RW, page | ENTRY_R);
}

CHECK(ats_nested_fault, "ats: a stage-2 fault is success without access, not recorded")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        *table_entry(&both.stage2, 0x7700000000, 3) = 0;
        expect_no_access(IOVA, RW);
}

CHECK(ats_nested_table_fault, "ats: a stage-2 fault on a stage-1 table is success without access")
{
        NEEDS(NESTING);
        u64 page;
        struct nested both = begin_nested(EATS_FULL, &page);
        *table_entry(&both.context.table, IOVA, 2) = 0x7b00000000 | 3;
        expect_no_access(IOVA, RW);
}

CHECK(ats_split, "ats: split-stage ATS answers the intermediate address, permissions of both stages")
{
        NEEDS(SPLIT_ATS);
        u64 page;
        expect(smmu_cr0(smmu.cr0 | ATSCHK));
        struct nested both = begin_nested(EATS_SPLIT, &page);
        table_map(&both.stage2, 0x7700000000, page, 3, S2_RW & ~S2_WRITE);
        expect_entry(IOVA, RW, 0x7700000000 | ENTRY_R);
}

CHECK(ats_split_unchecked, "ats: EATS 2 acts as 0 while ATSCHK is 0")
{
        NEEDS(SPLIT_ATS);
        u64 page;
        begin_nested(EATS_SPLIT, &page);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_bad_request(IOVA);
}

CHECK(ats_stage2, "ats: full ATS over stage 2 alone")
{
        NEEDS(STAGE2);
        struct table table = table_new(2, 12, 40);
        struct ste ste = ste_stage2(&table, 3);
        u64 page = take_page();
        ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_ats(&devs[0]);
        table_map(&table, IOVA, page, 3, S2_RW);
        expect_entry(IOVA, RW, page | WRITE_BITS);
}
