#include "virtio-iommu/svm.h"

#include "machine.h"

enum { VENDOR = 0x1234, DEVICE = 0x0b11, TIMEOUT_MS = 2000, DISABLED = 1 << 20 };
enum { COMMAND = 0x00, ADDRESS = 0x08, RESULT = 0x08, EXPECTED_CRC = 0x10, LENGTH = 0x18, OPTIONS = 0x20,
       PASID = 0x50 };
enum { MSI = 5, CAPABILITIES = 0x34, MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_DATA = 12, MSI_ENABLE = 1,
       MESSAGE = 0x5153 };

struct testdev svm;

bool svm_find(u32 index)
{
        if (!pci_find(VENDOR, DEVICE, index, &svm.function))
                return false;
        svm.ats = pci_extended(&svm.function, PCI_ATS);
        svm.pri = pci_extended(&svm.function, PCI_PRI);
        svm.pasid = pci_extended(&svm.function, PCI_PASID);
        return svm.ats && svm.pri && svm.pasid;
}

static u32 msi_capability(void)
{
        u32 at = pci_read(&svm.function, CAPABILITIES) & 0xfc;
        while (at && (pci_read(&svm.function, at) & 0xff) != MSI)
                at = pci_read(&svm.function, at) >> 8 & 0xfc;
        return at;
}

void svm_use(u32 pasid)
{
        mmio_write32(svm.function.bar[0] + PASID, pasid);
}

void svm_begin(u32 pasid, u64 iova)
{
        u32 msi = msi_capability();
        pci_write(&svm.function, msi + MSI_ADDRESS, (u32)iova);
        pci_write(&svm.function, msi + MSI_ADDRESS + 4, (u32)(iova >> 32));
        pci_write16(&svm.function, msi + MSI_DATA, MESSAGE);
        pci_write16(&svm.function, msi + MSI_CONTROL, MSI_ENABLE);
        testdev_enable_pasid(&svm);
        testdev_enable_ats(&svm);
        testdev_enable_pri(&svm);
        svm_use(pasid);
}

void svm_quiet(void)
{
        svm_use(DISABLED);
        pci_write16(&svm.function, msi_capability() + MSI_CONTROL, 0);
        testdev_disable(&svm);
}

void svm_start(u32 command, u64 address, u64 bytes, u32 crc, u64 msi)
{
        u64 at = svm.function.bar[0];
        *(volatile u32 *)msi = 0;
        mmio_write64(at + ADDRESS, address);
        mmio_write64(at + LENGTH, bytes);
        mmio_write64(at + EXPECTED_CRC, crc);
        mmio_write64(at + OPTIONS, 0);
        mmio_write64(at + COMMAND, command);
}

bool svm_runs(u64 msi)
{
        return *(volatile u32 *)msi != MESSAGE;
}

u32 svm_end(u64 msi)
{
        u64 start = counter();
        while (svm_runs(msi)) {
                if (!within(start, TIMEOUT_MS))
                        return SVM_RUNS;
        }
        return (u32)mmio_read64(svm.function.bar[0] + RESULT);
}

u32 svm_crc(u64 address, u64 bytes)
{
        u32 crc = 0xff;
        for (u64 i = 0; i < bytes; i++) {
                crc ^= ((volatile u8 *)address)[i];
                for (u32 bit = 0; bit < 8; bit++)
                        crc = crc & 1 ? crc >> 1 ^ 0xab : crc >> 1;
        }
        return crc;
}

bool svm_written(u64 address, u64 bytes, u64 first)
{
        for (u64 i = 0; i < bytes; i++) {
                if (((volatile u8 *)address)[i] != (first + i) % 251)
                        return false;
        }
        return true;
}
