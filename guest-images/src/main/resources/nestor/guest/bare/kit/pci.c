#include "kit/pci.h"

#include "machine.h"

enum { SLOTS = 32, FUNCTIONS = 8, FUNCTION_LOG2 = 12, MAX_FUNCTIONS = 32, COMMAND = 0x04, BARS = 0x10, FIRST_EXTENDED = 0x100 };
enum { MEMORY_SPACE = 2, BUS_MASTER = 4, BAR_64 = 4, BAR_IO = 1 };

static u64 next_memory;

u32 pci_read(const struct function *function, u32 offset)
{
        return mmio_read32(function->config + offset);
}

void pci_write(const struct function *function, u32 offset, u32 value)
{
        mmio_write32(function->config + offset, value);
}

u16 pci_read16(const struct function *function, u32 offset)
{
        return mmio_read16(function->config + offset);
}

void pci_write16(const struct function *function, u32 offset, u16 value)
{
        mmio_write16(function->config + offset, value);
}

static void place(struct function *function)
{
        for (u32 bar = 0; bar < 6; bar++) {
                u32 offset = BARS + bar * 4;
                pci_write(function, offset, ~0u);
                u32 mask = pci_read(function, offset);
                if (!mask || mask & BAR_IO)
                        continue;
                u64 bytes = (u32)-(mask & ~0xfu);
                next_memory = (next_memory + bytes - 1) & -bytes;
                pci_write(function, offset, (u32)next_memory);
                function->bar[bar] = next_memory;
                next_memory += bytes;
                if (mask & BAR_64)
                        pci_write(function, BARS + ++bar * 4, 0);
        }
        pci_write16(function, COMMAND, MEMORY_SPACE | BUS_MASTER);
}

/* What there is, looked for once: an access takes its time. */
static struct {
        u32 rid, ids;
} there[MAX_FUNCTIONS];
static u32 functions;

static void enumerate(void)
{
        for (u32 rid = 0; rid < board.buses * SLOTS * FUNCTIONS && functions < MAX_FUNCTIONS; rid += FUNCTIONS) {
                u32 ids = mmio_read32(board.ecam + ((u64)rid << FUNCTION_LOG2));
                if (ids != ~0u) {
                        there[functions].rid = rid;
                        there[functions++].ids = ids;
                }
        }
        next_memory = board.mem32;
}

bool pci_find(u32 vendor, u32 device, u32 index, struct function *found)
{
        if (!functions)
                enumerate();
        for (u32 i = 0; i < functions; i++) {
                u32 rid = there[i].rid;
                if (there[i].ids == (device << 16 | vendor) && index-- == 0) {
                        *found = (struct function){ rid, board.ecam + ((u64)rid << FUNCTION_LOG2), { 0 } };
                        place(found);
                        return true;
                }
        }
        return false;
}

u32 pci_extended(const struct function *function, u32 id)
{
        u32 offset = FIRST_EXTENDED;
        while (offset) {
                u32 header = pci_read(function, offset);
                if ((header & 0xffff) == id)
                        return offset;
                offset = header >> 20;
        }
        return 0;
}
