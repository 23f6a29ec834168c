/* Translation tables (DDI 0487, D8), stream table entries and context descriptors (IHI 0070, 5.2, 5.4). */
#ifndef TABLES_H
#define TABLES_H

#include "smmuv3/smmu.h"

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
        u64 bias;                       /* what the SMMU must subtract (by stage 2) to reach our memory */
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
struct ste {
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

/* STE word 0 and 1 */
enum { CONFIG_ABORT = 0, CONFIG_BYPASS = 4, CONFIG_S1 = 5, CONFIG_S2 = 6, CONFIG_NESTED = 7 };
enum { DSS_TERMINATE = 0, DSS_BYPASS = 1, DSS_SSID0 = 2 };
enum { EATS_NONE = 0, EATS_FULL = 1, EATS_SPLIT = 2 };
#define STE_V BIT(0)
#define STE_CONFIG(code) FIELD(code, 3, 1)
#define STE_S1FMT(code) FIELD(code, 5, 4)
#define STE_S1CDMAX(log2) FIELD(log2, 63, 59)
#define STE_S1DSS(code) FIELD(code, 1, 0)
#define STE_S2FWB BIT(25)
#define STE_S1STALLD BIT(27)
#define STE_EATS(code) FIELD(code, 29, 28)
#define STE_SHCFG_INCOMING FIELD(1, 45, 44)
/* STE word 2 */
#define STE_VMID(vmid) FIELD(vmid, 15, 0)
#define STE_S2T0SZ(size) FIELD(size, 37, 32)
#define STE_S2SL0(code) FIELD(code, 39, 38)
#define STE_S2TG(code) FIELD(code, 47, 46)
#define STE_S2PS(code) FIELD(code, 50, 48)
#define STE_S2AA64 BIT(51)
#define STE_S2ENDI BIT(52)
#define STE_S2AFFD BIT(53)
#define STE_S2PTW BIT(54)
#define STE_S2HD BIT(55)
#define STE_S2HA BIT(56)
#define STE_S2S BIT(57)
#define STE_S2R BIT(58)

struct ste ste_config(u32 config);

/* Stage 1 through the descriptor or table at cds; S1CDMax 0. */
struct ste ste_stage1(u64 cds);

/* Stage 2 through table, faults recorded. */
struct ste ste_stage2(const struct table *table, u32 vmid);

/* Both: cds is an intermediate address. */
struct ste ste_nested(u64 cds, const struct table *table, u32 vmid);

/* Where the stream's entry is. */
volatile u64 *ste_at(u32 stream);

/* Invalidates, writes words 7..1 then 0, and lets the SMMU know. */
void ste_install(u32 stream, const struct ste *ste);
void ste_store(u32 stream, const struct ste *ste);

/* A stream that translates by stage 1 with one context, and what it is made of. */
struct context {
        struct table table;
        u64 cd_at;
        struct cd cd;
        struct ste ste;
};
struct context stage1_of(u32 stream, u32 granule, u32 bits);
struct context attach_stage1(struct testdev *dev, u32 granule, u32 bits);

/* Rewrites the descriptor of a context and lets the SMMU know. */
void context_update(struct testdev *dev, struct context *context);

/* A stream that translates by stage 2 alone. */
struct table attach_stage2(struct testdev *dev, u32 granule, u32 bits, u32 vmid);

/* Both stages: all RAM is at RAM + bias for stage 1, tables and context descriptor included. */
struct nested {
        struct context context;
        struct table stage2;
        u64 bias;
};
struct nested nested_of(u32 stream, u32 vmid, u32 asid);
struct nested attach_nested(struct testdev *dev, u32 vmid, u32 asid);

/* Whether an unmapped page can still be used: the TLB keeps what nobody invalidates. */
bool tlb_keeps(void);

#endif
