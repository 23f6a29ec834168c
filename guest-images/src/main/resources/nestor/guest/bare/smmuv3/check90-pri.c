/* Page requests (IHI 0070, 3.9.2, 4.5.2, chapter 8). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(PRI);
}

enum { ADDRESS = 0x7000, RW = ASK_READ | ASK_WRITE, QUEUE_LOG2 = 1 };
enum { SUCCESS = 0, INVALID = 1, FAILURE = 15 };
enum { RESP_FAILURE = 0, RESP_INVALID = 1, RESP_SUCCESS = 2 };

/* Record word 0, 8.1 */
#define PRI_PRIV BIT(58)
#define PRI_X BIT(59)
#define PRI_R BIT(60)
#define PRI_W BIT(61)
#define PRI_LAST BIT(62)
#define PRI_SSV BIT(63)

#define NOWHERE 0x3000000000ull

static void begin(u32 log2)
{
        smmu_restart(&(struct shape){ .requests_log2 = log2 });
        struct ste ste = ste_config(CONFIG_ABORT);      /* page requests need no translation */
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_pasid(&devs[0]);
        testdev_enable_ats(&devs[0]);
        testdev_enable_pri(&devs[0]);
}

#define expect_request(dw0, dw1)                                                               \
        do {                                                                                   \
                u64 record[2] = { 0, 0 };                                                      \
                expect(request_take(record));                                                  \
                expect_eq(record[0], dw0);                                                     \
                expect_eq(record[1], dw1);                                                     \
        } while (0)

static void expect_no_request(void)
{
        u64 record[2];
        expect_eq(request_take(record), false);
}

/* One more response since count, of this code and group. */
static void expect_response(u32 count, u32 code, u32 group)
{
        expect_eq(pri_responses(&devs[0]), count + 1);
        expect_eq(pri_response(&devs[0]), BIT(31) | code << 12 | group);
}

CHECK(pri_record, "pri: a request as a record: stream, R, W, Last, group, page")
{
        begin(3);
        expect_eq(pri_request(&devs[0], ADDRESS + 0x123, RW, 0x1a5, true), OUTCOME_DONE);
        expect_request(sid(&devs[0]) | PRI_R | PRI_W | PRI_LAST, ADDRESS | 0x1a5);
        expect_no_request();
}

CHECK(pri_record_read, "pri: a read request that is not the last of its group")
{
        begin(3);
        expect_eq(pri_request(&devs[0], ADDRESS, ASK_READ, 3, false), OUTCOME_DONE);
        expect_request(sid(&devs[0]) | PRI_R, ADDRESS | 3);
}

CHECK(pri_record_pasid, "pri: a request with PASID, privileged, to execute")
{
        begin(3);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 0xabcde);
        expect_eq(pri_request(&devs[0], 0x7fff00001000, ASK_READ | ASK_EXECUTE, 7, true), OUTCOME_DONE);
        expect_request(sid(&devs[0]) | 0xabcdeull << 32 | PRI_PRIV | PRI_X | PRI_R | PRI_LAST | PRI_SSV,
                       0x7fff00001000 | 7);
}

CHECK(pri_stop_marker, "pri: a stop marker is queued like a request")
{
        begin(3);
        u32 count = pri_responses(&devs[0]);
        testdev_control(&devs[0], WITH_PASID, 9);
        expect_eq(pri_stop(&devs[0]), OUTCOME_DONE);
        u64 record[2] = { 0, 0 };
        expect(request_take(record));
        expect_eq(record[0], sid(&devs[0]) | 9ull << 32 | PRI_LAST | PRI_SSV);
        expect_eq(pri_responses(&devs[0]), count);
}

static void responds(u32 resp, u32 code)
{
        begin(3);
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 0x55, true), OUTCOME_DONE);
        expect(command_sync(on_sid(PRI_RESP, sid(&devs[0])), FIELD(resp, 13, 12) | 0x55));
        expect_response(count, code, 0x55);
}

CHECK(pri_success, "pri: CMD_PRI_RESP 2 is Success")
{
        responds(RESP_SUCCESS, SUCCESS);
}

CHECK(pri_invalid, "pri: CMD_PRI_RESP 1 is Invalid Request")
{
        responds(RESP_INVALID, INVALID);
}

CHECK(pri_failure, "pri: CMD_PRI_RESP 0 is Response Failure")
{
        responds(RESP_FAILURE, FAILURE);
}

CHECK(pri_resp_off, "pri: CMD_PRI_RESP does nothing while SMMUEN is 0")
{
        begin(3);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 4, true), OUTCOME_DONE);
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        u32 count = pri_responses(&devs[0]);
        expect(command_sync(on_sid(PRI_RESP, sid(&devs[0])), FIELD(RESP_SUCCESS, 13, 12) | 4));
        expect_eq(pri_responses(&devs[0]), count);
}

CHECK(pri_resp_absent, "pri: CMD_PRI_RESP to a function that is not there does nothing")
{
        begin(3);
        expect(command_sync(on_sid(PRI_RESP, 31 << 3), FIELD(RESP_SUCCESS, 13, 12)));
        expect(command_sync(on_sid(PRI_RESP, ~0u), FIELD(RESP_SUCCESS, 13, 12)));
        expect_eq(gerror_active(), 0);
}

