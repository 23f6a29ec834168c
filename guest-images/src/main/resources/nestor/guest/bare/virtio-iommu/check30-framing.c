/* How requests are framed (virtio 1.3, 5.13.6, 2.7.4, 2.7.5): every length, and every way to cut them up. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return NULL;
}

enum { LIMIT = 128, IOVA = 0x40000, TAIL = 4 };

/* One request of each type that there is, with the status it must get. */
struct sample {
        struct request request;
        u32 status;
};
enum { SAMPLES = 10 };

static struct tables sample_tables(void)
{
        if (!lacking(CONTEXTS)) {
                struct contexts contexts = contexts_new(LINEAR, 4);
                return tables_of_contexts(&contexts, DSS_SSID0);
        }
        struct x86 x86 = x86_new(4);
        return tables_of_x86(&x86, 0);
}

/* They follow on each other: what one did, the next shows. */
static u32 make_samples(struct sample samples[SAMPLES])
{
        u32 count = 0, who = endpoint(&devs[0]);
        u64 last = IOVA + viommu.granule - 1, pa = board.ram;
        if (!lacking(MAPPINGS)) {
                samples[count++] = (struct sample){ attach(1, who, 0), OK };
                samples[count++] = (struct sample){ map(1, IOVA, last, pa, MAP_RW), OK };
                samples[count++] = (struct sample){ map(1, IOVA, last, pa, MAP_RW), INVAL };
                samples[count++] = (struct sample){ unmap(1, IOVA, last), OK };
                samples[count++] = (struct sample){ map(1, IOVA, last, pa, MAP_RW), OK };
        }
        samples[count++] = (struct sample){ probe(who), OK };
        if (!lacking(TABLES)) {
                struct tables tables = sample_tables();
                struct invalidation all = { .domain = 2, .scope = SCOPE_DOMAIN, .caches = IOTLB };
                samples[count++] = (struct sample){ attach_table(2, who, &tables), OK };
                samples[count++] = (struct sample){ invalidate(&all), OK };
        }
        if (!lacking(PAGE_REQUESTS))
                samples[count++] = (struct sample){ page_response(who, 5, 3, RESPONSE_SUCCESS), NOENT };
        samples[count] = (struct sample){ detach(lacking(TABLES) ? 1 : 2, who), OK };
        return count + 1;
}

/* Sends all of them in pieces that cut() makes; at says where. */
typedef u32 cut_fn(const struct request *request, u32 at, struct piece *pieces);

static bool send_all(const struct sample *samples, u32 count, cut_fn *cut, u32 at, bool indirect)
{
        static struct piece pieces[REPLY_BYTES + LIMIT];
        bool equal = true;
        for (u32 i = 0; i < count; i++) {
                u32 used = cut(&samples[i].request, at, pieces);
                equal &= expect_eq(answer_pieces(pieces, used, indirect), samples[i].status);
        }
        return equal;
}

static u32 add(struct piece *pieces, u32 count, u64 address, u32 bytes, bool writable)
{
        pieces[count] = (struct piece){ address, bytes, writable };
        return count + 1;
}

static u32 cut_head(const struct request *request, u32 at, struct piece *pieces)
{
        u64 from = request_at(request);
        u32 first = at < request->readable ? at : request->readable - 1, count = 0;
        count = add(pieces, count, from, first, false);
        count = add(pieces, count, from + first, request->readable - first, false);
        return add(pieces, count, reply_at(), request->writable, true);
}

CHECK(split_everywhere, "framing: the device-readable part cut in two, at every byte")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 at = 1; at < LIMIT; at++) {
                if (!send_all(samples, count, cut_head, at, false))
                        return;
        }
}

static u32 cut_bytes(const struct request *request, u32 at, struct piece *pieces)
{
        u64 from = request_at(request);
        u32 count = 0;
        for (u32 i = 0; i < request->readable; i += at)
                count = add(pieces, count, from + i, request->readable - i < at ? request->readable - i : at, false);
        return add(pieces, count, reply_at(), request->writable, true);
}

