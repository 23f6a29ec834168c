/* What an SMMU does not advertise it does not do (IHI 0070, 6.3.1, 4.1.4, 5.2). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x10000 };

static void expect_bad_ste(const struct ste *ste)
{
        ste_install(sid(&devs[0]), ste);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(C_BAD_STE, sid(&devs[0])), 0, 0, 0);
}

CHECK(no_stage1_config, "absent: without stage 1, Config 5 and 7 are C_BAD_STE")
{
        if (!lacking(STAGE1))
                return skip("stage 1 is there");
        struct ste ste = ste_stage1((u64)take(64, 64));
        expect_bad_ste(&ste);
        struct table table = table_new(2, 12, 39);
        ste = ste_nested((u64)take(64, 64), &table, 1);
        expect_bad_ste(&ste);
}

CHECK(no_stage1_commands, "absent: without stage 1, TLBI_NH_* are CERROR_ILL")
{
        if (!lacking(STAGE1))
                return skip("stage 1 is there");
        for (u32 opcode = TLBI_NH_ALL; opcode <= TLBI_NH_VAA; opcode++)
                expect_illegal(opcode, LEAF);
}

CHECK(no_stage2_config, "absent: without stage 2, Config 6 and 7 are C_BAD_STE")
{
        if (!lacking(STAGE2))
                return skip("stage 2 is there");
        struct table table = table_new(2, 12, 39);
        struct ste ste = ste_stage2(&table, 1);
        expect_bad_ste(&ste);
        ste = ste_nested((u64)take(64, 64), &table, 1);
        expect_bad_ste(&ste);
}

CHECK(no_stage2_commands, "absent: without stage 2, TLBI_S12_VMALL and TLBI_S2_IPA are CERROR_ILL")
{
        if (!lacking(STAGE2))
                return skip("stage 2 is there");
        expect_illegal(TLBI_S12_VMALL, 0);
        expect_illegal(TLBI_S2_IPA, LEAF);
}

CHECK(no_ats_command, "absent: without ATS, CMD_ATC_INV is CERROR_ILL")
{
        if (!lacking(ATS))
                return skip("ATS is there");
        expect_illegal(on_sid(ATC_INV, sid(&devs[0])), 52);
}

CHECK(no_ats_request, "absent: without ATS, Translation Requests are answered UR")
{
        if (!lacking(ATS))
                return skip("ATS is there");
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_ats(&devs[0]);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ), OUTCOME_UR);
}

CHECK(no_ats_eats, "absent: without ATS, EATS is ignored")
{
        NEEDS(STAGE1);
        if (!lacking(ATS))
                return skip("ATS is there");
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        context.ste.dw[1] |= STE_EATS(EATS_SPLIT);
        ste_install(sid(&devs[0]), &context.ste);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(no_pri_command, "absent: without PRI, CMD_PRI_RESP is CERROR_ILL")
{
        if (!lacking(PRI))
                return skip("PRI is there");
        expect_illegal(on_sid(PRI_RESP, sid(&devs[0])), FIELD(2, 13, 12));
}

CHECK(no_pri_registers, "absent: without PRI, the registers of its queue are zero")
{
        if (!lacking(PRI))
                return skip("PRI is there");
        smmu_write64(PRIQ_BASE, board.ram);
        smmu_write(PRIQ_CONS, 1);
        expect_eq(smmu_read64(PRIQ_BASE), 0);
        expect_eq(smmu_read(PRIQ_PROD), 0);
        expect_eq(smmu_read(PRIQ_CONS), 0);
}

CHECK(no_split_ats, "absent: with NS1ATS 1, EATS 2 is C_BAD_STE")
{
        NEEDS(NESTING | ATS);
        if (!lacking(SPLIT_ATS))
                return skip("split-stage ATS is there");
        struct nested both = attach_nested(&devs[0], 9, 4);
        both.context.ste.dw[1] |= STE_EATS(EATS_SPLIT);
        expect_bad_ste(&both.context.ste);
}

static void cd_is_bad(u64 bits)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] |= bits;
        context_update(&devs[0], &context);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(C_BAD_CD, sid(&devs[0])), 0, 0, 0);
}

CHECK(no_access_flag, "absent: HA beyond HTTU is C_BAD_CD")
{
        NEEDS(STAGE1);
        if (!lacking(ACCESS_FLAG))
                return skip("HTTU is not 0");
        cd_is_bad(CD_HA);
}

CHECK(no_dirty_state, "absent: HD beyond HTTU is C_BAD_CD")
{
        NEEDS(STAGE1);
        if (!lacking(DIRTY_STATE))
                return skip("HTTU has dirty state");
        cd_is_bad(CD_HD);
}

CHECK(no_stage2_updates, "absent: S2HD beyond HTTU is C_BAD_STE")
{
        NEEDS(STAGE2);
        if (!lacking(DIRTY_STATE))
                return skip("HTTU has dirty state");
        struct table table = table_new(2, 12, 39);
        struct ste ste = ste_stage2(&table, 1);
        ste.dw[2] |= STE_S2HA | STE_S2HD;
        expect_bad_ste(&ste);
}

CHECK(no_substreams, "absent: with SSIDSIZE 0, S1CDMax is ignored and a substream is C_BAD_SUBSTREAMID")
{
        NEEDS(STAGE1);
        if (!lacking(SUBSTREAMS))
                return skip("substreams are there");
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        context.ste.dw[0] |= STE_S1CDMAX(7);
        ste_install(sid(&devs[0]), &context.ste);
        expect_lands(&devs[0], IOVA, page);
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 1);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of_ssid(C_BAD_SUBSTREAMID, sid(&devs[0]), 1), 0, 0, 0);
}

CHECK(no_ranges, "absent: without RIL, TG, NUM, SCALE and TTL are ignored: one address")
{
        NEEDS(STAGE1);
        if (!lacking(RANGES))
                return skip("RIL is there");
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 before = take_page(), after = take_page();
        table_map(&context.table, IOVA, before, 3, S1_RW);
        expect_lands(&devs[0], IOVA, before);
        table_map(&context.table, IOVA, after, 3, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, ASID), IOVA | FIELD(1, 11, 10)));
        expect_lands(&devs[0], IOVA, after);
}
