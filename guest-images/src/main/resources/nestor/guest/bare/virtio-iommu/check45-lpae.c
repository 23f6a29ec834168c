/* Stage-1 tables of VMSAv8-64 (DDI 0487, D8), by ATTACH_TABLE itself and by Context descriptors. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(CONTEXTS);
}

enum { ASID_OF = 0x44 };

static u64 ips = IPS_48;

/* With LPAE tables, or behind one descriptor where there are none; requests have no PASID. */
static void use_table(const struct table *table)
{
        struct tables tables;
        if (lacking(LPAE)) {
                struct contexts contexts = contexts_new(LINEAR, 0);
                struct cd cd = cd_of(table, ASID_OF);
                cd.dw[0] = (cd.dw[0] & ~CD_IPS(7)) | CD_IPS(ips);
                cd_store(contexts.base, &cd);
                tables = tables_of_contexts(&contexts, DSS_SSID0);
        } else {
                tables = tables_of_lpae(table, ASID_OF);
                tables.tcr = (tables.tcr & ~FIELD(7, 34, 32)) | FIELD(ips, 34, 32);
        }
        ips = IPS_48;
        expect_answer(attach_table(DOMAIN, endpoint(&devs[0]), &tables), OK);
}

/* Each level that has leaves: one there, one beside it missing. */
static void each_level(u32 granule, u32 bits)
{
        take_page();                    /* even a short table begins where a page does */
        struct table table = table_new(1, granule, bits);
        u64 page = (u64)take(BIT(granule), BIT(granule)), iova = 3ull << granule;
        table_map(&table, iova, page, 3, S1_RW);
        u64 block = (2ull << level_log2(&table, 2)) & (BIT(bits) - 1);
        u64 to = page & -BIT(level_log2(&table, 2));
        table_map(&table, block, to, 2, S1_RW);
        use_table(&table);
        expect_lands(&devs[0], iova + 64, page + 64);
        expect_lands(&devs[0], block + (page - to), page);
        expect_no_event();
        u64 missing = iova + BIT(granule);
        expect_refused(&devs[0], missing, page);
        expect_fault(&devs[0], NO_PASID, R_PTE_FETCH, A_WRITE, missing);
        expect_refused(&devs[0], BIT(bits), page);
        expect_fault(&devs[0], NO_PASID, R_PTE_FETCH, A_WRITE, BIT(bits));
}

CHECK(lpae_4k_39, "lpae: 4 KiB granule, 39 bits; pages and 2 MiB blocks")
{
        each_level(12, 39);
}

CHECK(lpae_4k_48, "lpae: 4 KiB granule, 48 bits")
{
        each_level(12, 48);
}

CHECK(lpae_16k_36, "lpae: 16 KiB granule, 36 bits")
{
        each_level(14, 36);
}

CHECK(lpae_16k_47, "lpae: 16 KiB granule, 47 bits")
{
        each_level(14, 47);
}

CHECK(lpae_16k_48, "lpae: 16 KiB granule, 48 bits")
{
        each_level(14, 48);
}

CHECK(lpae_64k_42, "lpae: 64 KiB granule, 42 bits; pages and 512 MiB blocks")
{
        each_level(16, 42);
}

CHECK(lpae_64k_48, "lpae: 64 KiB granule, 48 bits")
{
        each_level(16, 48);
}

CHECK(lpae_1g, "lpae: a block of 1 GiB")
{
        struct table table = table_new(1, 12, 39);
        u64 to = board.ram & -BIT(30), page = take_page(), iova = 5ull << 30;
        table_map(&table, iova, to, 1, S1_RW);
        use_table(&table);
        expect_lands(&devs[0], iova + (page - to), page);
        expect_no_event();
}

CHECK(lpae_contiguous, "lpae: the contiguous hint changes nothing")
{
        struct table table = table_new(1, 12, 39);
        u64 pages = (u64)take(16 * PAGE, 16 * PAGE), iova = 0x100000;
        for (u32 i = 0; i < 16; i++)
                table_map(&table, iova + i * PAGE, pages + i * PAGE, 3, S1_RW | PTE_CONTIGUOUS);
        use_table(&table);
        for (u32 i = 0; i < 16; i++)
                expect_lands(&devs[0], iova + i * PAGE, pages + i * PAGE);
}

