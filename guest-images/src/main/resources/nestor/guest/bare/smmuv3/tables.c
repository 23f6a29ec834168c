#include "smmuv3/tables.h"

enum { CD_BYTES = 64, LAST_LEVEL = 3 };
#define OUTPUT_48 (BIT(48) - 1)

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
