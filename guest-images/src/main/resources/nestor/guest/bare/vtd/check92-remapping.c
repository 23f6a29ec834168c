/* Interrupt remapping (D51397, 5.1, 7.1.3, 9.9). */
#include "vtd/remap.h"

static const char *missing(void)
{
        return lacking(REMAPPING | DEMO);
}

enum { SIZE = 7, ENTRIES = 256, INDEX = 5, NMI = 2, EVENT = 0x62 };

CHECK(ir_off, "remapping: with IRE clear messages pass as they are")
{
        expect(message_arrives(0xfee00000 | board.apic_id << 12, IR_VECTOR, IR_VECTOR));
}

CHECK(ir_maps, "remapping: the entry says the vector, not the message")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR), 0);
        u64 other = interrupts[0x77];
        expect(message_arrives(remap_address(INDEX, false), 0x77, IR_VECTOR));
        expect_eq(interrupts[0x77], other);
        expect_no_fault();
}

CHECK(ir_subhandle, "remapping: with SHV the subhandle is added")
{
        remap_begin(SIZE, false);
        remap_set(INDEX + 3, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(INDEX, true), 3, IR_VECTOR));
        expect_no_fault();
}

CHECK(ir_no_subhandle, "remapping: without SHV the data means nothing")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(INDEX, false), 3, IR_VECTOR));
}

CHECK(ir_last, "remapping: the last entry of a table")
{
        remap_begin(SIZE, false);
        remap_set(ENTRIES - 1, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(ENTRIES - 1, false), 0, IR_VECTOR));
}

CHECK(ir_handle_high, "remapping: handle bit 15 is address bit 2: the last of 65536 entries")
{
        remap_begin(15, false);
        remap_set(0xffff, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(0xffff, false), 0, IR_VECTOR));
        remap_set(0x8001, remap_here(IR_VECTOR + 1), 0);
        expect(message_arrives(remap_address(0x8001, false), 0, IR_VECTOR + 1));
}

CHECK(ir_redirection, "remapping: RH with one destination")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR) | IRTE_RH, 0);
        expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR));
}

CHECK(ir_lowest, "remapping: lowest priority")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR) | IRTE_DELIVERY(DELIVERY_LOWEST), 0);
        expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR));
}

CHECK(ir_nmi, "remapping: delivery mode NMI")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(0) | IRTE_DELIVERY(DELIVERY_NMI), 0);
        expect(message_arrives(remap_address(INDEX, false), 0, NMI));
}

CHECK(ir_destination, "remapping: another CPU's identifier does not reach this one")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, IRTE_P | IRTE_VECTOR(IR_VECTOR) | IRTE_XAPIC(board.apic_id ^ 0x40), 0);
        expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR));
        expect_no_fault();
}

CHECK(ir_extended, "remapping: EIME: a 32-bit identifier")
{
        NEEDS(EXTENDED);
        remap_begin(SIZE, true);
        remap_set(INDEX, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR));
        expect_no_fault();
}

CHECK(ir_changed, "remapping: a changed entry counts after the invalidation, by index and global")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR));
        remap_set(INDEX, remap_here(IR_VECTOR + 1), 0);
        expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR + 1));
        remap_set(INDEX, 0, 0);
        expect(invalidate_wait(INV_ENTRIES, 0));
        expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR + 1));
        expect_interrupt_fault(0x22, INDEX);
}

CHECK(ir_dma, "remapping: a DWORD that a function writes into the range is a message, never translated")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR), IRTE_SID(sid(&devs[0])) | IRTE_SVT(SVT_SOURCE));
        u64 before = interrupts[IR_VECTOR];
        dma_message(&devs[0], remap_address(INDEX, false), 4);
        expect(interrupt_arrives(IR_VECTOR, before));
        expect_no_fault();
}

CHECK(ir_read, "remapping: reads of the range are refused")
{
        remap_begin(SIZE, false);
        expect_eq(dma_read(&devs[0], remap_address(INDEX, false), take_page(), 4), DMA_UNREADABLE);
}

