/* The event queue, 5.13.6.9: what reports say, by proposal. */
#include "virtio-iommu/viommu.h"

enum { SHORT_WORDS = 6, MAX_WORDS = 12, PASID_VALID = 1 << 9, ADDRESS_VALID = 1 << 8 };
enum { V1_UNRECOVERABLE = 1, V1_PAGE_REQUEST = 2 };

static u64 event_at[EVENT_BUFFERS];
static u32 event_room[EVENT_BUFFERS];

static void give(u64 at, u32 bytes)
{
        struct piece piece = { at, bytes, true };
        u32 number = virtqueue_add(&viommu.events, &piece, 1);
        event_at[number] = at;
        event_room[number] = bytes;
        virtqueue_tell(&viommu.events);
}

void event_buffer(u32 bytes)
{
        give((u64)take(MAX_EVENT_BYTES, 16), bytes);
}

static u32 copy(u32 number, u32 bytes, u64 event[MAX_EVENT_BYTES / 8])
{
        const volatile u64 *from = (u64 *)event_at[number];
        for (u32 i = 0; i < MAX_EVENT_BYTES / 8; i++)
                event[i] = from[i];
        clear(event_at[number], MAX_EVENT_BYTES);
        give(event_at[number], event_room[number]);
        return bytes;
}

u32 event_wait(u64 event[MAX_EVENT_BYTES / 8])
{
        u32 number, bytes;
        return virtqueue_wait(&viommu.events, &number, &bytes) ? copy(number, bytes, event) : 0;
}

/* A reply comes after the events that came before its request. */
u32 event_take(u64 event[MAX_EVENT_BYTES / 8])
{
        u32 number, bytes;
        if (virtqueue_take(&viommu.events, &number, &bytes))
                return copy(number, bytes, event);
        answer(detach(0, ABSENT_ENDPOINT));
        return virtqueue_take(&viommu.events, &number, &bytes) ? copy(number, bytes, event) : 0;
}

static u32 specified(u32 reason)
{
        return reason <= R_MAPPING ? reason : reason == R_WALK_EABT ? R_UNKNOWN : R_MAPPING;
}

/* The specification has no right to execute. */
static u32 specified_access(u32 access)
{
        return (access & (A_READ | A_EXECUTE) ? A_READ : 0) | (access & A_WRITE);
}

static void put_address(u32 *words, u32 at, u64 address)
{
        words[at] = (u32)address;
        words[at + 1] = (u32)(address >> 32);
}

/* 5.13.6.9 with what proposals put into its reserved fields. */
static u32 expected_base(const struct report *report, u32 words[MAX_WORDS])
{
        bool has_pasid = report->pasid != (u32)NO_PASID, nestor = viommu.profile == PROFILE_NESTOR;
        bool tells_pasid = has_pasid && (nestor || viommu.profile == PROFILE_HW);
        words[0] = nestor ? report->reason : specified(report->reason);
        words[1] = (nestor ? report->access : specified_access(report->access)) | ADDRESS_VALID
                   | (tells_pasid ? PASID_VALID : 0);
        words[2] = endpoint(report->dev);
        words[3] = tells_pasid ? report->pasid : 0;
        put_address(words, 4, report->address);
        bool wide = nestor && negotiated(page_requests_feature()) && viommu.event_bytes >= 48;
        return wide ? 12 : SHORT_WORDS;
}

/* April 2021. */
static u32 expected_v1(const struct report *report, u32 words[MAX_WORDS])
{
        bool has_pasid = report->pasid != (u32)NO_PASID;
        words[0] = report->reason;
        words[1] = V1_UNRECOVERABLE;
        words[2] = report->access;
        words[3] = 2 | (has_pasid ? 1 : 0);
        words[4] = endpoint(report->dev);
        words[5] = has_pasid ? report->pasid : 0;
        put_address(words, 8, report->address);
        return 12;
}

/* January 2021. */
static u32 expected_january(const struct report *report, u32 words[MAX_WORDS])
{
        bool has_pasid = report->pasid != (u32)NO_PASID;
        words[0] = report->reason;
        words[2] = specified_access(report->access) | ADDRESS_VALID;
        words[3] = endpoint(report->dev);
        put_address(words, 6, report->address);
        words[8] = has_pasid ? report->pasid : 0;
        return 10;
}

static u32 expected(const struct report *report, u32 words[MAX_WORDS])
{
        if (viommu.profile != PROFILE_RFC2021 || viommu.event_bytes < 40)
                return expected_base(report, words);
        return negotiated(page_requests_feature()) && viommu.event_bytes >= 48 ? expected_v1(report, words)
                                                                   : expected_january(report, words);
}

static bool expect_words(const char *file, int line, const u64 *event, u32 bytes, const u32 *words, u32 count)
{
        if (!expect_equal(file, line, "bytes of the event", bytes, count * 4))
                return false;
        static const char *names[] = { "word 0", "word 1", "word 2", "word 3", "word 4", "word 5",
                                       "word 6", "word 7", "word 8", "word 9", "word 10", "word 11" };
        bool equal = true;
        for (u32 i = 0; i < count; i++)
                equal &= expect_equal(file, line, names[i], (u32)(event[i / 2] >> i % 2 * 32), words[i]);
        return equal;
}

bool expect_report_at(const char *file, int line, const struct report *report)
{
        u64 event[MAX_EVENT_BYTES / 8];
        u32 words[MAX_WORDS] = { 0 };
        u32 count = expected(report, words);
        return expect_words(file, line, event, event_wait(event), words, count);
}

bool expect_no_event_at(const char *file, int line)
{
        u64 event[MAX_EVENT_BYTES / 8] = { 0 };
        return expect_equal(file, line, "bytes of an event that should not be", event_take(event), 0);
}

bool expect_page_at(const char *file, int line, const struct page *page)
{
        u64 event[MAX_EVENT_BYTES / 8];
        u32 words[MAX_WORDS] = { 0 };
        bool has_pasid = page->pasid != (u32)NO_PASID;
        u32 pasid = has_pasid ? page->pasid : 0;
        if (viommu.profile == PROFILE_RFC2021) {
                words[1] = V1_PAGE_REQUEST;
                words[2] = page->access;
                words[3] = (has_pasid ? 1 | 8 : 0) | (page->last ? 2 : 0);
                words[4] = endpoint(page->dev);
                words[5] = pasid;
                words[6] = page->group;
                put_address(words, 8, page->address);
        } else {
                words[1] = page->access | (page->last ? 1 << 4 : 0) | 1 << 5 | ADDRESS_VALID
                           | (has_pasid ? PASID_VALID : 0) | 1 << 10;
                words[2] = endpoint(page->dev);
                words[3] = pasid;
                put_address(words, 4, page->address);
                words[6] = page->group;
        }
        return expect_words(file, line, event, event_wait(event), words, MAX_WORDS);
}
