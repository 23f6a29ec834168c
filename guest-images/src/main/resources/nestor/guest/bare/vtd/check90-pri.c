/* Page requests (D51397, 7.4 to 7.7). */
#include "vtd/tables.h"

static const char *missing(void)
{
        return lacking(PRI | SECOND);
}

enum { ADDRESS = 0x7000, RW = ASK_READ | ASK_WRITE, PASID = 5, VECTOR = 0x54, RECORD = 32 };
enum { SUCCESS = 0, INVALID = 1, FAILURE = 15 };

/* Page request descriptor, 7.4.1.1 */
#define REQUEST_PASID(pasid) (BIT(8) | FIELD(pasid, 51, 32))
#define REQUEST_EXE BIT(52)
#define REQUEST_PRIV BIT(53)
enum { REQUEST_R = 1, REQUEST_W = 2, REQUEST_LAST = 4 };

static void begin_log2(u32 log2, u32 pdts, u32 pasid)
{
        vtd_restart(&(struct shape){ .requests_log2 = log2 });
        struct table table = table_new(2, 4);
        struct pasid_entry entry = entry_second(&table);
        begin_pasids(&devs[0], pdts, CONTEXT_DTE | CONTEXT_PRE);
        pasid_store(&devs[0], 0, &entry);
        pasid_store(&devs[0], pasid, &entry);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
}

static void begin(void)
{
        begin_log2(0, 0, PASID);
}

static u64 head(void)
{
        return 1 | (u64)sid(&devs[0]) << 16;
}

static u64 body(u64 address, u32 group, u32 bits)
{
        return address | group << 3 | bits;
}

static void expect_request(u64 qw0, u64 qw1)
{
        u64 record[4] = { 0, 0, 0, 0 };
        expect(request_take(record));
        expect_eq(record[0], qw0);
        expect_eq(record[1], qw1);
        expect_eq(record[2], 0);
        expect_eq(record[3], 0);
}

static void expect_response(u32 count, u32 code, u32 group)
{
        expect_eq(pri_responses(&devs[0]), count + 1);
        expect_eq(pri_response(&devs[0]), BIT(31) | code << 12 | group);
}

static void request(u32 group, bool last)
{
        expect_eq(pri_request(&devs[0], ADDRESS, RW, group, last), OUTCOME_DONE);
}

CHECK(pri_record, "pri: a request without PASID as a descriptor: source, R, W, last, group, page")
{
        begin();
        expect_eq(pri_request(&devs[0], ADDRESS + 0x123, RW, 0x1a5, true), OUTCOME_DONE);
        expect_request(head(), body(ADDRESS, 0x1a5, REQUEST_R | REQUEST_W | REQUEST_LAST));
        u64 record[4];
        expect_eq(request_take(record), false);
}

CHECK(pri_record_read, "pri: a read that is not the last of its group")
{
        begin();
        expect_eq(pri_request(&devs[0], ADDRESS, ASK_READ, 3, false), OUTCOME_DONE);
        expect_request(head(), body(ADDRESS, 3, REQUEST_R));
}

CHECK(pri_record_pasid, "pri: a request with a PASID of 20 bits")
{
        NEEDS(PASIDS | WIDE_PASIDS);
        begin_log2(0, 7, 0xabcde);
        testdev_control(&devs[0], WITH_PASID, 0xabcde);
        expect_eq(pri_request(&devs[0], 0x7fff00001000, ASK_WRITE, 7, true), OUTCOME_DONE);
        expect_request(head() | REQUEST_PASID(0xabcdeull), body(0x7fff00001000, 7, REQUEST_W | REQUEST_LAST));
}

CHECK(pri_record_privileged, "pri: privileged, and to execute")
{
        NEEDS(PASIDS);
        begin();
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        expect_eq(pri_request(&devs[0], ADDRESS, ASK_READ | ASK_EXECUTE, 7, true), OUTCOME_DONE);
        expect_request(head() | REQUEST_PASID(PASID) | REQUEST_PRIV | REQUEST_EXE,
                       body(ADDRESS, 7, REQUEST_R | REQUEST_LAST));
}

CHECK(pri_pasid_zero, "pri: PASID 0 is a PASID")
{
        NEEDS(PASIDS);
        begin();
        testdev_control(&devs[0], WITH_PASID, 0);
        request(1, true);
        expect_request(head() | REQUEST_PASID(0), body(ADDRESS, 1, REQUEST_R | REQUEST_W | REQUEST_LAST));
}

CHECK(pri_stop_marker, "pri: a stop marker is queued like a request, and not answered")
{
        NEEDS(PASIDS);
        begin();
        u32 count = pri_responses(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, PASID);
        expect_eq(pri_stop(&devs[0]), OUTCOME_DONE);
        u64 record[4] = { 0 };
        expect(request_take(record));
        expect_eq(record[0], head() | REQUEST_PASID(PASID));
        expect_eq(record[1] & 7, REQUEST_LAST);
        expect_eq(pri_responses(&devs[0]), count);
}

