/* Fault reasons of the first stage (D51397, 7.1.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(FIRST);
}

enum { IOVA = 0x10000, PASID = 5 };

static void refused(u32 reason, u64 iova)
{
        expect_refused(&devs[0], iova, take_page());
        expect_fault(reason, 0, iova);
        expect_unreadable(&devs[0], iova, take_page());
        expect_fault(reason, FAULT_READ, iova);
        expect_no_fault();
}

CHECK(fs_next_nowhere, "first stage faults: 70, a table outside memory")
{
        struct table table = attach_first(&devs[0], 4);
        *(volatile u64 *)table_entry(&table, IOVA, 3) = NOWHERE | FS_RW;
        refused(0x70, IOVA);
}

CHECK(fs_absent, "first stage faults: 71, not present, at each level")
{
        struct table table = attach_first(&devs[0], 4);
        table_map(&table, IOVA, take_page(), 1, FS_RW);
        for (u32 level = 1; level <= 4; level++) {
                volatile u64 *entry = table_entry(&table, IOVA, level);
                *entry &= ~(u64)FS_P;
                refused(0x71, IOVA);
                *entry |= FS_P;
        }
}

static void reserved(u32 level, u64 bits)
{
        struct table table = attach_first(&devs[0], 4);
        table_map(&table, IOVA, 0, level, FS_RW | bits);
        refused(0x72, IOVA);
}

CHECK(fs_host_width, "first stage faults: 72, an address beyond the host's width")
{
        if (board.dmar_width > 51)
                return skip("the host address width is 52");
        reserved(1, BIT(51));
        reserved(1, BIT(board.dmar_width));
}

CHECK(fs_large_root, "first stage faults: 72, PS at level 4")
{
        reserved(4, 0);
}

CHECK(fs_large_unaligned, "first stage faults: 72, a large page's address bits below its size")
{
        reserved(2, BIT(13));
        reserved(2, BIT(20));
}

CHECK(fs_huge_unaligned, "first stage faults: 72, a page of 1 GiB that is not aligned")
{
        NEEDS(GIGABYTE);
        reserved(3, BIT(13));
        reserved(3, BIT(29));
}

CHECK(fs_huge_absent, "first stage faults: 72, a page of 1 GiB where there are none")
{
        if (!lacking(GIGABYTE))
                return skip("pages of 1 GiB are there");
        reserved(3, 0);
}

CHECK(fs_root_nowhere, "first stage faults: 73, the root is outside memory")
{
        struct table table = { 1, 4, NOWHERE, 0 };
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&devs[0], 0, &entry);
        refused(0x73, IOVA);
}

CHECK(fs_not_canonical, "first stage faults: 80, an address that is not canonical")
{
        attach_first(&devs[0], 4);
        refused(0x80, BIT(47));
        refused(0x80, 0xffff7ffffffff000);
        refused(0x80, BIT(63));
}

CHECK(fs_not_canonical_5, "first stage faults: 80, with five levels")
{
        NEEDS(FIRST5);
        attach_first(&devs[0], 5);
        refused(0x80, BIT(56));
        refused(0x71, BIT(47));
}

CHECK(fs_supervisor_page, "first stage faults: 81, U/S clear in the page or above")
{
        struct table table = attach_first(&devs[0], 4);
        table_map(&table, IOVA, take_page(), 1, FS_P | FS_W);
        refused(0x81, IOVA);
        table_map(&table, IOVA, take_page(), 1, FS_RW);
        *(volatile u64 *)table_entry(&table, IOVA, 3) &= ~(u64)FS_U;
        refused(0x81, IOVA);
}

CHECK(fs_read_only, "first stage faults: 85, R/W clear in the page or above")
{
        struct table table = attach_first(&devs[0], 4);
        table_map(&table, IOVA, take_page(), 1, FS_RO);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x85, 0, IOVA);
        table_map(&table, IOVA, take_page(), 1, FS_RW);
        *(volatile u64 *)table_entry(&table, IOVA, 2) &= ~(u64)FS_W;
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x85, 0, IOVA);
        expect_no_fault();
}

CHECK(fs_read_only_cached, "first stage faults: 85 though the IOTLB has the page from a read")
{
        struct table table = attach_first(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, FS_RO);
        expect_reads(&devs[0], IOVA, page);
        expect_reads(&devs[0], IOVA, page);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(0x85, 0, IOVA);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(0x85, 0, IOVA);
        expect_reads(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(fs_into_interrupts, "first stage faults: 87, a page whose output is in the interrupt range")
{
        struct table table = attach_first(&devs[0], 4);
        table_map(&table, IOVA, 0xfeeff000, 1, FS_RW);
        refused(0x87, IOVA);
        table_map(&table, 0x40000000, 0xfee00000 & -(2ull << 20), 2, FS_RW);
        refused(0x87, 0x40000000);
}

CHECK(fs_pasid_record, "first stage faults: the record has PP and the PASID")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        begin_pasids(&devs[0], 7, 0);
        struct table table = table_new(1, 4);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&devs[0], 0xabcde, &entry);
        testdev_control(&devs[0], WITH_PASID, 0xabcde);
        expect_refused(&devs[0], IOVA + 0x340, take_page());
        expect_fault(0x71, FAULT_PASID(0xabcde), IOVA);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(0x71, FAULT_PASID(0xabcde) | FAULT_READ, IOVA);
        expect_no_fault();
}

CHECK(fs_pasid_zero_record, "first stage faults: PASID 0 is a PASID: PP is set")
{
        NEEDS(PASIDS);
        begin_pasids(&devs[0], 0, 0);
        struct table table = table_new(1, 4);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&devs[0], 0, &entry);
        testdev_control(&devs[0], WITH_PASID, 0);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x71, FAULT_PASID(0), IOVA);
}

CHECK(fs_fault_disabled, "first stage faults: FPD keeps 70 to 73, 80, 81, 85 and 87 out")
{
        struct table table = attach_first(&devs[0], 4);
        struct pasid_entry entry = entry_first(&table);
        entry.qw[0] |= PASID_FPD;
        pasid_replace(&devs[0], 0, &entry);
        table_map(&table, IOVA, 0xfee00000, 1, FS_RW);
        table_map(&table, IOVA + PAGE, take_page(), 1, FS_RO);
        table_map(&table, IOVA + 2 * PAGE, take_page(), 1, FS_P | FS_W);
        for (u32 i = 0; i < 4; i++)
                expect_refused(&devs[0], IOVA + i * PAGE, take_page());
        expect_refused(&devs[0], BIT(47), take_page());
        *(volatile u64 *)table_entry(&table, IOVA, 3) = NOWHERE | FS_RW;
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_fault();
}
