/* Translated requests (IHI 0070, 3.9.1.2) and ATC invalidation (4.5.1). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1 | ATS);
}

enum { IOVA = 0x10000, QUIET_MS = 5, ATC_ALL = 52 };

static struct context begin(u32 eats)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.ste.dw[1] |= STE_EATS(eats);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], TRANSLATED, 0);
        return context;
}

static void expect_forbidden(u64 page)
{
        expect_refused(&devs[0], page, page);
        expect_event(event_of(F_TRANSL_FORBIDDEN, sid(&devs[0])), 0, page, 0);
        expect_unreadable(&devs[0], page, page);
        expect_event(event_of(F_TRANSL_FORBIDDEN, sid(&devs[0])), EVENT_RNW, page, 0);
        expect_no_event();
}

static void check_translated(void)
{
        expect(smmu_cr0(smmu.cr0 | ATSCHK));
}

CHECK(translated_unchecked, "translated: ATSCHK 0 lets them pass, whatever the stream's entry says")
{
        u64 page = take_page();
        begin(EATS_NONE);
        expect_lands(&devs[0], page, page);
        ste_at(sid(&devs[0]))[0] = 0;
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
        expect_reads(&devs[0], page, page);
        expect_no_event();
}

CHECK(translated_checked, "translated: ATSCHK 1 and EATS 1 lets them pass")
{
        u64 page = take_page();
        check_translated();
        begin(EATS_FULL);
        expect_lands(&devs[0], page, page);
        expect_reads(&devs[0], page, page);
        expect_no_event();
}

CHECK(translated_eats_0, "translated: ATSCHK 1 and EATS 0 is F_TRANSL_FORBIDDEN")
{
        check_translated();
        begin(EATS_NONE);
        expect_forbidden(take_page());
}

CHECK(translated_off, "translated: SMMUEN 0 is F_TRANSL_FORBIDDEN")
{
        begin(EATS_FULL);
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        expect_forbidden(take_page());
}

static void with_ste(const struct ste *ste)
{
        check_translated();
        ste_install(sid(&devs[0]), ste);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], TRANSLATED, 0);
}

CHECK(translated_bypass, "translated: ATSCHK 1 and a bypassed stream is F_TRANSL_FORBIDDEN")
{
        struct ste ste = ste_config(CONFIG_BYPASS);
        with_ste(&ste);
        expect_forbidden(take_page());
}

CHECK(translated_abort, "translated: ATSCHK 1 and an aborted stream is refused silently")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_ABORT);
        with_ste(&ste);
        expect_refused(&devs[0], page, page);
        expect_no_event();
}

CHECK(translated_bad_ste, "translated: ATSCHK 1 and an illegal entry is refused silently")
{
        u64 page = take_page();
        struct ste ste = { { 0 } };
        with_ste(&ste);
        expect_refused(&devs[0], page, page);
        expect_no_event();
}

CHECK(translated_eats_changes, "translated: EATS 0 counts after CFGI_STE and SYNC")
{
        u64 page = take_page();
        check_translated();
        struct context context = begin(EATS_FULL);
        expect_lands(&devs[0], page, page);
        ste_at(sid(&devs[0]))[1] = context.ste.dw[1] & ~STE_EATS(3);
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
        expect_forbidden(page);
}

CHECK(translated_split, "translated: EATS 2 translates the address by stage 2, and records its faults")
{
        NEEDS(SPLIT_ATS);
        check_translated();
        struct nested both = attach_nested(&devs[0], 9, 4);
        both.context.ste.dw[1] |= STE_EATS(EATS_SPLIT);
        ste_install(sid(&devs[0]), &both.context.ste);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], TRANSLATED, 0);
        u64 page = take_page(), ipa = 0x7700000000;
        table_map(&both.stage2, ipa, page, 3, S2_RW);
        expect_lands(&devs[0], ipa, page);
        expect_refused(&devs[0], ipa + PAGE, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN, ipa + PAGE, ipa + PAGE);
        table_map(&both.stage2, ipa, page, 3, S2_RW & ~S2_WRITE);
        expect(command_sync(on_vmid(TLBI_S12_VMALL, 9, 0), 0));
        expect_refused(&devs[0], ipa, page);
        expect_event(event_of(F_PERMISSION, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN, ipa, ipa);
}

/* The function's own cache. */
static struct context begin_cached(u64 *page)
{
        struct context context = begin(EATS_FULL);
        *page = take_page();
        table_map(&context.table, IOVA, *page, 3, S1_RW);
        testdev_control(&devs[0], CACHED, 0);
        return context;
}

/* Size in pages, log2. */
static u64 atc_inv(u32 stream)
{
        return on_sid(ATC_INV, stream);
}

CHECK(atc_hit, "atc: the second DMA through the function's cache asks nothing")
{
        u64 page;
        begin_cached(&page);
        expect_lands(&devs[0], IOVA, page);
        u32 misses = testdev_read(&devs[0], X_ATC_MISSES), hits = testdev_read(&devs[0], X_ATC_HITS);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(testdev_read(&devs[0], X_ATC_MISSES), misses);
        expect(testdev_read(&devs[0], X_ATC_HITS) > hits);
}

static void expect_moved_after(u64 dw0, u64 dw1)
{
        u64 page, after = take_page();
        struct context context = begin_cached(&page);
        expect_lands(&devs[0], IOVA, page);
        table_map(&context.table, IOVA, after, 3, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, ASID), IOVA | LEAF));
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        expect(command_sync(dw0, dw1));
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count + 1);
        expect_lands(&devs[0], IOVA, after);
}

