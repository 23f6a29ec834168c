#include "vtd/vtd.h"

#include "vtd/tables.h"

enum { TIMEOUT_MS = 2000, REQUEST_BYTES = 32 };

struct unit units[MAX_UNITS];
struct unit *vtd = units;
struct testdev devs[2];
struct demo demo;

static bool has_demo;
static u32 waits;
static volatile u32 *status;

u32 vtd_read(u32 offset)
{
        return mmio_read32(vtd->base + offset);
}

void vtd_write(u32 offset, u32 value)
{
        mmio_write32(vtd->base + offset, value);
}

u64 vtd_read64(u32 offset)
{
        return mmio_read64(vtd->base + offset);
}

void vtd_write64(u32 offset, u64 value)
{
        mmio_write64(vtd->base + offset, value);
}

bool vtd_wait(u32 offset, u32 mask, u32 value)
{
        u64 start = counter();
        while ((vtd_read(offset) & mask) != value) {
                if (!within(start, TIMEOUT_MS))
                        return false;
        }
        return true;
}

bool vtd_enable(u32 bit)
{
        vtd->gcmd |= bit;
        vtd_write(GCMD, vtd->gcmd);
        return vtd_wait(GSTS, bit, bit);
}

bool vtd_disable(u32 bit)
{
        vtd->gcmd &= ~bit;
        vtd_write(GCMD, vtd->gcmd);
        return vtd_wait(GSTS, bit, 0);
}

bool vtd_set_root(u64 address)
{
        vtd_write64(RTADDR, address);
        vtd_write(GCMD, vtd->gcmd | SRTP);
        return vtd_wait(GSTS, SRTP, SRTP);
}

u32 iotlb_offset(void)
{
        return (u32)(vtd->ecap >> 8 & 0x3ff) * 16;
}

u32 fault_offset(u32 index)
{
        return (u32)(vtd->cap >> 24 & 0x3ff) * 16 + index * 16;
}

u32 fault_records(void)
{
        return (u32)(vtd->cap >> 40 & 0xff) + 1;
}

u32 descriptor_bytes(void)
{
        return vtd->wide ? 32 : 16;
}

static void forget_events(void)
{
        static const u32 controls[] = { FECTL, IECTL, PECTL };
        for (u32 i = 0; i < COUNT(controls); i++)
                vtd_write(controls[i], IM);
        for (u32 i = 0; i < fault_records() && vtd_read(fault_offset(vtd->next_fault) + 12) >> 31; i++)
                fault_drop();
        for (u32 i = 0; i < fault_records(); i++)
                vtd_write(fault_offset(i) + 12, 1u << 31);
        vtd_write(FSTS, PFO | IQE | ICE | ITE);
        vtd_write(ICS, IWC);
        vtd_write(PRS, PPR | PRO);
}

/* The recording register after the last one used is where the next fault goes: only one of them tells. */
static void find_next_fault(void)
{
        struct testdev *dev = unit_of(&devs[0].function) == vtd ? &devs[0] : &devs[1];
        expect_eq(dma_write(dev, 0x1000, (u64)take(PAGE, PAGE), 64), DMA_REFUSED);
        u32 index = 0;
        while (index < fault_records() - 1 && !(vtd_read(fault_offset(index) + 12) >> 31))
                index++;
        vtd->next_fault = index;
        fault_drop();
}

void vtd_restart(const struct shape *shape)
{
        bool scalable = vtd->ecap & BIT(43);
        expect(vtd_disable(TE));
        expect(vtd_disable(IRE));
        expect(vtd_disable(QIE));
        expect(vtd_disable(CFI));
        forget_events();
        vtd->root = take_page();
        expect(vtd_set_root(vtd->root | (scalable && !shape->legacy ? TTM_SCALABLE : TTM_LEGACY)));
        vtd->wide = scalable && !shape->narrow;
        vtd->queue_bytes = (u32)PAGE << shape->queue_log2;
        vtd->queue = (u64)take(vtd->queue_bytes, PAGE);
        vtd->tail = 0;
        vtd_write64(IQT, 0);
        vtd_write64(IQA, vtd->queue | (vtd->wide ? IQA_WIDE : 0) | shape->queue_log2);
        expect(vtd_enable(QIE));
        if (vtd->ecap & BIT(29)) {
                vtd->requests_bytes = (u32)PAGE << shape->requests_log2;
                vtd->requests = (u64)take(vtd->requests_bytes, PAGE);
                vtd->requests_head = 0;
                vtd_write64(PQH, 0);
                vtd_write64(PQT, 0);
                vtd_write64(PQA, vtd->requests | shape->requests_log2);
        }
        invalidate(INV_CONTEXT(GLOBAL, 0, 0), 0);
        if (vtd->wide)
                invalidate(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0);
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        if (!shape->off)
                expect(vtd_enable(TE));
}

