/* Address spaces by tables of the guest's own: what checks map pages in, whatever the tables' format. */
#ifndef SPACES_H
#define SPACES_H

#include "kit/vmsa.h"
#include "virtio-iommu/viommu.h"
#include "virtio-iommu/x86.h"

/* A table of Context descriptors (IHI 0070, 5.2): S1Fmt 0 linear, 1 leaves of 4 KiB, 2 of 64 KiB. */
struct contexts {
        u32 s1fmt, s1cdmax;
        u64 base;
};
enum { LINEAR = 0, LEAVES_4K = 1, LEAVES_64K = 2 };
enum { DSS_TERMINATE = 0, DSS_BYPASS = 1, DSS_SSID0 = 2 };

struct contexts contexts_new(u32 s1fmt, u32 s1cdmax);
/* Where a descriptor lies; the leaf it is in is made. */
u64 context_at(const struct contexts *contexts, u32 pasid);
/* The first-level descriptor above it. */
u64 *context_leaf(const struct contexts *contexts, u32 pasid);
struct tables tables_of_contexts(const struct contexts *contexts, u32 s1dss);

/* A table attached as it is. */
struct tables tables_of_lpae(const struct table *table, u32 asid);
struct tables tables_of_x86(const struct x86 *table, u32 pasid);

/* VT-d's flags of a first stage */
enum { FLAG_SRE = 1, FLAG_EAFE = 2, FLAG_WPE = 4 };

/*
 * The address space of one PASID of a function. With Context descriptors all of a function are in one
 * domain; with a first stage of VT-d each has its own.
 */
struct space {
        struct testdev *dev;
        u32 domain, pasid;
        u32 asid;
        bool arm;
        u64 cd_at;
        struct cd cd;
        struct table table;
        struct x86 x86;
};

enum { DOMAIN = 7 };

/* The function's tables, with no address space yet; PASID enabled in it. */
void spaces_begin(struct testdev *dev);
/* Another function at the same tables. */
void spaces_join(struct testdev *dev);
/* An empty address space for a PASID, or NO_PASID. */
struct space space_of(struct testdev *dev, u32 pasid);
/* The entry of the page, which may be written at any time. */
u64 *space_entry(const struct space *space, u64 iova);
/* What an entry must hold to map a page. */
u64 space_leaf(const struct space *space, u64 pa, bool writable);
void space_map(const struct space *space, u64 iova, u64 pa);

/* The function's DMA is in this address space from now on. */
void space_use(const struct space *space);

/* All there is of an address space, or of its domain; a page of it. */
struct invalidation whole_domain(const struct space *space, u32 caches);
struct invalidation whole_space(const struct space *space, u32 caches);
struct invalidation one_page(const struct space *space, u64 iova, u32 caches);

#define expect_invalidated(what) expect_answer(invalidate(&(what)), OK)

/* Whether an unmapped page can still be used: the TLB keeps what nobody invalidates. */
bool tlb_keeps(void);

#endif
