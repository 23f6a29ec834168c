/* The invalidation queue (D51397, 6.5.2): order, waits, errors and restart. */
#include "vtd/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { VECTOR = 0x51 };

static volatile u32 *word;

static void take_word(void)
{
        word = (volatile u32 *)take_page();
}

CHECK(queue_status, "queue: a wait with SW writes 32 bits of status data, and no more")
{
        take_word();
        word[0] = word[1] = word[2] = 0x77777777;
        expect(invalidate_wait(INV_WAIT | WAIT_STATUS(0x89abcdef), (u64)(word + 1)));
        expect_eq(word[0], 0x77777777);
        expect_eq(word[1], 0x89abcdef);
        expect_eq(word[2], 0x77777777);
}

CHECK(queue_fence, "queue: a wait with FN alone is served")
{
        u32 at = vtd->tail;
        invalidate(INV_WAIT | WAIT_FENCE, 0);
        expect(vtd_wait(IQH, ~0u, at + descriptor_bytes()));
        expect(queue_wait());
}

CHECK(queue_order, "queue: descriptors are served in order")
{
        take_word();
        for (u32 i = 0; i < 8; i++)
                invalidation_put(i, INV_WAIT | WAIT_STATUS(i + 1), (u64)word);
        invalidation_ring(8);
        expect(queue_wait());
        expect_eq(*word, 8);
}

CHECK(queue_wraps, "queue: it wraps, and can be filled but for one")
{
        take_word();
        u32 entries = vtd->queue_bytes / descriptor_bytes();
        for (u32 round = 0; round < 3; round++) {
                for (u32 i = 0; i < entries - 1; i++)
                        invalidation_put(i, INV_WAIT | WAIT_STATUS(i + 1), (u64)word);
                invalidation_ring(entries - 1);
                expect(vtd_wait(IQH, ~0u, vtd->tail));
                expect_eq(*word, entries - 1);
        }
}

CHECK(queue_two_pages, "queue: of two pages")
{
        vtd_restart(&(struct shape){ .queue_log2 = 1 });
        take_word();
        u32 entries = vtd->queue_bytes / descriptor_bytes();
        for (u32 i = 0; i < entries - 5; i++)
                invalidation_put(i, INV_WAIT | WAIT_STATUS(i + 1), (u64)word);
        invalidation_ring(entries - 5);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, entries - 5);
        expect(queue_wait());
}

CHECK(queue_halves, "queue: IQT may be written and IQH read by 32 bits")
{
        take_word();
        invalidation_put(0, INV_WAIT | WAIT_STATUS(1), (u64)word);
        vtd->tail += descriptor_bytes();
        vtd_write(IQT, vtd->tail);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, 1);
}

CHECK(queue_status_nowhere, "queue: a status write outside memory is lost, and the queue goes on")
{
        invalidate(INV_WAIT | WAIT_STATUS(1), NOWHERE);
        expect(queue_wait());
        expect_eq(vtd_read(FSTS), 0);
}

