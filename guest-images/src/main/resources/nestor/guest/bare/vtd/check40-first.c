/* First stage (D51397, 3.6, 9.8): tables as CPUs have them. */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(FIRST);
}

enum { IOVA = 0x10000, MIB2 = 2 << 20, PASID = 5 };
#define SIGN_4 0xffff800000000000ull
#define SIGN_5 0xff00000000000000ull

static void maps_at(u32 levels, u64 iova)
{
        struct table table = attach_first(&devs[0], levels);
        u64 page = take_page();
        table_map(&table, iova, page, 1, FS_RW);
        expect_lands(&devs[0], iova, page);
        expect_reads(&devs[0], iova + 0x80, page + 0x80);
        expect_no_fault();
}

CHECK(fs_4, "first stage: a page through four levels")
{
        maps_at(4, IOVA);
}

CHECK(fs_4_edges, "first stage: the ends of both canonical halves of 48 bits")
{
        maps_at(4, BIT(47) - PAGE);
        maps_at(4, SIGN_4);
        maps_at(4, -(u64)PAGE);
}

CHECK(fs_5, "first stage: a page through five levels, at the ends of both halves of 57 bits")
{
        NEEDS(FIRST5);
        maps_at(5, IOVA);
        maps_at(5, BIT(56) - PAGE);
        maps_at(5, SIGN_5);
        maps_at(5, -(u64)PAGE);
}

CHECK(fs_large, "first stage: a page of 2 MiB, with PAT in bit 12")
{
        struct table table = attach_first(&devs[0], 4);
        u64 block = (u64)take(MIB2, MIB2);
        table_map(&table, 5 * MIB2, block, 2, FS_RW | BIT(12));
        expect_lands(&devs[0], 6 * MIB2 - 64, block + MIB2 - 64);
        expect_no_fault();
}

CHECK(fs_huge, "first stage: a page of 1 GiB")
{
        NEEDS(GIGABYTE);
        struct table table = attach_first(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, 7ull << 30, page & -(1ull << 30), 3, FS_RW | BIT(12));
        expect_lands(&devs[0], (7ull << 30) + page % (1 << 30), page);
        expect_no_fault();
}

CHECK(fs_ignored, "first stage: bits 62:52, and PWT, PCD, PAT, G and XD without NXE, mean nothing")
{
        struct table table = attach_first(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW | FIELD(0x7ff, 62, 52) | FS_XD | BIT(3) | BIT(4) | BIT(7) | BIT(8));
        *(volatile u64 *)table_entry(&table, IOVA, 2) |= FIELD(0x7ff, 62, 52) | FS_XD;
        expect_lands(&devs[0], IOVA, page);
        expect_reads(&devs[0], IOVA, page);
        expect_no_fault();
}

static u64 bits_at(const struct table *table, u32 level)
{
        return *(volatile u64 *)table_entry(table, IOVA, level) & (FS_A | FS_D);
}

CHECK(fs_accessed, "first stage: a read sets A in every entry used, and D in none")
{
        struct table table = attach_first(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW);
        expect_reads(&devs[0], IOVA, page);
        for (u32 level = 1; level <= 4; level++)
                expect_eq(bits_at(&table, level), FS_A);
}

CHECK(fs_dirty, "first stage: a write sets A in every entry used, and D in the page's")
{
        struct table table = attach_first(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(bits_at(&table, 1), FS_A | FS_D);
        for (u32 level = 2; level <= 4; level++)
                expect_eq(bits_at(&table, level), FS_A);
}

CHECK(fs_dirty_after_read, "first stage: a write sets D though the IOTLB has the page from a read")
{
        struct table table = attach_first(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RW);
        expect_reads(&devs[0], IOVA, page);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(bits_at(&table, 1), FS_A);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(bits_at(&table, 1), FS_A | FS_D);
}

CHECK(fs_dirty_large, "first stage: D of a page of 2 MiB")
{
        struct table table = attach_first(&devs[0], 4);
        u64 block = (u64)take(MIB2, MIB2);
        table_map(&table, 0, block, 2, FS_RW);
        expect_lands(&devs[0], IOVA, block + IOVA);
        expect_eq(bits_at(&table, 2), FS_A | FS_D);
        expect_eq(bits_at(&table, 3), FS_A);
}

CHECK(fs_refused_clean, "first stage: a write that is refused sets no D")
{
        struct table table = attach_first(&devs[0], 4);
        table_map(&table, IOVA, take_page(), 1, FS_RO);
        expect_refused(&devs[0], IOVA, take_page());
        expect_eq(bits_at(&table, 1) & FS_D, 0);
        expect_fault(0x85, 0, IOVA);
}

static void bind(u64 attributes, u64 more, u64 page)
{
        struct table table = table_new(1, 4);
        table_map(&table, IOVA, page, 1, attributes);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_first(&table);
        entry.qw[2] |= more;
        pasid_store(&devs[0], PASID, &entry);
}

CHECK(fs_pasid, "first stage: with PASID")
{
        NEEDS(PASIDS);
        u64 page = take_page();
        bind(FS_RW, 0, page);
        testdev_control(&devs[0], WITH_PASID, PASID);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(fs_interrupt_input, "first stage: with PASID, addresses of the interrupt range are like any other")
{
        NEEDS(PASIDS);
        struct table table = table_new(1, 4);
        u64 page = take_page();
        table_map(&table, 0xfee00000, page, 1, FS_RW);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&devs[0], PASID, &entry);
        testdev_control(&devs[0], WITH_PASID, PASID);
        expect_lands(&devs[0], 0xfee00000, page);
        expect_no_fault();
}

CHECK(fs_supervisor, "first stage: a privileged request reaches pages without U/S, and others")
{
        NEEDS(SUPERVISOR);
        u64 page = take_page();
        bind(FS_P | FS_W, PASID_SRE, page);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        expect_lands(&devs[0], IOVA, page);
        bind(FS_RW, PASID_SRE, page);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(fs_write_protect, "first stage: with WPE a privileged write needs R/W; without, it does not")
{
        NEEDS(SUPERVISOR);
        u64 page = take_page();
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        bind(FS_P, PASID_SRE | PASID_WPE, page);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(0x85, FAULT_PASID(PASID) | FAULT_PRIV, IOVA);
        bind(FS_P, PASID_SRE, page);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}