CHECK(pri_wraps, "pri: the queue wraps")
{
        begin(QUEUE_LOG2);
        for (u32 i = 0; i < 7; i++) {
                expect_eq(pri_request(&devs[0], ADDRESS, RW, i, true), OUTCOME_DONE);
                expect_request(sid(&devs[0]) | PRI_R | PRI_W | PRI_LAST, ADDRESS | i);
                expect(command_sync(on_sid(PRI_RESP, sid(&devs[0])), FIELD(RESP_SUCCESS, 13, 12) | i));
        }
}

/* Two requests fill the queue; the third does not fit. */
static u32 overflow(bool last)
{
        begin(QUEUE_LOG2);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 0, true), OUTCOME_DONE);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 1, true), OUTCOME_DONE);
        expect_eq(smmu_read(PRIQ_PROD), 2);
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 2, last), OUTCOME_DONE);
        expect_eq(smmu_read(PRIQ_PROD), OVERFLOW | 2);
        return count;
}

CHECK(pri_overflow_last, "pri: a Last request that does not fit toggles OVFLG and is answered Success")
{
        expect_response(overflow(true), SUCCESS, 2);
}

CHECK(pri_overflow_not_last, "pri: a request that does not fit and is not Last is dropped")
{
        expect_eq(pri_responses(&devs[0]), overflow(false));
}

CHECK(pri_overflow_closed, "pri: until the overflow is acknowledged nothing is queued, even with room")
{
        u32 count = overflow(true);
        u64 record[2];
        expect(request_take(record));
        expect(request_take(record));
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 3, true), OUTCOME_DONE);
        expect_response(count + 1, SUCCESS, 3);
        expect_no_request();
        smmu_write(PRIQ_CONS, OVERFLOW | smmu.requests.index);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 4, true), OUTCOME_DONE);
        expect_request(sid(&devs[0]) | PRI_R | PRI_W | PRI_LAST, ADDRESS | 4);
        expect_eq(pri_responses(&devs[0]), count + 2);
}

CHECK(pri_overflow_stop, "pri: a stop marker that does not fit is dropped and not answered")
{
        u32 count = overflow(true) + 1;
        testdev_control(&devs[0], WITH_PASID, 9);
        expect_eq(pri_stop(&devs[0]), OUTCOME_DONE);
        expect_eq(pri_responses(&devs[0]), count);
}

static void answers_failure(u32 off)
{
        begin(3);
        expect(smmu_cr0(smmu.cr0 & ~off));
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 6, true), OUTCOME_DONE);
        expect_response(count, FAILURE, 6);
        expect_eq(smmu_read(PRIQ_PROD), 0);
}

CHECK(pri_off, "pri: PRIQEN 0 answers Response Failure")
{
        answers_failure(PRIQEN);
}

CHECK(pri_smmu_off, "pri: SMMUEN 0 answers Response Failure, whatever PRIQEN says")
{
        answers_failure(SMMUEN);
}

CHECK(pri_off_not_last, "pri: PRIQEN 0 answers a request that is not Last, too")
{
        begin(3);
        expect(smmu_cr0(smmu.cr0 & ~PRIQEN));
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 6, false), OUTCOME_DONE);
        expect_response(count, FAILURE, 6);
}

CHECK(pri_abort, "pri: a queue outside memory is PRIQ_ABT and answers Response Failure until acknowledged")
{
        begin(3);
        expect(smmu_cr0(smmu.cr0 & ~PRIQEN));
        smmu_write64(PRIQ_BASE, NOWHERE | 3);
        expect(smmu_cr0(smmu.cr0 | PRIQEN));
        u32 count = pri_responses(&devs[0]);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 6, true), OUTCOME_DONE);
        expect_eq(gerror_active(), PRIQ_ABT);
        expect_response(count, FAILURE, 6);
        expect_eq(smmu_read(PRIQ_PROD), 0);
}

CHECK(pri_wire, "pri: the wire pulses when the queue is no longer empty")
{
        begin(3);
        u32 intid = board.smmu_spi + 1;
        spi_clear(intid);
        smmu_write(IRQ_CTRL, IRQ_PRIQ);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_PRIQ));
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 0, true), OUTCOME_DONE);
        expect_eq(spi_pending(intid), true);
        spi_clear(intid);
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 1, true), OUTCOME_DONE);
        expect_eq(spi_pending(intid), false);
}

CHECK(pri_message, "pri: the interrupt as a message")
{
        NEEDS(MESSAGES);
        begin(3);
        volatile u32 *word = take(64, 64);
        smmu_write64(PRIQ_IRQ, (u64)word);
        smmu_write(PRIQ_IRQ + 8, 0x7171);
        smmu_write(IRQ_CTRL, IRQ_PRIQ);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_PRIQ));
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 0, true), OUTCOME_DONE);
        expect_eq(*word, 0x7171);
}

CHECK(pri_message_aborts, "pri: a message to nowhere is MSI_PRIQ_ABT, and the record is there")
{
        NEEDS(MESSAGES);
        begin(3);
        smmu_write64(PRIQ_IRQ, NOWHERE);
        smmu_write(IRQ_CTRL, IRQ_PRIQ);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_PRIQ));
        expect_eq(pri_request(&devs[0], ADDRESS, RW, 0, true), OUTCOME_DONE);
        expect_eq(gerror_active(), MSI_PRIQ_ABT);
        expect_request(sid(&devs[0]) | PRI_R | PRI_W | PRI_LAST, ADDRESS);
}
