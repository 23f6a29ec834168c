/* Primary fault logging and the fault event (D51397, 7.2.1, 7.3, 11.4.7, 11.4.14). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x100000, VECTOR = 0x52, ABSENT_MS = 3 };

/* A fault of its own: all that a unit says of the n-th is its address. */
static void fault(u32 n)
{
        expect_refused(&devs[0], IOVA + n * PAGE, take_page());
}

/* Reason of an absent root entry, which is what every check begins with. */
static u32 reason(void)
{
        return lacking(SCALABLE) ? 0x01 : 0x39;
}

CHECK(log_index, "fault log: FRI and PPF of the first record that is pending")
{
        u32 at = vtd->next_fault;
        expect_eq(vtd_read(FSTS), 0);
        fault(0);
        expect_eq(vtd_read(FSTS), at << 8 | PPF);
        fault(1);
        expect_eq(vtd_read(FSTS), at << 8 | PPF);
        expect_fault(reason(), 0, IOVA);
        expect_eq(vtd_read(FSTS), (at + 1) % fault_records() << 8 | PPF);
        expect_fault(reason(), 0, IOVA + PAGE);
        expect_eq(vtd_read(FSTS) & 0xff, 0);
}

CHECK(log_circle, "fault log: records are used in turn")
{
        for (u32 n = 0; n < 2 * fault_records() + 1; n++) {
                fault(n);
                expect_fault(reason(), 0, IOVA + n * PAGE);
        }
        expect_no_fault();
}

CHECK(log_full, "fault log: one more than there are records sets PFO, and the records stay")
{
        for (u32 n = 0; n < fault_records(); n++)
                fault(n);
        expect_eq(vtd_read(FSTS) & PFO, 0);
        fault(99);
        expect_eq(vtd_read(FSTS) & (PFO | PPF), PFO | PPF);
        for (u32 n = 0; n < fault_records(); n++)
                expect_fault(reason(), 0, IOVA + n * PAGE);
        expect_eq(vtd_read(FSTS) & 0xff, PFO);
        vtd_write(FSTS, PFO);
        expect_no_fault();
}

CHECK(log_overflown, "fault log: while PFO is set nothing is recorded, even with room")
{
        for (u32 n = 0; n <= fault_records(); n++)
                fault(n);
        for (u32 n = 0; n < fault_records(); n++)
                fault_drop();
        fault(50);
        expect_eq(vtd_read(FSTS) & 0xff, PFO);
        vtd_write(FSTS, PFO);
        fault(51);
        expect_fault(reason(), 0, IOVA + 51 * PAGE);
        expect_no_fault();
}

CHECK(log_repeats, "fault log: the same fault again, not taken yet, may be recorded once; another is recorded")
{
        fault(0);
        fault(0);
        fault(1);
        expect_fault(reason(), 0, IOVA);
        u64 second = vtd_read64(fault_offset(vtd->next_fault));
        if (second == IOVA)
                fault_drop();
        expect_fault(reason(), 0, IOVA + PAGE);
        expect_no_fault();
}

CHECK(log_write_one, "fault log: F clears by writing one, not zero; the rest cannot be written")
{
        fault(0);
        u32 at = fault_offset(vtd->next_fault);
        u64 record = vtd_read64(at + 8);
        vtd_write64(at, 0);
        vtd_write64(at + 8, 0);
        expect_eq(vtd_read64(at), IOVA);
        expect_eq(vtd_read64(at + 8), record);
        vtd_write64(at + 8, ~0ull);
        expect_eq(vtd_read64(at + 8), record & ~FAULT_F);
        vtd->next_fault = (vtd->next_fault + 1) % fault_records();
        expect_no_fault();
}

CHECK(log_pending_fixed, "fault log: PPF does not clear by writing FSTS")
{
        fault(0);
        vtd_write(FSTS, PPF | PFO | 1 << 7);
        expect_eq(vtd_read(FSTS) & PPF, PPF);
        fault_drop();
        expect_eq(vtd_read(FSTS) & PPF, 0);
}

CHECK(log_two_functions, "fault log: records say which function it was")
{
        NEEDS(SAME_UNIT);
        expect_refused(&devs[1], IOVA, take_page());
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault_at(__FILE__, __LINE__, reason(), &devs[1], 0, IOVA);
        expect_fault(reason(), 0, IOVA);
}

CHECK(log_address, "fault log: FI is the page of the address, all 64 bits of it")
{
        expect_refused(&devs[0], 0xfedcba9876543000 + 0x7c0, take_page());
        expect_fault(reason(), 0, 0xfedcba9876543000);
}

CHECK(event_first, "fault event: the first pending fault interrupts")
{
        event_to(FECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        fault(0);
        expect(interrupt_arrives(VECTOR, before));
        expect_eq(vtd_read(FECTL), 0);
}

CHECK(event_not_second, "fault event: another fault while one is pending does not; after all are taken it does")
{
        event_to(FECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        fault(0);
        expect(interrupt_arrives(VECTOR, before));
        before = interrupts[VECTOR];
        fault(1);
        expect(interrupt_stays_away(VECTOR, before));
        fault_drop();
        fault(2);
        expect(interrupt_stays_away(VECTOR, before));
        fault_drop();
        fault_drop();
        fault(3);
        expect(interrupt_arrives(VECTOR, before));
}

CHECK(event_masked, "fault event: with IM it is pending, and comes when IM is cleared")
{
        event_to(FECTL, VECTOR);
        vtd_write(FECTL, IM);
        u64 before = interrupts[VECTOR];
        fault(0);
        expect(interrupt_stays_away(VECTOR, before));
        expect_eq(vtd_read(FECTL), IM | IP);
        vtd_write(FECTL, 0);
        expect(interrupt_arrives(VECTOR, before));
        expect_eq(vtd_read(FECTL), 0);
}

CHECK(event_withdrawn, "fault event: IP goes when the last cause is cleared")
{
        vtd_write(FECTL, IM);
        fault(0);
        fault(1);
        expect_eq(vtd_read(FECTL), IM | IP);
        fault_drop();
        expect_eq(vtd_read(FECTL), IM | IP);
        fault_drop();
        expect_eq(vtd_read(FECTL), IM);
}

CHECK(event_queue_and_fault, "fault event: a fault while IQE is pending does not interrupt")
{
        event_to(FECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        invalidate(0, 0);
        expect(interrupt_arrives(VECTOR, before));
        before = interrupts[VECTOR];
        fault(0);
        expect(interrupt_stays_away(VECTOR, before));
        expect_eq(vtd_read(FSTS) & (IQE | PPF), IQE | PPF);
}

CHECK(event_overflow, "fault event: PFO is none")
{
        event_to(FECTL, VECTOR);
        for (u32 n = 0; n < fault_records(); n++)
                fault(n);
        u64 before = interrupts[VECTOR];
        fault(99);
        expect(interrupt_stays_away(VECTOR, before));
        expect_eq(vtd_read(FSTS) & PFO, PFO);
}

CHECK(event_vector, "fault event: the message is what FEDATA says, not remapped")
{
        event_to(FECTL, VECTOR + 1);
        u64 before = interrupts[VECTOR], other = interrupts[VECTOR + 1];
        fault(0);
        expect(interrupt_arrives(VECTOR + 1, other));
        expect_eq(interrupts[VECTOR], before);
}
