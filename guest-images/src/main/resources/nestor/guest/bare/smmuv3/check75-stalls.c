/* The stall model (IHI 0070, 3.12.2, 4.6): a fault keeps the transaction until software answers. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1 | STALLS | ENGINES);
}

enum { IOVA = 0x40000, BYTES = 64, TERMINATE = 0, RETRY = 1, ABORT = 2, QUIET_MS = 5, SUBSTREAM = 3 };

/* What an event says of a stalled transaction. */
struct stalled {
        u64 word0, word1, address, ipa;
        u32 stag;
};

static struct context ours;

static u32 stream(u32 index)
{
        return engines[index].function.rid;
}

/* Engine 0 behind a context whose faults stall. */
static void begin(u64 cd_bits)
{
        ours = stage1_of(stream(0), 12, 39);
        ours.cd.dw[0] |= CD_S | cd_bits;
        cd_store(ours.cd_at, &ours.cd);
        command(on_ssid(CFGI_CD, stream(0), 0), LEAF);
        expect(sync());
}

static bool wait_event(u64 record[4])
{
        u64 start = counter();
        while (!event_take(record)) {
                if (!within(start, 1000))
                        return false;
        }
        return true;
}

/* The next event is of a stalled transaction. */
static struct stalled expect_stall(u32 code, u32 index, u64 bits, u64 address)
{
        u64 record[4] = { 0 };
        expect(wait_event(record));
        expect_eq(record[0], event_of(code, stream(index)));
        expect_eq(record[1] & ~0xffffull, EVENT_STALL | bits);
        expect_eq(record[2], address);
        return (struct stalled){ record[0], record[1], record[2], record[3], record[1] & 0xffff };
}

static struct stalled stall_write(u32 frame, u64 iova)
{
        engine_start(&engines[0], frame, RAND48, iova, BYTES);
        return expect_stall(F_TRANSLATION, 0, EVENT_CLASS_IN, iova);
}

static void resume(u32 index, u32 stag, u32 response)
{
        expect(command_sync(on_sid(RESUME, stream(index)) | FIELD(response, 13, 12), stag));
}

static void pass_time(void)
{
        u64 start = counter();
        while (within(start, QUIET_MS))
                ;
}

static u64 map(u64 iova)
{
        u64 page = take_page();
        table_map(&ours.table, iova & -4096ull, page, 3, S1_RW);
        return page;
}

static bool written(u64 page)
{
        volatile u64 *words = (u64 *)page;
        return words[0] && words[BYTES / 8 - 1];
}

CHECK(stall_retry, "stalls: an unmapped write waits; mapped and retried, it arrives")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        pass_time();
        expect(engine_runs(&engines[0], 0));
        u64 page = map(IOVA);
        resume(0, stalled.stag, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(written(page));
        expect_no_event();
}

CHECK(stall_abort, "stalls: RESUME with abort ends the transaction with an error at its address")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_eq(engine_fault(&engines[0], 0), IOVA);
        expect_no_event();
}

CHECK(stall_terminate_write, "stalls: RESUME with termination drops a write, without an error")
{
        if (smmu.idr0 & IDR0_TERM_MODEL)
                return skip("TERM_MODEL is 1");
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        u64 page = map(IOVA);
        resume(0, stalled.stag, TERMINATE);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(!written(page));
}

CHECK(stall_terminate_read, "stalls: RESUME with termination reads zeros")
{
        if (smmu.idr0 & IDR0_TERM_MODEL)
                return skip("TERM_MODEL is 1");
        begin(0);
        engine_start(&engines[0], 0, SUM64, IOVA, BYTES);
        struct stalled stalled = expect_stall(F_TRANSLATION, 0, EVENT_CLASS_IN | EVENT_RNW, IOVA);
        *(volatile u64 *)map(IOVA) = 0x1111;
        resume(0, stalled.stag, TERMINATE);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect_eq(engine_sum(&engines[0], 0), 0);
}

