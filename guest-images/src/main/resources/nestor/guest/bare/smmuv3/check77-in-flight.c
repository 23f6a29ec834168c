/* DMA that is under way while its translation is taken away (IHI 0070, 3.21.1, 4.7.3). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(ENGINES);
}

enum { ROUNDS = 3, RANGE_LOG2 = 28, TABLES = 1 << (RANGE_LOG2 - 21) };

/* 256 MiB of input that all lie in one page, so that whatever is still written is seen there. */
static u64 *alias(const struct table *table, u64 page, u64 attributes)
{
        u64 *leaves = take(PAGE, PAGE);
        for (u32 i = 0; i < PAGE / 8; i++)
                leaves[i] = page | attributes | 3;
        for (u64 i = 0; i < TABLES; i++)
                *table_entry(table, i << 21, 2) = (u64)leaves | 3;
        return table_entry(table, 0, 1);
}

static bool arrives(u64 page)
{
        u64 start = counter();
        while (!*(volatile u64 *)page && within(start, 1000))
                ;
        return *(volatile u64 *)page != 0;
}

static void wait_until_written(u64 page)
{
        clear(page, PAGE);
        expect(arrives(page));
}

/* After the SYNC of the invalidation nothing may arrive any more. */
static void expect_quiet(u64 page)
{
        clear(page, PAGE);
        expect_eq(engine_end(&engines[0], 0), ENGINE_ERROR);
        for (u64 at = 0; at < PAGE; at += 8) {
                if (*(volatile u64 *)(page + at))
                        return (void)expect_eq(*(volatile u64 *)(page + at), 0);
        }
}

CHECK(unmap_in_flight, "in flight: after TLBI and SYNC no DMA reaches a page by an old translation")
{
        NEEDS(STAGE1);
        u32 stream = engines[0].function.rid;
        u64 page = take_page();
        struct context context = stage1_of(stream, 12, 39);
        u64 *root = alias(&context.table, page, S1_RW), mapped = *root;
        for (u32 i = 0; i < ROUNDS; i++) {
                *(volatile u64 *)root = mapped;
                engine_start(&engines[0], 0, RAND48, 0, 1u << RANGE_LOG2);
                wait_until_written(page);
                *(volatile u64 *)root = 0;
                expect(command_sync(i & 1 ? TLBI_NSNH_ALL : on_vmid(TLBI_NH_ASID, 0, ASID), 0));
                expect_quiet(page);
        }
}

CHECK(block_in_flight, "in flight: after CFGI_STE and SYNC no DMA passes a stream that is now blocked")
{
        NEEDS(STAGE1);
        u32 stream = engines[0].function.rid;
        u64 page = take_page();
        struct context context = stage1_of(stream, 12, 39);
        alias(&context.table, page, S1_RW);
        for (u32 i = 0; i < ROUNDS; i++) {
                ste_install(stream, &context.ste);
                engine_start(&engines[0], 0, RAND48, 0, 1u << RANGE_LOG2);
                wait_until_written(page);
                ste_at(stream)[0] = STE_V | STE_CONFIG(CONFIG_ABORT);
                expect(command_sync(on_sid(CFGI_STE, stream), LEAF));
                expect_quiet(page);
        }
}

CHECK(off_in_flight, "in flight: after GBPA.ABORT and SMMUEN 0 are acknowledged no DMA passes")
{
        NEEDS(STAGE1);
        u32 stream = engines[0].function.rid;
        u64 page = take_page();
        struct context context = stage1_of(stream, 12, 39);
        alias(&context.table, page, S1_RW);
        engine_start(&engines[0], 0, RAND48, 0, 1u << RANGE_LOG2);
        wait_until_written(page);
        smmu_write(GBPA, GBPA_UPDATE | GBPA_ABORT);
        expect(smmu_wait(GBPA, GBPA_UPDATE, 0));
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        expect_quiet(page);
}

CHECK(stage2_in_flight, "in flight: after TLBI_S12_VMALL and SYNC no DMA reaches a page that stage 2 had mapped")
{
        NEEDS(STAGE2);
        u32 stream = engines[0].function.rid;
        u64 page = take_page();
        struct table table = table_new(2, 12, 39);
        struct ste ste = ste_stage2(&table, 6);
        ste_install(stream, &ste);
        u64 *root = alias(&table, page, S2_RW), mapped = *root;
        for (u32 i = 0; i < ROUNDS; i++) {
                *(volatile u64 *)root = mapped;
                engine_start(&engines[0], 0, RAND48, 0, 1u << RANGE_LOG2);
                wait_until_written(page);
                *(volatile u64 *)root = 0;
                expect(command_sync(on_vmid(TLBI_S12_VMALL, 6, 0), 0));
                expect_quiet(page);
        }
}
