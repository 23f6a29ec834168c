#include "vtd/remap.h"

static u64 table;
static bool extended_mode;

void remap_begin(u32 size, bool extended)
{
        u64 bytes = 16ull << (size + 1);
        table = (u64)take(bytes, bytes < PAGE ? PAGE : bytes);
        extended_mode = extended;
        vtd_write64(IRTA, table | (extended ? IRTA_EIME : 0) | size);
        vtd_write(GCMD, vtd->gcmd | SIRTP);
        expect(vtd_wait(GSTS, SIRTP, SIRTP));
        expect(invalidate_wait(INV_ENTRIES, 0));
        expect(vtd_enable(IRE));
}

void remap_set(u32 index, u64 qw0, u64 qw1)
{
        volatile u64 *entry = (u64 *)table + index * 2;
        entry[0] = 0;
        entry[1] = qw1;
        entry[0] = qw0;
        expect(invalidate_wait(INV_ENTRY(index, 0), 0));
}

u64 remap_here(u32 vector)
{
        u64 destination = extended_mode ? IRTE_X2APIC(board.apic_id) : IRTE_XAPIC(board.apic_id);
        return IRTE_P | IRTE_VECTOR(vector) | destination;
}

u64 remap_address(u32 handle, bool subhandle)
{
        return 0xfee00000 | FIELD(handle, 19, 5) | BIT(4) | (subhandle ? BIT(3) : 0) | (handle >> 15 & 1) << 2;
}

/* Without a PASID the function has nothing to do but to say so. */
void message(u64 address, u16 data)
{
        demo_message(&demo, address, data);
        demo_begin(&demo, DEMO_WRITE, 0, 1, 0);
}

bool message_arrives(u64 address, u16 data, u32 vector)
{
        u64 before = interrupts[vector];
        message(address, data);
        return interrupt_arrives(vector, before);
}

bool message_is_lost(u64 address, u16 data, u32 vector)
{
        u64 before = interrupts[vector];
        message(address, data);
        return interrupt_stays_away(vector, before);
}

bool expect_interrupt_fault_at(const char *file, int line, u32 reason, u32 source, u32 index)
{
        expect(vtd_wait(FSTS, PPF, PPF));
        u32 at = fault_offset(vtd->next_fault);
        u64 record = vtd_read64(at + 8);
        bool right = expect_equal(file, line, "the fault record", record & ~FIELD(~0ull, 62, 40),
                                  FAULT_F | (u64)reason << 32 | source);
        if (record & FAULT_F) {
                right &= expect_equal(file, line, "the interrupt index", vtd_read64(at) >> 48, index);
                fault_drop();
        }
        return right;
}
