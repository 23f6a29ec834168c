#include "virtio-iommu/viommu.h"

#include "virtio-iommu/spaces.h"

enum { DEVICE_ID = 23, REQUEST_QUEUE = 0, EVENT_QUEUE = 1, TAIL_BYTES = 4 };

struct viommu viommu;
struct testdev devs[2];
struct engine engine;
struct demo demo;
u64 reply_quads[REPLY_BYTES / 8];
static struct request sent;

u64 tables_feature(void)
{
        static const u8 bits[] = { [PROFILE_RFC2021] = 6, [PROFILE_RFC2023] = 8, [PROFILE_HW] = 7,
                                   [PROFILE_NESTOR] = 20 };
        return viommu.profile == PROFILE_NONE ? 0 : BIT(bits[viommu.profile]);
}

u64 page_requests_feature(void)
{
        return viommu.profile == PROFILE_RFC2021 ? BIT(7) : viommu.profile == PROFILE_NESTOR ? BIT(21) : 0;
}

u64 all_features(void)
{
        u64 specified = F_INPUT_RANGE | F_DOMAIN_RANGE | F_MAP_UNMAP | F_PROBE | F_MMIO | F_BYPASS_CONFIG;
        if (viommu.profile == PROFILE_HW)
                specified = F_PROBE;
        if (viommu.profile == PROFILE_RFC2021)
                specified &= ~F_BYPASS_CONFIG;
        return specified | tables_feature() | page_requests_feature();
}

bool negotiated(u64 feature)
{
        return viommu.features & feature;
}

const char *lacking(u32 wanted)
{
        enum profile p = viommu.profile;
        bool tables = p != PROFILE_NONE, has_bypass = p != PROFILE_RFC2021 && p != PROFILE_HW;
        struct { u32 feature; bool there; const char *words; } all[] = {
                { MAPPINGS, all_features() & F_MAP_UNMAP, "no MAP and UNMAP" },
                { BYPASSES, has_bypass, "no BYPASS_CONFIG" },
                { TABLES, tables, "no tables" },
                { LPAE, tables && (p == PROFILE_NESTOR || p == PROFILE_RFC2021), "no Arm LPAE tables" },
                { CONTEXTS, tables && p != PROFILE_RFC2023, "no Context descriptors" },
                { FIRST_STAGE, tables && (p == PROFILE_NESTOR || p == PROFILE_RFC2023),
                  "no first stage of VT-d" },
                { PAGE_REQUESTS, page_requests_feature(), "no page requests" },
                { LONG_REASONS, p == PROFILE_NESTOR || p == PROFILE_RFC2021,
                  "no reasons beyond the specification's" },
                { ENGINE, viommu.engine, "no function whose DMA goes on" },
                { SVM_DEMO, viommu.svm, "no svm-demo" },
                { MMIO_FLAG, all_features() & F_MMIO, "no MMIO flag" },
        };
        for (u32 i = 0; i < COUNT(all); i++) {
                if (wanted & all[i].feature && !all[i].there)
                        return all[i].words;
        }
        return NULL;
}

void put8(struct request *request, u32 offset, u8 value)
{
        ((u8 *)request->quads)[offset] = value;
}

void put16(struct request *request, u32 offset, u16 value)
{
        ((u16 *)request->quads)[offset / 2] = value;
}

void put32(struct request *request, u32 offset, u32 value)
{
        ((u32 *)request->quads)[offset / 4] = value;
}

void put64(struct request *request, u32 offset, u64 value)
{
        request->quads[offset / 8] = value;
}

static struct request request_of(u32 type, u32 readable)
{
        struct request request = { { 0 }, readable, TAIL_BYTES };
        put8(&request, 0, (u8)type);
        return request;
}

struct request attach(u32 domain, u32 endpoint, u32 flags)
{
        struct request request = request_of(ATTACH, 20);
        put32(&request, 4, domain);
        put32(&request, 8, endpoint);
        put32(&request, 12, flags);
        return request;
}

struct request detach(u32 domain, u32 endpoint)
{
        struct request request = request_of(DETACH, 20);
        put32(&request, 4, domain);
        put32(&request, 8, endpoint);
        return request;
}

struct request map(u32 domain, u64 first, u64 last, u64 phys, u32 flags)
{
        struct request request = request_of(MAP, 36);
        put32(&request, 4, domain);
        put64(&request, 8, first);
        put64(&request, 16, last);
        put64(&request, 24, phys);
        put32(&request, 32, flags);
        return request;
}

struct request unmap(u32 domain, u64 first, u64 last)
{
        struct request request = request_of(UNMAP, 28);
        put32(&request, 4, domain);
        put64(&request, 8, first);
        put64(&request, 16, last);
        return request;
}

struct request probe(u32 endpoint)
{
        struct request request = request_of(PROBE, 72);
        put32(&request, 4, endpoint);
        request.writable = viommu.probe_size + TAIL_BYTES;
        return request;
}

