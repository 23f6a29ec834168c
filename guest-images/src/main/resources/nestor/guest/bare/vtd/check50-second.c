/* Second stage in scalable mode, its faults, accessed and dirty bits (D51397, 3.7, 3.6.3, 7.1.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(SCALABLE | SECOND);
}

enum { IOVA = 0x10000, MIB2 = 2 << 20 };

static void maps_at(u32 levels, u64 iova)
{
        struct table table = attach_second(&devs[0], levels);
        u64 page = take_page();
        table_map(&table, iova, page, 1, SS_RW);
        expect_lands(&devs[0], iova, page);
        expect_reads(&devs[0], iova, page);
        expect_no_fault();
}

CHECK(ss_4, "second stage: four levels, the last page of 48 bits")
{
        maps_at(4, IOVA);
        maps_at(4, BIT(48) - PAGE);
}

CHECK(ss_3, "second stage: three levels, the last page of 39 bits")
{
        NEEDS(SECOND3);
        maps_at(3, BIT(39) - PAGE);
}

CHECK(ss_5, "second stage: five levels, the last page of 57 bits")
{
        NEEDS(SECOND5);
        maps_at(5, IOVA);
        maps_at(5, BIT(57) - PAGE);
}

CHECK(ss_large, "second stage: pages of 2 MiB and 1 GiB")
{
        struct table table = attach_second(&devs[0], 4);
        u64 block = (u64)take(MIB2, MIB2);
        table_map(&table, 5 * MIB2, block, 2, SS_RW);
        expect_lands(&devs[0], 6 * MIB2 - 64, block + MIB2 - 64);
        table_map(&table, 7ull << 30, block & -(1ull << 30), 3, SS_RW);
        expect_lands(&devs[0], (7ull << 30) + block % (1 << 30), block);
        expect_no_fault();
}

CHECK(ss_snoop, "second stage: SNP of a page means nothing else in scalable mode")
{
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW | BIT(11));
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

static void refused(u32 reason, u64 iova)
{
        expect_refused(&devs[0], iova, take_page());
        expect_fault(reason, 0, iova);
        expect_unreadable(&devs[0], iova, take_page());
        expect_fault(reason, FAULT_READ, iova);
        expect_no_fault();
}

CHECK(ss_next_nowhere, "second stage faults: 78, a table outside memory")
{
        struct table table = attach_second(&devs[0], 4);
        *(volatile u64 *)table_entry(&table, IOVA, 3) = NOWHERE | SS_RW;
        refused(0x78, IOVA);
}

CHECK(ss_absent, "second stage faults: 79, R = W = 0")
{
        struct table table = attach_second(&devs[0], 4);
        refused(0x79, IOVA);
        table_map(&table, IOVA, take_page(), 1, SS_RW);
        *(volatile u64 *)table_entry(&table, IOVA, 3) &= ~(u64)SS_RW;
        refused(0x79, IOVA);
}

static void reserved(u32 level, u64 bits)
{
        struct table table = attach_second(&devs[0], 4);
        table_map(&table, IOVA, 0, level, SS_RW | bits);
        refused(0x7a, IOVA);
}

CHECK(ss_reserved, "second stage faults: 7A, bit 62, and PS at level 4")
{
        reserved(1, BIT(62));
        reserved(4, 0);
}

CHECK(ss_reserved_table, "second stage faults: 7A, bit 11 of an entry for a table")
{
        struct table table = attach_second(&devs[0], 4);
        table_map(&table, IOVA, take_page(), 1, SS_RW);
        *(volatile u64 *)table_entry(&table, IOVA, 2) |= BIT(11);
        refused(0x7a, IOVA);
}

CHECK(ss_reserved_large, "second stage faults: 7A, a large page's address bits below its size")
{
        reserved(2, BIT(12));
        reserved(2, BIT(20));
        reserved(3, BIT(12));
        reserved(3, BIT(29));
}

CHECK(ss_reserved_width, "second stage faults: 7A, an address beyond the host's width")
{
        if (board.dmar_width > 51)
                return skip("the host address width is 52");
        reserved(1, BIT(board.dmar_width));
}

CHECK(ss_root_nowhere, "second stage faults: 7B, the root is outside memory")
{
        struct table table = { 2, 4, NOWHERE, 0 };
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_second(&table);
        pasid_store(&devs[0], 0, &entry);
        refused(0x7b, IOVA);
}

CHECK(ss_beyond, "second stage faults: 84, beyond what AW has")
{
        attach_second(&devs[0], 4);
        refused(0x84, BIT(48));
        refused(0x84, BIT(63) + IOVA);
}

CHECK(ss_beyond_3, "second stage faults: 84, beyond 39 bits")
{
        NEEDS(SECOND3);
        attach_second(&devs[0], 3);
        refused(0x84, BIT(39));
}

CHECK(ss_no_write, "second stage faults: 85, no write permission, also from an entry above")
{
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_R);
        expect_reads(&devs[0], IOVA, page);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(0x85, 0, IOVA);
        table_map(&table, IOVA, page, 1, SS_RW);
        *(volatile u64 *)table_entry(&table, IOVA, 2) &= ~(u64)SS_W;
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        expect_refused(&devs[0], IOVA, page);
        expect_fault(0x85, 0, IOVA);
        expect_no_fault();
}

CHECK(ss_no_read, "second stage faults: 86, no read permission")
{
        struct table table = attach_second(&devs[0], 4);
        table_map(&table, IOVA, take_page(), 1, SS_W);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(0x86, FAULT_READ, IOVA);
        expect_no_fault();
}

CHECK(ss_into_interrupts, "second stage faults: 87, a page whose output is in the interrupt range")
{
        struct table table = attach_second(&devs[0], 4);
        table_map(&table, IOVA, 0xfee00000, 1, SS_RW);
        refused(0x87, IOVA);
}

CHECK(ss_pasid_record, "second stage faults: the record has PP and the PASID")
{
        NEEDS(PASIDS);
        begin_pasids(&devs[0], 0, 0);
        struct table table = table_new(2, 4);
        struct pasid_entry entry = entry_second(&table);
        pasid_store(&devs[0], 9, &entry);
        testdev_control(&devs[0], WITH_PASID, 9);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x79, FAULT_PASID(9), IOVA);
}

/* A second stage with SSADE. */
static struct table tracked(u64 page)
{
        struct table table = table_new(2, 4);
        table_map(&table, IOVA, page, 1, SS_RW);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_second(&table);
        entry.qw[0] |= PASID_SSADE;
        pasid_store(&devs[0], 0, &entry);
        return table;
}

