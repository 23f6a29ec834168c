/* Legacy mode: root and context entries, second stage, pass-through (D51397, 3.4.2, 9.1, 9.3). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x10000 };

CHECK(legacy_maps, "legacy: a page through four levels")
{
        vtd_restart(&(struct shape){ .legacy = true });
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}