/* 2021, and Nestor's. */
static void put_v1(struct request *request, const struct tables *tables)
{
        put16(request, 12, (u16)tables->format);
        switch (tables->format) {
        case FORMAT_LPAE:
                put16(request, 14, (u16)tables->asid);
                put64(request, 16, tables->tcr);
                put64(request, 24, tables->base);
                put64(request, 32, tables->mair);
                break;
        case FORMAT_CONTEXTS:
                put8(request, 14, (u8)tables->s1fmt);
                put8(request, 15, (u8)tables->s1dss);
                put64(request, 16, tables->base);
                put32(request, 24, tables->s1cdmax);
                break;
        case FORMAT_FIRST_STAGE:
                put64(request, 16, tables->base);
                put64(request, 24, tables->flags);
                put32(request, 32, tables->width);
                put32(request, 36, tables->pasid);
                break;
        }
}

static void put_p23(struct request *request, const struct tables *tables)
{
        put16(request, 16, (u16)tables->format);
        if (tables->format == FORMAT_FIRST_STAGE) {
                put32(request, 20, tables->pasid);
                put64(request, 24, tables->base);
                put64(request, 32, tables->flags);
                put32(request, 40, tables->width);
        } else {
                put8(request, 18, (u8)tables->s1fmt);
                put8(request, 19, (u8)tables->s1dss);
                put32(request, 20, tables->s1cdmax);
                put64(request, 24, tables->base);
        }
}

/* The two words of a stream table entry, whose stage 1 translates. */
static void put_hw(struct request *request, const struct tables *tables)
{
        put8(request, 12, tables->format == FORMAT_CONTEXTS ? 1 : (u8)(0x80 | tables->format));
        put64(request, 16, 1 | FIELD(5, 3, 1) | FIELD(tables->s1fmt, 5, 4) | tables->base
                                   | FIELD(tables->s1cdmax, 63, 59));
        put64(request, 24, FIELD(tables->s1dss, 1, 0));
}

struct request attach_table(u32 domain, u32 endpoint, const struct tables *tables)
{
        bool p23 = viommu.profile == PROFILE_RFC2023, hw = viommu.profile == PROFILE_HW;
        struct request request = request_of(ATTACH_TABLE, hw ? 124 : p23 ? 84 : 76);
        put32(&request, 4, domain);
        put32(&request, 8, endpoint);
        (hw ? put_hw : p23 ? put_p23 : put_v1)(&request, tables);
        return request;
}

static void put_invalidation_hw(struct request *request, const struct invalidation *what)
{
        bool tlb = what->caches & (IOTLB | DEVICE_TLB), contexts = what->caches & PASID_CACHE;
        put8(request, 4, (u8)what->scope);
        put8(request, 5, (u8)((contexts ? 1 : 0) | (tlb ? 2 : 0)));
        put16(request, 6, (u16)((what->leaf ? 1 : 0) | (what->has_pasid ? 2 : 0) | (what->has_asid ? 4 : 0)));
        put32(request, 8, what->domain);
        put32(request, 12, what->pasid);
        put64(request, 16, what->asid);
        put64(request, 24, what->first);
        put64(request, 32, what->pages);
        put8(request, 40, (u8)what->granule);
}

struct request invalidate(const struct invalidation *what)
{
        struct request request = request_of(INVALIDATE, 60);
        if (viommu.profile == PROFILE_HW) {
                put_invalidation_hw(&request, what);
                return request;
        }
        put16(&request, 4, (u16)(1 << (what->scope - 1)));
        put16(&request, 6, (u16)what->caches);
        put16(&request, 8, (u16)((what->has_pasid ? 1 : 0) | (what->has_asid ? 2 : 0) | (what->leaf ? 4 : 0)));
        put32(&request, 12, what->domain);
        put32(&request, 16, what->pasid);
        put64(&request, 24, what->asid);
        put64(&request, 32, what->first);
        put64(&request, 40, what->pages);
        put8(&request, 48, (u8)what->granule);
        return request;
}

struct request page_response(u32 endpoint, u32 pasid, u32 group, u32 code)
{
        bool has_pasid = pasid != (u32)NO_PASID;
        if (viommu.profile == PROFILE_RFC2021) {
                struct request request = request_of(PAGE_RESP, 36);
                put32(&request, 8, endpoint);
                put32(&request, 12, has_pasid);
                put32(&request, 16, has_pasid ? pasid : 0);
                put32(&request, 20, group);
                put16(&request, 24, (u16)code);
                return request;
        }
        struct request request = request_of(PAGE_RESP, 28);
        put32(&request, 4, endpoint);
        put32(&request, 8, has_pasid);
        put32(&request, 12, has_pasid ? pasid : 0);
        put16(&request, 16, (u16)group);
        put16(&request, 18, (u16)code);
        return request;
}