static u64 bits_at(const struct table *table, u32 level)
{
        return *(volatile u64 *)table_entry(table, IOVA, level) & (SS_A | SS_D);
}

CHECK(ss_accessed, "second stage: with SSADE a read sets A, and not D")
{
        NEEDS(SECOND_AD);
        u64 page = take_page();
        struct table table = tracked(page);
        expect_reads(&devs[0], IOVA, page);
        for (u32 level = 1; level <= 4; level++)
                expect_eq(bits_at(&table, level), SS_A);
}

CHECK(ss_dirty, "second stage: with SSADE a write sets D in the page's entry, though the IOTLB has it from a read")
{
        NEEDS(SECOND_AD);
        u64 page = take_page();
        struct table table = tracked(page);
        expect_reads(&devs[0], IOVA, page);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(bits_at(&table, 1), SS_A | SS_D);
        expect_eq(bits_at(&table, 2), SS_A);
}

CHECK(ss_untracked, "second stage: without SSADE neither is written")
{
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
        for (u32 level = 1; level <= 4; level++)
                expect_eq(bits_at(&table, level), 0);
}

CHECK(ss_tracking_absent, "second stage faults: 5A, SSADE where SSADS is 0")
{
        if (!lacking(SECOND_AD))
                return skip("SSADS is 1");
        tracked(take_page());
        refused(0x5a, IOVA);
}
