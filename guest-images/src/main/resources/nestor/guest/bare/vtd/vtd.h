/*
 * The kit's own VT-d driver (Intel D51397): registers, queues, events. Field positions are those of the
 * specification; nothing here is read back from the unit under test to know what is right.
 */
#ifndef VTD_H
#define VTD_H

#include "machine.h"
#include "kit/demo.h"
#include "kit/testdev.h"

/* Registers, 11.4 */
enum {
        VER = 0x000, CAP = 0x008, ECAP = 0x010, GCMD = 0x018, GSTS = 0x01c, RTADDR = 0x020,
        CCMD = 0x028, FSTS = 0x034, FECTL = 0x038, IQH = 0x080, IQT = 0x088, IQA = 0x090,
        ICS = 0x09c, IECTL = 0x0a0, IQERCD = 0x0b0, IRTA = 0x0b8, PQH = 0x0c0, PQT = 0x0c8,
        PQA = 0x0d0, PRS = 0x0dc, PECTL = 0x0e0
};

/* GCMD and GSTS, 11.4.4 */
#define TE (1u << 31)
#define SRTP (1u << 30)
#define QIE (1u << 26)
#define IRE (1u << 25)
#define SIRTP (1u << 24)
#define CFI (1u << 23)

/* RTADDR, 11.4.5: TTM */
enum { TTM_LEGACY = 0, TTM_SCALABLE = 1 << 10, TTM_RESERVED = 2 << 10, TTM_ABORT = 3 << 10 };

/* FSTS, 11.4.7.1; ICS, 11.4.9.4; PRS, 11.4.11.4 */
enum { PFO = 1, PPF = 2, IQE = 16, ICE = 32, ITE = 64, IWC = 1, PPR = 1, PRO = 2 };

/* FECTL, IECTL, PECTL: data, address and upper address follow */
#define IM (1u << 31)
#define IP (1u << 30)

/* IQA, 11.4.9.3; IRTA, 11.4.10 */
enum { IQA_WIDE = 1 << 11, IRTA_EIME = 1 << 11 };

/* IOTLB registers, 11.4.8: IVA at ECAP.IRO, IOTLB after it */
#define IVT BIT(63)

struct unit {
        u64 base, cap, ecap;
        u64 root;
        u64 queue;
        u32 queue_bytes, tail;
        bool wide;                      /* 256-bit descriptors */
        u64 requests;
        u32 requests_bytes, requests_head;
        u32 next_fault;                 /* index of the recording register that comes next */
        u32 gcmd;                       /* the commands that stay */
        bool caches;                    /* a translation stays until it is invalidated */
};
extern struct unit units[MAX_UNITS];

/* The unit that registers and queues are those of: that of devs[0], but where a check changes it. */
extern struct unit *vtd;

/* Test functions; the second one may belong to another unit. */
extern struct testdev devs[2];
struct unit *unit_of(const struct function *function);

/* A source of MSIs, and of DMA with PASID, if there is one behind the unit of devs[0]. */
extern struct demo demo;

static inline u32 sid(const struct testdev *dev)
{
        return dev->function.rid;
}

/* Shapes that a check may ask for by vtd_restart(); zero means the default. */
struct shape {
        bool legacy;                    /* a legacy mode root table even where there is scalable mode */
        bool narrow;                    /* 128-bit descriptors even where there are wide ones */
        bool off;                       /* leave TE clear */
        u32 queue_log2, requests_log2;  /* in pages */
};

/* Fresh tables and queues, nothing cached, no fault, translation enabled; what every check begins with. */
void vtd_restart(const struct shape *shape);

u32 vtd_read(u32 offset);
void vtd_write(u32 offset, u32 value);
u64 vtd_read64(u32 offset);
void vtd_write64(u32 offset, u64 value);

/* Waits until (register & mask) == value, at most a second or so. */
bool vtd_wait(u32 offset, u32 mask, u32 value);

/* Enables or disables by a bit of GCMD that stays (TE, QIE, IRE, CFI), and waits for GSTS. */
bool vtd_enable(u32 bit);
bool vtd_disable(u32 bit);

/* RTADDR and SRTP. */
bool vtd_set_root(u64 address);

u32 iotlb_offset(void);
u32 fault_offset(u32 index);
u32 fault_records(void);

/* What a check may need of the unit under test, by its capability registers. */
enum {
        SCALABLE = 1 << 0, FIRST = 1 << 1, SECOND = 1 << 2, NESTING = 1 << 3, PASIDS = 1 << 4,
        PASS_THROUGH = 1 << 5, ATS = 1 << 6, PRI = 1 << 7, REMAPPING = 1 << 8, EXTENDED = 1 << 9,
        POSTED = 1 << 10, FIRST5 = 1 << 11, SECOND5 = 1 << 12, GIGABYTE = 1 << 13, SECOND_AD = 1 << 14,
        SUPERVISOR = 1 << 15, EXECUTE = 1 << 16, CACHES = 1 << 17, SAME_UNIT = 1 << 18,
        TWO_UNITS = 1 << 19, SECOND3 = 1 << 20, WIDE_PASIDS = 1 << 21, DEMO = 1 << 22
};