static u64 slot(u32 ahead)
{
        return vtd->queue + (vtd->tail + ahead * descriptor_bytes()) % vtd->queue_bytes;
}

void invalidation_put(u32 ahead, u64 qw0, u64 qw1)
{
        volatile u64 *entry = (u64 *)slot(ahead);
        entry[0] = qw0;
        entry[1] = qw1;
        if (vtd->wide)
                entry[2] = entry[3] = 0;
}

void invalidation_ring(u32 count)
{
        vtd->tail = (vtd->tail + count * descriptor_bytes()) % vtd->queue_bytes;
        vtd_write64(IQT, vtd->tail);
}

void invalidate(u64 qw0, u64 qw1)
{
        invalidation_put(0, qw0, qw1);
        invalidation_ring(1);
}

bool queue_wait(void)
{
        *status = 0;
        invalidate(INV_WAIT | WAIT_STATUS(++waits), (u64)status);
        u64 start = counter();
        while (*status != waits) {
                if (vtd_read(FSTS) & (IQE | ITE) || !within(start, TIMEOUT_MS))
                        return false;
        }
        return true;
}

bool invalidate_wait(u64 qw0, u64 qw1)
{
        invalidate(qw0, qw1);
        return queue_wait();
}

void expect_queue_error(u32 at, u32 iqei)
{
        expect(vtd_wait(FSTS, IQE, IQE));
        expect_eq(vtd_read64(IQH), at);
        expect_eq(vtd_read64(IQERCD), iqei);
}

void expect_refused_descriptor(u64 qw0, u64 qw1, u32 iqei)
{
        u32 at = vtd->tail;
        volatile u64 *entry = (u64 *)slot(0);
        invalidate(qw0, qw1);
        expect_queue_error(at, iqei);
        entry[0] = INV_WAIT | WAIT_FENCE;
        entry[1] = 0;
        vtd_write(FSTS, IQE);
        expect(queue_wait());
        expect_eq(vtd_read(FSTS), 0);
        expect_eq(vtd_read64(IQERCD), 0);
}

bool expect_fault_at(const char *file, int line, u32 reason, const struct testdev *dev, u64 attributes,
                     u64 address)
{
        u32 at = fault_offset(vtd->next_fault);
        u64 record = vtd_read64(at + 8);
        bool right = expect_equal(file, line, "the fault record", record,
                                  FAULT_F | (u64)reason << 32 | attributes | sid(dev));
        if (record & FAULT_F)
                right &= expect_equal(file, line, "the fault's address", vtd_read64(at), address & -4096ull);
        if (record & FAULT_F)
                fault_drop();
        return right;
}

bool expect_no_fault_at(const char *file, int line)
{
        if (!(vtd_read(FSTS) & (PPF | PFO)))
                return true;
        u64 record = vtd_read64(fault_offset(vtd_read(FSTS) >> 8 & 0xff) + 8);
        return expect_equal(file, line, "a fault that should not be", record, 0);
}

void fault_drop(void)
{
        vtd_write(fault_offset(vtd->next_fault) + 12, 1u << 31);
        vtd->next_fault = (vtd->next_fault + 1) % fault_records();
}

enum { DATA = 4, ADDRESS = 8, UPPER_ADDRESS = 12 };

void event_to(u32 control, u32 vector)
{
        vtd_write(control + DATA, vector);
        vtd_write(control + ADDRESS, 0xfee00000 | board.apic_id << 12);
        vtd_write(control + UPPER_ADDRESS, 0);
        vtd_write(control, 0);
}

bool request_take(u64 record[4])
{
        if (vtd_read64(PQT) == vtd->requests_head)
                return false;
        volatile u64 *entry = (u64 *)(vtd->requests + vtd->requests_head);
        for (u32 i = 0; i < 4; i++)
                record[i] = entry[i];
        vtd->requests_head = (vtd->requests_head + REQUEST_BYTES) % vtd->requests_bytes;
        vtd_write64(PQH, vtd->requests_head);
        return true;
}