CHECK(stall_read, "stalls: a read waits, and after the retry sees memory as it is then")
{
        begin(0);
        engine_start(&engines[0], 0, SUM64, IOVA, BYTES);
        struct stalled stalled = expect_stall(F_TRANSLATION, 0, EVENT_CLASS_IN | EVENT_RNW, IOVA);
        volatile u64 *words = (u64 *)map(IOVA);
        words[0] = 0x1000;
        words[7] = 0x234;
        resume(0, stalled.stag, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect_eq(engine_sum(&engines[0], 0), 0x1234);
}

CHECK(stall_retry_again, "stalls: a retry that faults again is recorded again")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        resume(0, stalled.stag, RETRY);
        stalled = expect_stall(F_TRANSLATION, 0, EVENT_CLASS_IN, IOVA);
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

CHECK(stall_other_fault, "stalls: a retry may meet another fault")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        table_map(&ours.table, IOVA, take_page(), 3, S1_RO);
        resume(0, stalled.stag, RETRY);
        stalled = expect_stall(F_PERMISSION, 0, EVENT_CLASS_IN, IOVA);
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

CHECK(stall_unrecorded, "stalls: a stalled fault is recorded whatever CD.R says")
{
        begin(0);
        ours.cd.dw[0] &= ~CD_R;
        cd_store(ours.cd_at, &ours.cd);
        expect(command_sync(on_ssid(CFGI_CD, stream(0), 0), LEAF));
        struct stalled stalled = stall_write(0, IOVA);
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

static void stalls_with(u32 code, u64 output, u64 attributes)
{
        begin(0);
        table_map(&ours.table, IOVA, output, 3, attributes);
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        struct stalled stalled = expect_stall(code, 0, EVENT_CLASS_IN, IOVA);
        u64 page = map(IOVA);
        expect(command_sync(TLBI_NSNH_ALL, 0));
        resume(0, stalled.stag, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(written(page));
}

CHECK(stall_permission, "stalls: F_PERMISSION stalls")
{
        stalls_with(F_PERMISSION, take_page(), S1_RO);
}

CHECK(stall_access, "stalls: F_ACCESS stalls")
{
        stalls_with(F_ACCESS, take_page(), S1_RW & ~PTE_AF);
}

CHECK(stall_address_size, "stalls: F_ADDR_SIZE stalls")
{
        begin(0);
        ours.cd.dw[0] &= ~CD_IPS(7);
        cd_store(ours.cd_at, &ours.cd);
        expect(command_sync(on_ssid(CFGI_CD, stream(0), 0), LEAF));
        table_map(&ours.table, IOVA, BIT(32), 3, S1_RW);
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        struct stalled stalled = expect_stall(F_ADDR_SIZE, 0, EVENT_CLASS_IN, IOVA);
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

CHECK(walk_abort_does_not, "stalls: F_WALK_EABT does not stall")
{
        begin(0);
        *table_entry(&ours.table, IOVA, 2) = 0x3000000000 | 3;
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_event(event_of(F_WALK_EABT, stream(0)), EVENT_CLASS_TT, IOVA, 0x3000000000 + (IOVA >> 12) * 8);
}

CHECK(bad_cd_does_not, "stalls: C_BAD_CD does not stall")
{
        begin(0);
        *(volatile u64 *)ours.cd_at &= ~CD_V;
        expect(command_sync(on_ssid(CFGI_CD, stream(0), 0), LEAF));
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_event(event_of(C_BAD_CD, stream(0)), 0, 0, 0);
}

CHECK(without_s_does_not, "stalls: without CD.S a fault ends the transaction at once")
{
        ours = stage1_of(stream(0), 12, 39);
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_event(event_of(F_TRANSLATION, stream(0)), EVENT_CLASS_IN, IOVA, 0);
}

CHECK(stall_substream, "stalls: substream, privilege and instruction fetch are in the record")
{
        NEEDS(SUBSTREAMS);
        begin(0);
        u64 cds = (u64)take(64 * 8, 64 * 8);
        cd_store(cds + SUBSTREAM * 64, &ours.cd);
        struct ste ste = ste_stage1(cds);
        ste.dw[0] |= STE_S1CDMAX(3);
        ste_install(stream(0), &ste);
        engine_enable_pasid(&engines[0]);
        engine_start_as(&engines[0], 0, RAND48, IOVA, BYTES, SUBSTREAM, AS_PRIVILEGED);
        u64 record[4] = { 0 };
        expect(wait_event(record));
        expect_eq(record[0], event_of_ssid(F_TRANSLATION, stream(0), SUBSTREAM));
        expect_eq(record[1] & ~0xffffull, EVENT_STALL | EVENT_CLASS_IN | EVENT_PNU);
        u64 page = map(IOVA);
        resume(0, record[1] & 0xffff, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(written(page));
}

CHECK(stall_others_pass, "stalls: a stalled transaction keeps no other from passing")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        u64 page = map(IOVA + PAGE);
        engine_start(&engines[0], 1, RAND48, IOVA + PAGE, BYTES);
        expect_eq(engine_end(&engines[0], 1), HALTED);
        expect(written(page));
        struct context other = attach_stage1(&devs[0], 12, 39);
        u64 target = take_page();
        table_map(&other.table, IOVA, target, 3, S1_RW);
        expect_lands(&devs[0], IOVA, target);
        expect(engine_runs(&engines[0], 0));
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

CHECK(stall_syncs_pass, "stalls: invalidations and their SYNC complete while a transaction is stalled")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        command(on_sid(CFGI_STE, stream(0)), LEAF);
        expect(command_sync(TLBI_NSNH_ALL, 0));
        expect(engine_runs(&engines[0], 0));
        resume(0, stalled.stag, ABORT);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

CHECK(stall_several, "stalls: several at once have STAGs of their own and are answered in any order")
{
        begin(0);
        struct stalled stalled[4];
        u64 pages[4];
        for (u32 i = 0; i < 4; i++)
                stalled[i] = stall_write(i, IOVA + i * PAGE);
        for (u32 i = 0; i < 4; i++) {
                for (u32 j = 0; j < i; j++)
                        expect(stalled[i].stag != stalled[j].stag);
                pages[i] = map(IOVA + i * PAGE);
        }
        for (u32 i = 4; i-- > 0;) {
                expect(engine_runs(&engines[0], i));
                resume(0, stalled[i].stag, i & 1 ? RETRY : ABORT);
                expect_eq(engine_end(&engines[0], i), i & 1 ? HALTED : ENGINE_ERROR);
                expect_eq(written(pages[i]), i & 1);
        }
        expect_no_event();
}

CHECK(stall_same_page, "stalls: two writes to one page end with the answers to what was recorded")
{
        begin(0);
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        engine_start(&engines[0], 1, RAND48, IOVA + 0x800, BYTES);
        u64 record[4] = { 0 };
        expect(wait_event(record));
        pass_time();
        u64 page = map(IOVA);
        do {
                resume(0, record[1] & 0xffff, RETRY);
                pass_time();
        } while (event_take(record));
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect_eq(engine_end(&engines[0], 1), HALTED);
        expect(written(page));
        expect(written(page + 0x800));
}

CHECK(stall_term, "stalls: STALL_TERM aborts what a stream has stalled, and nothing of another stream")
{
        begin(0);
        struct stalled one = stall_write(0, IOVA);
        stall_write(1, IOVA + PAGE);
        ste_install(stream(1), &ours.ste);
        engine_start(&engines[1], 0, RAND48, IOVA + 2 * PAGE, BYTES);
        struct stalled other = expect_stall(F_TRANSLATION, 1, EVENT_CLASS_IN, IOVA + 2 * PAGE);
        expect(command_sync(on_sid(STALL_TERM, stream(0)), 0));
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_eq(engine_end(&engines[0], 1), ENGINE_ERROR);
        expect(engine_runs(&engines[1], 0));
        resume(0, one.stag, RETRY);
        u64 page = map(IOVA + 2 * PAGE);
        resume(1, other.stag, RETRY);
        expect_eq(engine_end(&engines[1], 0), HALTED);
        expect(written(page));
}

CHECK(stall_wrong_sid, "stalls: RESUME with another stream's ID, or another STAG, does nothing")
{
        begin(0);
        struct stalled stalled = stall_write(0, IOVA);
        resume(1, stalled.stag, ABORT);
        resume(0, stalled.stag ^ 1, ABORT);
        pass_time();
        expect(engine_runs(&engines[0], 0));
        u64 page = map(IOVA);
        resume(0, stalled.stag, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(written(page));
}

CHECK(stall_smmu_off, "stalls: SMMUEN 0 ends stalled transactions")
{
        begin(0);
        stall_write(0, IOVA);
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
}

CHECK(stall_queue_full, "stalls: a full event queue loses no stall and does not overflow")
{
        smmu_restart(&(struct shape){ .events_log2 = 1 });
        begin(0);
        enum { FRAMES = 6 };
        for (u32 i = 0; i < FRAMES; i++)
                engine_start(&engines[0], i, RAND48, IOVA + i * PAGE, BYTES);
        pass_time();
        expect_eq(smmu_read(EVENTQ_PROD), 2);
        for (u32 i = 0; i < FRAMES; i++) {
                u64 record[4] = { 0 };
                expect(wait_event(record));
                expect_eq(record[0], event_of(F_TRANSLATION, stream(0)));
                map(record[2]);
                resume(0, record[1] & 0xffff, RETRY);
        }
        for (u32 i = 0; i < FRAMES; i++)
                expect_eq(engine_end(&engines[0], i), HALTED);
        expect_eq(smmu_read(EVENTQ_PROD) & OVERFLOW, 0);
}

CHECK(stall_max, "stalls: never more than STALL_MAX records unanswered, and none is lost")
{
        smmu_restart(&(struct shape){ .events_log2 = 9 });
        begin(0);
        u32 most = smmu.idr5 >> 16, frames = most + 8;
        if (frames > 500)
                return skip("STALL_MAX is too large to reach");
        for (u32 i = 0; i < frames; i++)
                engine_start(&engines[0], i, RAND48, IOVA + i * PAGE, BYTES);
        pass_time();
        pass_time();
        expect(smmu_read(EVENTQ_PROD) <= most);
        for (u32 i = 0; i < frames; i++) {
                u64 record[4] = { 0 };
                expect(wait_event(record));
                resume(0, record[1] & 0xffff, ABORT);
        }
        for (u32 i = 0; i < frames; i++)
                expect_eq(engine_end(&engines[0], i), ENGINE_ERROR);
        expect_no_event();
}

CHECK(stall_stage2, "stalls: S2S stalls faults of stage 2")
{
        NEEDS(STAGE2);
        struct table table = table_new(2, 12, 40);
        struct ste ste = ste_stage2(&table, 3);
        ste.dw[2] |= STE_S2S;
        ste_install(stream(0), &ste);
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        struct stalled stalled = expect_stall(F_TRANSLATION, 0, EVENT_S2 | EVENT_CLASS_IN, IOVA);
        expect_eq(stalled.ipa, IOVA);
        u64 page = take_page();
        table_map(&table, IOVA, page, 3, S2_RW);
        resume(0, stalled.stag, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(written(page));
}

CHECK(stall_stage2_only_s1, "stalls: CD.S does not stall a fault of stage 2, nor S2S one of stage 1")
{
        NEEDS(NESTING);
        struct nested both = nested_of(stream(0), 9, 4);
        both.context.cd.dw[0] |= CD_S;
        cd_store(both.context.cd_at, &both.context.cd);
        expect(command_sync(on_sid(CFGI_STE, stream(0)), LEAF));
        table_map(&both.context.table, IOVA, 0x7700000000, 3, S1_RW);
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_event(event_of(F_TRANSLATION, stream(0)), EVENT_S2 | EVENT_CLASS_IN, IOVA, 0x7700000000);
        both.context.cd.dw[0] &= ~CD_S;
        cd_store(both.context.cd_at, &both.context.cd);
        both.context.ste.dw[2] |= STE_S2S;
        ste_install(stream(0), &both.context.ste);
        engine_start(&engines[0], 0, RAND48, IOVA + PAGE, BYTES);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        expect_event(event_of(F_TRANSLATION, stream(0)), EVENT_CLASS_IN, IOVA + PAGE, 0);
}

CHECK(stall_table_fetch, "stalls: S2S stalls a stage-2 fault on a stage-1 table, CLASS TT")
{
        NEEDS(NESTING);
        struct nested both = nested_of(stream(0), 9, 4);
        both.context.ste.dw[2] |= STE_S2S;
        ste_install(stream(0), &both.context.ste);
        u64 page = take_page(), away = 0x7b00000000;
        table_map(&both.context.table, IOVA, page + both.bias, 3, S1_RW);
        u64 *entry = table_entry(&both.context.table, IOVA, 2), table = *entry & (BIT(48) - PAGE);
        *entry = away | 3;
        engine_start(&engines[0], 0, RAND48, IOVA, BYTES);
        u64 record[4] = { 0 };
        expect(wait_event(record));
        expect_eq(record[0], event_of(F_TRANSLATION, stream(0)));
        expect_eq(record[1] & (EVENT_STALL | EVENT_S2 | FIELD(3, 41, 40)), EVENT_STALL | EVENT_S2 | EVENT_CLASS_TT);
        expect_eq(record[3], away);
        table_map(&both.stage2, away, table - both.bias, 3, S2_RW);
        resume(0, record[1] & 0xffff, RETRY);
        expect_eq(engine_end(&engines[0], 0), HALTED);
        expect(written(page));
}
