/* PCI by ECAM (PCIe Base, 7.2.2): finding functions, giving them addresses, and their capabilities. */
#ifndef PCI_H
#define PCI_H

#include "kit/kit.h"

struct function {
        u32 rid;                        /* bus << 8 | slot << 3 */
        u64 config;                     /* address of its configuration space */
        u64 bar[6];                     /* addresses; 0 if there is none */
};

enum { PCI_ATS = 0x0f, PCI_PRI = 0x13, PCI_PASID = 0x1b };

/* The index-th function 0 with these IDs, decoding and mastering the bus. */
bool pci_find(u32 vendor, u32 device, u32 index, struct function *found);

/* Offset of an extended capability, 0 if there is none. */
u32 pci_extended(const struct function *function, u32 id);

u32 pci_read(const struct function *function, u32 offset);
u16 pci_read16(const struct function *function, u32 offset);
void pci_write(const struct function *function, u32 offset, u32 value);
void pci_write16(const struct function *function, u32 offset, u16 value);

#endif
