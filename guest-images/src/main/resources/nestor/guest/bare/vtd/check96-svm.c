/* Shared virtual memory as a driver uses it: svm-demo with PASID, ATS, page requests and their answers. */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(DEMO | FIRST | PASIDS | ATS | PRI);
}

enum { BUFFER = 0x70000000, BYTES = 3 * PAGE + 100, PASID = 0x12345, SMALL_PASID = 0x1234, VECTOR = 0x64, TIMEOUT_MS = 2000 };
enum { SUCCESS = 0, INVALID = 1 };

static struct table table;
static u32 pasid;
static u64 ended;

/* The context entry of svm-demo: as of a test function. */
static struct testdev source(void)
{
        return (struct testdev){ .function = demo.function };
}

static void begin(void)
{
        struct testdev dev = source();
        pasid = lacking(WIDE_PASIDS) ? SMALL_PASID : PASID;
        table = table_new(1, 4);
        context_scalable(&dev, 7, CONTEXT_PASIDE | CONTEXT_DTE | CONTEXT_PRE);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&dev, pasid, &entry);
        demo_message(&demo, 0xfee00000 | board.apic_id << 12, VECTOR);
        demo_enable(&demo);
        demo_pasid(&demo, pasid);
}

static u64 map(u64 iova, u64 attributes)
{
        u64 page = take_page();
        table_map(&table, iova, page, 1, attributes);
        return page;
}

static void start(u32 command, u64 iova, u64 bytes, u64 options)
{
        ended = interrupts[VECTOR];
        demo_begin(&demo, command, iova, bytes, options);
}

/* The next request of the function; false if there is none in a while. */
static bool next_request(u64 record[4])
{
        u64 begun = counter();
        while (!request_take(record)) {
                if (interrupts[VECTOR] != ended || !within(begun, TIMEOUT_MS))
                        return false;
        }
        return true;
}

static void answer(u64 last, u32 code)
{
        invalidate(PAGE_RESPONSE(demo.function.rid, code) | RESPONSE_PASID(pasid), last & FIELD(~0ull, 11, 3));
}

/* Serves requests until the command ends: pages are mapped with these attributes, or refused with code. */
static u32 serve(u64 attributes, u32 code)
{
        u64 record[4];
        u32 count = 0;
        while (next_request(record)) {
                expect_eq(record[0] & 0xffffffff, 1 | BIT(8) | (u64)demo.function.rid << 16);
                expect_eq(record[0] >> 32 & 0xfffff, pasid);
                count++;
                if (code == SUCCESS)
                        map(record[1] & FIELD(~0ull, 63, 12), attributes);
                if (record[1] & BIT(2))
                        answer(record[1], code);
        }
        expect(interrupt_arrives(VECTOR, ended));
        return count;
}

/* The ends of every page, and samples between: under an instruction emulator every byte counts. */
static bool holds_pattern(u64 iova, u64 bytes)
{
        enum { STEP = 61 };
        for (u64 i = 0; i < bytes;) {
                u64 at = iova + i;
                u64 page = *(volatile u64 *)table_entry(&table, at, 1) & FIELD(~0ull, 51, 12);
                u64 left = PAGE - at % PAGE < bytes - i ? PAGE - at % PAGE : bytes - i;
                for (u64 j = 0; j < left; j += j + STEP < left || j == left - 1 ? STEP : left - 1 - j) {
                        if (((volatile u8 *)page)[at % PAGE + j] != demo_byte(i + j))
                                return false;
                }
                i += left;
        }
        return true;
}

CHECK(svm_write, "svm: memory that is there is written without a page request")
{
        begin();
        for (u32 i = 0; i < 4; i++)
                map(BUFFER + i * PAGE, FS_RW);
        start(DEMO_WRITE, BUFFER + 8, BYTES - PAGE, 0);
        expect_eq(serve(FS_RW, SUCCESS), 0);
        expect_eq(demo_result(&demo), 0);
        expect(holds_pattern(BUFFER + 8, BYTES - PAGE));
        expect_no_fault();
}

CHECK(svm_faults_in, "svm: memory that is not there is asked for, page by page, and written")
{
        begin();
        start(DEMO_WRITE, BUFFER, BYTES, 0);
        expect_eq(serve(FS_RW, SUCCESS), 4);
        expect_eq(demo_result(&demo), 0);
        expect(holds_pattern(BUFFER, BYTES));
        expect_no_fault();
}

CHECK(svm_refused, "svm: an Invalid answer fails the command")
{
        begin();
        start(DEMO_WRITE, BUFFER, 1, 0);
        expect_eq(serve(FS_RW, INVALID), 1);
        expect_eq(demo_result(&demo), 1);
        expect_no_fault();
}

CHECK(svm_read, "svm: memory is read, and its checksum compared")
{
        begin();
        volatile u8 *page = (volatile u8 *)map(BUFFER, FS_RO);
        for (u32 i = 0; i < PAGE; i++)
                page[i] = (u8)(i * 7);
        demo_expect_crc(&demo, demo_crc(page, PAGE));
        start(DEMO_READ, BUFFER, PAGE, 0);
        expect_eq(serve(FS_RO, SUCCESS), 0);
        expect_eq(demo_result(&demo), 0);
        demo_expect_crc(&demo, demo_crc(page, PAGE) ^ 1);
        start(DEMO_READ, BUFFER, PAGE, 0);
        serve(FS_RO, SUCCESS);
        expect_eq(demo_result(&demo), 1);
}

