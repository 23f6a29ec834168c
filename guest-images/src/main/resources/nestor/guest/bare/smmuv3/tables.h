/* Stream table entries (IHI 0070, 5.2), and streams made of them and of translation tables. */
#ifndef TABLES_H
#define TABLES_H

#include "kit/vmsa.h"
#include "smmuv3/smmu.h"

struct ste {
        u64 dw[8];
};

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
