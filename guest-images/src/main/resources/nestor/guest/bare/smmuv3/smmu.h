/*
 * The kit's own SMMUv3 driver (IHI 0070): registers, queues, structures. Field positions are those
 * of the specification; nothing here is read back from the SMMU under test to know what is right.
 */
#ifndef SMMU_H
#define SMMU_H

#include "machine.h"
#include "kit/engine.h"
#include "kit/testdev.h"

/* Registers, 6.2 */
enum {
        IDR0 = 0x00, IDR1 = 0x04, IDR3 = 0x0c, IDR5 = 0x14, AIDR = 0x1c,
        CR0 = 0x20, CR0ACK = 0x24, CR1 = 0x28, CR2 = 0x2c, GBPA = 0x44,
        IRQ_CTRL = 0x50, IRQ_CTRLACK = 0x54, GERROR = 0x60, GERRORN = 0x64, GERROR_IRQ = 0x68,
        STRTAB_BASE = 0x80, STRTAB_BASE_CFG = 0x88,
        CMDQ_BASE = 0x90, CMDQ_PROD = 0x98, CMDQ_CONS = 0x9c,
        EVENTQ_BASE = 0xa0, EVENTQ_PROD = 0x100a8, EVENTQ_CONS = 0x100ac, EVENTQ_IRQ = 0xb0,
        PRIQ_BASE = 0xc0, PRIQ_PROD = 0x100c8, PRIQ_CONS = 0x100cc, PRIQ_IRQ = 0xd0
};

/* CR0, 6.3.9; CR2, 6.3.12; GBPA, 6.3.14 */
enum { SMMUEN = 1, PRIQEN = 2, EVENTQEN = 4, CMDQEN = 8, ATSCHK = 16 };
enum { RECINVSID = 2, GBPA_ABORT = 1 << 20 };
#define GBPA_UPDATE (1u << 31)

/* IRQ_CTRL, 6.3.16; GERROR, 6.3.18 */
enum { IRQ_GERROR = 1, IRQ_PRIQ = 2, IRQ_EVENTQ = 4 };
enum { CMDQ_ERR = 1, EVENTQ_ABT = 4, PRIQ_ABT = 8, MSI_CMDQ_ABT = 16, MSI_EVENTQ_ABT = 32,
       MSI_PRIQ_ABT = 64, MSI_GERROR_ABT = 128 };

/* IDR0, 6.3.1 */
enum { IDR0_S2P = 1, IDR0_S1P = 2, IDR0_ATS = 1 << 10, IDR0_NS1ATS = 1 << 11, IDR0_MSI = 1 << 13,
       IDR0_PRI = 1 << 16, IDR0_VMID16 = 1 << 18, IDR0_CD2L = 1 << 19, IDR0_TERM_MODEL = 1 << 26 };
enum { STALL_BOTH = 0, STALL_NEVER = 1 };
enum { IDR3_HAD = 4, IDR3_XNX = 16, IDR3_PPS = 32, IDR3_FWB = 1 << 8, IDR3_RIL = 1 << 10 };

enum { QUEUE_FULL_RANGE = 0xfffff };
#define OVERFLOW (1u << 31)

struct queue {
        u64 base;
        u32 log2;
        u32 entry_bytes;
        u32 index;                      /* ours: PROD of the command queue, CONS of the others */
};

struct smmu {
        u32 idr0, idr1, idr3, idr5;
        u64 strtab;
        u32 strtab_log2, strtab_split;  /* split 0: linear */
        struct queue commands, events, requests;
        u32 cr0;
        bool caches;                    /* a TLB entry stays until it is invalidated */
        bool engines;
};
extern struct smmu smmu;

/* Shapes that a check may ask for by smmu_restart(); zero means the default. */
struct shape {
        u32 strtab_log2, strtab_split, commands_log2, events_log2, requests_log2;
        u32 cr2;
        u32 cr0;                        /* in addition, ATSCHK */
        bool off;                       /* leave SMMUEN clear */
};

/* Fresh queues and tables, nothing cached, enabled; what every check begins with. */
void smmu_restart(const struct shape *shape);

u32 smmu_read(u32 offset);
void smmu_write(u32 offset, u32 value);
u64 smmu_read64(u32 offset);
void smmu_write64(u32 offset, u64 value);

/* Writes CR0 and waits for CR0ACK; false if that does not come. */
bool smmu_cr0(u32 value);

/* Waits until (register & mask) == value, at most a second or so. */
bool smmu_wait(u32 offset, u32 mask, u32 value);

/* What a check may need of the SMMU under test, by its identification registers. */
enum {
        STAGE1 = 1, STAGE2 = 2, NESTING = STAGE1 | STAGE2, SUBSTREAMS = 4, ATS = 8, PRI = 16,
        MESSAGES = 32, RANGES = 64, ACCESS_FLAG = 128, DIRTY_STATE = 256, SPLIT_ATS = 512,
        BITS_48 = 1024, STALLS = 2048, ENGINES = 4096   /* two functions whose DMA can stall */
};

