/* Translation tables of VMSAv8-64 (DDI 0487, D8) and Context descriptors (IHI 0070, 5.4). */
#ifndef VMSA_H
#define VMSA_H

#include "kit/kit.h"

/* Stage-1 descriptor bits, D8.3 */
#define PTE_VALID BIT(0)
#define PTE_USER BIT(6)
#define PTE_READ_ONLY BIT(7)
#define PTE_SH_INNER FIELD(3, 9, 8)
#define PTE_AF BIT(10)
#define PTE_NG BIT(11)
#define PTE_DBM BIT(51)
#define PTE_CONTIGUOUS BIT(52)
#define PTE_PXN BIT(53)
#define PTE_UXN BIT(54)
#define TABLE_NO_USER BIT(61)
#define TABLE_READ_ONLY BIT(62)
#define S1_RW (PTE_USER | PTE_SH_INNER | PTE_AF | PTE_NG)
#define S1_RO (S1_RW | PTE_READ_ONLY)

/* Stage-2 descriptor bits */
#define S2_READ BIT(6)
#define S2_WRITE BIT(7)
#define S2_NORMAL FIELD(0xf, 5, 2)
#define S2_DEVICE FIELD(1, 5, 2)
#define S2_RW (S2_READ | S2_WRITE | S2_NORMAL | PTE_SH_INNER | PTE_AF)

struct table {
        u32 granule;                    /* log2: 12, 14, 16 */
        u32 bits;                       /* of input */
        u32 stage;
        u32 start;                      /* level */
        u64 root;
        u64 bias;                       /* what the IOMMU must subtract (by stage 2) to reach our memory */
        bool upper;                     /* TTB1: addresses begin with ones */
};

/* An empty table that starts where the input size says. */
struct table table_new(u32 stage, u32 granule, u32 bits);

/* As table_new; the tables are at our addresses plus bias, in intermediate addresses. */
struct table table_biased(u32 granule, u32 bits, u64 bias);

/* Bytes that a leaf at this level maps, log2. */
u32 level_log2(const struct table *table, u32 level);

/* The descriptor for input at a level, whose tables above are made. */
u64 *table_entry(const struct table *table, u64 input, u32 level);

/* Maps a block or page; attributes are descriptor bits. */
void table_map(const struct table *table, u64 input, u64 output, u32 level, u64 attributes);

struct cd {
        u64 dw[8];
};

/* CD word 0 */
#define CD_EPD0 BIT(14)
#define CD_ENDI BIT(15)
#define CD_EPD1 BIT(30)
#define CD_V BIT(31)
#define CD_AFFD BIT(35)
#define CD_WXN BIT(36)
#define CD_TBI0 BIT(38)
#define CD_TBI1 BIT(39)
#define CD_PAN BIT(40)
#define CD_AA64 BIT(41)
#define CD_HD BIT(42)
#define CD_HA BIT(43)
#define CD_S BIT(44)
#define CD_R BIT(45)
#define CD_A BIT(46)
#define CD_IPS(code) FIELD(code, 34, 32)
/* CD word 1 */
#define CD_HAD0 BIT(1)
#define CD_HAFT BIT(3)

enum { ASID = 1, IPS_48 = 5 };

/* A descriptor for TTB0 = table, faults recorded, EPD1 set. */
struct cd cd_of(const struct table *table, u32 asid);

/* Adds a table for TTB1. */
void cd_add_upper(struct cd *cd, const struct table *table);

/* Writes words 7..1, then 0. */
void cd_store(u64 at, const struct cd *cd);

#endif
