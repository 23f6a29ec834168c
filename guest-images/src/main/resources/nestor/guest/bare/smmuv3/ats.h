/* What the checks of ATS Translation Requests share. */
#ifndef ATS_H
#define ATS_H

#include "smmuv3/tables.h"

enum { IOVA = 0x10000, RW = ASK_READ | ASK_WRITE, WRITE_BITS = ENTRY_R | ENTRY_W };

/* Stage 1 with EATS = 1, and ATS enabled in the function. */
static inline struct context begin_ats(void)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_ats(&devs[0]);
        return context;
}

/* The same with substream 5. */
static inline struct context begin_ats_substream(void)
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

/* F_BAD_ATS_TREQ (7.3.6) for one unit, read and write. */
static inline void expect_bad_request(u64 iova)
{
        expect_event(event_of(F_BAD_ATS_TREQ, sid(&devs[0])), BIT(31) | BIT(30) | 1, iova & -4096ull, 0);
        expect_no_event();
}

#endif
