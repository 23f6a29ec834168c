/* Stream table: the ways to an entry, and what an entry makes of a stream (IHI 0070, 3.3.1, 5.2). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return NULL;
}

/* No RAM there, nor anything else. */
#define NOWHERE 0x3000000000ull

CHECK(invalid_ste, "streams: an entry with V 0 is C_BAD_STE")
{
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(C_BAD_STE, sid(&devs[0])), 0, 0, 0);
        expect_no_event();
}

static void abort_with(u32 config)
{
        u64 page = take_page();
        struct ste ste = ste_config(config);
        ste_install(sid(&devs[0]), &ste);
        expect_refused(&devs[0], page, page);
        expect_no_event();
}

CHECK(abort_silently, "streams: Config 0 aborts without an event")
{
        abort_with(CONFIG_ABORT);
}

CHECK(abort_reserved, "streams: Config 1 to 3 are legal and abort, too")
{
        abort_with(1);
        abort_with(2);
        abort_with(3);
}

CHECK(abort_ignores, "streams: an abort entry may have anything in its other fields")
{
        struct ste ste = { { STE_V | 0x3ull << 59, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull } };
        ste_install(sid(&devs[0]), &ste);
        expect_refused(&devs[0], 0x1000, take_page());
        expect_no_event();
}

CHECK(bypass, "streams: Config 4 passes addresses unchanged")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page + 0x840, page + 0x840);
        expect_reads(&devs[0], page, page);
}

CHECK(bypass_ignores, "streams: a bypass entry may have illegal stage-2 fields")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste.dw[2] = ~0ull << 32;
        ste.dw[3] = ~0ull;
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page, page);
}

CHECK(streams_differ, "streams: each stream has its own entry")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[1]), &ste);
        expect_lands(&devs[1], page, page);
        expect_refused(&devs[0], page, page);
        expect_event(event_of(C_BAD_STE, sid(&devs[0])), 0, 0, 0);
}

CHECK(sid_beyond_table, "streams: a stream ID beyond LOG2SIZE is C_BAD_STREAMID")
{
        smmu_restart(&(struct shape){ .strtab_log2 = 3, .cr2 = RECINVSID });
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(C_BAD_STREAMID, sid(&devs[0])), 0, 0, 0);
}

CHECK(sid_last, "streams: the last stream ID of LOG2SIZE is good")
{
        u64 page = take_page();
        smmu_restart(&(struct shape){ .strtab_log2 = 4, .cr2 = RECINVSID });
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page, page);
}

CHECK(sid_unrecorded, "streams: without CR2.RECINVSID, C_BAD_STREAMID is not recorded")
{
        smmu_restart(&(struct shape){ .strtab_log2 = 3 });
        expect_refused(&devs[0], 0x1000, take_page());
        expect_no_event();
}

CHECK(ste_fetch, "streams: a stream table outside memory is F_STE_FETCH with the address")
{
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        smmu_write64(STRTAB_BASE, NOWHERE);
        expect(smmu_cr0(smmu.cr0 | SMMUEN));
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(F_STE_FETCH, sid(&devs[0])), 0, 0, NOWHERE + sid(&devs[0]) * 64);
}

CHECK(table_aligned_down, "streams: a linear table's base is aligned down to its size")
{
        u64 page = take_page();
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        smmu_write64(STRTAB_BASE, smmu.strtab + 0x100);
        expect(smmu_cr0(smmu.cr0 | SMMUEN));
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page, page);
}

/* Two levels: the first has one descriptor per 2^split streams. */
static volatile u64 *two_levels(u32 log2, u32 split)
{
        smmu_restart(&(struct shape){ .strtab_log2 = log2, .strtab_split = split, .cr2 = RECINVSID });
        return (volatile u64 *)smmu.strtab;
}

static void span_reaches(u32 split, u32 span)
{
        u64 page = take_page();
        volatile u64 *first = two_levels(16, split);
        u64 bytes = 64ull << (span - 1);
        first[0] = (u64)take(bytes, bytes) | span;
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page, page);
        expect_no_event();
}

static void span_refuses(u32 split, u64 descriptor)
{
        two_levels(16, split)[0] = descriptor;
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(C_BAD_STREAMID, sid(&devs[0])), 0, 0, 0);
}

CHECK(split_6, "streams: two levels, SPLIT 6, the largest Span")
{
        span_reaches(6, 7);
}

CHECK(split_8, "streams: two levels, SPLIT 8, the largest Span")
{
        span_reaches(8, 9);
}