CHECK(ir_compatibility_blocked, "remapping faults: 25, a message in compatibility format")
{
        remap_begin(SIZE, false);
        expect(message_is_lost(0xfee00000 | board.apic_id << 12, IR_VECTOR, IR_VECTOR));
        expect_interrupt_fault(0x25, 0);
        expect_no_fault();
}

CHECK(ir_compatibility, "remapping: with CFI messages in compatibility format pass")
{
        remap_begin(SIZE, false);
        expect(vtd_enable(CFI));
        expect(message_arrives(0xfee00000 | board.apic_id << 12, IR_VECTOR, IR_VECTOR));
        expect_no_fault();
}

CHECK(ir_compatibility_extended, "remapping faults: 25 with EIME, whatever CFI says")
{
        NEEDS(EXTENDED);
        remap_begin(SIZE, true);
        expect(vtd_enable(CFI));
        expect(message_is_lost(0xfee00000 | board.apic_id << 12, IR_VECTOR, IR_VECTOR));
        expect_interrupt_fault(0x25, 0);
}

CHECK(ir_data_reserved, "remapping faults: 20, reserved bits of the message's data with SHV")
{
        remap_begin(SIZE, false);
        dma_message(&devs[0], remap_address(INDEX, true), 4);
        u32 at = fault_offset(vtd->next_fault);
        expect(vtd_wait(FSTS, PPF, PPF));
        expect_eq(vtd_read64(at + 8) & (FAULT_F | FIELD(0xff, 39, 32) | 0xffff), FAULT_F | 0x20ull << 32 | sid(&devs[0]));
        fault_drop();
}

CHECK(ir_beyond, "remapping faults: 21, an index beyond the table")
{
        remap_begin(SIZE, false);
        message(remap_address(ENTRIES, false), 0);
        expect_interrupt_fault(0x21, ENTRIES);
        message(remap_address(ENTRIES - 1, true), 1);
        expect_interrupt_fault(0x21, ENTRIES);
        expect_no_fault();
}

CHECK(ir_absent, "remapping faults: 22, an entry that is not present")
{
        remap_begin(SIZE, false);
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x22, INDEX);
        expect_no_fault();
}

CHECK(ir_nowhere, "remapping faults: 23, a table outside memory")
{
        remap_begin(SIZE, false);
        vtd_write64(IRTA, NOWHERE | SIZE);
        vtd_write(GCMD, vtd->gcmd | SIRTP);
        expect(vtd_wait(GSTS, SIRTP, SIRTP));
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x23, INDEX);
}

CHECK(ir_reserved, "remapping faults: 24, reserved parts of an entry, one after the other")
{
        static const struct { u64 qw0, qw1; } reserved[] = {
                { BIT(12), 0 }, { BIT(14), 0 }, { BIT(24), 0 }, { BIT(31), 0 }, { BIT(48), 0 }, { BIT(32), 0 },
                { 0, BIT(20) }, { 0, BIT(63) }, { 0, IRTE_SVT(3) },
        };
        remap_begin(SIZE, false);
        for (u32 i = 0; i < COUNT(reserved); i++) {
                remap_set(INDEX, remap_here(IR_VECTOR) | reserved[i].qw0, reserved[i].qw1);
                expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR));
                expect_interrupt_fault(0x24, INDEX);
        }
        expect_no_fault();
}

CHECK(ir_delivery, "remapping faults: 24, delivery modes that are reserved")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR) | IRTE_DELIVERY(3), 0);
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x24, INDEX);
        remap_set(INDEX, remap_here(IR_VECTOR) | IRTE_DELIVERY(6), 0);
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x24, INDEX);
}

CHECK(ir_posted_absent, "remapping faults: 24, an entry in posted format where there is none")
{
        if (!lacking(POSTED))
                return skip("posted interrupts are there");
        remap_begin(SIZE, false);
        remap_set(INDEX, IRTE_P | IRTE_IM | IRTE_VECTOR(IR_VECTOR), 0);
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x24, INDEX);
}

