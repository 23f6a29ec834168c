/* Page requests (PCIe Base, 10.4) through the event queue, and PAGE_RESP. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(PAGE_REQUESTS);
}

enum { IOVA = 0x200000, PASID = 5, RW = ASK_READ | ASK_WRITE };

/* X RESPONSE */
enum { RESPONSE_VALID = 31, PRI_SUCCESS = 0, PRI_INVALID = 1, PRI_FAILURE = 15 };
static u32 response_of(u32 code, u32 group)
{
        return 1u << RESPONSE_VALID | code << 12 | group;
}

static struct space space;

static void begin(u32 pasid)
{
        spaces_begin(&devs[0]);
        space = space_of(&devs[0], pasid);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
        space_use(&space);
}

static u32 who(void)
{
        return endpoint(&devs[0]);
}

static void ask(u64 iova, u32 access, u32 group, bool last)
{
        expect_eq(pri_request(&devs[0], iova, access, group, last), OUTCOME_DONE);
}

static void expect_responded(u32 count, u32 code, u32 group)
{
        expect_eq(pri_responses(&devs[0]), count + 1);
        expect_eq(pri_response(&devs[0]), response_of(code, group));
}

CHECK(pri_one, "pri: one page, its answer Success")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        expect_eq(pri_responses(&devs[0]), count);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), OK);
        expect_responded(count, PRI_SUCCESS, 3);
}

CHECK(pri_codes, "pri: Invalid and Failure are passed on")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, ASK_READ, 4, true);
        expect_page(&devs[0], PASID, A_READ, 4, true, IOVA);
        expect_answer(page_response(who(), PASID, 4, RESPONSE_INVALID), OK);
        expect_responded(count, PRI_INVALID, 4);
        ask(IOVA, ASK_READ, 5, true);
        expect_page(&devs[0], PASID, A_READ, 5, true, IOVA);
        expect_answer(page_response(who(), PASID, 5, RESPONSE_FAILURE), OK);
        expect_responded(count + 1, PRI_FAILURE, 5);
}

CHECK(pri_no_pasid, "pri: a request without PASID, and its answer")
{
        begin(NO_PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, ASK_WRITE, 511, true);
        expect_page(&devs[0], NO_PASID, A_WRITE, 511, true, IOVA);
        expect_answer(page_response(who(), NO_PASID, 511, RESPONSE_SUCCESS), OK);
        expect_responded(count, PRI_SUCCESS, 511);
}

CHECK(pri_group, "pri: a group is told when it is complete, in order; one answer is for all of it")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        for (u32 i = 0; i < 4; i++)
                ask(IOVA + i * PAGE, RW, 9, false);
        expect_no_event();
        ask(IOVA + 4 * PAGE, ASK_READ, 9, true);
        for (u32 i = 0; i < 4; i++)
                expect_page(&devs[0], PASID, A_READ | A_WRITE, 9, false, IOVA + i * PAGE);
        expect_page(&devs[0], PASID, A_READ, 9, true, IOVA + 4 * PAGE);
        expect_answer(page_response(who(), PASID, 9, RESPONSE_SUCCESS), OK);
        expect_responded(count, PRI_SUCCESS, 9);
}

CHECK(pri_two_groups, "pri: two groups are answered in any order")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, RW, 1, true);
        ask(IOVA + PAGE, RW, 2, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 1, true, IOVA);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 2, true, IOVA + PAGE);
        expect_answer(page_response(who(), PASID, 2, RESPONSE_SUCCESS), OK);
        expect_responded(count, PRI_SUCCESS, 2);
        expect_answer(page_response(who(), PASID, 1, RESPONSE_SUCCESS), OK);
        expect_responded(count + 1, PRI_SUCCESS, 1);
}

CHECK(pri_privileged, "pri: privileged and execute")
{
        begin(PASID);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, PASID);
        ask(IOVA, ASK_READ | ASK_EXECUTE, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_EXECUTE | A_PRIVILEGED, 3, true, IOVA);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), OK);
}

