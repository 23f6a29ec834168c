/* MAP and UNMAP (virtio 1.3, 5.13.6.5, 5.13.6.6), and what DMA makes of them. */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return lacking(MAPPINGS);
}

enum { MANY = 500 };

/* Addresses in units of the granule: [from, to] inclusive. */
static u64 first_of(u64 from)
{
        return from * viommu.granule;
}

static u64 last_of(u64 to)
{
        return (to + 1) * viommu.granule - 1;
}

static u32 do_map(u64 from, u64 to, u64 pa, u32 flags)
{
        return answer(map(1, first_of(from), last_of(to), pa, flags));
}

static u32 do_unmap(u64 from, u64 to)
{
        return answer(unmap(1, first_of(from), last_of(to)));
}

static u64 take_granules(u32 count)
{
        return (u64)take(count * viommu.granule, viommu.granule);
}

static void begin(void)
{
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
}

static void expect_absent(u64 number, u64 pa)
{
        expect_refused(&devs[0], first_of(number), pa);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_WRITE, first_of(number));
}

CHECK(map_both, "map: READ and WRITE")
{
        begin();
        u64 pa = take_granules(2);
        expect_eq(do_map(5, 6, pa, MAP_RW), OK);
        expect_lands(&devs[0], first_of(5), pa);
        expect_lands(&devs[0], last_of(6) - 63, pa + 2 * viommu.granule - 64);
        expect_reads(&devs[0], first_of(5) + 0x100, pa + 0x100);
        expect_no_event();
        expect_absent(4, pa);
        expect_absent(7, pa);
}

CHECK(map_read, "map: READ alone is not written, a fault with WRITE")
{
        begin();
        u64 pa = take_granules(1);
        expect_eq(do_map(5, 5, pa, MAP_READ), OK);
        expect_reads(&devs[0], first_of(5), pa);
        expect_no_event();
        expect_absent(5, pa);
        expect_reads(&devs[0], first_of(5), pa);
}

CHECK(map_write, "map: WRITE alone is not read, a fault with READ")
{
        begin();
        u64 pa = take_granules(1);
        expect_eq(do_map(5, 5, pa, MAP_WRITE), OK);
        expect_lands(&devs[0], first_of(5), pa);
        expect_unreadable(&devs[0], first_of(5), pa);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_READ, first_of(5));
}

CHECK(map_nothing, "map: without READ and WRITE there is a mapping, and no access")
{
        begin();
        u64 pa = take_granules(1);
        expect_eq(do_map(5, 5, pa, 0), OK);
        expect_absent(5, pa);
        expect_eq(do_map(5, 5, pa, MAP_RW), INVAL);
}

CHECK(map_mmio, "map: MMIO changes nothing for memory")
{
        NEEDS(MMIO_FLAG);
        begin();
        u64 pa = take_granules(1);
        expect_eq(do_map(5, 5, pa, MAP_RW | MAP_MMIO), OK);
        expect_lands(&devs[0], first_of(5), pa);
}

CHECK(map_mmio_not_negotiated, "map: without the feature, MMIO is an unknown flag")
{
        viommu_restart(&(struct start){ .without = F_MMIO });
        begin();
        expect_eq(do_map(5, 5, take_granules(1), MAP_RW | MAP_MMIO), INVAL);
}

CHECK(map_flags, "map: each unknown flag is INVAL, and nothing is mapped")
{
        begin();
        u64 pa = take_granules(1);
        for (u32 bit = 3; bit < 32; bit++)
                expect_eq(do_map(5, 5, pa, MAP_RW | 1u << bit), INVAL);
        expect_absent(5, pa);
}

CHECK(map_order, "map: an end that is not after the start is INVAL")
{
        begin();
        u64 pa = take_granules(1), at = first_of(5);
        expect_answer(map(1, at, at, pa, MAP_RW), INVAL);
        expect_answer(map(1, at, at - 1, pa, MAP_RW), INVAL);
        expect_answer(map(1, at, 0, pa, MAP_RW), INVAL);
        expect_answer(map(1, ~0ull, 0, pa, MAP_RW), INVAL);
}