CHECK(split_10, "streams: two levels, SPLIT 10, the largest Span")
{
        span_reaches(10, 11);
}

CHECK(span_exact, "streams: Span n means 2^(n-1) entries: the smallest that holds the stream")
{
        u32 span = 1;
        while (sid(&devs[0]) >> (span - 1))
                span++;
        span_reaches(8, span);
}

CHECK(span_short, "streams: a stream just beyond 2^(Span-1) entries is C_BAD_STREAMID")
{
        u32 span = 1;
        while (sid(&devs[0]) >> (span - 1))
                span++;
        span_refuses(8, (u64)take(PAGE, PAGE) | (span - 1));
}

CHECK(span_zero, "streams: Span 0 is C_BAD_STREAMID")
{
        span_refuses(8, (u64)take(PAGE * 4, PAGE * 4));
}

CHECK(span_beyond_split, "streams: Span beyond SPLIT + 1 is C_BAD_STREAMID")
{
        span_refuses(6, (u64)take(PAGE * 4, PAGE * 4) | 8);
}

CHECK(span_reserved, "streams: Span 12 is C_BAD_STREAMID")
{
        span_refuses(10, (u64)take(PAGE * 4, PAGE * 4) | 12);
}

CHECK(second_level_abort, "streams: a second level outside memory is F_STE_FETCH with the address")
{
        two_levels(16, 8)[0] = NOWHERE | 9;
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(F_STE_FETCH, sid(&devs[0])), 0, 0, NOWHERE + sid(&devs[0]) * 64);
}

CHECK(second_level_aligned, "streams: L2Ptr is aligned down to the size of its table")
{
        u64 page = take_page();
        volatile u64 *first = two_levels(16, 8);
        first[0] = (u64)take(0x4000, 0x4000) | 9;
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_store(sid(&devs[0]), &ste);
        first[0] |= 0x1000;
        expect_lands(&devs[0], page, page);
}

CHECK(new_second_level, "streams: a first-level descriptor that becomes valid is found after CFGI_STE with Leaf 1")
{
        u64 page = take_page();
        volatile u64 *first = two_levels(16, 8);
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(C_BAD_STREAMID, sid(&devs[0])), 0, 0, 0);
        first[0] = (u64)take(0x4000, 0x4000) | 9;
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_store(sid(&devs[0]), &ste);
        command(on_sid(CFGI_STE, sid(&devs[0])), LEAF);
        expect(sync());
        expect_lands(&devs[0], page, page);
}

/* Each makes a legal stage-1, stage-2 or nested entry illegal. */
static void expect_bad_ste(const struct ste *ste)
{
        ste_install(sid(&devs[0]), ste);
        expect_refused(&devs[0], 0x1000, take_page());
        expect_event(event_of(C_BAD_STE, sid(&devs[0])), 0, 0, 0);
}

static struct ste legal_stage1(void)
{
        return attach_stage1(&devs[0], 12, 39).ste;
}

static struct ste legal_stage2(void)
{
        struct table table = table_new(2, 12, 40);
        return ste_stage2(&table, 1);
}

static void illegal_stage2(u64 clear_bits, u64 set_bits)
{
        struct ste ste = legal_stage2();
        ste.dw[2] = (ste.dw[2] & ~clear_bits) | set_bits;
        expect_bad_ste(&ste);
}

CHECK(s1cdmax_large, "streams: S1CDMax beyond SSIDSIZE is C_BAD_STE")
{
        NEEDS(STAGE1);
        struct ste ste = legal_stage1();
        u32 ssid_bits = smmu.idr1 >> 6 & 31;
        if (!ssid_bits)
                return skip("SSIDSIZE is 0");
        ste.dw[0] |= STE_S1CDMAX(ssid_bits + 1);
        expect_bad_ste(&ste);
}

CHECK(s1contextptr_large, "streams: S1ContextPtr beyond the output size is C_BAD_STE")
{
        NEEDS(STAGE1);
        struct ste ste = legal_stage1();
        ste.dw[0] |= BIT(50);
        expect_bad_ste(&ste);
}

CHECK(eats_split_of_stage1, "streams: EATS 2 without stage 2 is C_BAD_STE")
{
        NEEDS(STAGE1 | ATS);
        struct ste ste = legal_stage1();
        ste.dw[1] |= STE_EATS(EATS_SPLIT);
        expect_bad_ste(&ste);
}

CHECK(s2aa64_clear, "streams: S2AA64 0 without AArch32 is C_BAD_STE")
{
        NEEDS(STAGE2);
        illegal_stage2(STE_S2AA64, 0);
}