static void responds(u32 code)
{
        begin();
        u32 count = pri_responses(&devs[0]);
        request(0x55, true);
        expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), code), 0x55 << 3));
        expect_response(count, code, 0x55);
}

CHECK(pri_success, "pri: a group response without PASID: Success")
{
        responds(SUCCESS);
}

CHECK(pri_invalid, "pri: a group response: Invalid Request")
{
        responds(INVALID);
}

CHECK(pri_failure, "pri: a group response: Response Failure")
{
        responds(FAILURE);
}

CHECK(pri_response_pasid, "pri: a group response with PASID")
{
        NEEDS(PASIDS);
        begin();
        testdev_control(&devs[0], WITH_PASID, PASID);
        u32 count = pri_responses(&devs[0]);
        request(9, true);
        expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS) | RESPONSE_PASID(PASID), 9 << 3));
        expect_response(count, SUCCESS, 9);
}

CHECK(pri_response_last, "pri: a group response with the older LPIG bit is taken")
{
        begin();
        u32 count = pri_responses(&devs[0]);
        request(9, true);
        expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS), 9 << 3 | BIT(2)));
        expect_response(count, SUCCESS, 9);
}

CHECK(pri_response_absent, "pri: a response to a function that is not there does nothing")
{
        begin();
        expect(invalidate_wait(PAGE_RESPONSE(31 << 3 | 7, SUCCESS), 0));
        expect_eq(vtd_read(FSTS), 0);
}

CHECK(pri_group, "pri: a group of three requests, and one response")
{
        begin();
        u32 count = pri_responses(&devs[0]);
        request(4, false);
        request(4, false);
        request(4, true);
        expect_request(head(), body(ADDRESS, 4, REQUEST_R | REQUEST_W));
        expect_request(head(), body(ADDRESS, 4, REQUEST_R | REQUEST_W));
        expect_request(head(), body(ADDRESS, 4, REQUEST_R | REQUEST_W | REQUEST_LAST));
        expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS), 4 << 3));
        expect_response(count, SUCCESS, 4);
}

CHECK(pri_wraps, "pri: the queue wraps")
{
        begin();
        for (u32 i = 0; i < PAGE / RECORD + 5; i++) {
                request(i & 0x1ff, true);
                expect_request(head(), body(ADDRESS, i & 0x1ff, REQUEST_R | REQUEST_W | REQUEST_LAST));
                expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS), (i & 0x1ff) << 3));
        }
}

CHECK(pri_two_pages, "pri: a queue of two pages")
{
        begin_log2(1, 0, PASID);
        for (u32 i = 0; i < 2 * PAGE / RECORD + 5; i++) {
                request(1, true);
                expect_request(head(), body(ADDRESS, 1, REQUEST_R | REQUEST_W | REQUEST_LAST));
                expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS), 1 << 3));
        }
}

CHECK(pri_event, "pri: PPR is set and the page request event interrupts")
{
        begin();
        event_to(PECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        request(0, true);
        expect(interrupt_arrives(VECTOR, before));
        expect_eq(vtd_read(PRS), PPR);
        expect_eq(vtd_read(PECTL), 0);
}

CHECK(pri_event_once, "pri: no event while PPR is set; again after it is cleared")
{
        begin();
        event_to(PECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        request(0, true);
        expect(interrupt_arrives(VECTOR, before));
        before = interrupts[VECTOR];
        request(1, true);
        expect(interrupt_stays_away(VECTOR, before));
        vtd_write(PRS, PPR);
        expect_eq(vtd_read(PRS), 0);
        request(2, true);
        expect(interrupt_arrives(VECTOR, before));
}

CHECK(pri_event_masked, "pri: with IM the event is pending, and comes when IM is cleared")
{
        begin();
        event_to(PECTL, VECTOR);
        vtd_write(PECTL, IM);
        u64 before = interrupts[VECTOR];
        request(0, true);
        expect(interrupt_stays_away(VECTOR, before));
        expect_eq(vtd_read(PECTL), IM | IP);
        vtd_write(PECTL, 0);
        expect(interrupt_arrives(VECTOR, before));
}

/* The queue has room for one less than it has records; credit is less than that, so answers are needed. */
static void fill(void)
{
        begin();
        for (u32 i = 0; i < PAGE / RECORD - 1; i++) {
                request(i, true);
                expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS), i << 3));
        }
        expect_eq(vtd_read(PRS), PPR);
        expect_eq(vtd_read64(PQT), PAGE - RECORD);
}

CHECK(pri_overflow, "pri: a request that does not fit sets PRO; the last of a group is answered Success")
{
        fill();
        u32 count = pri_responses(&devs[0]);
        request(0x101, true);
        expect_eq(vtd_read(PRS), PPR | PRO);
        expect_response(count, SUCCESS, 0x101);
        expect_eq(vtd_read64(PQT), PAGE - RECORD);
}

