/* Context descriptors: which are legal (IHI 0070, 5.4). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1);
}

#define NOWHERE 0x3000000000ull

enum { IOVA = 0x10000 };

CHECK(context_abort, "contexts: a descriptor outside memory is F_CD_FETCH with the address")
{
        struct ste ste = ste_stage1(NOWHERE);
        ste_install(sid(&devs[0]), &ste);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_CD_FETCH, sid(&devs[0])), 0, 0, NOWHERE);
}

/* Each makes the descriptor of a good context illegal. */
static void illegal_cd(u32 word, u64 clear_bits, u64 set_bits)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[word] = (context.cd.dw[word] & ~clear_bits) | set_bits;
        context_update(&devs[0], &context);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(C_BAD_CD, sid(&devs[0])), 0, 0, 0);
}

CHECK(cd_invalid, "contexts: V 0 is C_BAD_CD")
{
        illegal_cd(0, CD_V, 0);
}

CHECK(cd_aarch32, "contexts: AA64 0 is C_BAD_CD")
{
        illegal_cd(0, CD_AA64, 0);
}

CHECK(cd_endi, "contexts: ENDI 1 with little-endian tables only is C_BAD_CD")
{
        if ((smmu.idr0 >> 21 & 3) != 2)
                return skip("TTENDIAN is not little-endian only");
        illegal_cd(0, 0, CD_ENDI);
}

CHECK(cd_t0sz_small, "contexts: T0SZ 15 is C_BAD_CD")
{
        illegal_cd(0, 63, 15);
}

CHECK(cd_t0sz_large, "contexts: T0SZ 40 is C_BAD_CD")
{
        illegal_cd(0, 63, 40);
}

CHECK(cd_tg0_reserved, "contexts: TG0 3 is C_BAD_CD")
{
        illegal_cd(0, 0, FIELD(3, 7, 6));
}

CHECK(cd_tg1_reserved, "contexts: TG1 0 with EPD1 0 is C_BAD_CD")
{
        illegal_cd(0, CD_EPD1 | FIELD(3, 23, 22) | FIELD(63, 21, 16), FIELD(25, 21, 16));
}

CHECK(cd_ttb0_large, "contexts: TTB0 beyond IPS is C_BAD_CD")
{
        illegal_cd(1, 0, BIT(49));
}

CHECK(cd_ttb0_ips, "contexts: TTB0 beyond a smaller IPS is C_BAD_CD")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] &= ~CD_IPS(7);         /* 32 bits */
        context.cd.dw[1] |= BIT(33);
        context_update(&devs[0], &context);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(C_BAD_CD, sid(&devs[0])), 0, 0, 0);
}

CHECK(cd_haft, "contexts: HAFT where HTTU does not have it is C_BAD_CD")
{
        if ((smmu.idr0 >> 6 & 3) == 3)
                return skip("HTTU has it");
        illegal_cd(1, 0, CD_HAFT);
}

CHECK(cd_no_abort, "contexts: A 0 in the model that only aborts is C_BAD_CD")
{
        if (!(smmu.idr0 & IDR0_TERM_MODEL))
                return skip("TERM_MODEL is 0");
        illegal_cd(0, CD_A, 0);
}

CHECK(cd_stall, "contexts: S 1 where S1STALLD forbids it is C_BAD_CD")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        if (stall_model() == STALL_BOTH) {
                context.ste.dw[1] |= STE_S1STALLD;
                ste_install(sid(&devs[0]), &context.ste);
        }
        context.cd.dw[0] |= CD_S;
        context_update(&devs[0], &context);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(C_BAD_CD, sid(&devs[0])), 0, 0, 0);
}

CHECK(cd_hd_alone, "contexts: HD without HA is legal and updates nothing")
{
        NEEDS(DIRTY_STATE);
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW & ~PTE_AF);
        context.cd.dw[0] |= CD_HD;
        context_update(&devs[0], &context);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of(F_ACCESS, sid(&devs[0])), EVENT_CLASS_IN, IOVA, 0);
        expect_eq(*table_entry(&context.table, IOVA, 3) & PTE_AF, 0);
}

CHECK(cd_ips_clamped, "contexts: IPS 6 and 7 count as the output size and break nothing")
{
        for (u32 code = 6; code <= 7; code++) {
                struct context context = attach_stage1(&devs[0], 12, 39);
                u64 page = take_page();
                table_map(&context.table, IOVA, page, 3, S1_RW);
                context.cd.dw[0] |= CD_IPS(code);
                context_update(&devs[0], &context);
                expect_lands(&devs[0], IOVA, page);
        }
}

CHECK(cd_epd_unchecked, "contexts: with EPD1 1, T1SZ, TG1 and TTB1 may be anything")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        context.cd.dw[0] |= FIELD(63, 21, 16);
        context.cd.dw[2] = FIELD(~0ull, 51, 4);
        context_update(&devs[0], &context);
        expect_lands(&devs[0], IOVA, page);
}