CHECK(map_misaligned, "map: start, end or address that are not whole pages are RANGE")
{
        begin();
        u64 pa = take_granules(2), first = first_of(5), last = last_of(5);
        for (u64 off = 1; off < viommu.granule; off *= 2) {
                expect_answer(map(1, first + off, last + viommu.granule, pa, MAP_RW), RANGE);
                expect_answer(map(1, first, last + off, pa, MAP_RW), RANGE);
                expect_answer(map(1, first, last - off, pa, MAP_RW), off == viommu.granule - 1 ? INVAL : RANGE);
                expect_answer(map(1, first, last, pa + off, MAP_RW), RANGE);
        }
        expect_absent(5, pa);
}

CHECK(map_domain, "map, unmap: of a domain that is not there NOENT")
{
        begin();
        u64 pa = take_granules(1);
        expect_answer(map(2, first_of(5), last_of(5), pa, MAP_RW), NOENT);
        expect_answer(unmap(2, first_of(5), last_of(5)), NOENT);
        expect_answer(map(0xffffffff, first_of(5), last_of(5), pa, MAP_RW), NOENT);
}

CHECK(map_overlap, "map: an overlap of any kind is INVAL, and changes nothing")
{
        begin();
        u64 pa = take_granules(4), other = take_granules(8);
        expect_eq(do_map(4, 7, pa, MAP_RW), OK);
        static const u8 ranges[][2] = { { 4, 7 }, { 5, 6 }, { 3, 8 }, { 2, 4 }, { 7, 9 }, { 4, 4 }, { 7, 7 },
                                        { 4, 9 }, { 1, 7 } };
        for (u32 i = 0; i < COUNT(ranges); i++)
                expect_eq(do_map(ranges[i][0], ranges[i][1], other, MAP_RW), INVAL);
        for (u32 i = 0; i < 4; i++)
                expect_lands(&devs[0], first_of(4 + i), pa + i * viommu.granule);
        expect_absent(3, other);
        expect_absent(8, other);
}

CHECK(map_adjacent, "map: ranges side by side")
{
        begin();
        u64 pa = take_granules(3);
        expect_eq(do_map(4, 4, pa, MAP_RW), OK);
        expect_eq(do_map(6, 6, pa + viommu.granule, MAP_RW), OK);
        expect_eq(do_map(5, 5, pa + 2 * viommu.granule, MAP_RW), OK);
        expect_lands(&devs[0], first_of(4), pa);
        expect_lands(&devs[0], first_of(5), pa + 2 * viommu.granule);
        expect_lands(&devs[0], first_of(6), pa + viommu.granule);
}

CHECK(map_across, "map: DMA across two mappings that lie apart")
{
        begin();
        u64 pa = take_granules(2);
        expect_eq(do_map(4, 4, pa, MAP_RW), OK);
        expect_eq(do_map(5, 5, pa + viommu.granule, MAP_RW), OK);
        expect_eq(dma_write(&devs[0], last_of(4) - 63, pa + viommu.granule - 64, 128), DMA_DONE);
        expect_no_event();
}

CHECK(map_wraps, "map: physical addresses that wrap are RANGE")
{
        begin();
        expect_eq(do_map(4, 5, -viommu.granule, MAP_RW), RANGE);
        expect_eq(do_map(4, 4, -viommu.granule, MAP_RW), OK);
}

CHECK(map_nowhere, "map: to where there is no memory; DMA ends, and the IOMMU has nothing to report")
{
        begin();
        u64 pa = take_granules(1);
        expect_eq(do_map(4, 4, BIT(46), MAP_RW), OK);
        expect_refused(&devs[0], first_of(4), pa);
        expect_no_event();
}

CHECK(map_last, "map: the last page there is")
{
        begin();
        u64 pa = take_granules(1), first = viommu.input_end - viommu.granule + 1;
        expect_answer(map(1, first, viommu.input_end, pa, MAP_RW), OK);
        expect_lands(&devs[0], viommu.input_end - 63, pa + viommu.granule - 64);
        expect_answer(unmap(1, first, viommu.input_end), OK);
        expect_refused(&devs[0], first, pa);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_WRITE, first);
}