CHECK(pri_overflow_not_last, "pri: a request that does not fit and is not the last is dropped")
{
        fill();
        u32 count = pri_responses(&devs[0]);
        request(0x101, false);
        expect_eq(vtd_read(PRS), PPR | PRO);
        expect_eq(pri_responses(&devs[0]), count);
}

CHECK(pri_overflow_closed, "pri: while PRO is set nothing is queued, even with room; then it is")
{
        fill();
        request(0x101, true);
        for (u32 i = 0; i < PAGE / RECORD - 1; i++) {
                u64 record[4];
                expect(request_take(record));
        }
        u32 count = pri_responses(&devs[0]);
        request(0x102, true);
        expect_response(count, SUCCESS, 0x102);
        u64 record[4];
        expect_eq(request_take(record), false);
        vtd_write(PRS, PPR | PRO);
        request(0x103, true);
        expect_request(head(), body(ADDRESS, 0x103, REQUEST_R | REQUEST_W | REQUEST_LAST));
        expect_eq(pri_responses(&devs[0]), count + 1);
}

CHECK(pri_overflow_event, "pri: PRO is an event of its own when nothing else was pending")
{
        fill();
        vtd_write(PRS, PPR);
        event_to(PECTL, VECTOR);
        u64 before = interrupts[VECTOR];
        request(0x101, true);
        expect_eq(vtd_read(PRS), PRO);
        expect(interrupt_arrives(VECTOR, before));
}

CHECK(pri_overflow_stop, "pri: a stop marker that does not fit is not answered")
{
        NEEDS(PASIDS);
        fill();
        testdev_control(&devs[0], WITH_PASID, PASID);
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_stop(&devs[0]), OUTCOME_DONE);
        expect_eq(pri_responses(&devs[0]), count);
}

CHECK(pri_absent_pasid, "pri: a request of a PASID that is not there is a fault, and answered Invalid")
{
        NEEDS(PASIDS);
        begin();
        testdev_control(&devs[0], WITH_PASID, PASID + 1);
        u32 count = pri_responses(&devs[0]);
        request(3, true);
        expect_fault(0x59, FAULT_PAGE_REQUEST | FAULT_PASID(PASID + 1), ADDRESS);
        expect_response(count, INVALID, 3);
}

CHECK(pri_fault_disabled, "pri: FPD keeps the fault out, and not the answer")
{
        NEEDS(PASIDS);
        begin();
        volatile u64 *entry = pasid_at(&devs[0], PASID);
        entry[0] = PASID_FPD;
        expect(invalidate_wait(INV_PASID_CACHE(PASID_CACHE_GLOBAL, 0, 0), 0));
        testdev_control(&devs[0], WITH_PASID, PASID);
        u32 count = pri_responses(&devs[0]);
        request(3, true);
        expect_no_fault();
        expect_response(count, INVALID, 3);
}

CHECK(pri_off, "pri: with TE clear a request is answered Invalid")
{
        begin();
        expect(vtd_disable(TE));
        u32 count = pri_responses(&devs[0]);
        request(3, true);
        expect_response(count, INVALID, 3);
        expect_eq(vtd_read64(PQT), 0);
}

CHECK(pri_nowhere, "pri: a queue outside memory answers Response Failure")
{
        begin();
        vtd_write64(PQA, NOWHERE);
        u32 count = pri_responses(&devs[0]);
        request(6, true);
        expect_response(count, FAILURE, 6);
}

CHECK(pri_drain, "pri: a wait with PD comes after the requests before it")
{
        begin();
        volatile u32 *word = (volatile u32 *)take_page();
        request(1, true);
        invalidate(INV_WAIT | WAIT_DRAIN | WAIT_STATUS(3), (u64)word);
        expect(vtd_wait(IQH, ~0u, vtd->tail));
        expect_eq(*word, 3);
        expect_eq(vtd_read64(PQT), RECORD);
}

CHECK(pri_upgrade, "pri: a page that became writable without an invalidation is so after the request")
{
        NEEDS(FIRST | PASIDS | CACHES);
        struct table table = table_new(1, 4);
        begin_pasids(&devs[0], 0, CONTEXT_DTE | CONTEXT_PRE);
        struct pasid_entry entry = entry_first(&table);
        pasid_store(&devs[0], PASID, &entry);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, PASID);
        u64 page = take_page();
        table_map(&table, ADDRESS, page, 1, FS_RO);
        expect_reads(&devs[0], ADDRESS, page);
        table_map(&table, ADDRESS, page, 1, FS_RW);
        expect_eq(pri_request(&devs[0], ADDRESS, ASK_WRITE, 1, true), OUTCOME_DONE);
        expect(invalidate_wait(PAGE_RESPONSE(sid(&devs[0]), SUCCESS) | RESPONSE_PASID(PASID), 1 << 3));
        expect_lands(&devs[0], ADDRESS, page);
        expect_no_fault();
}
