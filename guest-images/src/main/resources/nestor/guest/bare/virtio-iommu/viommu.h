/*
 * The kit's own driver of a virtio-iommu (virtio 1.3, 5.13), and of the proposals by which drivers attach
 * page tables of their own (docs/virtio-iommu.md): queues, requests, reports. Which proposal the device
 * speaks, the kit is told; what it offers is then known and compared.
 */
#ifndef VIOMMU_H
#define VIOMMU_H

#include "machine.h"
#include "kit/demo.h"
#include "kit/engine.h"
#include "kit/testdev.h"
#include "kit/virtio.h"

enum profile { PROFILE_NONE, PROFILE_RFC2021, PROFILE_RFC2023, PROFILE_HW, PROFILE_NESTOR };

/* Feature bits, 5.13.3 */
#define F_INPUT_RANGE BIT(0)
#define F_DOMAIN_RANGE BIT(1)
#define F_MAP_UNMAP BIT(2)
#define F_PROBE BIT(4)
#define F_MMIO BIT(5)
#define F_BYPASS_CONFIG BIT(6)

/* Device configuration, 5.13.4 */
enum { PAGE_SIZE_MASK = 0, INPUT_START = 8, INPUT_END = 16, DOMAIN_START = 24, DOMAIN_END = 28,
       PROBE_SIZE = 32, BYPASS = 36 };

struct viommu {
        enum profile profile;
        bool regions;                   /* two reserved regions, below */
        u64 granule, input_end;
        struct virtio dev;
        struct virtqueue requests, events;
        u64 features;                   /* negotiated */
        u32 probe_size;
        u32 event_bytes;                /* of each buffer */
        bool caches;                    /* a TLB entry stays until it is invalidated */
        bool engine, svm;
        u32 boot_result;                /* of DMA before there is a driver */
        u8 boot_shown;                  /* config.bypass then */
};
extern struct viommu viommu;

/* Whether the kit is told this word: how the device is made. */
bool told(const char *word);

/* Reserved regions, if there are any. */
#define MSI_FIRST 0x8000000ull
#define MSI_LAST 0x80fffffull
#define RESERVED_FIRST 0x9000000ull
#define RESERVED_LAST 0x900ffffull

/* The test functions, whose Requester IDs are endpoint IDs. */
extern struct testdev devs[2];
extern struct engine engine;
extern struct demo demo;

static inline u32 endpoint(const struct testdev *dev)
{
        return dev->function.rid;
}

/* Of nothing. */
enum { ABSENT_ENDPOINT = 0xf8, NO_PASID = -1 };

/* Features of the proposal, 0 if it has no such thing. */
u64 tables_feature(void);
u64 page_requests_feature(void);
u64 all_features(void);
/* Whether the driver has accepted it. */
bool negotiated(u64 feature);

/* Resets the device and starts it with empty queues; zero means the default. */
struct start {
        u64 without;                    /* features that are not accepted */
        u32 event_buffers, event_bytes; /* 64 of the longest report */
        bool no_event_buffers;
        bool no_queues;                 /* DRIVER_OK is not set either */
};
void viommu_restart(const struct start *start);

u8 bypass_shown(void);
void bypass_set(u8 value);

/* What a check may need of the device under test. */
enum {
        MAPPINGS = 1, BYPASSES = 2, TABLES = 4, LPAE = 8, CONTEXTS = 16, FIRST_STAGE = 32,
        PAGE_REQUESTS = 64, LONG_REASONS = 128, ENGINE = 256, SVM_DEMO = 512, MMIO_FLAG = 1024
};
const char *lacking(u32 features);

#define NEEDS(features)                                                                        \
        do {                                                                                   \
                if (lacking(features))                                                         \
                        return skip(lacking(features));                                        \
        } while (0)

/* A request, 5.13.6: its device-readable bytes, and how many the device may write. */
struct request {
        u64 quads[16];
        u32 readable, writable;
};

void put8(struct request *request, u32 offset, u8 value);
void put16(struct request *request, u32 offset, u16 value);
void put32(struct request *request, u32 offset, u32 value);
void put64(struct request *request, u32 offset, u64 value);

/* Types */
enum { ATTACH = 1, DETACH, MAP, UNMAP, PROBE, ATTACH_TABLE, INVALIDATE, PAGE_RESP };

/* Status of a request; what comes of one that is returned with nothing, or not at all. */
enum { OK, IOERR, UNSUPP, DEVERR, INVAL, RANGE, NOENT, FAULT, NOMEM, NO_STATUS = 0x100, LOST = 0x200 };