CHECK(lpae_read_only, "lpae: a read-only page is read, a write is a fault of permission")
{
        struct table table = table_new(1, 12, 39);
        u64 page = take_page(), iova = 0x7000;
        table_map(&table, iova, page, 3, S1_RO);
        use_table(&table);
        expect_reads(&devs[0], iova, page);
        expect_refused(&devs[0], iova, page);
        expect_fault(&devs[0], NO_PASID, R_PERMISSION, A_WRITE, iova);
        expect_reads(&devs[0], iova, page);
        expect_no_event();
}

CHECK(lpae_table_permissions, "lpae: APTable takes permissions from all below")
{
        struct table table = table_new(1, 12, 39);
        u64 page = take_page(), iova = 0x7000;
        table_map(&table, iova, page, 3, S1_RW);
        *table_entry(&table, iova, 1) |= TABLE_READ_ONLY;
        use_table(&table);
        expect_reads(&devs[0], iova, page);
        expect_refused(&devs[0], iova, page);
        expect_fault(&devs[0], NO_PASID, R_PERMISSION, A_WRITE, iova);
}

CHECK(lpae_walk_abort, "lpae: a table outside memory is an external abort on the walk")
{
        struct table table = table_new(1, 12, 39);
        *table_entry(&table, 0x7000, 2) = BIT(46) | 3;
        use_table(&table);
        expect_refused(&devs[0], 0x7000, take_page());
        expect_fault(&devs[0], NO_PASID, R_WALK_EABT, A_WRITE, 0x7000);
}

CHECK(lpae_output_size, "lpae: an address beyond IPS is a fault of the output size")
{
        struct table table = table_new(1, 12, 39);
        u64 page = take_page();
        table_map(&table, 0x7000, page, 3, S1_RW);
        table_map(&table, 0x8000, BIT(32), 3, S1_RW);
        *table_entry(&table, BIT(30), 2) = BIT(40) | 3;
        ips = 0;                        /* 32 bits */
        use_table(&table);
        expect_lands(&devs[0], 0x7000, page);
        expect_refused(&devs[0], 0x8000, page);
        expect_fault(&devs[0], NO_PASID, R_OOR_ADDRESS, A_WRITE, 0x8000);
        expect_refused(&devs[0], BIT(30), page);
        expect_fault(&devs[0], NO_PASID, R_OOR_ADDRESS, A_WRITE, BIT(30));
}

CHECK(lpae_page_nowhere, "lpae: a page outside memory: DMA ends, and the IOMMU has nothing to report")
{
        struct table table = table_new(1, 12, 39);
        table_map(&table, 0x7000, BIT(46), 3, S1_RW);
        use_table(&table);
        expect_refused(&devs[0], 0x7000, take_page());
        expect_no_event();
}

CHECK(lpae_pasid, "lpae: a table by itself is for requests without PASID")
{
        NEEDS(LPAE);
        struct table table = table_new(1, 12, 39);
        u64 page = take_page();
        table_map(&table, 0x7000, page, 3, S1_RW);
        use_table(&table);
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 0);
        expect_refused(&devs[0], 0x7000, page);
        expect_fault(&devs[0], 0, R_DOMAIN, A_WRITE, 0x7000);
        testdev_control(&devs[0], 0, 0);
        expect_lands(&devs[0], 0x7000, page);
}

CHECK(lpae_tcr_access_flag, "lpae: TCR.HA has access flags set, HPD0 has APTable ignored")
{
        NEEDS(LPAE);
        struct table table = table_new(1, 12, 39);
        u64 page = take_page(), iova = 0x7000;
        table_map(&table, iova, page, 3, S1_RW & ~PTE_AF);
        *table_entry(&table, iova, 1) |= TABLE_READ_ONLY;
        struct tables tables = tables_of_lpae(&table, ASID_OF);
        tables.tcr |= BIT(39) | BIT(41);
        expect_answer(attach_table(DOMAIN, endpoint(&devs[0]), &tables), OK);
        expect_lands(&devs[0], iova, page);
        expect_eq(*(volatile u64 *)table_entry(&table, iova, 3) & PTE_AF, PTE_AF);
}
