#include "virtio-iommu/spaces.h"

enum { CD_BYTES = 64, LAST_LEVEL = 3, DEFAULT_S1CDMAX = 8, FIRST_ASID = 0x100 };

static struct contexts current;

static u32 leaf_log2(const struct contexts *contexts)
{
        return contexts->s1fmt == LEAVES_4K ? 6 : 10;
}

struct contexts contexts_new(u32 s1fmt, u32 s1cdmax)
{
        struct contexts contexts = { s1fmt, s1cdmax, 0 };
        u64 bytes = BIT(s1cdmax) * CD_BYTES;
        if (s1fmt != LINEAR) {
                bytes = s1cdmax > leaf_log2(&contexts) ? 8ull << (s1cdmax - leaf_log2(&contexts)) : 8;
                bytes = bytes < CD_BYTES ? CD_BYTES : bytes;
        }
        contexts.base = (u64)take(bytes, bytes);
        return contexts;
}

u64 *context_leaf(const struct contexts *contexts, u32 pasid)
{
        return (u64 *)contexts->base + (pasid >> leaf_log2(contexts));
}

u64 context_at(const struct contexts *contexts, u32 pasid)
{
        if (contexts->s1fmt == LINEAR)
                return contexts->base + pasid * CD_BYTES;
        u64 *leaf = context_leaf(contexts, pasid), bytes = (u64)CD_BYTES << leaf_log2(contexts);
        if (!(*leaf & 1))
                *leaf = (u64)take(bytes, bytes) | 1;
        return (*leaf & -2ull) + (pasid & (BIT(leaf_log2(contexts)) - 1)) * CD_BYTES;
}

struct tables tables_of_contexts(const struct contexts *contexts, u32 s1dss)
{
        return (struct tables){ .format = FORMAT_CONTEXTS, .base = contexts->base, .s1dss = s1dss,
                                .s1fmt = contexts->s1fmt, .s1cdmax = contexts->s1cdmax };
}

/* TCR_EL1 (DDI 0487, D24.2): the fields of a Context descriptor at their own places, EPD1. */
struct tables tables_of_lpae(const struct table *table, u32 asid)
{
        struct cd cd = cd_of(table, asid);
        u64 tcr = FIELD(64 - table->bits, 5, 0) | FIELD(1, 9, 8) | FIELD(1, 11, 10) | FIELD(3, 13, 12)
                  | FIELD(cd.dw[0] >> 6, 15, 14) | BIT(23) | FIELD(IPS_48, 34, 32);
        return (struct tables){ .format = FORMAT_LPAE, .base = table->root, .asid = asid, .tcr = tcr,
                                .mair = cd.dw[3] };
}

struct tables tables_of_x86(const struct x86 *table, u32 pasid)
{
        return (struct tables){ .format = FORMAT_FIRST_STAGE, .base = table->root, .pasid = pasid,
                                .width = table->levels == 5 ? 57 : 48 };
}

void spaces_begin(struct testdev *dev)
{
        testdev_enable_pasid(dev);
        if (lacking(CONTEXTS))
                return;
        current = contexts_new(LINEAR, DEFAULT_S1CDMAX);
        spaces_join(dev);
}

void spaces_join(struct testdev *dev)
{
        testdev_enable_pasid(dev);
        struct tables tables = tables_of_contexts(&current, DSS_SSID0);
        expect_answer(attach_table(DOMAIN, endpoint(dev), &tables), OK);
}

static void begin_arm(struct space *space)
{
        u32 index = space->pasid == (u32)NO_PASID ? 0 : space->pasid;
        space->domain = DOMAIN;
        space->asid = FIRST_ASID + index;
        space->table = table_new(1, 12, 39);
        space->cd = cd_of(&space->table, space->asid);
        space->cd_at = context_at(&current, index);
        cd_store(space->cd_at, &space->cd);
}

static void begin_x86(struct space *space)
{
        u32 pasid = space->pasid == (u32)NO_PASID ? 0 : space->pasid;
        space->domain = DOMAIN + pasid;
        space->x86 = x86_new(4);
        struct tables tables = tables_of_x86(&space->x86, pasid);
        expect_answer(attach_table(space->domain, endpoint(space->dev), &tables), OK);
}

struct space space_of(struct testdev *dev, u32 pasid)
{
        struct space space = { .dev = dev, .pasid = pasid, .arm = !lacking(CONTEXTS) };
        (space.arm ? begin_arm : begin_x86)(&space);
        return space;
}

u64 *space_entry(const struct space *space, u64 iova)
{
        return space->arm ? table_entry(&space->table, iova, LAST_LEVEL) : x86_entry(&space->x86, iova, 1);
}

u64 space_leaf(const struct space *space, u64 pa, bool writable)
{
        if (space->arm)
                return pa | (writable ? S1_RW : S1_RO) | 3;
        return pa | (writable ? X86_RW : X86_RO);
}

void space_map(const struct space *space, u64 iova, u64 pa)
{
        *(volatile u64 *)space_entry(space, iova) = space_leaf(space, pa, true);
}

void space_use(const struct space *space)
{
        if (space->pasid == (u32)NO_PASID)
                testdev_control(space->dev, 0, 0);
        else
                testdev_control(space->dev, WITH_PASID, space->pasid);
}

struct invalidation whole_domain(const struct space *space, u32 caches)
{
        return (struct invalidation){ .domain = space->domain, .scope = SCOPE_DOMAIN, .caches = caches };
}

struct invalidation whole_space(const struct space *space, u32 caches)
{
        struct invalidation what = whole_domain(space, caches);
        what.scope = SCOPE_PASID;
        what.has_pasid = true;
        what.pasid = space->pasid == (u32)NO_PASID ? 0 : space->pasid;
        return what;
}

struct invalidation one_page(const struct space *space, u64 iova, u32 caches)
{
        struct invalidation what = whole_space(space, caches);
        what.scope = SCOPE_ADDRESS;
        what.first = iova;
        what.pages = 1;
        what.granule = 12;
        return what;
}

bool tlb_keeps(void)
{
        spaces_begin(&devs[0]);
        struct space space = space_of(&devs[0], NO_PASID);
        u64 page = take_page(), iova = 0x1000;
        space_map(&space, iova, page);
        expect_lands(&devs[0], iova, page);
        *(volatile u64 *)space_entry(&space, iova) = 0;
        return dma_write(&devs[0], iova, page, 64) == DMA_DONE;
}