u64 request_at(const struct request *request)
{
        sent = *request;
        return (u64)sent.quads;
}

u64 reply_at(void)
{
        for (volatile u64 *at = reply_quads; at < reply_quads + COUNT(reply_quads); at++)
                *at = UNWRITTEN * 0x0101010101010101ull;
        return (u64)reply_quads;
}

u32 status_in(u32 writable)
{
        const u8 *tail = reply() + writable - TAIL_BYTES;
        return tail[1] || tail[2] || tail[3] ? LOST | tail[0] : tail[0];
}

u32 answer_pieces(const struct piece *pieces, u32 count, bool indirect)
{
        u32 writable = 0, number, bytes;
        for (u32 i = 0; i < count; i++)
                writable += pieces[i].writable ? pieces[i].bytes : 0;
        u32 head = (indirect ? virtqueue_add_indirect : virtqueue_add)(&viommu.requests, pieces, count);
        virtqueue_tell(&viommu.requests);
        if (!virtqueue_wait(&viommu.requests, &number, &bytes) || number != head)
                return LOST;
        if (bytes == 0)
                return NO_STATUS;
        return bytes == writable ? status_in(writable) : LOST | bytes;
}

u32 answer(struct request request)
{
        struct piece pieces[] = { { request_at(&request), request.readable, false },
                                  { reply_at(), request.writable, true } };
        return answer_pieces(pieces, 2, false);
}

bool expect_answer_at(const char *file, int line, const char *what, struct request request, u32 status)
{
        return expect_equal(file, line, what, answer(request), status);
}

void viommu_restart(const struct start *start)
{
        expect(virtio_reset(&viommu.dev));
        viommu.features = (virtio_offered(&viommu.dev) & all_features()) & ~start->without;
        u64 transport = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC;
        expect(virtio_accept(&viommu.dev, viommu.features | transport));
        viommu.probe_size = mmio_read32(viommu.dev.config + PROBE_SIZE);
        if (start->no_queues)
                return;
        viommu.requests = virtqueue_new(&viommu.dev, REQUEST_QUEUE, 0);
        viommu.events = virtqueue_new(&viommu.dev, EVENT_QUEUE, EVENT_BUFFERS);
        virtio_start(&viommu.dev);
        viommu.event_bytes = start->event_bytes ? start->event_bytes : 48;
        u32 buffers = start->event_buffers ? start->event_buffers : EVENT_BUFFERS;
        for (u32 i = 0; i < buffers && !start->no_event_buffers; i++)
                event_buffer(viommu.event_bytes);
}

u8 bypass_shown(void)
{
        u8 value = *(volatile u8 *)(viommu.dev.config + BYPASS);
        barrier();
        return value;
}

void bypass_set(u8 value)
{
        barrier();
        *(volatile u8 *)(viommu.dev.config + BYPASS) = value;
        barrier();
}

/* The command line has words. */
bool told(const char *word)
{
        u32 length = text_bytes(word);
        for (const char *at = board.arguments; *at; at++) {
                u32 same = 0;
                while (same < length && at[same] == word[same])
                        same++;
                bool begins = at == board.arguments || at[-1] == ' ';
                if (begins && same == length && (at[same] == ' ' || !at[same]))
                        return true;
        }
        return false;
}

static enum profile told_profile(void)
{
        static const char *const words[] = { "none", "rfc2021", "rfc2023", "hw", "nestor" };
        for (u32 i = 0; i < COUNT(words); i++) {
                if (told(words[i]))
                        return (enum profile)i;
        }
        expect(!"the kit is told a profile");
        return PROFILE_NONE;
}

void suite_begin(void)
{
        if (!expect(virtio_find(DEVICE_ID, &viommu.dev)))
                return;
        viommu.profile = told_profile();
        viommu.regions = told("regions");
        viommu.granule = told("narrow") ? 0x10000 : PAGE;
        viommu.input_end = told("narrow") ? BIT(39) - 1 : ~0ull;
        for (u32 i = 0; i < COUNT(devs); i++)
                expect(testdev_find(i, &devs[i]));
        viommu.engine = engine_find(0, &engine);
        viommu.svm = demo_find(&demo);
        u64 page = take_page();
        viommu.boot_result = dma_write(&devs[0], page, page, 64);
        viommu.boot_shown = bypass_shown();
        viommu_restart(&(struct start){ 0 });
        viommu.caches = !lacking(TABLES) && tlb_keeps();
}

void suite_before(void)
{
        for (u32 i = 0; i < COUNT(devs); i++)
                testdev_quiet(&devs[i]);
        if (viommu.svm)
                demo_quiet(&demo);
        viommu_restart(&(struct start){ 0 });
        if (!lacking(BYPASSES))
                bypass_set(0);
}
