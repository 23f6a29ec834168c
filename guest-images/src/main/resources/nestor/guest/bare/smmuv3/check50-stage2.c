/* Stage 2 alone (DDI 0487, D8; IHI 0070, 5.2): its input is an intermediate address. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE2);
}

#define NOWHERE 0x3000000000ull

enum { IPA = 0x40000, VMID = 5 };

static void maps_page(u32 granule, u32 bits)
{
        struct table table = attach_stage2(&devs[0], granule, bits, VMID);
        u64 bytes = BIT(granule), top = BIT(bits) - bytes;
        u64 first = (u64)take(bytes, bytes), last = (u64)take(bytes, bytes);
        table_map(&table, 0, first, 3, S2_RW);
        table_map(&table, top, last, 3, S2_RW);
        expect_lands(&devs[0], 0, first);
        expect_lands(&devs[0], top + bytes - 64, last + bytes - 64);
        expect_reads(&devs[0], top, last);
        expect_no_event();
}

CHECK(s2_4k_48, "stage 2: 4 KiB granule, 48 bits, from level 0")
{
        NEEDS(BITS_48);
        maps_page(12, 48);
}

CHECK(s2_4k_40, "stage 2: 4 KiB granule, 40 bits, two first tables side by side")
{
        maps_page(12, 40);
}

CHECK(s2_4k_43, "stage 2: 4 KiB granule, 43 bits, sixteen first tables side by side")
{
        NEEDS(BITS_48);
        maps_page(12, 43);
}

CHECK(s2_4k_32, "stage 2: 4 KiB granule, 32 bits, eight tables of level 2")
{
        maps_page(12, 32);
}

CHECK(s2_16k_40, "stage 2: 16 KiB granule, 40 bits")
{
        maps_page(14, 40);
}

CHECK(s2_16k_48, "stage 2: 16 KiB granule, 48 bits")
{
        NEEDS(BITS_48);
        maps_page(14, 48);
}

CHECK(s2_64k_48, "stage 2: 64 KiB granule, 48 bits")
{
        NEEDS(BITS_48);
        maps_page(16, 48);
}

CHECK(s2_64k_36, "stage 2: 64 KiB granule, 36 bits")
{
        maps_page(16, 36);
}

static void maps_block(u32 granule, u32 level)
{
        struct table table = attach_stage2(&devs[0], granule, 40, VMID);
        u64 bytes = BIT(level_log2(&table, level));
        u64 page = take_page(), base = page & -bytes;
        table_map(&table, bytes, base, level, S2_RW);
        expect_lands(&devs[0], bytes + (page - base), page);
        expect_refused(&devs[0], 2 * bytes, page);
        expect_event(event_of(F_TRANSLATION, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN, 2 * bytes, 2 * bytes);
}

CHECK(s2_2m, "stage 2: a block of 2 MiB")
{
        maps_block(12, 2);
}

CHECK(s2_1g, "stage 2: a block of 1 GiB")
{
        maps_block(12, 1);
}

CHECK(s2_32m, "stage 2: a block of 32 MiB (16 KiB granule)")
{
        maps_block(14, 2);
}

CHECK(s2_512m, "stage 2: a block of 512 MiB (64 KiB granule)")
{
        maps_block(16, 2);
}

/* The record of a stage-2 fault on the address itself. */
static void expect_fault(u32 code, u64 bits, u64 ipa)
{
        expect_event(event_of(code, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN | bits, ipa, ipa & -4096ull);
        expect_no_event();
}

CHECK(s2_unmapped, "stage 2: nothing mapped is F_TRANSLATION, S2 1, with the IPA's page")
{
        attach_stage2(&devs[0], 12, 40, VMID);
        expect_refused(&devs[0], IPA + 0x340, take_page());
        expect_fault(F_TRANSLATION, 0, IPA + 0x340);
}

CHECK(s2_beyond, "stage 2: an address beyond S2T0SZ is F_TRANSLATION")
{
        attach_stage2(&devs[0], 12, 40, VMID);
        expect_unreadable(&devs[0], BIT(40), take_page());
        expect_fault(F_TRANSLATION, EVENT_RNW, BIT(40));
}

CHECK(s2_read_only, "stage 2: S2AP without write refuses writes, F_PERMISSION")
{
        struct table table = attach_stage2(&devs[0], 12, 40, VMID);
        u64 page = take_page();
        table_map(&table, IPA, page, 3, S2_RW & ~S2_WRITE);
        expect_reads(&devs[0], IPA, page);
        clear(page, 64);
        expect_refused(&devs[0], IPA, page);
        expect_fault(F_PERMISSION, 0, IPA);
}

CHECK(s2_write_only, "stage 2: S2AP without read refuses reads, F_PERMISSION")
{
        struct table table = attach_stage2(&devs[0], 12, 40, VMID);
        u64 page = take_page();
        table_map(&table, IPA, page, 3, S2_RW & ~S2_READ);
        expect_lands(&devs[0], IPA, page);
        expect_unreadable(&devs[0], IPA, page);
        expect_fault(F_PERMISSION, EVENT_RNW, IPA);
}

CHECK(s2_access, "stage 2: AF 0 is F_ACCESS")
{
        struct table table = attach_stage2(&devs[0], 12, 40, VMID);
        table_map(&table, IPA, take_page(), 3, S2_RW & ~PTE_AF);
        expect_refused(&devs[0], IPA, take_page());
        expect_fault(F_ACCESS, 0, IPA);
}

CHECK(s2_output_size, "stage 2: a page beyond S2PS is F_ADDR_SIZE")
{
        struct table table = table_new(2, 12, 40);
        struct ste ste = ste_stage2(&table, VMID);
        ste.dw[2] &= ~STE_S2PS(7);
        ste_install(sid(&devs[0]), &ste);
        table_map(&table, IPA, BIT(32), 3, S2_RW);
        expect_refused(&devs[0], IPA, take_page());
        expect_fault(F_ADDR_SIZE, 0, IPA);
}

CHECK(s2_table_abort, "stage 2: a table outside memory is F_WALK_EABT, S2 1, with the address")
{
        struct table table = attach_stage2(&devs[0], 12, 40, VMID);
        *table_entry(&table, IPA, 2) = NOWHERE | 3;
        expect_refused(&devs[0], IPA, take_page());
        expect_event(event_of(F_WALK_EABT, sid(&devs[0])), EVENT_S2 | EVENT_CLASS_IN, IPA,
                     NOWHERE + (IPA >> 12) * 8);
}

CHECK(s2_unrecorded, "stage 2: without S2R a fault aborts silently")
{
        struct table table = table_new(2, 12, 40);
        struct ste ste = ste_stage2(&table, VMID);
        ste.dw[2] &= ~STE_S2R;
        ste_install(sid(&devs[0]), &ste);
        expect_refused(&devs[0], IPA, take_page());
        expect_no_event();
}

static struct table tracked(u64 ste_bits, u64 attributes, u64 *page)
{
        struct table table = table_new(2, 12, 40);
        struct ste ste = ste_stage2(&table, VMID);
        ste.dw[2] |= ste_bits;
        ste_install(sid(&devs[0]), &ste);
        *page = take_page();
        table_map(&table, IPA, *page, 3, attributes);
        return table;
}

static u64 leaf_bits(const struct table *table, u64 bits)
{
        return *(volatile u64 *)table_entry(table, IPA, 3) & bits;
}

CHECK(s2_affd, "stage 2: S2AFFD lets pages with AF 0 be used, and leaves AF")
{
        u64 page;
        struct table table = tracked(STE_S2AFFD, S2_RW & ~PTE_AF, &page);
        expect_lands(&devs[0], IPA, page);
        expect_eq(leaf_bits(&table, PTE_AF), 0);
}

CHECK(s2_ha, "stage 2: S2HA sets AF")
{
        NEEDS(ACCESS_FLAG);
        u64 page;
        struct table table = tracked(STE_S2HA, S2_RW & ~PTE_AF, &page);
        expect_lands(&devs[0], IPA, page);
        expect_eq(leaf_bits(&table, PTE_AF), PTE_AF);
}

CHECK(s2_hd, "stage 2: S2HD makes a writable-clean page dirty by a write, and not by a read")
{
        NEEDS(DIRTY_STATE);
        u64 page;
        struct table table = tracked(STE_S2HA | STE_S2HD, (S2_RW & ~S2_WRITE) | PTE_DBM, &page);
        expect_reads(&devs[0], IPA, page);
        expect_eq(leaf_bits(&table, S2_WRITE), 0);
        expect_lands(&devs[0], IPA, page);
        expect_eq(leaf_bits(&table, S2_WRITE), S2_WRITE);
}