CHECK(pri_granted, "pri: the page is mapped, the answer given, and the function reaches it")
{
        begin(PASID);
        u64 page = take_page();
        testdev_control(&devs[0], WITH_PASID | CACHED, PASID);
        expect_refused(&devs[0], IOVA, page);
        expect_no_event();
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        space_map(&space, IOVA, page);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), OK);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(pri_response_unknown, "pri: an answer to what was not asked is NOENT")
{
        begin(PASID);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), NOENT);
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        u32 count = pri_responses(&devs[0]);
        expect_answer(page_response(who(), PASID, 4, RESPONSE_SUCCESS), NOENT);
        expect_answer(page_response(who(), PASID + 1, 3, RESPONSE_SUCCESS), NOENT);
        expect_answer(page_response(endpoint(&devs[1]), PASID, 3, RESPONSE_SUCCESS), NOENT);
        expect_answer(page_response(ABSENT_ENDPOINT, PASID, 3, RESPONSE_SUCCESS), NOENT);
        expect_answer(page_response(0xffffffff, PASID, 3, RESPONSE_SUCCESS), NOENT);
        expect_answer(page_response(who(), PASID, 0x8003, RESPONSE_SUCCESS), NOENT);
        expect_eq(pri_responses(&devs[0]), count);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), OK);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), NOENT);
        expect_eq(pri_responses(&devs[0]), count + 1);
}

CHECK(pri_response_without_pasid, "pri: the PASID may be left out of an answer")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        expect_answer(page_response(who(), NO_PASID, 3, RESPONSE_SUCCESS), OK);
        expect_responded(count, PRI_SUCCESS, 3);
}

CHECK(pri_response_malformed, "pri: an unknown code, unknown flags, or reserved bytes that are set are INVAL")
{
        begin(PASID);
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        u32 count = pri_responses(&devs[0]);
        static const u32 codes[] = { 3, 4, 15, 0x100, 0xffff };
        for (u32 i = 0; i < COUNT(codes); i++)
                expect_answer(page_response(who(), PASID, 3, codes[i]), INVAL);
        bool v1 = viommu.profile == PROFILE_RFC2021;
        for (u32 bit = 1; bit < 32; bit++) {
                struct request request = page_response(who(), PASID, 3, RESPONSE_SUCCESS);
                put32(&request, v1 ? 12 : 8, 1 | 1u << bit);
                expect_answer(request, INVAL);
        }
        for (u32 at = v1 ? 27 : 20; at < (v1 ? 36u : 28u); at++) {
                struct request request = page_response(who(), PASID, 3, RESPONSE_SUCCESS);
                put8(&request, at, 1);
                expect_answer(request, INVAL);
        }
        expect_eq(pri_responses(&devs[0]), count);
}

static void expect_in_vain(void)
{
        testdev_disable(&devs[0]);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, RW, 3, true);
        expect_responded(count, PRI_FAILURE, 3);
        expect_no_event();
        expect_eq(pri_request(&devs[0], IOVA, RW, 3, true), OUTCOME_NOT_PERMITTED);
}

CHECK(pri_not_attached, "pri: a function without tables asks in vain: Response Failure, and that is the end of its asking")
{
        expect_in_vain();
        if (lacking(MAPPINGS))
                return;
        expect_answer(attach(1, who(), 0), OK);
        expect_in_vain();
}

CHECK(pri_not_negotiated, "pri: without the feature, Response Failure, and no PAGE_RESP")
{
        viommu_restart(&(struct start){ .without = page_requests_feature() });
        begin(NO_PASID);
        expect_in_vain();
        expect_answer(page_response(who(), NO_PASID, 3, RESPONSE_SUCCESS), NO_STATUS);
}

CHECK(pri_small_buffer, "pri: a buffer without room for a page request fails the group")
{
        viommu_restart(&(struct start){ .event_bytes = 47 });
        begin(PASID);
        u32 count = pri_responses(&devs[0]), number, bytes;
        ask(IOVA, RW, 3, true);
        expect(virtqueue_wait(&viommu.events, &number, &bytes));
        expect_eq(bytes, 0);
        expect_responded(count, PRI_FAILURE, 3);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), NOENT);
}