CHECK(queue_interrupt, "queue: a wait with IF sets IWC and interrupts")
{
        event_to(IECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(interrupt_arrives(VECTOR, before));
        expect_eq(vtd_read(ICS), IWC);
        expect_eq(vtd_read(IECTL), 0);
}

CHECK(queue_interrupt_once, "queue: while IWC is set another wait with IF does not interrupt; after it is cleared it does")
{
        event_to(IECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(interrupt_arrives(VECTOR, before));
        before = interrupts[VECTOR];
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(queue_wait());
        expect(interrupt_stays_away(VECTOR, before));
        vtd_write(ICS, IWC);
        expect_eq(vtd_read(ICS), 0);
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(interrupt_arrives(VECTOR, before));
}

CHECK(queue_interrupt_masked, "queue: with IM the event is pending, and comes when IM is cleared")
{
        event_to(IECTL, VECTOR);
        vtd_write(IECTL, IM);
        u64 before = interrupts[VECTOR];
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(queue_wait());
        expect(interrupt_stays_away(VECTOR, before));
        expect_eq(vtd_read(IECTL), IM | IP);
        vtd_write(IECTL, 0);
        expect(interrupt_arrives(VECTOR, before));
        expect_eq(vtd_read(IECTL), 0);
}

CHECK(queue_interrupt_withdrawn, "queue: IP goes when IWC is cleared")
{
        vtd_write(IECTL, IM);
        invalidate(INV_WAIT | WAIT_INTERRUPT, 0);
        expect(queue_wait());
        expect_eq(vtd_read(IECTL), IM | IP);
        vtd_write(ICS, IWC);
        expect_eq(vtd_read(IECTL), IM);
}

CHECK(queue_bad_types, "queue errors: IQEI 3, types 0, A to F and types with bits 11:9")
{
        static const u64 types[] = { 0, 10, 11, 12, 13, 14, 15, 5 | BIT(9), 5 | BIT(11), 0xe05 };
        for (u32 i = 0; i < COUNT(types); i++)
                expect_refused_descriptor(types[i] | WAIT_FENCE, 0, IQEI_TYPE);
}

CHECK(queue_reserved, "queue errors: IQEI 4, reserved bits of each type")
{
        static const struct { u64 qw0, qw1; u32 needs; } bad[] = {
                { INV_CONTEXT(GLOBAL, 0, 0) | BIT(6), 0, 0 },
                { INV_CONTEXT(GLOBAL, 0, 0) | BIT(63), 0, 0 },
                { INV_CONTEXT(GLOBAL, 0, 0), BIT(12), 0 },
                { INV_IOTLB(GLOBAL, 0) | BIT(8), 0, 0 },
                { INV_IOTLB(GLOBAL, 0) | BIT(32), 0, 0 },
                { INV_IOTLB(GLOBAL, 0), BIT(7), 0 },
                { INV_DEVICE(8) | BIT(21), 0, ATS },
                { INV_DEVICE(8) | BIT(48), 0, ATS },
                { INV_DEVICE(8), BIT(1), ATS },
                { INV_ENTRIES | BIT(12), 0, REMAPPING },
                { INV_ENTRIES, 1, REMAPPING },
                { INV_WAIT | WAIT_FENCE | BIT(8), 0, 0 },
                { INV_WAIT | WAIT_FENCE, 1, 0 },
                { INV_PASID_IOTLB(DOMAIN, 1, 1) | BIT(6), 0, SCALABLE },
                { INV_PASID_IOTLB(DOMAIN, 1, 1) | BIT(52), 0, SCALABLE },
                { INV_PASID_IOTLB(SELECTIVE, 1, 1), BIT(8), SCALABLE },
                { INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0) | BIT(12), 0, SCALABLE },
                { INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), BIT(63), SCALABLE },
                { INV_PASID_DEVICE(8, 1), BIT(1), PASIDS | ATS },
                { INV_PASID_DEVICE(8, 1), BIT(10), PASIDS | ATS },
                { PAGE_RESPONSE(8, 0) | BIT(6), 0, PRI },
                { PAGE_RESPONSE(8, 0), BIT(12), PRI },
        };
        for (u32 i = 0; i < COUNT(bad); i++) {
                if (!lacking(bad[i].needs))
                        expect_refused_descriptor(bad[i].qw0, bad[i].qw1, IQEI_RESERVED);
        }
}

CHECK(queue_granularity, "queue errors: IQEI 4, granularities that are none, and a wait that does nothing")
{
        expect_refused_descriptor(INV_CONTEXT(0, 0, 0), 0, IQEI_RESERVED);
        expect_refused_descriptor(INV_IOTLB(0, 0), 0, IQEI_RESERVED);
        expect_refused_descriptor(INV_WAIT, 0, IQEI_RESERVED);
        if (lacking(SCALABLE))
                return;
        expect_refused_descriptor(INV_PASID_IOTLB(0, 1, 1), 0, IQEI_RESERVED);
        expect_refused_descriptor(INV_PASID_IOTLB(1, 1, 1), 0, IQEI_RESERVED);
        expect_refused_descriptor(INV_PASID_CACHE(2, 1, 1), 0, IQEI_RESERVED);
}

CHECK(queue_upper_half, "queue errors: IQEI 4, the upper half of a 256-bit descriptor")
{
        NEEDS(SCALABLE);
        u32 at = vtd->tail;
        volatile u64 *entry = (u64 *)(vtd->queue + at);
        invalidation_put(0, INV_WAIT | WAIT_FENCE, 0);
        entry[3] = BIT(63);
        invalidation_ring(1);
        expect_queue_error(at, IQEI_RESERVED);
        entry[3] = 0;
        vtd_write(FSTS, IQE);
        expect(queue_wait());
}

CHECK(queue_index_mask, "queue errors: IQEI 4, an interrupt entry mask beyond MHMV")
{
        NEEDS(REMAPPING);
        u32 most = vtd->ecap >> 20 & 15;
        expect_refused_descriptor(INV_ENTRY(0, most + 1), 0, IQEI_RESERVED);
        expect(invalidate_wait(INV_ENTRY(0, most), 0));
        expect(invalidate_wait(INV_ENTRIES, 0));
}

CHECK(queue_tail, "queue errors: IQEI 1, a tail beyond the queue")
{
        vtd_write64(IQT, vtd->queue_bytes);
        expect_queue_error(vtd->tail, IQEI_TAIL);
        vtd_write64(IQT, vtd->tail);
        vtd_write(FSTS, IQE);
        expect(queue_wait());
}