/* Words for the first of these that is not there, or NULL. */
const char *lacking(u32 features);

#define NEEDS(features)                                                                        \
        do {                                                                                   \
                if (lacking(features))                                                         \
                        return skip(lacking(features));                                        \
        } while (0)

/* PSS + 1 */
static inline u32 pasid_bits(void)
{
        return (u32)(vtd->ecap >> 35 & 31) + 1;
}

/* Writes a descriptor without moving the tail; then moves it over so many. */
void invalidation_put(u32 ahead, u64 qw0, u64 qw1);
void invalidation_ring(u32 count);

/* One descriptor. */
void invalidate(u64 qw0, u64 qw1);

/* A wait descriptor with a status write, and waits for it; false if it does not come. */
bool queue_wait(void);
bool invalidate_wait(u64 qw0, u64 qw1);

u32 descriptor_bytes(void);

/* Descriptors, 6.5.2: quadword 0 */
enum { GLOBAL = 1, DOMAIN = 2, SELECTIVE = 3 };
enum { PASID_CACHE_DOMAIN = 0, PASID_CACHE_PASID = 1, PASID_CACHE_GLOBAL = 3 };
#define INV_CONTEXT(g, did, source) (1 | FIELD(g, 5, 4) | FIELD(did, 31, 16) | FIELD(source, 47, 32))
#define INV_IOTLB(g, did) (2 | FIELD(g, 5, 4) | FIELD(did, 31, 16))
#define INV_DEVICE(source) (3 | FIELD(source, 47, 32))
#define INV_ENTRIES 4
#define INV_ENTRY(index, mask) (4 | BIT(4) | FIELD(mask, 31, 27) | FIELD(index, 47, 32))
#define INV_WAIT 5
#define WAIT_INTERRUPT BIT(4)
#define WAIT_STATUS(data) (BIT(5) | FIELD(data, 63, 32))
#define WAIT_FENCE BIT(6)
#define WAIT_DRAIN BIT(7)
#define INV_PASID_IOTLB(g, did, pasid) (6 | FIELD(g, 5, 4) | FIELD(did, 31, 16) | FIELD(pasid, 51, 32))
#define INV_PASID_CACHE(g, did, pasid) (7 | FIELD(g, 5, 4) | FIELD(did, 31, 16) | FIELD(pasid, 51, 32))
#define INV_PASID_DEVICE(source, pasid) (8 | FIELD(source, 31, 16) | FIELD(pasid, 51, 32))
#define PAGE_RESPONSE(source, code) (9 | FIELD(code, 15, 12) | FIELD(source, 31, 16))
#define RESPONSE_PASID(pasid) (BIT(4) | FIELD(pasid, 51, 32))
/* quadword 1 */
#define PAGES(address, log2) ((address) | (log2))
#define IH BIT(6)
#define DEVICE_SIZE BIT(11)
#define DEVICE_SIZE_NARROW BIT(0)
#define DEVICE_ALL 0x7ffffffffffff000ull

/* The queue stops at the descriptor at that offset with IQE; IQERCD has the reason. */
void expect_queue_error(u32 at, u32 iqei);
enum { IQEI_TAIL = 1, IQEI_FETCH = 2, IQEI_TYPE = 3, IQEI_RESERVED = 4, IQEI_WIDTH = 5, IQEI_ALIGNMENT = 6, IQEI_TTM = 7 };

/* The descriptor is refused for that reason; as drivers do it, it is replaced by a wait, and the queue goes on. */
void expect_refused_descriptor(u64 qw0, u64 qw1, u32 iqei);

/* Fault recording registers, 11.4.14: quadword 1 */
#define FAULT_F BIT(63)
#define FAULT_READ BIT(62)
#define FAULT_AT(type) FIELD(type, 61, 60)
#define FAULT_PASID(pasid) (BIT(31) | FIELD(pasid, 59, 40))
#define FAULT_EXE BIT(30)
#define FAULT_PRIV BIT(29)
#define FAULT_PAGE_REQUEST BIT(28)
enum { AT_REQUEST = 1, AT_TRANSLATED = 2 };

/* The next fault: this reason, of this function, with these attributes beside, of this address; and clears it. */
bool expect_fault_at(const char *file, int line, u32 reason, const struct testdev *dev, u64 attributes,
                     u64 address);
#define expect_fault(reason, attributes, address)                                              \
        expect_fault_at(__FILE__, __LINE__, reason, &devs[0], attributes, address)
bool expect_no_fault_at(const char *file, int line);
#define expect_no_fault() expect_no_fault_at(__FILE__, __LINE__)

/* Clears F of the next record, whatever it says. */
void fault_drop(void);

/* Where the events of a control register (FECTL, IECTL, PECTL) go, unmasked. */
void event_to(u32 control, u32 vector);

/* Page request queue, 7.4.1: takes the oldest; false if there is none. */
bool request_take(u64 record[4]);

/* Outside memory, within the host address width. */
#define NOWHERE 0x3000000000ull

#endif
