#include "vtd/tables.h"

enum { BITS = 9, PAGE_LOG2 = 12, LARGE = 0x80, SCALABLE_DEVICES = 128, BLOCK_LEVEL = 2 };

#define ENTRY_ADDRESS FIELD(~0ull, 51, 12)

static bool scalable(void)
{
        return vtd_read64(RTADDR) & TTM_SCALABLE;
}

struct table table_new(u32 stage, u32 levels)
{
        return (struct table){ stage, levels, take_page(), 0 };
}

static u64 table_bits(const struct table *table)
{
        return table->stage == 1 ? FS_RW : SS_RW;
}

u64 *table_entry(const struct table *table, u64 input, u32 level)
{
        u64 at = table->root;
        for (u32 now = table->levels;; now--) {
                u64 *entry = (u64 *)at + (input >> (PAGE_LOG2 + (now - 1) * BITS) & ((1 << BITS) - 1));
                if (now == level)
                        return entry;
                if (!*entry)
                        *entry = (take_page() + table->bias) | table_bits(table);
                at = (*entry & ENTRY_ADDRESS) - table->bias;
        }
}

void table_map(const struct table *table, u64 input, u64 output, u32 level, u64 attributes)
{
        *(volatile u64 *)table_entry(table, input, level) = output | attributes | (level > 1 ? LARGE : 0);
}

volatile u64 *root_at(const struct testdev *dev)
{
        u32 rid = sid(dev);
        volatile u64 *entry = (u64 *)vtd->root + (rid >> 8) * 2;
        return scalable() && (rid & 0xff) >= SCALABLE_DEVICES ? entry + 1 : entry;
}

volatile u64 *context_at(const struct testdev *dev)
{
        volatile u64 *root = root_at(dev);
        if (!*root)
                *root = take_page() | 1;
        u32 index = sid(dev) & 0xff;
        u64 table = *root & ENTRY_ADDRESS;
        return scalable() ? (u64 *)table + index % SCALABLE_DEVICES * 4 : (u64 *)table + index * 2;
}

static void invalidate_context(const struct testdev *dev)
{
        invalidate(INV_CONTEXT(GLOBAL, 0, sid(dev)), 0);
        if (vtd->wide)
                invalidate(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0);
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
}

void context_install(const struct testdev *dev, u64 low, u64 high)
{
        volatile u64 *entry = context_at(dev);
        entry[0] = 0;
        invalidate_context(dev);
        entry[1] = high;
        entry[0] = low;
        invalidate_context(dev);
}

void context_scalable(const struct testdev *dev, u32 pdts, u64 more)
{
        u32 bytes = 8u << (pdts + 7);
        volatile u64 *entry = context_at(dev);
        entry[0] = 0;
        invalidate_context(dev);
        u64 directory = (u64)take(bytes, PAGE);
        entry[1] = entry[2] = entry[3] = 0;
        entry[0] = directory | CONTEXT_PDTS(pdts) | more | CONTEXT_P;
        invalidate_context(dev);
}

void begin_pasids(struct testdev *dev, u32 pdts, u64 more)
{
        context_scalable(dev, pdts, lacking(PASIDS) ? more : CONTEXT_PASIDE | more);
        testdev_enable_pasid(dev);
}

volatile u64 *pasid_directory_at(const struct testdev *dev, u32 pasid)
{
        return (u64 *)(context_at(dev)[0] & ENTRY_ADDRESS) + (pasid >> 6);
}

volatile u64 *pasid_at(const struct testdev *dev, u32 pasid)
{
        volatile u64 *directory = pasid_directory_at(dev, pasid);
        if (!*directory)
                *directory = take_page() | 1;
        return (u64 *)(*directory & ENTRY_ADDRESS) + (pasid & 63) * 8;
}

void pasid_store(const struct testdev *dev, u32 pasid, const struct pasid_entry *entry)
{
        volatile u64 *at = pasid_at(dev, pasid);
        for (u32 i = 8; i-- > 0;)
                at[i] = entry->qw[i];
}

