/* Two units, each with the functions of its scope (D51397, 8.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(TWO_UNITS | SECOND);
}

enum { IOVA = 0x10000, VECTOR = 0x65 };

static struct unit *other(void)
{
        return unit_of(&devs[1].function);
}

CHECK(units_scopes, "units: bases differ, one unit takes all others, and the other one names its function")
{
        expect(units[0].base != units[1].base);
        expect(board.unit[board.units - 1].all);
        for (u32 i = 0; i + 1 < board.units; i++)
                expect(!board.unit[i].all && board.unit[i].scopes != 0);
}

CHECK(units_tables, "units: each has its own root table")
{
        struct unit *mine = vtd;
        struct table one = attach_second(&devs[0], 4);
        vtd = other();
        struct table two = attach_second(&devs[1], 4);
        u64 first = take_page(), second = take_page();
        table_map(&one, IOVA, first, 1, SS_RW);
        table_map(&two, IOVA, second, 1, SS_RW);
        expect_lands(&devs[0], IOVA, first);
        expect_lands(&devs[1], IOVA, second);
        expect_no_fault();
        vtd = mine;
        expect_no_fault();
}

CHECK(units_faults, "units: a fault is recorded by the function's own unit")
{
        struct unit *mine = vtd;
        expect_refused(&devs[1], IOVA, take_page());
        expect_no_fault();
        vtd = other();
        expect_fault_at(__FILE__, __LINE__, lacking(SCALABLE) ? 0x01 : 0x39, &devs[1], 0, IOVA);
        vtd = mine;
}

CHECK(units_enable, "units: TE of one says nothing about the other")
{
        struct unit *mine = vtd;
        u64 page = take_page();
        expect(vtd_disable(TE));
        expect_lands(&devs[0], page, page);
        expect_refused(&devs[1], page, page);
        vtd = other();
        fault_drop();
        vtd = mine;
}

CHECK(units_invalidation, "units: an invalidation of one keeps what the other caches")
{
        NEEDS(CACHES);
        struct table table = attach_second(&devs[0], 4);
        u64 old = take_page(), new = take_page();
        table_map(&table, IOVA, old, 1, SS_RW);
        expect_lands(&devs[0], IOVA, old);
        table_map(&table, IOVA, new, 1, SS_RW);
        struct unit *mine = vtd;
        vtd = other();
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        vtd = mine;
        expect_lands(&devs[0], IOVA, old);
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        expect_lands(&devs[0], IOVA, new);
}

CHECK(units_events, "units: each has its own fault event")
{
        struct unit *mine = vtd;
        event_to(FECTL, VECTOR);
        vtd = other();
        event_to(FECTL, VECTOR + 1);
        u64 before = interrupts[VECTOR], after = interrupts[VECTOR + 1];
        expect_refused(&devs[1], IOVA, take_page());
        expect(interrupt_arrives(VECTOR + 1, after));
        expect_eq(interrupts[VECTOR], before);
        fault_drop();
        vtd = mine;
}

CHECK(units_queue_error, "units: a queue that has stopped does not stop the other")
{
        struct unit *mine = vtd;
        invalidate(0, 0);
        expect(vtd_wait(FSTS, IQE, IQE));
        vtd = other();
        expect(queue_wait());
        expect_eq(vtd_read(FSTS), 0);
        vtd = mine;
}