CHECK(pri_waits, "pri: without a buffer a group waits, and cannot be answered before it is told")
{
        viommu_restart(&(struct start){ .no_event_buffers = true });
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, ASK_READ, 3, false);
        ask(IOVA + PAGE, ASK_READ, 3, true);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), NOENT);
        event_buffer(48);
        expect_page(&devs[0], PASID, A_READ, 3, false, IOVA);
        expect_page(&devs[0], PASID, A_READ, 3, true, IOVA + PAGE);
        expect_eq(pri_responses(&devs[0]), count);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), OK);
        expect_responded(count, PRI_SUCCESS, 3);
}

CHECK(pri_fault_between, "pri: faults are told beside page requests that wait for an answer")
{
        begin(PASID);
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        expect_refused(&devs[0], IOVA, take_page());
        expect_fault(&devs[0], PASID, R_PTE_FETCH, A_WRITE, IOVA);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), OK);
}

CHECK(pri_detach, "pri: DETACH fails what is open")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, RW, 3, true);
        expect_page(&devs[0], PASID, A_READ | A_WRITE, 3, true, IOVA);
        expect_answer(detach(space.domain, who()), OK);
        expect_responded(count, PRI_FAILURE, 3);
        expect_answer(page_response(who(), PASID, 3, RESPONSE_SUCCESS), NOENT);
}

CHECK(pri_detach_pasid, "pri: taking one PASID's tables answers its requests Invalid, which does not stop the function")
{
        NEEDS(FIRST_STAGE);
        testdev_enable_pasid(&devs[0]);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
        for (u32 pasid = PASID; pasid <= PASID + 1; pasid++) {
                struct x86 x86 = x86_new(4);
                struct tables tables = tables_of_x86(&x86, pasid);
                expect_answer(attach_table(DOMAIN + pasid, who(), &tables), OK);
                testdev_control(&devs[0], WITH_PASID, pasid);
                ask(IOVA, RW, pasid, true);
                expect_page(&devs[0], pasid, A_READ | A_WRITE, pasid, true, IOVA);
        }
        u32 count = pri_responses(&devs[0]);
        expect_answer(detach(DOMAIN + PASID, who()), OK);
        expect_responded(count, PRI_INVALID, PASID);
        expect_answer(page_response(who(), PASID + 1, PASID + 1, RESPONSE_SUCCESS), OK);
        expect_responded(count + 1, PRI_SUCCESS, PASID + 1);
}

CHECK(pri_reset, "pri: a reset of the device fails what is open")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        ask(IOVA, RW, 3, true);
        ask(IOVA, RW, 4, false);
        viommu_restart(&(struct start){ 0 });
        expect_eq(pri_responses(&devs[0]), count + 2);
        expect_eq(pri_response(&devs[0]) & ~0x1ffu, response_of(PRI_FAILURE, 0));
        expect_no_event();
}

CHECK(pri_stop_marker, "pri: a Stop Marker is taken, and neither told nor answered")
{
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_stop(&devs[0]), OUTCOME_DONE);
        expect_no_event();
        expect_eq(pri_responses(&devs[0]), count);
}

CHECK(pri_many, "pri: more groups than there are buffers are all told, and answered")
{
        viommu_restart(&(struct start){ .event_buffers = 4 });
        begin(PASID);
        u32 count = pri_responses(&devs[0]);
        for (u32 i = 0; i < 32; i++)
                ask(IOVA + i * PAGE, ASK_READ, i, true);
        for (u32 i = 0; i < 32; i++)
                expect_page(&devs[0], PASID, A_READ, i, true, IOVA + i * PAGE);
        for (u32 i = 0; i < 32; i++)
                expect_answer(page_response(who(), PASID, i, RESPONSE_SUCCESS), OK);
        expect_eq(pri_responses(&devs[0]), count + 32);
}