CHECK(s2tg_reserved, "streams: S2TG 3 is C_BAD_STE")
{
        NEEDS(STAGE2);
        illegal_stage2(STE_S2TG(3), STE_S2TG(3));
}

CHECK(s2t0sz_small, "streams: S2T0SZ 15 is C_BAD_STE")
{
        NEEDS(STAGE2);
        illegal_stage2(STE_S2T0SZ(63), STE_S2T0SZ(15));
}

CHECK(s2t0sz_large, "streams: S2T0SZ 40 is C_BAD_STE")
{
        NEEDS(STAGE2);
        illegal_stage2(STE_S2T0SZ(63), STE_S2T0SZ(40));
}

CHECK(s2sl0_inconsistent, "streams: an S2SL0 too deep for S2T0SZ is C_BAD_STE")
{
        NEEDS(STAGE2);
        illegal_stage2(STE_S2SL0(3) | STE_S2T0SZ(63), STE_S2SL0(0) | STE_S2T0SZ(16));
}

CHECK(s2endi_big, "streams: S2ENDI 1 with little-endian tables only is C_BAD_STE")
{
        NEEDS(STAGE2);
        if ((smmu.idr0 >> 21 & 3) != 2)
                return skip("TTENDIAN is not little-endian only");
        illegal_stage2(0, STE_S2ENDI);
}

CHECK(s2ttb_large, "streams: S2TTB beyond S2PS is C_BAD_STE")
{
        NEEDS(STAGE2);
        struct ste ste = legal_stage2();
        ste.dw[2] &= ~STE_S2PS(7);      /* 32 bits */
        ste.dw[3] = 0x900000000;
        expect_bad_ste(&ste);
}

CHECK(s2ps_clamped, "streams: S2PS 6 and 7 count as the output size and break nothing")
{
        NEEDS(STAGE2);
        for (u32 code = 6; code <= 7; code++) {
                struct table table = table_new(2, 12, 40);
                struct ste ste = ste_stage2(&table, 1);
                u64 page = take_page();
                ste.dw[2] |= STE_S2PS(code);
                table_map(&table, 0x1000, page, 3, S2_RW);
                ste_install(sid(&devs[0]), &ste);
                command_sync(TLBI_NSNH_ALL, 0);
                expect_lands(&devs[0], 0x1000, page);
        }
}

CHECK(s2s_without_stalls, "streams: S2S 1 in the terminate model is C_BAD_STE")
{
        NEEDS(STAGE2);
        if (stall_model() != STALL_NEVER)
                return skip("stalls are there");
        illegal_stage2(0, STE_S2S);
}

CHECK(s1stalld_without_stalls, "streams: S1STALLD 1 where it means nothing is as the model says")
{
        NEEDS(STAGE1);
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        context.ste.dw[1] |= STE_S1STALLD;
        if (stall_model() != STALL_BOTH)
                return expect_bad_ste(&context.ste);
        table_map(&context.table, 0, page, 3, S1_RW);
        ste_install(sid(&devs[0]), &context.ste);
        expect_lands(&devs[0], 0, page);
}

CHECK(cfgi_ste, "streams: an entry's change counts after CFGI_STE and SYNC")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page, page);
        ste_at(sid(&devs[0]))[0] = STE_V | STE_CONFIG(CONFIG_ABORT);
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
        expect_refused(&devs[0], page, page);
        expect_no_event();
}

CHECK(cfgi_range, "streams: CFGI_STE_RANGE covers 2^(Range+1) streams, aligned down")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        for (u32 i = 0; i < COUNT(devs); i++) {
                ste_install(sid(&devs[i]), &ste);
                expect_lands(&devs[i], page, page);
                ste_at(sid(&devs[i]))[0] = STE_V | STE_CONFIG(CONFIG_ABORT);
        }
        expect(command_sync(on_sid(CFGI_STE_RANGE, sid(&devs[1]) | 7), 4));
        expect_refused(&devs[0], page, page);
        expect_refused(&devs[1], page, page);
}

CHECK(cfgi_all, "streams: CFGI_ALL covers every stream, whatever its SID field")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        expect_lands(&devs[0], page, page);
        ste_at(sid(&devs[0]))[0] = STE_V | STE_CONFIG(CONFIG_ABORT);
        expect(command_sync(on_sid(CFGI_STE_RANGE, 0xabcd1234), 31));
        expect_refused(&devs[0], page, page);
}
