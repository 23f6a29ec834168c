#include "smmuv3/smmu.h"

#include "smmuv3/tables.h"

enum { DEFAULT_STRTAB_LOG2 = 6, DEFAULT_QUEUE_LOG2 = 7, TIMEOUT_MS = 2000, STE_BYTES = 64 };
enum { COMMAND_BYTES = 16, EVENT_BYTES = 32, REQUEST_BYTES = 16 };

struct smmu smmu;
struct testdev devs[2];
struct engine engines[2];

u32 smmu_read(u32 offset)
{
        return mmio_read32(board.smmu + offset);
}

void smmu_write(u32 offset, u32 value)
{
        mmio_write32(board.smmu + offset, value);
}

u64 smmu_read64(u32 offset)
{
        return mmio_read64(board.smmu + offset);
}

void smmu_write64(u32 offset, u64 value)
{
        mmio_write64(board.smmu + offset, value);
}

bool smmu_wait(u32 offset, u32 mask, u32 value)
{
        u64 start = counter();
        while ((smmu_read(offset) & mask) != value) {
                if (!within(start, TIMEOUT_MS))
                        return false;
        }
        return true;
}

bool smmu_cr0(u32 value)
{
        smmu.cr0 = value;
        smmu_write(CR0, value);
        return smmu_wait(CR0ACK, ~0u, value);
}

static struct queue queue_new(u32 log2, u32 entry_bytes)
{
        u64 bytes = (u64)entry_bytes << log2;
        return (struct queue){ (u64)take(bytes, bytes < PAGE ? PAGE : bytes), log2, entry_bytes, 0 };
}

static void program(const struct queue *queue, u32 base, u32 prod, u32 cons)
{
        smmu_write64(base, queue->base | queue->log2);
        smmu_write(prod, 0);
        smmu_write(cons, 0);
}

static u32 or_default(u32 value, u32 otherwise)
{
        return value ? value : otherwise;
}

void smmu_restart(const struct shape *shape)
{
        smmu_write(IRQ_CTRL, 0);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, 0));
        expect(smmu_cr0(0));
        gerror_acknowledge();
        smmu_write64(GERROR_IRQ, 0);
        smmu_write64(EVENTQ_IRQ, 0);
        smmu_write64(PRIQ_IRQ, 0);
        smmu_write(GBPA, GBPA_UPDATE);
        smmu_write(CR1, 0xd75);         /* inner shareable, write-back: tables and queues */
        smmu_write(CR2, shape->cr2);
        smmu.strtab_log2 = or_default(shape->strtab_log2, DEFAULT_STRTAB_LOG2);
        smmu.strtab_split = shape->strtab_split;
        u64 bytes = smmu.strtab_split ? 8ull << (smmu.strtab_log2 - smmu.strtab_split)
                                      : (u64)STE_BYTES << smmu.strtab_log2;
        smmu.strtab = (u64)take(bytes, bytes < 64 ? 64 : bytes);
        smmu_write64(STRTAB_BASE, smmu.strtab);
        smmu_write(STRTAB_BASE_CFG, (smmu.strtab_split ? 1 << 16 : 0) | smmu.strtab_split << 6
                                            | smmu.strtab_log2);
        smmu.commands = queue_new(or_default(shape->commands_log2, DEFAULT_QUEUE_LOG2), COMMAND_BYTES);
        smmu.events = queue_new(or_default(shape->events_log2, DEFAULT_QUEUE_LOG2), EVENT_BYTES);
        smmu.requests = queue_new(or_default(shape->requests_log2, DEFAULT_QUEUE_LOG2), REQUEST_BYTES);
        program(&smmu.commands, CMDQ_BASE, CMDQ_PROD, CMDQ_CONS);
        expect(smmu_cr0(CMDQEN));
        command(CFGI_STE_RANGE, 31);
        expect(command_sync(TLBI_NSNH_ALL, 0));
        program(&smmu.events, EVENTQ_BASE, EVENTQ_PROD, EVENTQ_CONS);
        program(&smmu.requests, PRIQ_BASE, PRIQ_PROD, PRIQ_CONS);
        u32 on = CMDQEN | EVENTQEN | PRIQEN | shape->cr0;
        expect(smmu_cr0(shape->off ? on : on | SMMUEN));
}