/* Words for the first of these that is not there, or NULL. */
const char *lacking(u32 features);

#define NEEDS(features)                                                                        \
        do {                                                                                   \
                if (lacking(features))                                                         \
                        return skip(lacking(features));                                        \
        } while (0)

static inline u32 stall_model(void)
{
        return smmu.idr0 >> 24 & 3;
}

/* The test functions, whose Requester IDs are stream IDs. */
extern struct testdev devs[2];

/* Functions whose DMA can stall, if there are any. */
extern struct engine engines[2];

static inline u32 sid(const struct testdev *dev)
{
        return dev->function.rid;
}

/* Command queue: a command is visible to the SMMU when this returns. */
void command(u64 dw0, u64 dw1);

/* Writes an entry without moving PROD; then moves it over so many. */
void command_put(u32 ahead, u64 dw0, u64 dw1);
void command_ring(u32 count);

/* CMD_SYNC without a signal, and waits until everything is consumed; false after an error. */
bool sync(void);
bool command_sync(u64 dw0, u64 dw1);

/* Opcodes, chapter 4 */
enum {
        PREFETCH_CONFIG = 0x01, PREFETCH_ADDR = 0x02, CFGI_STE = 0x03, CFGI_STE_RANGE = 0x04,
        CFGI_CD = 0x05, CFGI_CD_ALL = 0x06, TLBI_NH_ALL = 0x10, TLBI_NH_ASID = 0x11,
        TLBI_NH_VA = 0x12, TLBI_NH_VAA = 0x13, TLBI_EL2_ALL = 0x20, TLBI_S12_VMALL = 0x28,
        TLBI_S2_IPA = 0x2a, TLBI_NSNH_ALL = 0x30, ATC_INV = 0x40, PRI_RESP = 0x41, RESUME = 0x44,
        STALL_TERM = 0x45, SYNC = 0x46
};
enum { LEAF = 1, SYNC_IRQ = 1, SYNC_SEV = 2 };

static inline u64 on_sid(u32 opcode, u32 stream)
{
        return opcode | (u64)stream << 32;
}

static inline u64 on_ssid(u32 opcode, u32 stream, u32 ssid)
{
        return on_sid(opcode, stream) | (u64)ssid << 12;
}

static inline u64 on_vmid(u32 opcode, u32 vmid, u32 asid)
{
        return opcode | (u64)vmid << 32 | (u64)asid << 48;
}

/* CONS.ERR, 7.1 */
enum { CERROR_ILL = 1, CERROR_ABT = 2, CERROR_ATC_INV_SYNC = 3 };

/* The SMMU stops at the command at that index; CONS has the reason, the error is active. */
void expect_stopped(u32 at, u32 reason);

/* All commands are consumed, without an error. */
void expect_consumed(void);

/* The command is CERROR_ILL; as drivers do it, it is replaced by a CMD_SYNC, and the queue goes on. */
void expect_illegal(u64 dw0, u64 dw1);

/* Event queue, 7.3. Takes the oldest record; false if there is none. */
bool event_take(u64 record[4]);

/* The words that a check must give, and what may be anything. */
enum {
        C_BAD_STREAMID = 0x02, F_STE_FETCH = 0x03, C_BAD_STE = 0x04, F_BAD_ATS_TREQ = 0x05,
        F_STREAM_DISABLED = 0x06, F_TRANSL_FORBIDDEN = 0x07, C_BAD_SUBSTREAMID = 0x08,
        F_CD_FETCH = 0x09, C_BAD_CD = 0x0a, F_WALK_EABT = 0x0b, F_TRANSLATION = 0x10,
        F_ADDR_SIZE = 0x11, F_ACCESS = 0x12, F_PERMISSION = 0x13
};
#define EVENT_PNU BIT(33)
#define EVENT_IND BIT(34)
#define EVENT_RNW BIT(35)
#define EVENT_S2 BIT(39)
#define EVENT_CLASS_CD FIELD(0, 41, 40)
#define EVENT_CLASS_TT FIELD(1, 41, 40)
#define EVENT_CLASS_IN FIELD(2, 41, 40)
#define EVENT_TTRNW BIT(44)
#define EVENT_STALL BIT(31)

static inline u64 event_of(u32 code, u32 stream)
{
        return code | (u64)stream << 32;
}

static inline u64 event_of_ssid(u32 code, u32 stream, u32 ssid)
{
        return event_of(code, stream) | BIT(11) | (u64)ssid << 12;
}

bool expect_event_at(const char *file, int line, u64 dw0, u64 dw1, u64 dw2, u64 dw3);
#define expect_event(dw0, dw1, dw2, dw3) expect_event_at(__FILE__, __LINE__, dw0, dw1, dw2, dw3)
bool expect_no_event_at(const char *file, int line);
#define expect_no_event() expect_no_event_at(__FILE__, __LINE__)

/* PRI queue, 8.1 */
bool request_take(u64 record[2]);

/* Global errors that are active, and their acknowledge. */
u32 gerror_active(void);
void gerror_acknowledge(void);

#endif
