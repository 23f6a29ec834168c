/* iommu-testdev (docs/devices/iommu-testdev.md) with its extension: where DMA comes from. */
#ifndef TESTDEV_H
#define TESTDEV_H

#include "kit/pci.h"

struct testdev {
        struct function function;
        u32 ats, pri, pasid;            /* offsets of the capabilities */
};

/* What the DMA's result says. */
enum {
        DMA_DONE = 0,
        DMA_REFUSED = 0xdead0002,
        DMA_UNREADABLE = 0xdead0003,
        DMA_ELSEWHERE = 0xdead0004,
        DMA_LEAKED = 0xdead0100         /* the kit's own: refused, and yet memory changed */
};

/* X CONTROL */
enum { WITH_PASID = 1, PRIVILEGED = 2, CACHED = 0x10, TRANSLATED = 0x20, READS = 0x100 };

/* X ACCESS */
enum { ASK_READ = 1, ASK_WRITE = 2, ASK_EXECUTE = 4 };

/* X OUTCOME */
enum { OUTCOME_DONE = 0, OUTCOME_UR = 1, OUTCOME_CA = 2, OUTCOME_NOT_PERMITTED = 3, OUTCOME_NO_CREDIT = 4 };

/* Translation Completion entry (PCIe Base, 10.2.3) */
enum { ENTRY_R = 1, ENTRY_W = 2, ENTRY_U = 4, ENTRY_EXE = 8, ENTRY_PRIV = 16, ENTRY_GLOBAL = 32, ENTRY_S = 1 << 11 };

bool testdev_find(u32 index, struct testdev *dev);

/* Everything disabled, X CONTROL 0. */
void testdev_quiet(struct testdev *dev);

/* PASID, ATS and PRI off. */
void testdev_disable(struct testdev *dev);

void testdev_control(struct testdev *dev, u32 control, u32 pasid);
void testdev_enable_pasid(struct testdev *dev);
void testdev_enable_ats(struct testdev *dev);
void testdev_enable_pri(struct testdev *dev);

/* Writes the pattern at iova; it should arrive at pa, which is cleared before. DMA_... */
u32 dma_write(struct testdev *dev, u64 iova, u64 pa, u32 bytes);

/* Puts the pattern at pa, then lets the function read it at iova. DMA_... */
u32 dma_read(struct testdev *dev, u64 iova, u64 pa, u32 bytes);

/* Writes the pattern at iova, whatever comes of it: what is there may be no memory. */
void dma_message(struct testdev *dev, u64 iova, u32 bytes);

/* Short forms: 64 bytes arrive at pa, are refused and change nothing there, are read from there. */
#define expect_lands(dev, iova, pa) expect_eq(dma_write(dev, iova, pa, 64), DMA_DONE)
#define expect_refused(dev, iova, pa) expect_eq(dma_write(dev, iova, pa, 64), DMA_REFUSED)
#define expect_reads(dev, iova, pa) expect_eq(dma_read(dev, iova, pa, 64), DMA_DONE)
#define expect_unreadable(dev, iova, pa) expect_eq(dma_read(dev, iova, pa, 64), DMA_UNREADABLE)

/* ATS Translation Request; OUTCOME_... */
u32 ats_request(struct testdev *dev, u64 iova, u32 bytes, u32 access);
u32 ats_entries(struct testdev *dev);
u64 ats_entry(struct testdev *dev, u32 index);

/* Page Request and Stop Marker; OUTCOME_... */
u32 pri_request(struct testdev *dev, u64 iova, u32 access, u32 group, bool last);
u32 pri_stop(struct testdev *dev);
u32 pri_responses(struct testdev *dev);
u32 pri_response(struct testdev *dev);

/* Any other register. */
enum { X_INV_HOLD = 0x140, X_INV_LOSE = 0x144, X_INV_RELEASE = 0x148, X_INV_HELD = 0x14c,
       X_INV_COUNT = 0x150, X_ATC_HITS = 0x160, X_ATC_MISSES = 0x164 };
u32 testdev_read(struct testdev *dev, u32 offset);
void testdev_write(struct testdev *dev, u32 offset, u32 value);

#endif
