/* Interrupt remapping tables and messages (D51397, 5.1, 9.9, 9.10), with svm-demo as the source. */
#ifndef REMAP_H
#define REMAP_H

#include "vtd/vtd.h"

/* Quadword 0 */
#define IRTE_P BIT(0)
#define IRTE_FPD BIT(1)
#define IRTE_RH BIT(3)
#define IRTE_DELIVERY(mode) FIELD(mode, 7, 5)
#define IRTE_URG BIT(14)
#define IRTE_IM BIT(15)
#define IRTE_VECTOR(vector) FIELD(vector, 23, 16)
#define IRTE_XAPIC(id) FIELD(id, 47, 40)
#define IRTE_X2APIC(id) FIELD(id, 63, 32)
/* Quadword 1 */
#define IRTE_SID(source) FIELD(source, 15, 0)
#define IRTE_SQ(sq) FIELD(sq, 17, 16)
#define IRTE_SVT(svt) FIELD(svt, 19, 18)

enum { DELIVERY_LOWEST = 1, DELIVERY_NMI = 4, SVT_SOURCE = 1, SVT_BUS = 2, IR_VECTOR = 0x61 };

/* Remapping enabled, with an empty table of 2^(size + 1) entries. */
void remap_begin(u32 size, bool extended);
void remap_set(u32 index, u64 qw0, u64 qw1);

/* To this CPU, whatever the mode is. */
u64 remap_here(u32 vector);

/* A message address of that handle, with SHV. */
u64 remap_address(u32 handle, bool subhandle);

/* The function sends the message; true if the vector comes, or stays away. */
void message(u64 address, u16 data);
bool message_arrives(u64 address, u16 data, u32 vector);
bool message_is_lost(u64 address, u16 data, u32 vector);

static inline u32 demo_sid(void)
{
        return demo.function.rid;
}

/* A fault of an interrupt request: nothing but index, source and reason. */
bool expect_interrupt_fault_at(const char *file, int line, u32 reason, u32 source, u32 index);
#define expect_interrupt_fault(reason, index)                                                  \
        expect_interrupt_fault_at(__FILE__, __LINE__, reason, demo_sid(), index)

#endif