struct request attach(u32 domain, u32 endpoint, u32 flags);
struct request detach(u32 domain, u32 endpoint);
struct request map(u32 domain, u64 first, u64 last, u64 phys, u32 flags);
struct request unmap(u32 domain, u64 first, u64 last);
struct request probe(u32 endpoint);

enum { ATTACH_BYPASS = 1, MAP_READ = 1, MAP_WRITE = 2, MAP_MMIO = 4, MAP_RW = 3 };

/* Sends it as drivers do, in two descriptors, and waits. The status; the reply is left in reply. */
u32 answer(struct request request);
#define REPLY_BYTES 0x1400
extern u64 reply_quads[REPLY_BYTES / 8];
static inline const u8 *reply(void)
{
        return (const u8 *)reply_quads;
}

/* Sends these pieces, of which the last bytes hold the status. */
u32 answer_pieces(const struct piece *pieces, u32 count, bool indirect);
/* Where answer() puts what the device reads and what it writes. */
u64 request_at(const struct request *request);
u64 reply_at(void);
/* The status at the end of so many bytes of reply. */
u32 status_in(u32 writable);
enum { UNWRITTEN = 0xa5 };

bool expect_answer_at(const char *file, int line, const char *what, struct request request, u32 status);
#define expect_answer(request, status)                                                         \
        expect_answer_at(__FILE__, __LINE__, #request, request, status)

/* ATTACH_TABLE. Which fields count depends on the format. */
enum format { FORMAT_LPAE = 1, FORMAT_CONTEXTS = 2, FORMAT_VIRT = 3, FORMAT_FIRST_STAGE = 4 };
struct tables {
        u32 format;
        u64 base;                       /* TTBR, S1ContextPtr, PML4 or PML5 */
        u32 asid;
        u64 tcr, mair;
        u32 s1fmt, s1dss, s1cdmax;
        u32 pasid, width;
        u64 flags;
};
struct request attach_table(u32 domain, u32 endpoint, const struct tables *tables);

/* INVALIDATE */
enum { SCOPE_DOMAIN = 1, SCOPE_PASID, SCOPE_ADDRESS };
enum { IOTLB = 1, DEVICE_TLB = 2, PASID_CACHE = 4 };
struct invalidation {
        u32 domain, scope, caches;
        bool has_pasid, has_asid, leaf;
        u32 pasid, asid;
        u64 first, pages;
        u32 granule;
};
struct request invalidate(const struct invalidation *what);

/* PAGE_RESP */
enum { RESPONSE_SUCCESS, RESPONSE_INVALID, RESPONSE_FAILURE };
struct request page_response(u32 endpoint, u32 pasid, u32 group, u32 code);

/* Takes the oldest event, waiting for it; its length, 0 if there is none. The buffer is given back. */
enum { MAX_EVENT_BYTES = 64, EVENT_BUFFERS = 64 };
u32 event_wait(u64 event[MAX_EVENT_BYTES / 8]);
/* As long as the device has answered everything so far: the length, 0 if there is none. */
u32 event_take(u64 event[MAX_EVENT_BYTES / 8]);
void event_buffer(u32 bytes);

/* Reasons; those beyond 2 are told by some proposals only. */
enum { R_UNKNOWN, R_DOMAIN, R_MAPPING, R_WALK_EABT, R_PTE_FETCH, R_PERMISSION, R_ACCESS, R_OOR_ADDRESS };
enum { A_READ = 1, A_WRITE = 2, A_EXECUTE = 4, A_PRIVILEGED = 8 };

struct report {
        u32 reason, access;
        const struct testdev *dev;
        u32 pasid;                      /* or NO_PASID */
        u64 address;
};
bool expect_report_at(const char *file, int line, const struct report *report);
#define expect_fault(dev, pasid, reason, access, address)                                      \
        expect_report_at(__FILE__, __LINE__, &(struct report){ reason, access, dev, pasid, address })
bool expect_no_event_at(const char *file, int line);
#define expect_no_event() expect_no_event_at(__FILE__, __LINE__)

/* A page request of a group. */
struct page {
        const struct testdev *dev;
        u32 pasid, access, group;
        bool last;
        u64 address;
};
bool expect_page_at(const char *file, int line, const struct page *page);
#define expect_page(...) expect_page_at(__FILE__, __LINE__, &(struct page){ __VA_ARGS__ })

#endif
