#include "kit/engine.h"

#include "machine.h"

enum { VENDOR = 0x13b5, DEVICE = 0xff80, FRAME_BYTES = 128, PRIVILEGED_FRAMES = 0x10000, TIMEOUT_MS = 2000 };
enum { CMD = 0x00, UCTRL = 0x04, MSIADDRESS = 0x10, ATTRIBUTES = 0x20, SEED = 0x24, BEGIN = 0x28,
       END_INCL = 0x30, STRIDE = 0x38, SUM = 0x48, FAULT = 0x50, SUBSTREAM = 0x0c };
enum { PASID_CONTROL = 6, PASID_ALL = 7 };

/* Inner shareable, write-back, non-secure; the same for reads and writes. */
#define PLAIN_MEMORY 0x42ffu

bool engine_find(u32 index, struct engine *engine)
{
        return pci_find(VENDOR, DEVICE, index, &engine->function);
}

void engine_enable_pasid(struct engine *engine)
{
        u32 pasid = pci_extended(&engine->function, PCI_PASID);
        pci_write16(&engine->function, pasid + PASID_CONTROL, PASID_ALL);
}

static u64 user(const struct engine *engine, u32 frame)
{
        return engine->function.bar[0] + frame * FRAME_BYTES;
}

void engine_start_as(struct engine *engine, u32 frame, u32 command, u64 iova, u32 bytes, u32 substream,
                     u32 attributes)
{
        u64 at = user(engine, frame);
        mmio_write32(at + CMD, HALTED);
        mmio_write32(at + PRIVILEGED_FRAMES + SUBSTREAM, substream);
        mmio_write32(at + UCTRL, 0);
        mmio_write64(at + MSIADDRESS, 0);
        mmio_write32(at + ATTRIBUTES, (PLAIN_MEMORY | attributes) | (PLAIN_MEMORY | attributes) << 16);
        mmio_write32(at + SEED, 7);
        mmio_write64(at + BEGIN, iova);
        mmio_write64(at + END_INCL, iova + bytes - 1);
        mmio_write64(at + STRIDE, 1);
        mmio_write32(at + CMD, command);
}

void engine_start(struct engine *engine, u32 frame, u32 command, u64 iova, u32 bytes)
{
        engine_start_as(engine, frame, command, iova, bytes, NO_SUBSTREAM, 0);
}

bool engine_runs(struct engine *engine, u32 frame)
{
        u32 cmd = mmio_read32(user(engine, frame) + CMD);
        return cmd == RAND48 || cmd == SUM64;
}

u32 engine_end(struct engine *engine, u32 frame)
{
        u64 start = counter();
        while (engine_runs(engine, frame) && within(start, TIMEOUT_MS))
                ;
        return mmio_read32(user(engine, frame) + CMD);
}

u64 engine_sum(struct engine *engine, u32 frame)
{
        return mmio_read64(user(engine, frame) + SUM);
}

u64 engine_fault(struct engine *engine, u32 frame)
{
        return mmio_read64(user(engine, frame) + FAULT);
}
