#include "kit/vmsa.h"

enum { LAST_LEVEL = 3, MAIR_WRITE_BACK = 0xff };
#define OUTPUT_48 (BIT(48) - 1)

u32 level_log2(const struct table *table, u32 level)
{
        return table->granule + (LAST_LEVEL - level) * (table->granule - 3);
}

static u64 table_bytes(const struct table *table, u32 level)
{
        u64 entries = level == table->start ? BIT(table->bits - level_log2(table, level))
                                            : BIT(table->granule - 3);
        return entries * 8 < 64 ? 64 : entries * 8;
}

static struct table table_make(u32 stage, u32 granule, u32 bits, u64 bias)
{
        struct table table = { granule, bits, stage, 0, 0, bias, false };
        u32 stride = granule - 3;
        u32 levels = (bits - granule + stride - 1) / stride;
        /* Up to 16 tables side by side take the place of a level with few entries, D8.2.7. */
        if (stage == 2 && levels > 1 && bits - granule - (levels - 1) * stride <= 4)
                levels--;
        table.start = LAST_LEVEL + 1 - levels;
        u64 bytes = table_bytes(&table, table.start);
        table.root = (u64)take(bytes, bytes);
        return table;
}

struct table table_new(u32 stage, u32 granule, u32 bits)
{
        return table_make(stage, granule, bits, 0);
}

struct table table_biased(u32 granule, u32 bits, u64 bias)
{
        return table_make(1, granule, bits, bias);
}

u64 *table_entry(const struct table *table, u64 input, u32 level)
{
        input &= BIT(table->bits) - 1;
        u64 *at = (u64 *)table->root;
        for (u32 here = table->start;; here++) {
                u32 index_bits = here == table->start ? table->bits - level_log2(table, here)
                                                      : table->granule - 3;
                at += input >> level_log2(table, here) & (BIT(index_bits) - 1);
                if (here == level)
                        return at;
                if (!(*at & PTE_VALID)) {
                        u64 next = (u64)take(BIT(table->granule), BIT(table->granule));
                        *at = (next + table->bias) | 3;
                }
                at = (u64 *)((*at & OUTPUT_48 & -BIT(table->granule)) - table->bias);
        }
}

void table_map(const struct table *table, u64 input, u64 output, u32 level, u64 attributes)
{
        *table_entry(table, input, level) = output | attributes | (level == LAST_LEVEL ? 3 : 1);
}

static u64 tg0(u32 granule)
{
        return granule == 12 ? 0 : granule == 16 ? 1 : 2;
}

struct cd cd_of(const struct table *table, u32 asid)
{
        struct cd cd = { { 0 } };
        cd.dw[0] = FIELD(64 - table->bits, 5, 0) | FIELD(tg0(table->granule), 7, 6)
                   | FIELD(1, 9, 8) | FIELD(1, 11, 10) | FIELD(3, 13, 12) | CD_EPD1 | CD_V
                   | CD_IPS(IPS_48) | CD_AA64 | CD_R | CD_A | FIELD(asid, 63, 48);
        cd.dw[1] = table->root + table->bias;
        cd.dw[3] = MAIR_WRITE_BACK;
        return cd;
}

void cd_add_upper(struct cd *cd, const struct table *table)
{
        u64 tg1 = table->granule == 12 ? 2 : table->granule == 16 ? 3 : 1;
        cd->dw[0] &= ~CD_EPD1;
        cd->dw[0] |= FIELD(64 - table->bits, 21, 16) | FIELD(tg1, 23, 22) | FIELD(1, 25, 24)
                     | FIELD(1, 27, 26) | FIELD(3, 29, 28);
        cd->dw[2] = table->root + table->bias;
}

void cd_store(u64 at, const struct cd *cd)
{
        volatile u64 *words = (u64 *)at;
        words[0] = 0;
        for (u32 i = 8; i-- > 0;)
                words[i] = cd->dw[i];
}