CHECK(split_bytes, "framing: the device-readable part in pieces of one byte, two, three and so on")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 at = 1; at < 40; at++)
                send_all(samples, count, cut_bytes, at, false);
}

CHECK(split_indirect, "framing: the same in indirect tables")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 at = 1; at < 40; at++) {
                send_all(samples, count, cut_bytes, at, true);
                send_all(samples, count, cut_head, at, true);
        }
}

static u32 cut_tail(const struct request *request, u32 at, struct piece *pieces)
{
        u64 to = reply_at();
        u32 count = add(pieces, 0, request_at(request), request->readable, false);
        u32 left = request->writable - TAIL;
        if (left)
                count = add(pieces, count, to, left, true);
        for (u32 i = 0; i < TAIL; i++) { /* a set bit of at ends a piece */
                if (i == 0 || at & 1 << i)
                        count = add(pieces, count, to + left + i, 1, true);
                else
                        pieces[count - 1].bytes++;
        }
        return count;
}

CHECK(split_tail, "framing: the tail in two to four descriptors, at every byte")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 at = 0; at < 16; at += 2) {
                send_all(samples, count, cut_tail, at, false);
                send_all(samples, count, cut_tail, at, true);
        }
}

static u32 cut_reply(const struct request *request, u32 at, struct piece *pieces)
{
        u64 to = reply_at();
        u32 first = at < request->writable ? at : request->writable - 1;
        u32 count = add(pieces, 0, request_at(request), request->readable, false);
        count = add(pieces, count, to, first, true);
        return add(pieces, count, to + first, request->writable - first, true);
}

CHECK(split_properties, "framing: PROBE's properties and tail cut in two, at every byte")
{
        struct sample sample = { probe(endpoint(&devs[0])), OK };
        expect_answer(sample.request, OK);
        static u64 whole[REPLY_BYTES / 8];
        for (u32 i = 0; i < viommu.probe_size / 8; i++)
                whole[i] = reply_quads[i];
        for (u32 at = 1; at < viommu.probe_size + TAIL; at++) {
                send_all(&sample, 1, cut_reply, at, false);
                for (u32 i = 0; i < viommu.probe_size / 8; i++) {
                        if (reply_quads[i] != whole[i])
                                return (void)expect_eq(reply_quads[i], whole[i]);
                }
        }
}

static u32 cut_empty(const struct request *request, u32 at, struct piece *pieces)
{
        u64 from = request_at(request), to = reply_at();
        u32 count = add(pieces, 0, from, 0, false);
        count = add(pieces, count, from, at, false);
        count = add(pieces, count, from, 0, false);
        count = add(pieces, count, from + at, request->readable - at, false);
        count = add(pieces, count, to, 0, true);
        count = add(pieces, count, to, request->writable - 1, true);
        count = add(pieces, count, to, 0, true);
        return add(pieces, count, to + request->writable - 1, 1, true);
}

CHECK(split_empty, "framing: descriptors of no bytes between the others change nothing")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 at = 1; at < 20; at++)
                send_all(samples, count, cut_empty, at, at & 1);
}

CHECK(short_requests, "framing: each request with each number of bytes too few is INVAL, and does nothing")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 i = 0; i < count; i++) {
                u32 whole = samples[i].request.readable;
                for (u32 bytes = 4; bytes < whole; bytes++) {
                        samples[i].request.readable = bytes;
                        expect_answer(samples[i].request, INVAL);
                }
                samples[i].request.readable = whole;
        }
        send_all(samples, count, cut_head, 4, false);
}

CHECK(headless_requests, "framing: less than a head is no request: returned with nothing")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 i = 0; i < count; i++) {
                for (u32 bytes = 1; bytes < 4; bytes++) {
                        samples[i].request.readable = bytes;
                        expect_answer(samples[i].request, NO_STATUS);
                        expect_eq(reply()[0], UNWRITTEN);
                }
        }
}