CHECK(svm_read_only, "svm: writing read-only memory asks for W; a page that has become writable needs no invalidation")
{
        begin();
        u64 page = map(BUFFER, FS_RO);
        demo_expect_crc(&demo, demo_crc((volatile u8 *)page, PAGE));
        start(DEMO_READ, BUFFER, PAGE, 0);
        expect_eq(serve(FS_RO, SUCCESS), 0);
        start(DEMO_WRITE, BUFFER, PAGE, 0);
        u64 record[4];
        expect(next_request(record));
        expect_eq(record[1] & 7, 2 | 4);
        table_map(&table, BUFFER, page, 1, FS_RW);
        answer(record[1], SUCCESS);
        expect_eq(serve(FS_RW, SUCCESS), 0);
        expect_eq(demo_result(&demo), 0);
        expect(holds_pattern(BUFFER, PAGE));
}

CHECK(svm_dirty, "svm: what was written is dirty, what was read is not")
{
        begin();
        u64 page = map(BUFFER, FS_RW);
        demo_expect_crc(&demo, demo_crc((volatile u8 *)page, PAGE));
        start(DEMO_READ, BUFFER, PAGE, 0);
        serve(FS_RW, SUCCESS);
        volatile u64 *entry = table_entry(&table, BUFFER, 1);
        expect_eq(*entry & FS_A, FS_A);
        if (vtd->ecap & BIT(33))
                expect_eq(*entry & FS_D, 0);
        start(DEMO_WRITE, BUFFER, PAGE, 0);
        serve(FS_RW, SUCCESS);
        expect_eq(*entry & (FS_A | FS_D), FS_A | FS_D);
}

CHECK(svm_invalidated, "svm: unmapped and invalidated memory is asked for again")
{
        begin();
        u64 old = map(BUFFER, FS_RW);
        start(DEMO_WRITE, BUFFER, PAGE, 0);
        expect_eq(serve(FS_RW, SUCCESS), 0);
        clear(old, PAGE);
        *(volatile u64 *)table_entry(&table, BUFFER, 1) = 0;
        invalidate(INV_PASID_IOTLB(SELECTIVE, DID, pasid), BUFFER);
        expect(invalidate_wait(INV_PASID_DEVICE(demo.function.rid, pasid), BUFFER));
        start(DEMO_WRITE, BUFFER, PAGE, 0);
        expect_eq(serve(FS_RW, SUCCESS), 1);
        expect_eq(demo_result(&demo), 0);
        expect(holds_pattern(BUFFER, PAGE));
        expect_eq(*(volatile u64 *)(old + 8), 0);
}

CHECK(svm_interrupt_range, "svm: the interrupt range is memory like any other, asked for and refused")
{
        begin();
        start(DEMO_WRITE, 0xfee00000, 1, 0);
        expect_eq(serve(FS_RW, INVALID), 1);
        expect_eq(demo_result(&demo), 1);
        expect_no_fault();
}

CHECK(svm_privileged, "svm: a privileged command with SRE clear is not granted anything")
{
        begin();
        map(BUFFER, FS_RW);
        start(DEMO_WRITE, BUFFER, 1, DEMO_PRIVILEGED);
        u64 record[4];
        if (next_request(record)) {
                expect_eq(record[0] & BIT(53), BIT(53));
                answer(record[1], INVALID);
        }
        expect(interrupt_arrives(VECTOR, ended));
        expect_eq(demo_result(&demo), 1);
}

CHECK(svm_unbound, "svm: a PASID that is taken away fails the command, with faults on record")
{
        begin();
        struct testdev dev = source();
        *pasid_at(&dev, pasid) = 0;
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID, pasid), 0);
        expect(invalidate_wait(INV_PASID_IOTLB(DOMAIN, DID, pasid), 0));
        start(DEMO_WRITE, BUFFER, 1, 0);
        expect(interrupt_arrives(VECTOR, ended));
        expect_eq(demo_result(&demo), 1);
        expect(vtd_read(FSTS) & PPF);
}

CHECK(svm_unbound_quiet, "svm: the same with FPD, as while a process dies: nothing on record")
{
        begin();
        struct testdev dev = source();
        *pasid_at(&dev, pasid) = PASID_FPD;
        invalidate(INV_PASID_CACHE(PASID_CACHE_PASID, DID, pasid), 0);
        expect(invalidate_wait(INV_PASID_IOTLB(DOMAIN, DID, pasid), 0));
        start(DEMO_WRITE, BUFFER, 1, 0);
        expect(interrupt_arrives(VECTOR, ended));
        expect_eq(demo_result(&demo), 1);
        expect_no_fault();
}

CHECK(svm_huge, "svm: one page of 2 MiB, written across its middle")
{
        begin();
        u64 block = (u64)take(2 << 20, 2 << 20);
        table_map(&table, BUFFER, block, 2, FS_RW);
        start(DEMO_WRITE, BUFFER + PAGE - 5, 2 * PAGE, 0);
        expect_eq(serve(FS_RW, SUCCESS), 0);
        expect_eq(demo_result(&demo), 0);
        for (u32 i = 0; i < 2 * PAGE; i += 97)
                expect_eq(((volatile u8 *)block)[PAGE - 5 + i], demo_byte(i));
}
