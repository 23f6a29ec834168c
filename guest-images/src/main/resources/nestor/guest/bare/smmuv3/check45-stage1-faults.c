/* Faults of stage 1 and their records (IHI 0070, 7.3.12 to 7.3.16). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1);
}

#define NOWHERE 0x3000000000ull

enum { IOVA = 0x10000 };

static void expect_fault(u32 code, u64 bits, u64 iova)
{
        expect_event(event_of(code, sid(&devs[0])), EVENT_CLASS_IN | bits, iova, 0);
        expect_no_event();
}

static void refuse_write(u32 code, u64 iova)
{
        expect_refused(&devs[0], iova, take_page());
        expect_fault(code, 0, iova);
}

CHECK(s1_unmapped_write, "faults: a write where nothing is mapped is F_TRANSLATION, RnW 0")
{
        attach_stage1(&devs[0], 12, 39);
        refuse_write(F_TRANSLATION, IOVA);
}

CHECK(s1_unmapped_read, "faults: a read where nothing is mapped is F_TRANSLATION, RnW 1")
{
        attach_stage1(&devs[0], 12, 39);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(F_TRANSLATION, EVENT_RNW, IOVA);
}

static void refuse_at_level(u32 level)
{
        struct context context = attach_stage1(&devs[0], 12, 48);
        table_map(&context.table, IOVA, take_page(), 3, S1_RW);
        *table_entry(&context.table, IOVA, level) &= ~PTE_VALID;
        refuse_write(F_TRANSLATION, IOVA);
}

CHECK(s1_level0, "faults: an invalid descriptor at level 0")
{
        refuse_at_level(0);
}

CHECK(s1_level1, "faults: an invalid descriptor at level 1")
{
        refuse_at_level(1);
}

CHECK(s1_level2, "faults: an invalid descriptor at level 2")
{
        refuse_at_level(2);
}

CHECK(s1_level3, "faults: an invalid descriptor at level 3")
{
        refuse_at_level(3);
}

CHECK(s1_reserved_page, "faults: a descriptor of type 0b01 at level 3 is F_TRANSLATION")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        table_map(&context.table, IOVA, take_page(), 3, S1_RW);
        *table_entry(&context.table, IOVA, 3) &= ~2ull;
        refuse_write(F_TRANSLATION, IOVA);
}

CHECK(s1_reserved_block0, "faults: a block at level 0 is F_TRANSLATION")
{
        struct context context = attach_stage1(&devs[0], 12, 48);
        *table_entry(&context.table, IOVA, 0) = board.ram | S1_RW | 1;
        refuse_write(F_TRANSLATION, IOVA);
}

CHECK(s1_reserved_block_16k, "faults: a block at level 1 of the 16 KiB granule is F_TRANSLATION")
{
        struct context context = attach_stage1(&devs[0], 14, 47);
        *table_entry(&context.table, IOVA, 1) = S1_RW | 1;
        refuse_write(F_TRANSLATION, IOVA);
}

CHECK(s1_beyond, "faults: an address just beyond the input size is F_TRANSLATION")
{
        attach_stage1(&devs[0], 12, 39);
        refuse_write(F_TRANSLATION, BIT(39));
}

CHECK(s1_hole, "faults: an address between the ranges is F_TRANSLATION")
{
        attach_stage1(&devs[0], 12, 48);
        refuse_write(F_TRANSLATION, 0x00f0000000000000);
}

CHECK(s1_epd0, "faults: EPD0 1 is F_TRANSLATION for the lower range")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        table_map(&context.table, IOVA, take_page(), 3, S1_RW);
        context.cd.dw[0] |= CD_EPD0;
        context_update(&devs[0], &context);
        refuse_write(F_TRANSLATION, IOVA);
}

CHECK(s1_epd1, "faults: EPD1 1 is F_TRANSLATION for the upper range")
{
        attach_stage1(&devs[0], 12, 39);
        refuse_write(F_TRANSLATION, -0x1000ull);
}

CHECK(s1_output_size, "faults: a page beyond IPS is F_ADDR_SIZE")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] &= ~CD_IPS(7);
        context_update(&devs[0], &context);
        table_map(&context.table, IOVA, BIT(32), 3, S1_RW);
        refuse_write(F_ADDR_SIZE, IOVA);
}

CHECK(s1_table_size, "faults: a table beyond IPS is F_ADDR_SIZE")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] &= ~CD_IPS(7);
        context_update(&devs[0], &context);
        *table_entry(&context.table, IOVA, 1) = BIT(32) | 3;
        refuse_write(F_ADDR_SIZE, IOVA);
}

CHECK(s1_access, "faults: AF 0 without HA is F_ACCESS")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        table_map(&context.table, IOVA, take_page(), 3, S1_RW & ~PTE_AF);
        refuse_write(F_ACCESS, IOVA);
        expect_eq(*table_entry(&context.table, IOVA, 3) & PTE_AF, 0);
}

CHECK(s1_read_only, "faults: a write to a read-only page is F_PERMISSION")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        table_map(&context.table, IOVA, take_page(), 3, S1_RO);
        refuse_write(F_PERMISSION, IOVA);
}

CHECK(s1_no_user, "faults: an unprivileged read of a privileged page is F_PERMISSION")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        table_map(&context.table, IOVA, take_page(), 3, S1_RW & ~PTE_USER);
        expect_unreadable(&devs[0], IOVA, take_page());
        expect_fault(F_PERMISSION, EVENT_RNW, IOVA);
}

CHECK(s1_order, "faults: address size comes before access flag, access flag before permission")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] &= ~CD_IPS(7);
        context_update(&devs[0], &context);
        table_map(&context.table, IOVA, BIT(32), 3, S1_RO & ~PTE_AF);
        refuse_write(F_ADDR_SIZE, IOVA);
        table_map(&context.table, IOVA, take_page(), 3, S1_RO & ~PTE_AF);
        refuse_write(F_ACCESS, IOVA);
        table_map(&context.table, IOVA, take_page(), 3, S1_RO);
        refuse_write(F_PERMISSION, IOVA);
}

static void expect_table_abort(u64 address)
{
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_WALK_EABT, sid(&devs[0])), EVENT_CLASS_TT, IOVA, address);
        expect_no_event();
}

CHECK(s1_table_abort, "faults: a table outside memory is F_WALK_EABT, CLASS TT, S2 0, with the address")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        *table_entry(&context.table, IOVA, 2) = NOWHERE | 3;
        expect_table_abort(NOWHERE + (IOVA >> 12) * 8);
}

CHECK(s1_root_abort, "faults: a first table outside memory is F_WALK_EABT")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[1] = NOWHERE;
        context_update(&devs[0], &context);
        expect_table_abort(NOWHERE);
}

CHECK(s1_abort_always, "faults: F_WALK_EABT is recorded without R, F_TRANSLATION is not")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        context.cd.dw[0] &= ~CD_R;
        context_update(&devs[0], &context);
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_event();
        *table_entry(&context.table, IOVA, 2) = NOWHERE | 3;
        expect(command_sync(TLBI_NSNH_ALL, 0));
        expect_table_abort(NOWHERE + (IOVA >> 12) * 8);
}

/* The accesses below have PASID 5, privileged or not. */
static struct context with_pasid(u32 control)
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 cds = (u64)take(64 * 8, 64 * 8);
        context.cd_at = cds + 5 * 64;
        cd_store(context.cd_at, &context.cd);
        context.ste = ste_stage1(cds);
        context.ste.dw[0] |= STE_S1CDMAX(3);
        ste_install(sid(&devs[0]), &context.ste);
        testdev_enable_pasid(&devs[0]);
        testdev_control(&devs[0], WITH_PASID | control, 5);
        return context;
}

CHECK(s1_privileged, "permissions: a privileged request reaches a privileged page")
{
        NEEDS(SUBSTREAMS);
        struct context context = with_pasid(PRIVILEGED);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW & ~PTE_USER);
        expect_lands(&devs[0], IOVA, page);
        testdev_control(&devs[0], WITH_PASID, 5);
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of_ssid(F_PERMISSION, sid(&devs[0]), 5), EVENT_CLASS_IN, IOVA, 0);
}

CHECK(s1_pan, "permissions: PAN keeps privileged data accesses off user pages")
{
        NEEDS(SUBSTREAMS);
        struct context context = with_pasid(PRIVILEGED);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        expect_lands(&devs[0], IOVA, page);
        context.cd.dw[0] |= CD_PAN;
        cd_store(context.cd_at, &context.cd);
        command(on_sid(CFGI_CD_ALL, sid(&devs[0])), 0);
        expect(command_sync(TLBI_NSNH_ALL, 0));
        expect_refused(&devs[0], IOVA, page);
        expect_event(event_of_ssid(F_PERMISSION, sid(&devs[0]), 5), EVENT_CLASS_IN | EVENT_PNU, IOVA, 0);
}
