/* Nested translation (D51397, 3.8) and its faults (7.1.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(NESTING);
}

enum { IOVA = 0x10000, MIB2 = 2 << 20, BLOCK = 2, PASID = 5 };

/* One page, whose place the first stage says by an address of the second. */
static u64 map(const struct nested *nested, u64 attributes)
{
        u64 page = take_page();
        table_map(&nested->first, IOVA, page + nested->bias, 1, attributes);
        return page;
}

static volatile u64 *block_of(const struct nested *nested, u64 address)
{
        return table_entry(&nested->second, address + nested->bias, BLOCK);
}

static void forget(void)
{
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
}

static void refused(u32 reason, u64 iova)
{
        expect_refused(&devs[0], iova, take_page());
        expect_fault(reason, 0, iova);
        expect_unreadable(&devs[0], iova, take_page());
        expect_fault(reason, FAULT_READ, iova);
        expect_no_fault();
}

CHECK(nested_maps, "nested: a page through both stages, and its tables through the second")
{
        struct nested nested = attach_nested(&devs[0]);
        u64 page = map(&nested, FS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect_reads(&devs[0], IOVA + 0x80, page + 0x80);
        expect_no_fault();
}

CHECK(nested_pasid, "nested: with PASID")
{
        NEEDS(PASIDS);
        struct nested nested = nested_tables();
        u64 page = map(&nested, FS_RW);
        begin_pasids(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        pasid_store(&devs[0], PASID, &entry);
        testdev_control(&devs[0], WITH_PASID, PASID);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(nested_large_first, "nested: a first-stage page of 2 MiB over second-stage pages of 4 KiB that lie apart")
{
        struct nested nested = attach_nested(&devs[0]);
        u64 gpa = 0x7000000000, one = take_page(), hole = take_page(), two = take_page();
        table_map(&nested.first, 0, gpa, 2, FS_RW);
        table_map(&nested.second, gpa + PAGE, two, 1, SS_RW);
        table_map(&nested.second, gpa + 2 * PAGE, one, 1, SS_RW);
        *(volatile u64 *)hole = 1;
        expect_lands(&devs[0], PAGE, two);
        expect_lands(&devs[0], 2 * PAGE, one);
        expect_refused(&devs[0], 3 * PAGE, take_page());
        expect_fault(0x79, 0, 3 * PAGE);
}

CHECK(nested_accessed, "nested: A and D of the first stage are written through the second")
{
        struct nested nested = attach_nested(&devs[0]);
        u64 page = map(&nested, FS_RW);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)table_entry(&nested.first, IOVA, 1) & (FS_A | FS_D), FS_A);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)table_entry(&nested.first, IOVA, 1) & (FS_A | FS_D), FS_A | FS_D);
}

CHECK(nested_second_dirty, "nested: with SSADE, writing A of a first-stage entry makes its second-stage page dirty")
{
        NEEDS(SECOND_AD);
        struct nested nested = nested_tables();
        u64 page = map(&nested, FS_RW);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        entry.qw[0] |= PASID_SSADE;
        pasid_store(&devs[0], 0, &entry);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(*block_of(&nested, nested.first.root) & (SS_A | SS_D), SS_A | SS_D);
}

CHECK(nested_first_absent, "nested faults: 71, the first stage has no page")
{
        attach_nested(&devs[0]);
        refused(0x71, IOVA);
}

CHECK(nested_first_permissions, "nested faults: 85, the first stage is read-only; 81, it is the supervisor's")
{
        struct nested nested = attach_nested(&devs[0]);
        map(&nested, FS_RO);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(0x85, 0, IOVA);
        map(&nested, FS_P | FS_W);
        refused(0x81, IOVA);
}

/* The root of the first stage, and the page, in second-stage blocks of their own. */
static struct nested apart(u64 *page)
{
        struct nested nested = nested_tables();
        take((u64)MIB2, MIB2);
        nested.first.root = (u64)take(MIB2, MIB2);
        *page = (u64)take(MIB2, MIB2);
        table_map(&nested.first, IOVA, *page + nested.bias, 1, FS_RW);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        pasid_store(&devs[0], 0, &entry);
        return nested;
}

CHECK(nested_beyond_width, "nested faults: 74, a first-stage table beyond the second stage's width")
{
        NEEDS(SECOND3);
        struct table second = table_new(2, 3);
        struct table first = table_new(1, 4);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&first, &second);
        entry.qw[2] += BIT(40);
        pasid_store(&devs[0], 0, &entry);
        refused(0x74, IOVA);
}

CHECK(nested_entry_beyond_width, "nested faults: 74, the same of a table below the root")
{
        NEEDS(SECOND3);
        struct nested nested = { table_new(1, 4), table_new(2, 3), BIT(38) };
        nested.first.bias = nested.bias;
        map_memory(&nested.second, nested.bias);
        *(volatile u64 *)table_entry(&nested.first, IOVA, 4) = BIT(40) | FS_RW;
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        pasid_store(&devs[0], 0, &entry);
        refused(0x74, IOVA);
}

