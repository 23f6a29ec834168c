/* The device tree (Devicetree Specification 0.4, chapter 5), read only as far as the kit needs it. */
#include "machine.h"

enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4, END = 9 };
enum { OFFSET_STRUCT = 2, OFFSET_STRINGS = 3 };         /* words of the header */
enum { DTB_BYTES = 2 << 20 };                           /* at most, and so aligned */
enum { MEM32_SPACE = 0x02000000, SPACE_MASK = 0x03000000, RANGE_CELLS = 7, SPI_BASE = 32 };

struct board board = { .uart = 0x09000000, .buses = 1, .arguments = "" };

struct property {
        const char *name;
        const u32 *cells;
        u32 bytes;
};

static u32 big(const u32 *cell)
{
        return __builtin_bswap32(*cell);
}

static u64 big_pair(const u32 *cells)
{
        return (u64)big(cells) << 32 | big(cells + 1);
}

static bool lists(const struct property *strings, const char *wanted)
{
        const char *text = (const char *)strings->cells;
        for (u32 at = 0; at < strings->bytes; at += text_bytes(text + at) + 1) {
                if (text_equal(text + at, wanted))
                        return true;
        }
        return false;
}

static void use_ranges(const struct property *ranges)
{
        const u32 *cell = ranges->cells;
        for (u32 i = 0; i + RANGE_CELLS * 4 <= ranges->bytes; i += RANGE_CELLS * 4, cell += RANGE_CELLS) {
                if ((big(cell) & SPACE_MASK) == MEM32_SPACE) {
                        board.mem32 = big_pair(cell + 3);
                        board.mem32_bytes = big_pair(cell + 5);
                }
        }
}

/* All that a node says; children do not count. */
struct node {
        struct property compatible, reg, interrupts, ranges, device_type, bootargs;
};

static void use(const struct node *node)
{
        if (node->bootargs.cells)
                board.arguments = (const char *)node->bootargs.cells;
        if (!node->reg.cells)
                return;
        u64 base = big_pair(node->reg.cells);
        if (node->device_type.cells && lists(&node->device_type, "memory")) {
                board.ram = base;
                board.ram_bytes = big_pair(node->reg.cells + 2);
        }
        if (!node->compatible.cells)
                return;
        if (lists(&node->compatible, "arm,pl011"))
                board.uart = base;
        if (lists(&node->compatible, "arm,gic-v3"))
                board.gicd = base;
        if (lists(&node->compatible, "arm,smmu-v3")) {
                board.smmu = base;
                board.smmu_spi = SPI_BASE + big(node->interrupts.cells + 1);
        }
        if (lists(&node->compatible, "pci-host-ecam-generic")) {
                board.ecam = base;
                use_ranges(&node->ranges);
        }
}

static void note(struct node *node, const struct property *property)
{
        struct { const char *name; struct property *into; } wanted[] = {
                { "compatible", &node->compatible }, { "reg", &node->reg },
                { "interrupts", &node->interrupts }, { "ranges", &node->ranges },
                { "device_type", &node->device_type }, { "bootargs", &node->bootargs },
        };
        for (u32 i = 0; i < COUNT(wanted); i++) {
                if (text_equal(property->name, wanted[i].name))
                        *wanted[i].into = *property;
        }
}

/* Properties come before children, so a node is complete at the next node's begin or at its end. */
void board_read(const void *tree)
{
        const u32 *header = tree;
        board.heap = ((u64)tree + DTB_BYTES) & -(u64)DTB_BYTES;
        const u32 *at = (const u32 *)((u64)tree + big(header + OFFSET_STRUCT));
        const char *strings = (const char *)((u64)tree + big(header + OFFSET_STRINGS));
        struct node node = { 0 };
        for (;;) {
                switch (big(at++)) {
                case BEGIN_NODE:
                        use(&node);
                        node = (struct node){ 0 };
                        at += text_bytes((const char *)at) / 4 + 1;
                        break;
                case END_NODE:
                        use(&node);
                        node = (struct node){ 0 };
                        break;
                case PROPERTY: {
                        struct property property = { strings + big(at + 1), at + 2, big(at) };
                        note(&node, &property);
                        at += 2 + (property.bytes + 3) / 4;
                        break;
                }
                case NOP:
                        break;
                default:
                        return;
                }
        }
}

enum { FR = 0x18, TXFF = 1 << 5 };                      /* PL011 (DDI 0183, 3.3) */

void uart_put(char c)
{
        while (mmio_read32(board.uart + FR) & TXFF)
                ;
        mmio_write32(board.uart, (u8)c);
}

enum { GICD_ISPENDR = 0x200, GICD_ICPENDR = 0x280, GICD_ICFGR = 0xc00 };

bool spi_pending(u32 intid)
{
        return mmio_read32(board.gicd + GICD_ISPENDR + intid / 32 * 4) >> intid % 32 & 1;
}

void spi_clear(u32 intid)
{
        u64 configuration = board.gicd + GICD_ICFGR + intid / 16 * 4;
        mmio_write32(configuration, mmio_read32(configuration) | 2u << intid % 16 * 2);  /* edge */
        mmio_write32(board.gicd + GICD_ICPENDR + intid / 32 * 4, 1u << intid % 32);
}

/* From the vectors: an exception nobody asked for fails the check. */
void report_exception(u64 vector, u64 esr, u64 elr, u64 far)
{
        fail_check();
        print("# exception, vector %d: ESR %x, ELR %x, FAR %x\n", vector, esr, elr, far);
}