CHECK(queue_fetch, "queue errors: IQEI 2, a queue outside memory")
{
        expect(vtd_disable(QIE));
        vtd_write64(IQT, 0);
        vtd_write64(IQA, NOWHERE | (vtd->wide ? IQA_WIDE : 0));
        expect(vtd_enable(QIE));
        vtd_write64(IQT, descriptor_bytes());
        expect_queue_error(0, IQEI_FETCH);
}

CHECK(queue_width, "queue errors: IQEI 5, 128-bit descriptors with a scalable mode root table")
{
        NEEDS(SCALABLE);
        expect(vtd_disable(QIE));
        vtd_write64(IQT, 0);
        vtd_write64(IQA, vtd->queue);
        expect(vtd_enable(QIE));
        vtd_write64(IQT, 16);
        expect_queue_error(0, IQEI_WIDTH);
}

CHECK(queue_width_absent, "queue errors: IQEI 5, 256-bit descriptors where there is no scalable mode")
{
        if (!lacking(SCALABLE))
                return skip("scalable mode is there");
        vtd_write64(IQA, vtd->queue | IQA_WIDE);
        expect(vtd_wait(FSTS, IQE, IQE));
        expect_eq(vtd_read64(IQERCD), IQEI_WIDTH);
}

CHECK(queue_alignment, "queue errors: IQEI 6, a tail in the middle of a 256-bit descriptor")
{
        NEEDS(SCALABLE);
        vtd_write64(IQT, vtd->tail + 16);
        expect_queue_error(vtd->tail, IQEI_ALIGNMENT);
        vtd_write64(IQT, vtd->tail);
        vtd_write(FSTS, IQE);
        expect(queue_wait());
}

CHECK(queue_root_type, "queue errors: IQEI 7, a root table of a kind that is not there")
{
        expect(vtd_set_root(vtd->root | TTM_RESERVED));
        u32 at = vtd->tail;
        invalidate(INV_WAIT | WAIT_FENCE, 0);
        expect_queue_error(at, IQEI_TTM);
}

CHECK(queue_stopped, "queue errors: while IQE is set a written tail is kept, and nothing is served")
{
        take_word();
        u32 at = vtd->tail;
        volatile u64 *entry = (u64 *)(vtd->queue + at);
        invalidate(0, 0);
        expect_queue_error(at, IQEI_TYPE);
        invalidate(INV_WAIT | WAIT_STATUS(5), (u64)word);
        expect_eq(vtd_read64(IQT), vtd->tail);
        expect_eq(vtd_read64(IQH), at);
        expect_eq(*word, 0);
        entry[0] = INV_WAIT | WAIT_FENCE;
        vtd_write(FSTS, IQE);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, 5);
}

CHECK(queue_not_repaired, "queue errors: clearing IQE without repairing the descriptor stops again")
{
        u32 at = vtd->tail;
        invalidate(0, 0);
        expect_queue_error(at, IQEI_TYPE);
        vtd_write(FSTS, IQE);
        expect_queue_error(at, IQEI_TYPE);
}

CHECK(queue_restarted, "queue errors: a queue that is disabled and enabled again begins anew")
{
        invalidate(0, 0);
        expect(vtd_wait(FSTS, IQE, IQE));
        expect(vtd_disable(QIE));
        vtd_write(FSTS, IQE);
        vtd_write64(IQT, 0);
        vtd->tail = 0;
        expect(vtd_enable(QIE));
        expect(queue_wait());
}

CHECK(queue_error_event, "queue errors: IQE is a fault event")
{
        event_to(FECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        invalidate(0, 0);
        expect(interrupt_arrives(VECTOR, before));
}

CHECK(queue_absent_features, "queue errors: IQEI 3, descriptors of features that are not there")
{
        if (lacking(ATS))
                expect_refused_descriptor(INV_DEVICE(8), 0, IQEI_TYPE);
        if (lacking(REMAPPING))
                expect_refused_descriptor(INV_ENTRIES, 0, IQEI_TYPE);
        if (lacking(SCALABLE)) {
                expect_refused_descriptor(INV_PASID_IOTLB(DOMAIN, 1, 1), 0, IQEI_TYPE);
                expect_refused_descriptor(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0, IQEI_TYPE);
        }
        if (lacking(PASIDS | ATS))
                expect_refused_descriptor(INV_PASID_DEVICE(8, 1), 0, IQEI_TYPE);
        if (lacking(PRI))
                expect_refused_descriptor(PAGE_RESPONSE(8, 0), 0, IQEI_TYPE);
        if (!lacking(ATS | REMAPPING | SCALABLE | PASIDS | PRI))
                skip("all of them are there");
}
