/* ATS translation requests (D51397, 4.2.2; PCIe Base, 10.2). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(ATS);
}

enum { IOVA = 0x10000, MIB2 = 2 << 20, RW = ASK_READ | ASK_WRITE, PASID = 5 };

/* Second stage where there is one, else first. */
static bool second;
static struct table table;

static u64 rw(void)
{
        return second ? SS_RW : FS_RW;
}

static u64 ro(void)
{
        return second ? SS_R : FS_RO;
}

static void begin(void)
{
        second = !lacking(SECOND);
        table = second ? attach_second(&devs[0], 4) : attach_first(&devs[0], 4);
        if (lacking(SCALABLE)) {
                context_install(&devs[0], table.root | CONTEXT_TT(TT_ATS) | CONTEXT_P,
                                CONTEXT_AW(4) | CONTEXT_DID(DID));
        } else {
                context_at(&devs[0])[0] |= CONTEXT_DTE;
                expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        }
        testdev_enable_ats(&devs[0]);
}

static void begin_first(u32 pdts, u32 pasid, u64 more)
{
        second = false;
        table = table_new(1, 4);
        begin_pasids(&devs[0], pdts, CONTEXT_DTE);
        struct pasid_entry entry = entry_first(&table);
        entry.qw[2] |= more;
        pasid_store(&devs[0], pasid, &entry);
        testdev_enable_ats(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, pasid);
}

static void expect_entry(u64 iova, u32 access, u64 value)
{
        expect_eq(ats_request(&devs[0], iova, PAGE, access), OUTCOME_DONE);
        expect_eq(ats_entry(&devs[0], 0), value);
        expect_no_fault();
}

static void expect_nothing(u64 iova, u32 access)
{
        expect_eq(ats_request(&devs[0], iova, PAGE, access), OUTCOME_DONE);
        expect_eq(ats_entries(&devs[0]), 1);
        expect_eq(ats_entry(&devs[0], 0) & (ENTRY_R | ENTRY_W), 0);
        expect_no_fault();
}

CHECK(ats_page, "ats: a page of 4 KiB, read and write")
{
        begin();
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, rw());
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_W);
}

CHECK(ats_large, "ats: a page of 2 MiB, by the size code of PCIe 10.2.3.2")
{
        begin();
        u64 block = (u64)take(MIB2, MIB2);
        table_map(&table, 5 * MIB2, block, 2, rw());
        expect_entry(5 * MIB2, RW, block | 0xff800 | ENTRY_R | ENTRY_W);
}

CHECK(ats_huge, "ats: a page of 1 GiB")
{
        begin();
        if (!second)
                NEEDS(GIGABYTE);
        table_map(&table, 7ull << 30, 1ull << 30, 3, rw());
        expect_entry(7ull << 30, RW, 1ull << 30 | 0x1ffff800 | ENTRY_R | ENTRY_W);
}

CHECK(ats_read_only, "ats: a read-only page is answered R, though W was asked for")
{
        begin();
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, ro());
        expect_entry(IOVA, RW, page | ENTRY_R);
}

CHECK(ats_write_only, "ats: a second-stage page with W alone is answered W")
{
        NEEDS(SECOND);
        begin();
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_W);
        expect_entry(IOVA, RW, page | ENTRY_W);
}

CHECK(ats_absent, "ats: a page that is not there is success without R and W, and no fault")
{
        begin();
        expect_nothing(IOVA, RW);
        expect_nothing(IOVA, ASK_READ);
}

CHECK(ats_several, "ats: as many entries as were asked for, until one that is not there")
{
        begin();
        u64 page = take_page();
        for (u32 i = 0; i < 3; i++)
                table_map(&table, IOVA + i * PAGE, page, 1, rw());
        expect_eq(ats_request(&devs[0], IOVA, 8 * PAGE, RW), OUTCOME_DONE);
        u32 entries = ats_entries(&devs[0]);
        expect(entries >= 1 && entries <= 8);
        for (u32 i = 0; i < entries; i++)
                expect_eq(ats_entry(&devs[0], i) & (ENTRY_R | ENTRY_W), i < 3 ? ENTRY_R | ENTRY_W : 0);
        expect_no_fault();
}