CHECK(nested_root_unreadable, "nested faults: 75, no permission to read the first stage's root")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, nested.first.root) &= ~(u64)SS_R;
        refused(0x75, IOVA);
}

CHECK(nested_entry_unreadable, "nested faults: 76, no permission to read a first-stage table below the root")
{
        u64 page;
        struct nested nested = apart(&page);
        u64 below = *(volatile u64 *)table_entry(&nested.first, IOVA, 4) & FIELD(~0ull, 51, 12);
        *block_of(&nested, below - nested.bias) &= ~(u64)SS_R;
        refused(0x76, IOVA);
}

CHECK(nested_no_update, "nested faults: 77, no permission to write A or D of a first-stage entry")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, nested.first.root) &= ~(u64)SS_W;
        refused(0x77, IOVA);
}

CHECK(nested_update_not_needed, "nested: a first-stage table that cannot be written is no fault when A is set already")
{
        u64 page;
        struct nested nested = apart(&page);
        *(volatile u64 *)table_entry(&nested.first, IOVA, 4) |= FS_A;
        *block_of(&nested, nested.first.root) &= ~(u64)SS_W;
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(nested_table_nowhere, "nested faults: 78, a second-stage table outside memory")
{
        u64 page;
        struct nested nested = apart(&page);
        *(volatile u64 *)table_entry(&nested.second, nested.bias, 3) = NOWHERE | SS_RW;
        refused(0x78, IOVA);
}

CHECK(nested_table_unmapped, "nested faults: 79, a first-stage table that the second does not map")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, nested.first.root) = 0;
        refused(0x79, IOVA);
}

CHECK(nested_page_unmapped, "nested faults: 79, the page that the second stage does not map")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, page) = 0;
        refused(0x79, IOVA);
}

CHECK(nested_reserved, "nested faults: 7A, reserved bits in the second stage")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, page) |= BIT(62);
        refused(0x7a, IOVA);
}

CHECK(nested_second_root, "nested faults: 7B, the second stage's root is outside memory")
{
        struct nested nested = nested_tables();
        nested.second.root = NOWHERE;
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        pasid_store(&devs[0], 0, &entry);
        refused(0x7b, IOVA);
}

CHECK(nested_not_canonical, "nested faults: 80, an address that is not canonical")
{
        attach_nested(&devs[0]);
        refused(0x80, BIT(47));
}

CHECK(nested_output_beyond, "nested faults: 84, the first stage's output is beyond the second's width")
{
        NEEDS(SECOND3);
        struct nested nested = { table_new(1, 4), table_new(2, 3), BIT(38) };
        nested.first.bias = nested.bias;
        map_memory(&nested.second, nested.bias);
        table_map(&nested.first, IOVA, BIT(40), 1, FS_RW);
        context_scalable(&devs[0], 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        pasid_store(&devs[0], 0, &entry);
        refused(0x84, IOVA);
}

CHECK(nested_no_write, "nested faults: 85, the second stage's page is read-only")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, page) &= ~(u64)SS_W;
        expect_reads(&devs[0], IOVA, page);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(0x85, 0, IOVA);
        expect_no_fault();
}

CHECK(nested_no_read, "nested faults: 86, the second stage's page is write-only")
{
        u64 page;
        struct nested nested = apart(&page);
        *block_of(&nested, page) &= ~(u64)SS_R;
        expect_unreadable(&devs[0], IOVA, page);
        expect_fault(0x86, FAULT_READ, IOVA);
        expect_no_fault();
}

CHECK(nested_into_interrupts, "nested faults: 87, both stages lead into the interrupt range")
{
        struct nested nested = attach_nested(&devs[0]);
        table_map(&nested.first, IOVA, 0x7000000000, 1, FS_RW);
        table_map(&nested.second, 0x7000000000, 0xfee00000, 1, SS_RW);
        refused(0x87, IOVA);
}

CHECK(nested_first_invalidation, "nested: a changed first stage shows after a PASID-based invalidation")
{
        NEEDS(CACHES);
        struct nested nested = attach_nested(&devs[0]);
        u64 page = map(&nested, FS_RW);
        expect_lands(&devs[0], IOVA, page);
        u64 other = map(&nested, FS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect(invalidate_wait(INV_PASID_IOTLB(SELECTIVE, DID, 0), IOVA));
        expect_lands(&devs[0], IOVA, other);
}

CHECK(nested_second_invalidation, "nested: a changed second stage shows after a page-selective invalidation by its address")
{
        NEEDS(CACHES);
        u64 page;
        struct nested nested = apart(&page);
        u64 other = (u64)take(MIB2, MIB2);
        expect_lands(&devs[0], IOVA, page);
        *block_of(&nested, page) = other | SS_RW | SS_PS;
        expect_lands(&devs[0], IOVA, page);
        expect(invalidate_wait(INV_IOTLB(SELECTIVE, DID), PAGES(page + nested.bias, 9)));
        expect_lands(&devs[0], IOVA, other);
        forget();
}
