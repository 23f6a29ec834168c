#include "virtio-iommu/svm.h"

#include "machine.h"

struct function svm;

bool svm_find(u32 index)
{
        return pci_find(0x1234, 0x0b11, index, &svm);
}