static u64 slot(const struct queue *queue, u32 index)
{
        return queue->base + (u64)(index & ((1u << queue->log2) - 1)) * queue->entry_bytes;
}

/* Indices carry a wrap bit above them. */
static u32 forward(const struct queue *queue, u32 index, u32 by)
{
        return (index + by) & ((2u << queue->log2) - 1);
}

void command_put(u32 ahead, u64 dw0, u64 dw1)
{
        volatile u64 *entry = (u64 *)slot(&smmu.commands, smmu.commands.index + ahead);
        entry[0] = dw0;
        entry[1] = dw1;
}

void command_ring(u32 count)
{
        smmu.commands.index = forward(&smmu.commands, smmu.commands.index, count);
        smmu_write(CMDQ_PROD, smmu.commands.index);
}

static bool is_full(void)
{
        return (smmu_read(CMDQ_CONS) & QUEUE_FULL_RANGE)
                == (smmu.commands.index ^ 1u << smmu.commands.log2);
}

void command(u64 dw0, u64 dw1)
{
        u64 start = counter();
        while (is_full()) {
                if (gerror_active() & CMDQ_ERR || !within(start, TIMEOUT_MS)) {
                        expect_eq(is_full(), false);
                        return;
                }
        }
        command_put(0, dw0, dw1);
        command_ring(1);
}

bool sync(void)
{
        command(SYNC, 0);
        u64 start = counter();
        while ((smmu_read(CMDQ_CONS) & QUEUE_FULL_RANGE) != smmu.commands.index) {
                if (gerror_active() & CMDQ_ERR || !within(start, TIMEOUT_MS))
                        return false;
        }
        return true;
}

bool command_sync(u64 dw0, u64 dw1)
{
        command(dw0, dw1);
        return sync();
}

void expect_stopped(u32 at, u32 reason)
{
        expect(smmu_wait(GERROR, CMDQ_ERR, ~smmu_read(GERRORN) & CMDQ_ERR));
        expect_eq(smmu_read(CMDQ_CONS), (u64)reason << 24 | at);
        expect_eq(gerror_active(), CMDQ_ERR);
}

void expect_consumed(void)
{
        expect(smmu_wait(CMDQ_CONS, QUEUE_FULL_RANGE, smmu.commands.index));
        expect_eq(gerror_active(), 0);
}

void expect_illegal(u64 dw0, u64 dw1)
{
        u32 at = smmu.commands.index;
        command_put(0, dw0, dw1);
        command_put(1, SYNC, 0);
        command_ring(2);
        expect_stopped(at, CERROR_ILL);
        volatile u64 *entry = (u64 *)(smmu.commands.base + at * 16);
        entry[0] = SYNC;
        entry[1] = 0;
        gerror_acknowledge();
        expect_consumed();
}

static bool take_record(struct queue *queue, u32 prod, u32 cons, u64 *record)
{
        u32 produced = smmu_read(prod);
        if ((produced & QUEUE_FULL_RANGE) == queue->index)
                return false;
        volatile u64 *entry = (u64 *)slot(queue, queue->index);
        for (u32 i = 0; i < queue->entry_bytes / 8; i++)
                record[i] = entry[i];
        queue->index = forward(queue, queue->index, 1);
        smmu_write(cons, (smmu_read(cons) & OVERFLOW) | queue->index);
        return true;
}

bool event_take(u64 record[4])
{
        return take_record(&smmu.events, EVENTQ_PROD, EVENTQ_CONS, record);
}

bool request_take(u64 record[2])
{
        return take_record(&smmu.requests, PRIQ_PROD, PRIQ_CONS, record);
}

/* Bits of word 1 that are IMPLEMENTATION DEFINED, or UNKNOWN without STALL. */
static u64 unknown_bits(u64 dw0, u64 dw1)
{
        if ((dw0 & 0xff) == F_WALK_EABT)
                return 0xffffffff;
        return (dw0 & 0xff) >= F_TRANSLATION && !(dw1 & EVENT_STALL) ? 0xffff : 0;
}