/* Whether a message of the function is taken by an entry with these bits. */
static void verifies(u64 qw1, bool taken)
{
        remap_set(INDEX, remap_here(IR_VECTOR), qw1);
        if (taken) {
                expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR));
                expect_no_fault();
        } else {
                expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR));
                expect_interrupt_fault(0x26, INDEX);
        }
}

CHECK(ir_source, "remapping: SVT = 1: the source, all of it")
{
        remap_begin(SIZE, false);
        verifies(IRTE_SID(demo_sid()) | IRTE_SVT(SVT_SOURCE), true);
        verifies(IRTE_SID(demo_sid() ^ 8) | IRTE_SVT(SVT_SOURCE), false);
        verifies(IRTE_SID(demo_sid() ^ 1) | IRTE_SVT(SVT_SOURCE), false);
        verifies(IRTE_SID(demo_sid() ^ 0x100) | IRTE_SVT(SVT_SOURCE), false);
}

CHECK(ir_source_qualified, "remapping: SQ leaves out bits of the function number: 2, 2:1, 2:0")
{
        remap_begin(SIZE, false);
        verifies(IRTE_SID(demo_sid() ^ 4) | IRTE_SQ(1) | IRTE_SVT(SVT_SOURCE), true);
        verifies(IRTE_SID(demo_sid() ^ 2) | IRTE_SQ(1) | IRTE_SVT(SVT_SOURCE), false);
        verifies(IRTE_SID(demo_sid() ^ 6) | IRTE_SQ(2) | IRTE_SVT(SVT_SOURCE), true);
        verifies(IRTE_SID(demo_sid() ^ 1) | IRTE_SQ(2) | IRTE_SVT(SVT_SOURCE), false);
        verifies(IRTE_SID(demo_sid() ^ 7) | IRTE_SQ(3) | IRTE_SVT(SVT_SOURCE), true);
        verifies(IRTE_SID(demo_sid() ^ 8) | IRTE_SQ(3) | IRTE_SVT(SVT_SOURCE), false);
}

CHECK(ir_source_bus, "remapping: SVT = 2: a range of buses")
{
        u32 bus = demo_sid() >> 8;
        remap_begin(SIZE, false);
        verifies(IRTE_SID(bus << 8 | bus) | IRTE_SVT(SVT_BUS), true);
        verifies(IRTE_SID((bus + 1) << 8 | (bus + 2)) | IRTE_SVT(SVT_BUS), false);
}

CHECK(ir_source_unchecked, "remapping: SVT = 0: any source")
{
        remap_begin(SIZE, false);
        verifies(IRTE_SID(0xffff), true);
}

CHECK(ir_fault_disabled, "remapping faults: FPD keeps 22, 24 and 26 out, 22 though P is clear")
{
        remap_begin(SIZE, false);
        remap_set(INDEX, IRTE_FPD, 0);
        expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR));
        remap_set(INDEX, remap_here(IR_VECTOR) | IRTE_FPD, BIT(40));
        expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR));
        remap_set(INDEX, remap_here(IR_VECTOR) | IRTE_FPD, IRTE_SID(demo_sid() ^ 8) | IRTE_SVT(SVT_SOURCE));
        expect(message_is_lost(remap_address(INDEX, false), 0, IR_VECTOR));
        expect_no_fault();
}

CHECK(ir_event, "remapping faults: they are fault events, which themselves are not remapped")
{
        remap_begin(SIZE, false);
        event_to(FECTL, EVENT);
        u64 before = interrupts[EVENT];
        message(remap_address(INDEX, false), 0);
        expect(interrupt_arrives(EVENT, before));
        expect_interrupt_fault(0x22, INDEX);
}

CHECK(ir_without_translation, "remapping: works with TE clear")
{
        expect(vtd_disable(TE));
        remap_begin(SIZE, false);
        remap_set(INDEX, remap_here(IR_VECTOR), 0);
        expect(message_arrives(remap_address(INDEX, false), 0, IR_VECTOR));
}