static u32 features(void)
{
        bool scalable = vtd->ecap & BIT(43);
        bool paging = !scalable || vtd->ecap & BIT(46);
        bool ats = vtd->ecap & BIT(2);
        const struct { bool has; u32 feature; } all[] = {
                { scalable, SCALABLE }, { vtd->ecap & BIT(47), FIRST }, { paging, SECOND },
                { vtd->ecap & BIT(26), NESTING }, { vtd->ecap & BIT(40), PASIDS },
                { vtd->ecap & BIT(6), PASS_THROUGH }, { ats, ATS }, { vtd->ecap & BIT(29), PRI },
                { vtd->ecap & BIT(3), REMAPPING }, { vtd->ecap & BIT(4), EXTENDED },
                { vtd->cap & BIT(59), POSTED }, { vtd->cap & BIT(60), FIRST5 },
                { paging && vtd->cap & BIT(11), SECOND5 }, { paging && vtd->cap & BIT(9), SECOND3 },
                { vtd->cap & BIT(56), GIGABYTE }, { vtd->ecap & BIT(45), SECOND_AD },
                { vtd->ecap & BIT(31), SUPERVISOR }, { vtd->ecap & BIT(30), EXECUTE },
                { vtd->caches, CACHES }, { unit_of(&devs[0].function) == unit_of(&devs[1].function), SAME_UNIT },
                { unit_of(&devs[0].function) != unit_of(&devs[1].function), TWO_UNITS },
                { vtd->ecap & BIT(40) && pasid_bits() == 20, WIDE_PASIDS },
                { has_demo && unit_of(&demo.function) == unit_of(&devs[0].function), DEMO },
        };
        u32 there = 0;
        for (u32 i = 0; i < COUNT(all); i++)
                there |= all[i].has ? all[i].feature : 0;
        return there;
}

const char *lacking(u32 wanted)
{
        static const struct { u32 feature; const char *words; } all[] = {
                { SCALABLE, "no scalable mode" }, { FIRST, "no first stage" },
                { SECOND, "no second stage" }, { NESTING, "no nested translation" },
                { PASIDS, "no PASIDs" }, { PASS_THROUGH, "no pass-through" }, { ATS, "no ATS" },
                { PRI, "no page requests" }, { REMAPPING, "no interrupt remapping" },
                { EXTENDED, "no extended interrupt mode" }, { POSTED, "no posted interrupts" },
                { FIRST5, "no first stage of five levels" }, { SECOND5, "no second stage of five levels" },
                { GIGABYTE, "no first-stage pages of 1 GiB" }, { SECOND_AD, "SSADS is 0" },
                { SUPERVISOR, "SRS is 0" }, { EXECUTE, "ERS is 0" }, { CACHES, "nothing is cached" },
                { SAME_UNIT, "each function has its own unit" }, { TWO_UNITS, "one unit only" },
                { DEMO, "no svm-demo behind the unit" },
                { SECOND3, "no second stage of three levels" }, { WIDE_PASIDS, "PASIDs of less than 20 bits" },
        };
        u32 missing = wanted & ~features();
        for (u32 i = 0; i < COUNT(all); i++) {
                if (missing & all[i].feature)
                        return all[i].words;
        }
        return NULL;
}

/* The first unit whose scope has the function, else that of all others. */
struct unit *unit_of(const struct function *function)
{
        for (u32 i = 0; i < board.units; i++) {
                for (u32 j = 0; j < board.unit[i].scopes; j++) {
                        const struct scope *scope = &board.unit[i].scope[j];
                        if (scope->type != SCOPE_IOAPIC && scope->rid == function->rid)
                                return &units[i];
                }
                if (board.unit[i].all)
                        return &units[i];
        }
        return &units[0];
}

void suite_begin(void)
{
        if (!expect(board.units != 0))
                return;
        for (u32 i = 0; i < COUNT(devs); i++)
                expect(testdev_find(i, &devs[i]));
        struct testdev dev;
        for (u32 i = COUNT(devs); testdev_find(i, &dev); i++) {
                if (unit_of(&dev.function) != unit_of(&devs[0].function))
                        devs[1] = dev;          /* two units: the function behind the other one */
        }
        has_demo = demo_find(&demo);
        status = (volatile u32 *)take_page();
        for (u32 i = 0; i < board.units; i++) {
                vtd = &units[i];
                vtd->base = board.unit[i].base;
                vtd->cap = vtd_read64(CAP);
                vtd->ecap = vtd_read64(ECAP);
                print("# unit %d: VER %x, CAP %x, ECAP %x\n", (u64)i, (u64)vtd_read(VER), vtd->cap, vtd->ecap);
                vtd_restart(&(struct shape){ 0 });
                find_next_fault();
        }
        for (u32 i = 0; i < COUNT(devs); i++) {
                vtd = unit_of(&devs[i].function);
                vtd->caches = tlb_keeps(&devs[i]);
        }
}

void suite_before(void)
{
        for (u32 i = 0; i < COUNT(devs); i++)
                testdev_quiet(&devs[i]);
        if (has_demo)
                demo_quiet(&demo);
        for (u32 i = board.units; i-- > 0;) {
                vtd = &units[i];
                vtd_restart(&(struct shape){ 0 });
        }
        vtd = unit_of(&devs[0].function);
}