CHECK(long_requests, "framing: bytes behind a request are ignored")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 more = 1; more < 200; more += 13) {
                for (u32 i = 0; i < count; i++) {
                        u64 junk = reply_at() + 0x1000;
                        struct piece pieces[] = {
                                { request_at(&samples[i].request), samples[i].request.readable, false },
                                { junk, more, false },
                                { reply_at(), samples[i].request.writable, true },
                        };
                        expect_eq(answer_pieces(pieces, 3, false), samples[i].status);
                }
        }
}

CHECK(no_tail, "framing: without room for the status, nothing is written and nothing done")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 i = 0; i < count; i++) {
                u32 whole = samples[i].request.writable;
                for (u32 bytes = 0; bytes < TAIL; bytes++) {
                        struct piece pieces[] = {
                                { request_at(&samples[i].request), samples[i].request.readable, false },
                                { reply_at(), bytes, true },
                        };
                        expect_eq(answer_pieces(pieces, bytes ? 2 : 1, false), NO_STATUS);
                        for (u32 at = 0; at < TAIL; at++)
                                expect_eq(reply()[at], UNWRITTEN);
                }
                samples[i].request.writable = whole;
        }
        send_all(samples, count, cut_head, 4, false);
}

CHECK(long_tail, "framing: the status is in the last four bytes, with zeros before it")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 i = 0; i < count; i++) {
                bool is_probe = (u8)samples[i].request.quads[0] == PROBE;
                samples[i].request.writable += i * 5 + 1;
                expect_answer(samples[i].request, samples[i].status);
                for (u32 at = 0; at < samples[i].request.writable - TAIL && !is_probe; at++)
                        expect_eq(reply()[at], 0);
        }
}

CHECK(endless_tail, "framing: room for more than any reply is no request")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 i = 0; i < count; i++) {
                u32 whole = samples[i].request.writable;
                samples[i].request.writable = 4097;
                expect_answer(samples[i].request, NO_STATUS);
                samples[i].request.writable = whole;
        }
        send_all(samples, count, cut_head, 4, false);
}

CHECK(unknown_types, "framing: types that there are not are returned with nothing")
{
        for (u32 type = 0; type < 256; type++) {
                bool there = type >= ATTACH && type <= PROBE;
                there &= !lacking(MAPPINGS) || (type != MAP && type != UNMAP);
                there |= !lacking(TABLES) && (type == ATTACH_TABLE || type == INVALIDATE);
                there |= !lacking(PAGE_REQUESTS) && type == PAGE_RESP;
                struct request request = { { 0 }, 124, 4 };
                put8(&request, 0, (u8)type);
                put32(&request, 8, ABSENT_ENDPOINT);
                u32 status = answer(request);
                expect_eq(status == NO_STATUS, !there);
        }
}

CHECK(head_reserved, "framing: reserved bytes of the head are ignored")
{
        struct sample samples[SAMPLES];
        u32 count = make_samples(samples);
        for (u32 i = 0; i < count; i++) {
                for (u32 at = 1; at < 4; at++)
                        put8(&samples[i].request, at, 0xff);
        }
        send_all(samples, count, cut_head, 4, false);
}

CHECK(many_at_once, "framing: 128 requests with one notification are answered in order")
{
        static u64 replies[128];
        u32 numbers[128], number, bytes;
        for (u32 i = 0; i < COUNT(numbers); i++) {
                struct request *request = take(sizeof(*request), 16);
                *request = i % 2 ? detach(1, ABSENT_ENDPOINT) : probe(ABSENT_ENDPOINT);
                request->writable = 4;
                replies[i] = ~0ull;
                struct piece pieces[] = { { (u64)request->quads, request->readable, false },
                                          { (u64)&replies[i], 4, true } };
                numbers[i] = virtqueue_add(&viommu.requests, pieces, 2);
        }
        virtqueue_tell(&viommu.requests);
        for (u32 i = 0; i < COUNT(numbers); i++) {
                expect(virtqueue_wait(&viommu.requests, &number, &bytes));
                expect_eq(number, numbers[i]);
                expect_eq(bytes, 4);
                expect_eq(replies[i], (u64)0xffffffff << 32 | NOENT);
        }
}

