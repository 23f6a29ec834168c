/* ATS Translation Requests that are refused: how they are answered, and what is recorded (IHI 0070, 3.9.1.1, 7.3.6). */
#include "smmuv3/ats.h"

static const char *missing(void)
{
        return lacking(STAGE1 | ATS);
}

#define NOWHERE 0x3000000000ull

CHECK(ats_off, "ats: SMMUEN 0 answers UR and records F_BAD_ATS_TREQ")
{
        begin_ats();
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
        struct context context = begin_ats();
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
        struct context context = begin_ats_substream();
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
        struct context context = begin_ats();
        context.cd.dw[0] &= ~CD_AA64;
        context_update(&devs[0], &context);
        expect_completer_abort();
}

CHECK(ats_bad_ssid, "ats: a substream beyond the table answers CA and records nothing")
{
        NEEDS(SUBSTREAMS);
        begin_ats_substream();
        testdev_control(&devs[0], WITH_PASID, 8);
        expect_completer_abort();
}

CHECK(ats_stream_disabled, "ats: S1DSS 0 without a substream answers CA and records nothing")
{
        NEEDS(SUBSTREAMS);
        begin_ats_substream();
        testdev_control(&devs[0], 0, 0);
        expect_completer_abort();
}

CHECK(ats_walk_abort, "ats: a table outside memory answers CA and records nothing")
{
        struct context context = begin_ats();
        *table_entry(&context.table, IOVA, 2) = NOWHERE | 3;
        expect_completer_abort();
}