CHECK(map_beyond_input, "map: beyond the input range is RANGE")
{
        if (viommu.input_end == ~0ull)
                return skip("there is nothing beyond");
        begin();
        u64 pa = take_granules(2), end = viommu.input_end;
        expect_answer(map(1, end + 1, end + viommu.granule, pa, MAP_RW), RANGE);
        expect_answer(map(1, end + 1 - viommu.granule, end + viommu.granule, pa, MAP_RW), RANGE);
        expect_answer(map(1, -viommu.granule, ~0ull, pa, MAP_RW), RANGE);
        expect_answer(unmap(1, end + 1, end + viommu.granule), OK);
}

CHECK(map_everything, "map: all addresses at once")
{
        if (viommu.regions)
                return skip("regions are reserved");
        begin();
        u64 pa = take_granules(1);
        expect_answer(map(1, 0, viommu.input_end, 0, MAP_RW), OK);
        expect_lands(&devs[0], pa, pa);
        expect_answer(unmap(1, 0, viommu.input_end), OK);
        expect_refused(&devs[0], pa, pa);
}

CHECK(map_reserved, "map: what touches a reserved region is INVAL")
{
        if (!viommu.regions)
                return skip("no reserved regions");
        begin();
        u64 pa = take_granules(1);
        static const u64 regions[][2] = { { MSI_FIRST, MSI_LAST }, { RESERVED_FIRST, RESERVED_LAST } };
        for (u32 i = 0; i < COUNT(regions); i++) {
                u64 first = regions[i][0], last = regions[i][1];
                expect_answer(map(1, first, last, pa, MAP_RW), INVAL);
                expect_answer(map(1, first, first + PAGE - 1, pa, MAP_RW), INVAL);
                expect_answer(map(1, last - PAGE + 1, last + PAGE, pa, MAP_RW), INVAL);
                expect_answer(map(1, first - PAGE, first + PAGE - 1, pa, MAP_RW), INVAL);
                expect_answer(map(1, first - PAGE, first - 1, pa, MAP_RW), OK);
                expect_answer(map(1, last + 1, last + PAGE, pa, MAP_RW), OK);
        }
}

CHECK(map_reserved_dma, "map: DMA to a RESERVED region is a fault, a write to an MSI region is none")
{
        if (!viommu.regions)
                return skip("no reserved regions");
        begin();
        u64 pa = take_granules(1);
        expect_refused(&devs[0], RESERVED_FIRST, pa);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_WRITE, RESERVED_FIRST);
        dma_write(&devs[0], MSI_LAST - 63, pa, 64);
        expect_no_event();
        expect_eq(dma_read(&devs[0], MSI_LAST - 63, pa, 64), DMA_UNREADABLE);
        expect_fault(&devs[0], NO_PASID, R_MAPPING, A_READ, MSI_LAST - 63);
}

CHECK(map_many, "map: several hundred mappings, each to a place of its own")
{
        begin();
        u64 pa = take_granules(4);
        for (u64 i = 0; i < MANY; i++)
                expect_eq(do_map(16 + 2 * i, 16 + 2 * i, pa + i % 4 * viommu.granule, MAP_RW), OK);
        for (u64 i = 0; i < MANY; i += 7)
                expect_lands(&devs[0], first_of(16 + 2 * i), pa + i % 4 * viommu.granule);
        expect_absent(17, pa);
        expect_eq(do_unmap(16, 16 + 2 * MANY), OK);
        for (u64 i = 0; i < MANY; i += 50)
                expect_absent(16 + 2 * i, pa);
}

/* The seven cases of 5.13.6.6: mappings there are, what is unmapped, and what comes of it. */
struct range {
        u8 from, to;
};
static void unmap_case(u32 count, const struct range *mapped, struct range removed, u32 status, u32 left)
{
        begin();
        u64 pa = take_granules(16);
        for (u32 i = 0; i < count; i++)
                expect_eq(do_map(mapped[i].from, mapped[i].to, pa, MAP_RW), OK);
        for (u32 i = 0; i < count; i++)
                expect_lands(&devs[0], first_of(mapped[i].from), pa);
        expect_eq(do_unmap(removed.from, removed.to), status);
        for (u32 i = 0; i < count; i++) {
                for (u32 at = mapped[i].from; at <= mapped[i].to; at++) {
                        u64 to = pa + (at - mapped[i].from) * viommu.granule;
                        if (left & 1 << i)
                                expect_lands(&devs[0], first_of(at), to);
                        else
                                expect_absent(at, to);
                }
        }
}

