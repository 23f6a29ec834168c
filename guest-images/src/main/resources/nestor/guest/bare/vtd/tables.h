/* Root, context and PASID tables (D51397, chapter 9) and page tables of both stages. */
#ifndef TABLES_H
#define TABLES_H

#include "vtd/vtd.h"

/* First stage, 9.8 */
enum { FS_P = 1, FS_W = 2, FS_U = 4, FS_A = 1 << 5, FS_D = 1 << 6, FS_PS = 1 << 7 };
#define FS_XD BIT(63)
#define FS_RW (FS_P | FS_W | FS_U)
#define FS_RO (FS_P | FS_U)

/* Second stage, 9.9 */
enum { SS_R = 1, SS_W = 2, SS_X = 4, SS_PS = 1 << 7, SS_A = 1 << 8, SS_D = 1 << 9 };
#define SS_RW (SS_R | SS_W)

struct table {
        u32 stage;                      /* 1 or 2 */
        u32 levels;
        u64 root;
        u64 bias;                       /* tables are at our addresses plus bias, for a first stage that is nested */
};

struct table table_new(u32 stage, u32 levels);

/* The entry for input at a level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB), whose tables above are made. */
u64 *table_entry(const struct table *table, u64 input, u32 level);

/* Maps a page of that level; attributes are bits of the entry. */
void table_map(const struct table *table, u64 input, u64 output, u32 level, u64 attributes);

/* AW */
static inline u32 address_width(u32 levels)
{
        return levels - 2;
}

/* Legacy context entry, 9.3 */
enum { TT_UNTRANSLATED = 0, TT_ATS = 1, TT_PASS_THROUGH = 2 };
#define CONTEXT_P BIT(0)
#define CONTEXT_FPD BIT(1)
#define CONTEXT_TT(tt) FIELD(tt, 3, 2)
#define CONTEXT_AW(levels) FIELD(address_width(levels), 2, 0)
#define CONTEXT_DID(did) FIELD(did, 23, 8)
/* Scalable context entry, 9.4 */
#define CONTEXT_DTE BIT(2)
#define CONTEXT_PASIDE BIT(3)
#define CONTEXT_PRE BIT(4)
#define CONTEXT_PDTS(log2) FIELD(log2, 11, 9)

/* Of the function: makes the context table if there is none. Legacy entries use the first two quadwords. */
volatile u64 *context_at(const struct testdev *dev);

/* The root entry that leads to it. */
volatile u64 *root_at(const struct testdev *dev);

/* A legacy entry; and lets the unit know. */
void context_install(const struct testdev *dev, u64 low, u64 high);

/* PASID table entry, 9.6 */
struct pasid_entry {
        u64 qw[8];
};
enum { PGTT_FIRST = 1, PGTT_SECOND = 2, PGTT_NESTED = 3, PGTT_PASS_THROUGH = 4 };
#define PASID_P BIT(0)
#define PASID_FPD BIT(1)
#define PASID_AW(levels) FIELD(address_width(levels), 4, 2)
#define PASID_SSEE BIT(5)
#define PASID_PGTT(pgtt) FIELD(pgtt, 8, 6)
#define PASID_SSADE BIT(9)
/* quadword 1 */
#define PASID_DID(did) FIELD(did, 15, 0)
/* quadword 2 */
#define PASID_SRE BIT(0)
#define PASID_ERE BIT(1)
#define PASID_FSPM(levels) FIELD((levels) - 4, 3, 2)
#define PASID_WPE BIT(4)
#define PASID_NXE BIT(5)

enum { DID = 7 };

struct pasid_entry entry_first(const struct table *table);
struct pasid_entry entry_second(const struct table *table);
struct pasid_entry entry_nested(const struct table *first, const struct table *second);
struct pasid_entry entry_pass_through(void);

/* The entry of a PASID, below a context that begin_scalable made; its table is made. */
volatile u64 *pasid_at(const struct testdev *dev, u32 pasid);
volatile u64 *pasid_directory_at(const struct testdev *dev, u32 pasid);

/* Writes quadwords 7..1, then 0. Not present before, so that there is nothing to invalidate. */
void pasid_store(const struct testdev *dev, u32 pasid, const struct pasid_entry *entry);

/* The same for one that was there, with all that it needs of invalidations. */
void pasid_replace(const struct testdev *dev, u32 pasid, const struct pasid_entry *entry);

/* A scalable context entry: RID_PASID 0, more are its further bits; a directory for 2^(7 + pdts + 6) PASIDs. */
void context_scalable(const struct testdev *dev, u32 pdts, u64 more);

/* With the PASID capability enabled in the function. */
void begin_pasids(struct testdev *dev, u32 pdts, u64 more);

/* Requests without PASID translate by one stage, in whatever mode the unit is. */
struct table attach_second(const struct testdev *dev, u32 levels);
struct table attach_first(const struct testdev *dev, u32 levels);

/* Both: the second stage maps all RAM at RAM + bias; what the first stage says are such addresses. */
struct nested {
        struct table first, second;
        u64 bias;
};
struct nested nested_tables(void);

/* All RAM at RAM + bias, in pages of 2 MiB. */
void map_memory(const struct table *second, u64 bias);
struct nested attach_nested(const struct testdev *dev);

/* Whether a page that is no longer mapped can still be used. */
bool tlb_keeps(struct testdev *dev);

#endif
