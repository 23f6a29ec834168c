/* The event queue (IHI 0070, 7.2, 7.4): room, overflow, aborts, interrupts. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1);
}

enum { IOVA = 0x10000, MORE_THAN_FULL = 5 };

#define NOWHERE 0x3000000000ull

/* A stream of which every write faults, at the given address. */
static void fault(u64 iova)
{
        expect_refused(&devs[0], iova, board.ram + board.ram_bytes - PAGE);
}

static void begin(u32 events_log2)
{
        smmu_restart(&(struct shape){ .events_log2 = events_log2 });
        attach_stage1(&devs[0], 12, 39);
}

static void expect_fault_record(u64 iova)
{
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN, iova, 0);
}

CHECK(event_order, "events: records come in the order of the faults")
{
        begin(4);
        for (u64 i = 0; i < 10; i++)
                fault(IOVA + i * PAGE);
        for (u64 i = 0; i < 10; i++)
                expect_fault_record(IOVA + i * PAGE);
        expect_no_event();
}

CHECK(event_wrap, "events: the queue wraps, several times")
{
        begin(2);
        for (u64 i = 0; i < 19; i++) {
                fault(IOVA + i * PAGE);
                expect_fault_record(IOVA + i * PAGE);
        }
        expect_eq(smmu_read(EVENTQ_PROD), 19 & 7);
}

CHECK(event_full, "events: a full queue takes exactly its size")
{
        begin(2);
        for (u64 i = 0; i < 4; i++)
                fault(IOVA + i * PAGE);
        expect_eq(smmu_read(EVENTQ_PROD), 4);
}

CHECK(event_overflow, "events: what does not fit is lost and toggles OVFLG once")
{
        begin(2);
        for (u64 i = 0; i < 4 + MORE_THAN_FULL; i++)
                fault(IOVA + i * PAGE);
        expect_eq(smmu_read(EVENTQ_PROD), OVERFLOW | 4);
        for (u64 i = 0; i < 4; i++)
                expect_fault_record(IOVA + i * PAGE);
        expect_no_event();
}

CHECK(event_after_overflow, "events: freed space is used before the overflow is acknowledged")
{
        begin(1);
        for (u64 i = 0; i < 3; i++)
                fault(IOVA + i * PAGE);
        expect_eq(smmu_read(EVENTQ_PROD) & OVERFLOW, OVERFLOW);
        expect_fault_record(IOVA);
        fault(IOVA + 9 * PAGE);
        expect_eq(smmu_read(EVENTQ_PROD), OVERFLOW | 3);
        expect_fault_record(IOVA + PAGE);
        expect_fault_record(IOVA + 9 * PAGE);
}

CHECK(event_overflow_acknowledge, "events: OVFLG toggles again only after OVACKFLG matches it")
{
        begin(1);
        for (u64 i = 0; i < 4; i++)
                fault(IOVA);
        expect_eq(smmu_read(EVENTQ_PROD) & OVERFLOW, OVERFLOW);
        smmu_write(EVENTQ_CONS, OVERFLOW | smmu.events.index);
        expect_eq(smmu_read(EVENTQ_PROD) & OVERFLOW, OVERFLOW);
        fault(IOVA);
        expect_eq(smmu_read(EVENTQ_PROD) & OVERFLOW, 0);
        fault(IOVA);
        expect_eq(smmu_read(EVENTQ_PROD) & OVERFLOW, 0);
}

CHECK(event_off, "events: with EVENTQEN 0 records are dropped, without overflow")
{
        begin(1);
        expect(smmu_cr0(smmu.cr0 & ~EVENTQEN));
        for (u64 i = 0; i < 4; i++)
                fault(IOVA);
        expect_eq(smmu_read(EVENTQ_PROD), 0);
        expect(smmu_cr0(smmu.cr0 | EVENTQEN));
        fault(IOVA);
        expect_fault_record(IOVA);
}

CHECK(event_abort, "events: a queue outside memory is EVENTQ_ABT, once, and PROD stays")
{
        begin(4);
        expect(smmu_cr0(smmu.cr0 & ~EVENTQEN));
        smmu_write64(EVENTQ_BASE, NOWHERE | 4);
        expect(smmu_cr0(smmu.cr0 | EVENTQEN));
        fault(IOVA);
        expect_eq(gerror_active(), EVENTQ_ABT);
        fault(IOVA);
        expect_eq(gerror_active(), EVENTQ_ABT);
        gerror_acknowledge();
        expect_eq(gerror_active(), 0);
}