/* A chain that makes no sense goes back with nothing, and the queue goes on. */
static void expect_returned(u32 head)
{
        u32 number, bytes;
        virtqueue_tell(&viommu.requests);
        expect(virtqueue_wait(&viommu.requests, &number, &bytes));
        expect_eq(number, head);
        expect_eq(bytes, 0);
        expect_eq(reply()[0], UNWRITTEN);
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
}

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

CHECK(chain_order, "framing: with a device-readable descriptor behind a writable one it goes back with nothing")
{
        struct request request = detach(1, ABSENT_ENDPOINT);
        struct piece pieces[] = { { reply_at(), 4, true }, { request_at(&request), 20, false } };
        expect_returned(virtqueue_add(&viommu.requests, pieces, 2));
        reply_at();
        expect_returned(virtqueue_add_indirect(&viommu.requests, pieces, 2));
}

CHECK(chain_loop, "framing: a chain that loops")
{
        reply_at();
        expect_returned(virtqueue_add_raw(&viommu.requests, board.ram, 4, NEXT));
        reply_at();
        expect_returned(virtqueue_add_raw(&viommu.requests, board.ram, 4, NEXT | WRITE));
}

CHECK(chain_nested, "framing: an indirect table that has another, or nothing, or is not whole, or has a successor")
{
        u64 table = (u64)take(64, 16);
        *(u64 *)table = board.ram;
        *(u64 *)(table + 8) = 16 | (u64)INDIRECT << 32;
        static const u32 sizes[] = { 16, 0, 24, 1 };
        for (u32 i = 0; i < COUNT(sizes); i++) {
                reply_at();
                expect_returned(virtqueue_add_raw(&viommu.requests, table, sizes[i], INDIRECT));
        }
        reply_at();
        expect_returned(virtqueue_add_raw(&viommu.requests, table, 16, INDIRECT | NEXT));
        reply_at();
        expect_returned(virtqueue_add_raw(&viommu.requests, BIT(46), 16, INDIRECT));
}

/* The device gives up, and comes back after a reset. */
static void expect_broken(void)
{
        virtqueue_tell(&viommu.requests);
        u64 start = counter();
        while (!(virtio_status(&viommu.dev) & DEVICE_NEEDS_RESET) && within(start, 2000))
                ;
        expect_eq(virtio_status(&viommu.dev) & DEVICE_NEEDS_RESET, DEVICE_NEEDS_RESET);
        viommu_restart(&(struct start){ 0 });
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
}

CHECK(ring_head, "framing: a head that is no descriptor ends with DEVICE_NEEDS_RESET, and a reset mends it")
{
        *(volatile u16 *)(viommu.requests.available + 4) = (u16)viommu.requests.size;
        *(volatile u16 *)(viommu.requests.available + 2) = 1;
        expect_broken();
}

CHECK(ring_index, "framing: an index that runs ahead by more than the queue's size does, too")
{
        *(volatile u16 *)(viommu.requests.available + 2) = (u16)(viommu.requests.size + 1);
        expect_broken();
}

CHECK(chain_nowhere, "framing: a request where there is no memory is returned with nothing")
{
        struct piece pieces[] = { { BIT(46), 20, false }, { reply_at(), 4, true } };
        expect_eq(answer_pieces(pieces, 2, false), NO_STATUS);
        expect_eq(reply()[0], UNWRITTEN);
        struct request request = detach(1, ABSENT_ENDPOINT);
        struct piece into[] = { { request_at(&request), 20, false }, { BIT(46), 4, true } };
        expect_eq(answer_pieces(into, 2, false), NO_STATUS);
        expect_answer(detach(1, ABSENT_ENDPOINT), NOENT);
}
