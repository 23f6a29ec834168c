#include "kit/demo.h"

#include "machine.h"

enum { VENDOR = 0x1234, DEVICE = 0x0b11, CAPABILITIES = 0x34, MSI = 5 };
enum { COMMAND = 0x00, ADDRESS = 0x08, RESULT = 0x08, CRC = 0x10, LENGTH = 0x18, OPTIONS = 0x20, PASID = 0x50 };
enum { MSI_CONTROL = 2, MSI_ENABLE = 1, MSI_ADDRESS = 4, MSI_DATA = 12 };
enum { ATS_CONTROL = 6, ATS_ENABLE = 1 << 15, PASID_CONTROL = 6, PASID_ALL = 7, PRI_CONTROL = 4, PRI_ENABLE = 1,
       PRI_RESET = 2, PRI_STATUS = 6, PRI_FAILURES = 3, PRI_CAPACITY = 8, PRI_ALLOCATION = 12 };

bool demo_find(struct demo *demo)
{
        if (!pci_find(VENDOR, DEVICE, 0, &demo->function))
                return false;
        u32 at = pci_read(&demo->function, CAPABILITIES) & 0xff;
        while (at && (pci_read(&demo->function, at) & 0xff) != MSI)
                at = pci_read(&demo->function, at) >> 8 & 0xff;
        demo->msi = at;
        return at != 0;
}

void demo_quiet(struct demo *demo)
{
        const struct function *function = &demo->function;
        demo_pasid(demo, DEMO_NO_PASID);
        pci_write16(function, pci_extended(function, PCI_PRI) + PRI_CONTROL, 0);
        pci_write16(function, pci_extended(function, PCI_ATS) + ATS_CONTROL, 0);
        pci_write16(function, pci_extended(function, PCI_PASID) + PASID_CONTROL, 0);
        pci_write16(function, demo->msi + MSI_CONTROL, 0);
}

void demo_message(struct demo *demo, u64 address, u16 data)
{
        const struct function *function = &demo->function;
        pci_write16(function, demo->msi + MSI_CONTROL, 0);
        pci_write(function, demo->msi + MSI_ADDRESS, (u32)address);
        pci_write(function, demo->msi + MSI_ADDRESS + 4, (u32)(address >> 32));
        pci_write16(function, demo->msi + MSI_DATA, data);
        pci_write16(function, demo->msi + MSI_CONTROL, MSI_ENABLE);
}

void demo_enable(struct demo *demo)
{
        const struct function *function = &demo->function;
        u32 pri = pci_extended(function, PCI_PRI);
        pci_write16(function, pci_extended(function, PCI_PASID) + PASID_CONTROL, PASID_ALL);
        pci_write(function, pri + PRI_ALLOCATION, pci_read(function, pri + PRI_CAPACITY));
        pci_write16(function, pri + PRI_CONTROL, PRI_RESET);
        pci_write16(function, pri + PRI_STATUS, PRI_FAILURES);
        pci_write16(function, pri + PRI_CONTROL, PRI_ENABLE);
        pci_write16(function, pci_extended(function, PCI_ATS) + ATS_CONTROL, ATS_ENABLE);
}

void demo_pasid(struct demo *demo, u32 pasid)
{
        mmio_write32(demo->function.bar[0] + PASID, pasid);
}

void demo_begin(struct demo *demo, u32 command, u64 iova, u64 bytes, u64 options)
{
        u64 at = demo->function.bar[0];
        mmio_write64(at + ADDRESS, iova);
        mmio_write64(at + LENGTH, bytes);
        mmio_write64(at + OPTIONS, options);
        mmio_write64(at + COMMAND, command);
}

void demo_expect_crc(struct demo *demo, u64 crc)
{
        mmio_write64(demo->function.bar[0] + CRC, crc);
}

u64 demo_result(struct demo *demo)
{
        return mmio_read64(demo->function.bar[0] + RESULT);
}

u8 demo_byte(u64 i)
{
        return (u8)(i % 251);
}

/* Reflected, constant AB, initial value FF. */
u8 demo_crc(const volatile u8 *bytes, u64 count)
{
        static u8 steps[256];
        for (u32 i = 1; i < 256 && !steps[255]; i++) {
                u8 step = (u8)i;
                for (u32 bit = 0; bit < 8; bit++)
                        step = (u8)(step >> 1) ^ (step & 1 ? 0xab : 0);
                steps[i] = step;
        }
        u8 crc = 0xff;
        for (u64 i = 0; i < count; i++)
                crc = steps[crc ^ bytes[i]];
        return crc;
}