CHECK(event_abort_recovers, "events: after EVENTQ_ABT is acknowledged and the base mended, records come again")
{
        begin(4);
        expect(smmu_cr0(smmu.cr0 & ~EVENTQEN));
        smmu_write64(EVENTQ_BASE, NOWHERE | 4);
        expect(smmu_cr0(smmu.cr0 | EVENTQEN));
        fault(IOVA);
        expect(smmu_cr0(smmu.cr0 & ~EVENTQEN));
        smmu_write64(EVENTQ_BASE, smmu.events.base | smmu.events.log2);
        smmu_write(EVENTQ_PROD, 0);
        smmu_write(EVENTQ_CONS, 0);
        expect(smmu_cr0(smmu.cr0 | EVENTQEN));
        fault(IOVA + PAGE);
        expect_no_event();
        gerror_acknowledge();
        fault(IOVA + 2 * PAGE);
        expect_fault_record(IOVA + 2 * PAGE);
}

static void interrupts_on(void)
{
        smmu_write(IRQ_CTRL, IRQ_EVENTQ);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_EVENTQ));
}

CHECK(event_wire, "events: the wire pulses when the queue is no longer empty, and not for each record")
{
        begin(4);
        u32 intid = board.smmu_spi;
        spi_clear(intid);
        interrupts_on();
        fault(IOVA);
        expect_eq(spi_pending(intid), true);
        spi_clear(intid);
        fault(IOVA);
        expect_eq(spi_pending(intid), false);
        expect_fault_record(IOVA);
        expect_fault_record(IOVA);
        fault(IOVA);
        expect_eq(spi_pending(intid), true);
        spi_clear(intid);
}

CHECK(event_quiet, "events: with IRQ_CTRL.EVENTQ 0 there is no interrupt")
{
        begin(4);
        spi_clear(board.smmu_spi);
        fault(IOVA);
        expect_eq(spi_pending(board.smmu_spi), false);
}

CHECK(event_message, "events: the message is written after the record, instead of the wire")
{
        NEEDS(MESSAGES);
        begin(4);
        volatile u32 *word = take(64, 64);
        spi_clear(board.smmu_spi);
        smmu_write64(EVENTQ_IRQ, (u64)word);
        smmu_write(EVENTQ_IRQ + 8, 0x5151);
        interrupts_on();
        fault(IOVA);
        expect_eq(*word, 0x5151);
        expect_eq(spi_pending(board.smmu_spi), false);
}

CHECK(event_message_aborts, "events: a message to nowhere is MSI_EVENTQ_ABT, and the record is there")
{
        NEEDS(MESSAGES);
        begin(4);
        smmu_write64(EVENTQ_IRQ, NOWHERE);
        interrupts_on();
        fault(IOVA);
        expect_eq(gerror_active(), MSI_EVENTQ_ABT);
        expect_fault_record(IOVA);
        gerror_acknowledge();
        expect_eq(gerror_active(), 0);
}

/* Termination by CD.A = 0 (3.12.1): writes are ignored, reads are zero, and the fault is recorded. */
CHECK(razwi, "events: with CD.A 0 a refused write is ignored and a refused read is zero")
{
        if (smmu.idr0 & IDR0_TERM_MODEL)
                return skip("TERM_MODEL is 1");
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        context.cd.dw[0] &= ~CD_A;
        context_update(&devs[0], &context);
        expect_eq(dma_write(&devs[0], IOVA, page, 64), DMA_ELSEWHERE);
        expect_eq(*(volatile u64 *)page, 0);
        expect_fault_record(IOVA);
        expect_eq(dma_read(&devs[0], IOVA, page, 64), DMA_ELSEWHERE);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_CLASS_IN | EVENT_RNW, IOVA, 0);
}

CHECK(stall_not_for_pcie, "events: CD.S terminates a PCIe function that cannot wait, with a record and STALL 0")
{
        NEEDS(STALLS);
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] |= CD_S;
        context_update(&devs[0], &context);
        fault(IOVA);
        expect_fault_record(IOVA);
}