void pasid_replace(const struct testdev *dev, u32 pasid, const struct pasid_entry *entry)
{
        volatile u64 *at = pasid_at(dev, pasid);
        at[0] &= ~PASID_P;
        invalidate(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0);
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        pasid_store(dev, pasid, entry);
}

struct pasid_entry entry_first(const struct table *table)
{
        return (struct pasid_entry){ { PASID_P | PASID_AW(4) | PASID_PGTT(PGTT_FIRST), PASID_DID(DID),
                                       table->root | PASID_FSPM(table->levels) } };
}

struct pasid_entry entry_second(const struct table *table)
{
        return (struct pasid_entry){ { PASID_P | PASID_AW(table->levels) | PASID_PGTT(PGTT_SECOND)
                                               | table->root, PASID_DID(DID) } };
}

struct pasid_entry entry_nested(const struct table *first, const struct table *second)
{
        return (struct pasid_entry){ { PASID_P | PASID_AW(second->levels) | PASID_PGTT(PGTT_NESTED)
                                               | second->root, PASID_DID(DID),
                                       (first->root + first->bias) | PASID_FSPM(first->levels) } };
}

struct pasid_entry entry_pass_through(void)
{
        return (struct pasid_entry){ { PASID_P | PASID_AW(4) | PASID_PGTT(PGTT_PASS_THROUGH),
                                       PASID_DID(DID) } };
}

struct table attach_second(const struct testdev *dev, u32 levels)
{
        struct table table = table_new(2, levels);
        if (scalable()) {
                context_scalable(dev, 0, 0);
                struct pasid_entry entry = entry_second(&table);
                pasid_store(dev, 0, &entry);
        } else {
                context_install(dev, table.root | CONTEXT_P, CONTEXT_AW(levels) | CONTEXT_DID(DID));
        }
        return table;
}

struct table attach_first(const struct testdev *dev, u32 levels)
{
        struct table table = table_new(1, levels);
        context_scalable(dev, 0, 0);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(dev, 0, &entry);
        return table;
}

enum { BLOCK_BYTES = 2 << 20 };
#define NESTED_BIAS 0x4000000000ull

/* Entry by entry: walking down anew for each takes long under an instruction emulator. */
void map_memory(const struct table *table, u64 bias)
{
        u64 end = board.ram + board.ram_bytes;
        volatile u64 *entry = NULL;
        for (u64 at = board.ram & -(u64)BLOCK_BYTES; at < end; at += BLOCK_BYTES) {
                bool first = !entry || (at + bias) >> 30 != (at + bias - BLOCK_BYTES) >> 30;
                entry = first ? table_entry(table, at + bias, BLOCK_LEVEL) : entry + 1;
                *entry = at | SS_RW | SS_PS;
        }
}

struct nested nested_tables(void)
{
        struct nested nested = { table_new(1, 4), table_new(2, 4), NESTED_BIAS };
        nested.first.bias = nested.bias;
        map_memory(&nested.second, nested.bias);
        return nested;
}

struct nested attach_nested(const struct testdev *dev)
{
        struct nested nested = nested_tables();
        context_scalable(dev, 0, 0);
        struct pasid_entry entry = entry_nested(&nested.first, &nested.second);
        pasid_store(dev, 0, &entry);
        return nested;
}

bool tlb_keeps(struct testdev *dev)
{
        enum { IOVA = 0x5000 };
        bool second = !(vtd->ecap & BIT(43)) || vtd->ecap & BIT(46);
        struct table table = second ? attach_second(dev, 4) : attach_first(dev, 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, second ? SS_RW : FS_RW);
        if (dma_write(dev, IOVA, page, 64) != DMA_DONE)
                return false;
        *(volatile u64 *)table_entry(&table, IOVA, 1) = 0;
        bool kept = dma_write(dev, IOVA, page, 64) == DMA_DONE;
        if (!kept)
                fault_drop();
        return kept;
}