bool expect_event_at(const char *file, int line, u64 dw0, u64 dw1, u64 dw2, u64 dw3)
{
        u64 record[4];
        if (!expect_equal(file, line, "an event in the queue", event_take(record), true))
                return false;
        u64 known = ~unknown_bits(dw0, dw1);
        return expect_equal(file, line, "event word 0", record[0], dw0)
                & expect_equal(file, line, "event word 1", record[1] & known, dw1 & known)
                & expect_equal(file, line, "event word 2", record[2], dw2)
                & expect_equal(file, line, "event word 3", record[3], dw3);
}

bool expect_no_event_at(const char *file, int line)
{
        u64 record[4];
        if (!event_take(record))
                return true;
        return expect_equal(file, line, "word 0 of an event that should not be", record[0], 0);
}

u32 gerror_active(void)
{
        return smmu_read(GERROR) ^ smmu_read(GERRORN);
}

void gerror_acknowledge(void)
{
        smmu_write(GERRORN, smmu_read(GERROR));
}

static u32 features(void)
{
        static const u32 by_idr0[][2] = {
                { IDR0_S1P, STAGE1 }, { IDR0_S2P, STAGE2 }, { IDR0_ATS, ATS }, { IDR0_PRI, PRI },
                { IDR0_MSI, MESSAGES },
        };
        u32 found = 0;
        for (u32 i = 0; i < COUNT(by_idr0); i++)
                found |= smmu.idr0 & by_idr0[i][0] ? by_idr0[i][1] : 0;
        u32 httu = smmu.idr0 >> 6 & 3;
        found |= smmu.idr1 >> 6 & 31 ? SUBSTREAMS : 0;
        found |= smmu.idr3 & IDR3_RIL ? RANGES : 0;
        found |= httu >= 1 ? ACCESS_FLAG : 0;
        found |= httu >= 2 ? DIRTY_STATE : 0;
        found |= smmu.idr0 & IDR0_ATS && !(smmu.idr0 & IDR0_NS1ATS) && (found & NESTING) == NESTING ? SPLIT_ATS : 0;
        found |= (smmu.idr5 & 7) >= 5 ? BITS_48 : 0;
        found |= stall_model() == STALL_BOTH ? STALLS : 0;
        return found | (smmu.engines ? ENGINES : 0);
}

const char *lacking(u32 wanted)
{
        static const struct { u32 feature; const char *words; } all[] = {
                { STAGE1, "no stage 1" }, { STAGE2, "no stage 2" }, { SUBSTREAMS, "no substreams" },
                { ATS, "no ATS" }, { PRI, "no PRI" }, { MESSAGES, "no MSIs" }, { RANGES, "no RIL" },
                { ACCESS_FLAG, "HTTU is 0" }, { DIRTY_STATE, "HTTU has no dirty state" },
                { SPLIT_ATS, "no split-stage ATS" }, { BITS_48, "OAS is below 48 bits" },
                { STALLS, "stalls cannot be chosen" }, { ENGINES, "no functions that stall" },
        };
        u32 missing = wanted & ~features();
        for (u32 i = 0; i < COUNT(all); i++) {
                if (missing & all[i].feature)
                        return all[i].words;
        }
        return NULL;
}

void suite_begin(void)
{
        if (!expect(board.smmu != 0))
                return;
        smmu.idr0 = smmu_read(IDR0);
        smmu.idr1 = smmu_read(IDR1);
        smmu.idr3 = smmu_read(IDR3);
        smmu.idr5 = smmu_read(IDR5);
        for (u32 i = 0; i < COUNT(devs); i++)
                expect(testdev_find(i, &devs[i]));
        smmu.engines = engine_find(0, &engines[0]) && engine_find(1, &engines[1]);
        smmu_restart(&(struct shape){ 0 });
        smmu.caches = tlb_keeps();
        print("# IDR0 %x, IDR1 %x, IDR3 %x, IDR5 %x\n", (u64)smmu.idr0, (u64)smmu.idr1,
              (u64)smmu.idr3, (u64)smmu.idr5);
}

void suite_before(void)
{
        for (u32 i = 0; i < COUNT(devs); i++)
                testdev_quiet(&devs[i]);
        smmu_restart(&(struct shape){ .cr2 = RECINVSID });
}
