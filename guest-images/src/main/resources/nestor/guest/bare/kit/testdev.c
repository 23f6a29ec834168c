#include "kit/testdev.h"

#include "machine.h"

enum { VENDOR = 0x1b36, DEVICE = 0x0005, PATTERN = 0x12345678 };
enum { TRIGGER = 0x00, GVA = 0x04, LENGTH = 0x0c, RESULT = 0x10, DOORBELL = 0x14, GPA = 0x1c };
enum { X_ID = 0x100, X_CONTROL = 0x104, X_PASID = 0x108, X_COMMAND = 0x110, X_ACCESS = 0x114,
       X_PAGE_GROUP = 0x118, X_OUTCOME = 0x11c, X_ENTRY_COUNT = 0x120, X_ENTRY_SELECT = 0x124,
       X_ENTRY = 0x128, X_RESPONSE_COUNT = 0x130, X_RESPONSE = 0x134 };
enum { EXTENSION = 0x4e535401, TRANSLATE = 1, REQUEST_PAGE = 2, STOP_MARKER = 3, LAST = 1 << 16 };

/* Control registers of the capabilities (PCIe Base, 10.5) */
enum { ATS_CONTROL = 6, ATS_ENABLE = 1 << 15, PASID_CONTROL = 6, PASID_ALL = 7,
       PRI_CONTROL = 4, PRI_STATUS = 6, PRI_FAILURES = 3, PRI_ENABLE = 1, PRI_RESET = 2, PRI_CAPACITY = 8, PRI_ALLOCATION = 12 };

u32 testdev_read(struct testdev *dev, u32 offset)
{
        return mmio_read32(dev->function.bar[0] + offset);
}

void testdev_write(struct testdev *dev, u32 offset, u32 value)
{
        mmio_write32(dev->function.bar[0] + offset, value);
}

static void write_pair(struct testdev *dev, u32 offset, u64 value)
{
        testdev_write(dev, offset, (u32)value);
        testdev_write(dev, offset + 4, (u32)(value >> 32));
}

bool testdev_find(u32 index, struct testdev *dev)
{
        if (!pci_find(VENDOR, DEVICE, index, &dev->function))
                return false;
        dev->ats = pci_extended(&dev->function, PCI_ATS);
        dev->pri = pci_extended(&dev->function, PCI_PRI);
        dev->pasid = pci_extended(&dev->function, PCI_PASID);
        return testdev_read(dev, X_ID) == EXTENSION && dev->ats && dev->pri && dev->pasid;
}

void testdev_disable(struct testdev *dev)
{
        pci_write16(&dev->function, dev->pri + PRI_CONTROL, 0);
        pci_write16(&dev->function, dev->ats + ATS_CONTROL, 0);
        pci_write16(&dev->function, dev->pasid + PASID_CONTROL, 0);
}

void testdev_quiet(struct testdev *dev)
{
        testdev_disable(dev);
        testdev_write(dev, X_INV_HOLD, 0);
        testdev_write(dev, X_INV_LOSE, 0);
        testdev_control(dev, 0, 0);
}

void testdev_control(struct testdev *dev, u32 control, u32 pasid)
{
        testdev_write(dev, X_CONTROL, control);
        testdev_write(dev, X_PASID, pasid);
}

void testdev_enable_pasid(struct testdev *dev)
{
        pci_write16(&dev->function, dev->pasid + PASID_CONTROL, PASID_ALL);
}

void testdev_enable_ats(struct testdev *dev)
{
        pci_write16(&dev->function, dev->ats + ATS_CONTROL, ATS_ENABLE);
}

void testdev_enable_pri(struct testdev *dev)
{
        const struct function *function = &dev->function;
        pci_write(function, dev->pri + PRI_ALLOCATION, pci_read(function, dev->pri + PRI_CAPACITY));
        pci_write16(function, dev->pri + PRI_CONTROL, PRI_RESET);
        pci_write16(function, dev->pri + PRI_STATUS, PRI_FAILURES);
        pci_write16(function, dev->pri + PRI_CONTROL, PRI_ENABLE);
}

static u32 run_dma(struct testdev *dev, u64 iova, u64 pa, u32 bytes)
{
        write_pair(dev, GVA, iova);
        write_pair(dev, GPA, pa);
        testdev_write(dev, LENGTH, bytes);
        testdev_write(dev, DOORBELL, 1);
        testdev_read(dev, TRIGGER);
        return testdev_read(dev, RESULT);
}

void dma_message(struct testdev *dev, u64 iova, u32 bytes)
{
        run_dma(dev, iova, 0, bytes);
}

u32 dma_write(struct testdev *dev, u64 iova, u64 pa, u32 bytes)
{
        clear(pa, bytes);
        u32 result = run_dma(dev, iova, pa, bytes);
        if (result != DMA_REFUSED)
                return result;
        for (volatile u32 *at = (u32 *)pa; at < (u32 *)(pa + bytes); at++) {
                if (*at)
                        return DMA_LEAKED;
        }
        return result;
}

u32 dma_read(struct testdev *dev, u64 iova, u64 pa, u32 bytes)
{
        for (volatile u32 *at = (u32 *)pa; at < (u32 *)(pa + bytes); at++)
                *at = PATTERN;
        u32 control = testdev_read(dev, X_CONTROL);
        testdev_write(dev, X_CONTROL, control | READS);
        u32 result = run_dma(dev, iova, pa, bytes);
        testdev_write(dev, X_CONTROL, control);
        return result;
}

u32 ats_request(struct testdev *dev, u64 iova, u32 bytes, u32 access)
{
        write_pair(dev, GVA, iova);
        testdev_write(dev, LENGTH, bytes);
        testdev_write(dev, X_ACCESS, access);
        testdev_write(dev, X_COMMAND, TRANSLATE);
        return testdev_read(dev, X_OUTCOME);
}

u32 ats_entries(struct testdev *dev)
{
        return testdev_read(dev, X_ENTRY_COUNT);
}

u64 ats_entry(struct testdev *dev, u32 index)
{
        testdev_write(dev, X_ENTRY_SELECT, index);
        return testdev_read(dev, X_ENTRY) | (u64)testdev_read(dev, X_ENTRY + 4) << 32;
}

u32 pri_request(struct testdev *dev, u64 iova, u32 access, u32 group, bool last)
{
        write_pair(dev, GVA, iova);
        testdev_write(dev, X_ACCESS, access);
        testdev_write(dev, X_PAGE_GROUP, group | (last ? LAST : 0));
        testdev_write(dev, X_COMMAND, REQUEST_PAGE);
        return testdev_read(dev, X_OUTCOME);
}

u32 pri_stop(struct testdev *dev)
{
        testdev_write(dev, X_COMMAND, STOP_MARKER);
        return testdev_read(dev, X_OUTCOME);
}

u32 pri_responses(struct testdev *dev)
{
        return testdev_read(dev, X_RESPONSE_COUNT);
}

u32 pri_response(struct testdev *dev)
{
        return testdev_read(dev, X_RESPONSE);
}