CHECK(ats_configuration, "ats: a context entry that is not present is UR, and a fault")
{
        begin();
        context_at(&devs[0])[0] &= ~CONTEXT_P;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_fault(lacking(SCALABLE) ? 0x02 : 0x41, FAULT_AT(AT_REQUEST), IOVA);
        expect_no_fault();
}

CHECK(ats_configuration_access, "ats: a context table outside memory is CA, and a fault")
{
        begin();
        *root_at(&devs[0]) = NOWHERE | 1;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ), OUTCOME_CA);
        expect_fault(lacking(SCALABLE) ? 0x09 : 0x40, FAULT_AT(AT_REQUEST) | FAULT_READ, IOVA);
}

CHECK(ats_reserved, "ats: reserved bits of an entry are UR, and a fault")
{
        begin();
        table_map(&table, IOVA, 0, 4, rw());
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_fault(!second ? 0x72 : lacking(SCALABLE) ? 0x0c : 0x7a, FAULT_AT(AT_REQUEST), IOVA);
        expect_no_fault();
}

CHECK(ats_table_nowhere, "ats: a table outside memory is CA, and a fault")
{
        begin();
        *(volatile u64 *)table_entry(&table, IOVA, 3) = NOWHERE | rw();
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_CA);
        expect_fault(!second ? 0x70 : lacking(SCALABLE) ? 0x07 : 0x78, FAULT_AT(AT_REQUEST), IOVA);
}

CHECK(ats_beyond, "ats: an address beyond the tables' width is UR, and a fault")
{
        begin();
        u64 beyond = second ? BIT(48) : BIT(47);
        expect_eq(ats_request(&devs[0], beyond, PAGE, RW), OUTCOME_UR);
        expect_fault(!second ? 0x80 : lacking(SCALABLE) ? 0x04 : 0x84, FAULT_AT(AT_REQUEST), beyond);
}

CHECK(ats_off, "ats: with TE clear, UR")
{
        begin();
        expect(vtd_disable(TE));
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_no_fault();
}

CHECK(ats_interrupts, "ats: the interrupt range without PASID gives no access")
{
        begin();
        table_map(&table, 0xfee00000, take_page(), 1, rw());
        expect_eq(ats_request(&devs[0], 0xfee00000, PAGE, RW), OUTCOME_DONE);
        expect_eq(ats_entry(&devs[0], 0) & (ENTRY_R | ENTRY_W), 0);
}

CHECK(ats_interrupt_output, "ats: a page that leads into the interrupt range is refused, and a fault")
{
        begin();
        table_map(&table, IOVA, 0xfee00000, 1, rw());
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_fault(lacking(SCALABLE) ? 0x0e : 0x87, FAULT_AT(AT_REQUEST), IOVA);
}

CHECK(ats_pass, "ats: pass-through is answered by identity, R and W")
{
        NEEDS(PASS_THROUGH | SCALABLE);
        begin();
        struct pasid_entry entry = entry_pass_through();
        pasid_replace(&devs[0], 0, &entry);
        u64 page = take_page();
        expect_eq(ats_request(&devs[0], page, PAGE, RW), OUTCOME_DONE);
        u64 answer = ats_entry(&devs[0], 0);
        expect_eq(answer & (ENTRY_R | ENTRY_W | ENTRY_U), ENTRY_R | ENTRY_W);
        u32 log2 = 12;
        if (answer & ENTRY_S) {
                for (log2 = 13; answer & BIT(log2 - 1); log2++)
                        ;
        }
        expect_eq(answer >> log2, page >> log2);
}

CHECK(ats_pasid, "ats: with a PASID of 20 bits")
{
        NEEDS(FIRST | PASIDS | WIDE_PASIDS);
        begin_first(7, 0xabcde, 0);
        u64 page = take_page();
        table_map(&table, 0xffff900000000000, page, 1, FS_RW);
        expect_entry(0xffff900000000000, RW, page | ENTRY_R | ENTRY_W);
}