CHECK(atc_inv_page, "atc: ATC_INV of one page, and the next DMA goes to the new one")
{
        expect_moved_after(atc_inv(sid(&devs[0])), IOVA);
}

CHECK(atc_inv_range, "atc: ATC_INV of 2^5 pages, its address aligned down")
{
        expect_moved_after(atc_inv(sid(&devs[0])), (IOVA + 0x3000) | 5);
}

CHECK(atc_inv_all, "atc: ATC_INV of everything")
{
        expect_moved_after(atc_inv(sid(&devs[0])), ATC_ALL);
}

CHECK(atc_inv_other, "atc: ATC_INV is sent to the function it names")
{
        u64 page;
        begin_cached(&page);
        testdev_enable_ats(&devs[1]);
        u32 ours = testdev_read(&devs[0], X_INV_COUNT), theirs = testdev_read(&devs[1], X_INV_COUNT);
        expect(command_sync(atc_inv(sid(&devs[1])), ATC_ALL));
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), ours);
        expect_eq(testdev_read(&devs[1], X_INV_COUNT), theirs + 1);
}

CHECK(atc_inv_unsupported, "atc: ATC_INV to a function with ATS off completes without an error")
{
        expect(command_sync(atc_inv(sid(&devs[0])), ATC_ALL));
        expect_eq(gerror_active(), 0);
}

CHECK(atc_inv_absent, "atc: ATC_INV to a function that is not there completes without an error")
{
        expect(command_sync(atc_inv(31 << 3), ATC_ALL));
        expect_eq(gerror_active(), 0);
}

CHECK(atc_inv_off, "atc: ATC_INV does nothing while SMMUEN is 0")
{
        u64 page;
        begin_cached(&page);
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        expect(command_sync(atc_inv(sid(&devs[0])), ATC_ALL));
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count);
}

CHECK(atc_sync_waits, "atc: a SYNC waits until the function has answered")
{
        u64 page;
        begin_cached(&page);
        testdev_write(&devs[0], X_INV_HOLD, 1);
        command(atc_inv(sid(&devs[0])), ATC_ALL);
        u32 at = smmu.commands.index;
        command(SYNC, 0);
        u64 start = counter();
        while (testdev_read(&devs[0], X_INV_HELD) == 0 && within(start, 1000))
                ;
        expect_eq(testdev_read(&devs[0], X_INV_HELD), 1);
        start = counter();
        while (within(start, QUIET_MS))
                ;
        expect_eq(smmu_read(CMDQ_CONS), at);
        testdev_write(&devs[0], X_INV_RELEASE, 1);
        expect(smmu_wait(CMDQ_CONS, QUEUE_FULL_RANGE, smmu.commands.index));
        expect_eq(gerror_active(), 0);
}

CHECK(atc_lost, "atc: an invalidation that is never answered ends its SYNC with CERROR_ATC_INV_SYNC, and the queue goes on")
{
        if (!text_equal(board.arguments, "atc-timeout"))
                return skip("the time-out is a minute");
        u64 page;
        begin_cached(&page);
        testdev_write(&devs[0], X_INV_LOSE, 1);
        command(atc_inv(sid(&devs[0])), ATC_ALL);
        u32 at = smmu.commands.index;
        command(SYNC, 0);
        expect_stopped(at, CERROR_ATC_INV_SYNC);
        gerror_acknowledge();
        expect_consumed();
        expect_lands(&devs[0], IOVA, page);
}

CHECK(atc_many, "atc: more invalidations than ITags, and one SYNC")
{
        u64 page;
        begin_cached(&page);
        u32 count = testdev_read(&devs[0], X_INV_COUNT);
        for (u64 i = 0; i < 100; i++)
                command(atc_inv(sid(&devs[0])), i << 12);
        expect(sync());
        expect_eq(testdev_read(&devs[0], X_INV_COUNT), count + 100);
}

CHECK(atc_pasid, "atc: ATC_INV with SSV reaches the entries of that substream only")
{
        NEEDS(SUBSTREAMS);
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 cds = (u64)take(64 * 8, 64 * 8), before = take_page(), after = take_page();
        for (u32 ssid = 4; ssid < 6; ssid++)
                cd_store(cds + ssid * 64, &context.cd);
        context.ste = ste_stage1(cds);
        context.ste.dw[0] |= STE_S1CDMAX(3);
        context.ste.dw[1] |= STE_EATS(EATS_FULL);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_pasid(&devs[0]);
        testdev_enable_ats(&devs[0]);
        table_map(&context.table, IOVA, before, 3, S1_RW);
        for (u32 ssid = 4; ssid < 6; ssid++) {
                testdev_control(&devs[0], WITH_PASID, ssid);
                expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ | ASK_WRITE), OUTCOME_DONE);
                expect_eq(ats_entry(&devs[0], 0), before | ENTRY_R | ENTRY_W);
        }
        table_map(&context.table, IOVA, after, 3, S1_RW);
        expect(command_sync(on_vmid(TLBI_NH_VA, 0, ASID), IOVA | LEAF));
        expect(command_sync(atc_inv(sid(&devs[0])) | BIT(11) | 5 << 12, IOVA));
        testdev_control(&devs[0], WITH_PASID, 5);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ | ASK_WRITE), OUTCOME_DONE);
        expect_eq(ats_entry(&devs[0], 0), after | ENTRY_R | ENTRY_W);
}