CHECK(unmap_empty, "unmap: nothing at all is OK")
{
        unmap_case(0, NULL, (struct range){ 0, 9 }, OK, 0);
}

CHECK(unmap_one, "unmap: {0-9} of 0-9")
{
        unmap_case(1, (struct range[]){ { 0, 9 } }, (struct range){ 0, 9 }, OK, 0);
}

CHECK(unmap_two, "unmap: {0-4} {5-9} of 0-9 goes")
{
        unmap_case(2, (struct range[]){ { 0, 4 }, { 5, 9 } }, (struct range){ 0, 9 }, OK, 0);
}

CHECK(unmap_split, "unmap: {0-9} of 0-4 is RANGE, and nothing goes")
{
        unmap_case(1, (struct range[]){ { 0, 9 } }, (struct range){ 0, 4 }, RANGE, 1);
}

CHECK(unmap_first, "unmap: {0-4} {5-9} of 0-4: the first goes, the second stays")
{
        unmap_case(2, (struct range[]){ { 0, 4 }, { 5, 9 } }, (struct range){ 0, 4 }, OK, 2);
}

CHECK(unmap_more, "unmap: {0-4} of 0-9 goes")
{
        unmap_case(1, (struct range[]){ { 0, 4 } }, (struct range){ 0, 9 }, OK, 0);
}

CHECK(unmap_hole, "unmap: {0-4} {10-14} of 0-14 goes")
{
        unmap_case(2, (struct range[]){ { 0, 4 }, { 10, 14 } }, (struct range){ 0, 14 }, OK, 0);
}

CHECK(unmap_split_upper, "unmap: a range that ends inside the second of two is RANGE, and the first stays, too")
{
        unmap_case(2, (struct range[]){ { 0, 4 }, { 5, 9 } }, (struct range){ 0, 7 }, RANGE, 3);
}

CHECK(unmap_split_inside, "unmap: the middle of a mapping is RANGE")
{
        unmap_case(1, (struct range[]){ { 0, 9 } }, (struct range){ 3, 5 }, RANGE, 1);
}

CHECK(unmap_split_lower, "unmap: a range that begins inside a mapping is RANGE")
{
        unmap_case(1, (struct range[]){ { 0, 4 } }, (struct range){ 2, 9 }, RANGE, 1);
}

CHECK(unmap_everything, "unmap: 0 to the last address")
{
        begin();
        u64 pa = take_granules(2);
        expect_eq(do_map(4, 5, pa, MAP_RW), OK);
        expect_answer(unmap(1, 0, ~0ull), OK);
        expect_absent(4, pa);
        expect_absent(5, pa);
        expect_eq(do_map(4, 5, pa, MAP_RW), OK);
}

CHECK(unmap_order, "unmap: an end before the start is INVAL")
{
        begin();
        expect_answer(unmap(1, first_of(5), first_of(5) - 1), INVAL);
        expect_answer(unmap(1, ~0ull, 0), INVAL);
}

CHECK(unmap_reserved, "unmap: a reserved byte that is set is INVAL, and nothing goes")
{
        begin();
        u64 pa = take_granules(1);
        expect_eq(do_map(5, 5, pa, MAP_RW), OK);
        for (u32 at = 24; at < 28; at++) {
                struct request request = unmap(1, first_of(5), last_of(5));
                put8(&request, at, 0x80);
                expect_answer(request, INVAL);
        }
        expect_lands(&devs[0], first_of(5), pa);
}

CHECK(unmap_remap, "unmap: what is mapped anew is found at once, round after round")
{
        begin();
        u64 pa = take_granules(2);
        for (u32 i = 0; i < 32; i++) {
                u64 to = pa + i % 2 * viommu.granule;
                expect_eq(do_map(5, 5, to, MAP_RW), OK);
                expect_lands(&devs[0], first_of(5), to);
                expect_eq(do_unmap(5, 5), OK);
                expect_absent(5, to);
        }
}