CHECK(ats_pasid_interrupts, "ats: with PASID the interrupt range is like any other")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        u64 page = take_page();
        table_map(&table, 0xfee00000, page, 1, FS_RW);
        expect_entry(0xfee00000, RW, page | ENTRY_R | ENTRY_W);
}

CHECK(ats_pasid_absent, "ats: a PASID that is not there is UR, and a fault with the PASID")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        testdev_control(&devs[0], WITH_PASID, PASID + 1);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_UR);
        expect_fault(0x59, FAULT_AT(AT_REQUEST) | FAULT_PASID(PASID + 1), IOVA);
}

CHECK(ats_supervisor_page, "ats: a page without U/S gives a user nothing, and no fault")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        table_map(&table, IOVA, take_page(), 1, FS_P | FS_W);
        expect_nothing(IOVA, RW);
}

CHECK(ats_privileged_refused, "ats: a privileged request with SRE clear is answered Priv, and no access")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        table_map(&table, IOVA, take_page(), 1, FS_RW);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, RW), OUTCOME_DONE);
        expect_eq(ats_entry(&devs[0], 0) & (ENTRY_R | ENTRY_W | ENTRY_EXE | ENTRY_PRIV), ENTRY_PRIV);
        expect_no_fault();
}

CHECK(ats_privileged, "ats: a privileged request with SRE reaches a page without U/S, and the answer has Priv")
{
        NEEDS(FIRST | SUPERVISOR);
        begin_first(0, PASID, PASID_SRE);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_P | FS_W);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_W | ENTRY_PRIV);
}

CHECK(ats_execute, "ats: Exe is granted where it is asked for, ERE is set and the page has no XD")
{
        NEEDS(FIRST | EXECUTE);
        begin_first(0, PASID, PASID_ERE | PASID_NXE);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW);
        table_map(&table, IOVA + PAGE, page, 1, FS_RW | FS_XD);
        expect_entry(IOVA, RW | ASK_EXECUTE, page | ENTRY_R | ENTRY_W | ENTRY_EXE);
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_W);
        expect_entry(IOVA + PAGE, RW | ASK_EXECUTE, page | ENTRY_R | ENTRY_W);
}

static u64 bits_at(void)
{
        return *(volatile u64 *)table_entry(&table, IOVA, 1) & (FS_A | FS_D);
}

CHECK(ats_dirty, "ats: A and D are set before W is granted")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW);
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_W);
        expect_eq(bits_at(), FS_A | FS_D);
}

CHECK(ats_no_write, "ats: with No Write only A is set")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW);
        expect_eq(ats_request(&devs[0], IOVA, PAGE, ASK_READ), OUTCOME_DONE);
        expect_eq(ats_entry(&devs[0], 0) & ENTRY_R, ENTRY_R);
        expect_eq(bits_at() & FS_A, FS_A);
        if (vtd->ecap & BIT(33))
                expect_eq(bits_at() & FS_D, 0);
}

CHECK(ats_global, "ats: Global is 0, though the entry has G")
{
        NEEDS(FIRST | PASIDS);
        begin_first(0, PASID, 0);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW | BIT(8));
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_W);
}

CHECK(ats_nested, "ats: nested translation gives the final address, and the smaller of both sizes")
{
        NEEDS(NESTING);
        struct nested nested = attach_nested(&devs[0]);
        context_at(&devs[0])[0] |= CONTEXT_DTE;
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        testdev_enable_ats(&devs[0]);
        u64 page = take_page(), gpa = 0x7000000000;
        table_map(&nested.first, IOVA, page + nested.bias, 1, FS_RW);
        expect_entry(IOVA, RW, page | ENTRY_R | ENTRY_W);
        table_map(&nested.first, MIB2, gpa, 2, FS_RW);
        table_map(&nested.second, gpa + PAGE, page, 1, SS_RW);
        expect_entry(MIB2 + PAGE, RW, page | ENTRY_R | ENTRY_W);
        expect_nothing(MIB2 + 2 * PAGE, RW);
}
