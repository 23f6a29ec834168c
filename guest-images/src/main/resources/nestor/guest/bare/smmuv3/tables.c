#include "smmuv3/tables.h"

enum { CD_BYTES = 64, LAST_LEVEL = 3, MAIR_WRITE_BACK = 0xff };
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

struct ste ste_config(u32 config)
{
        return (struct ste){ { STE_V | STE_CONFIG(config), STE_SHCFG_INCOMING } };
}

struct ste ste_stage1(u64 cds)
{
        struct ste ste = ste_config(CONFIG_S1);
        ste.dw[0] |= cds;
        ste.dw[1] |= FIELD(1, 3, 2) | FIELD(1, 5, 4) | FIELD(3, 7, 6);
        return ste;
}

static u64 s2tg(u32 granule)
{
        return granule == 12 ? 0 : granule == 16 ? 1 : 2;
}

static u64 s2sl0(const struct table *table)
{
        return table->granule == 12 ? (table->start == 3 ? 3 : 2 - table->start) : 3 - table->start;
}

static void add_stage2(struct ste *ste, const struct table *table, u32 vmid)
{
        ste->dw[2] = STE_VMID(vmid) | STE_S2T0SZ(64 - table->bits) | STE_S2SL0(s2sl0(table))
                     | FIELD(1, 41, 40) | FIELD(1, 43, 42) | FIELD(3, 45, 44)
                     | STE_S2TG(s2tg(table->granule)) | STE_S2PS(IPS_48) | STE_S2AA64 | STE_S2R;
        ste->dw[3] = table->root;
}

struct ste ste_stage2(const struct table *table, u32 vmid)
{
        struct ste ste = ste_config(CONFIG_S2);
        add_stage2(&ste, table, vmid);
        return ste;
}

struct ste ste_nested(u64 cds, const struct table *table, u32 vmid)
{
        struct ste ste = ste_stage1(cds);
        ste.dw[0] |= STE_CONFIG(CONFIG_NESTED);
        add_stage2(&ste, table, vmid);
        return ste;
}

volatile u64 *ste_at(u32 stream)
{
        u64 table = smmu.strtab;
        if (smmu.strtab_split) {
                table = ((volatile u64 *)table)[stream >> smmu.strtab_split] & OUTPUT_48 & -64ull;
                stream &= BIT(smmu.strtab_split) - 1;
        }
        return (volatile u64 *)(table + (u64)stream * 64);
}

void ste_store(u32 stream, const struct ste *ste)
{
        volatile u64 *words = ste_at(stream);
        for (u32 i = 8; i-- > 0;)
                words[i] = ste->dw[i];
}

void ste_install(u32 stream, const struct ste *ste)
{
        ste_at(stream)[0] = 0;
        command(on_sid(CFGI_STE, stream), LEAF);
        expect(sync());
        ste_store(stream, ste);
        command(on_sid(CFGI_STE, stream), LEAF);
        expect(sync());
}

struct context stage1_of(u32 stream, u32 granule, u32 bits)
{
        struct context context;
        context.table = table_new(1, granule, bits);
        context.cd_at = (u64)take(CD_BYTES, CD_BYTES);
        context.cd = cd_of(&context.table, ASID);
        cd_store(context.cd_at, &context.cd);
        context.ste = ste_stage1(context.cd_at);
        ste_install(stream, &context.ste);
        return context;
}

struct context attach_stage1(struct testdev *dev, u32 granule, u32 bits)
{
        return stage1_of(sid(dev), granule, bits);
}

void context_update(struct testdev *dev, struct context *context)
{
        cd_store(context->cd_at, &context->cd);
        command(on_ssid(CFGI_CD, sid(dev), 0), LEAF);
        command(TLBI_NSNH_ALL, 0);
        expect(sync());
}

struct table attach_stage2(struct testdev *dev, u32 granule, u32 bits, u32 vmid)
{
        struct table table = table_new(2, granule, bits);
        struct ste ste = ste_stage2(&table, vmid);
        ste_install(sid(dev), &ste);
        return table;
}

struct nested nested_of(u32 stream, u32 vmid, u32 asid)
{
        struct nested nested;
        nested.bias = 0x1000000000;
        nested.stage2 = table_new(2, 12, 40);
        for (u64 at = board.ram; at < board.ram + board.ram_bytes; at += 2 << 20)
                table_map(&nested.stage2, at + nested.bias, at, 2, S2_RW);
        struct context *context = &nested.context;
        context->table = table_biased(12, 39, nested.bias);
        context->cd_at = (u64)take(CD_BYTES, CD_BYTES);
        context->cd = cd_of(&context->table, asid);
        cd_store(context->cd_at, &context->cd);
        context->ste = ste_nested(context->cd_at + nested.bias, &nested.stage2, vmid);
        ste_install(stream, &context->ste);
        return nested;
}

struct nested attach_nested(struct testdev *dev, u32 vmid, u32 asid)
{
        return nested_of(sid(dev), vmid, asid);
}

bool tlb_keeps(void)
{
        struct testdev *dev = &devs[0];
        bool stage1 = smmu.idr0 & IDR0_S1P;
        struct table table = stage1 ? attach_stage1(dev, 12, 39).table : attach_stage2(dev, 12, 39, 1);
        u64 page = take_page(), input = 0x1000;
        table_map(&table, input, page, LAST_LEVEL, stage1 ? S1_RW : S2_RW);
        expect_lands(dev, input, page);
        *table_entry(&table, input, LAST_LEVEL) = 0;
        return dma_write(dev, input, page, 64) == DMA_DONE;
}
