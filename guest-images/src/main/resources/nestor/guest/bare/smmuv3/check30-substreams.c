/* Substreams: which context descriptor, and what happens without one (IHI 0070, 3.3.2, 5.3). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return lacking(STAGE1 | SUBSTREAMS);
}

#define NOWHERE 0x3000000000ull

enum { IOVA = 0x10000, CD_BYTES = 64, LEAF_4K = 64, LEAF_64K = 1024 };

/* A table of contexts for devs[0]; the kit's PASIDs go into it. */
struct contexts {
        u32 format, bits;
        u64 base;
        struct ste ste;
};

static struct contexts contexts_new(u32 format, u32 bits, u32 dss)
{
        struct contexts contexts = { format, bits, 0, { { 0 } } };
        u32 leaf_log2 = format == 1 ? 6 : 10;
        u64 bytes = format == 0 ? (u64)CD_BYTES << bits
                                : 8ull << (bits > leaf_log2 ? bits - leaf_log2 : 0);
        contexts.base = (u64)take(bytes, bytes < 64 ? 64 : bytes);
        contexts.ste = ste_stage1(contexts.base);
        contexts.ste.dw[0] |= STE_S1FMT(format) | STE_S1CDMAX(bits);
        contexts.ste.dw[1] |= STE_S1DSS(dss);
        ste_install(sid(&devs[0]), &contexts.ste);
        testdev_enable_pasid(&devs[0]);
        return contexts;
}

static u64 context_at(const struct contexts *contexts, u32 ssid)
{
        if (contexts->format == 0)
                return contexts->base + (u64)ssid * CD_BYTES;
        u32 leaf = contexts->format == 1 ? LEAF_4K : LEAF_64K;
        volatile u64 *first = (u64 *)contexts->base + ssid / leaf;
        if (!*first)
                *first = (u64)take((u64)leaf * CD_BYTES, (u64)leaf * CD_BYTES) | 1;
        return (*first & ~1ull) + (u64)(ssid % leaf) * CD_BYTES;
}

/* Gives a substream a page at IOVA. */
static u64 context_add(const struct contexts *contexts, u32 ssid)
{
        struct table table = table_new(1, 12, 32);
        u64 page = take_page();
        table_map(&table, IOVA, page, 3, S1_RW);
        struct cd cd = cd_of(&table, 100 + (ssid & 0xfff));
        cd_store(context_at(contexts, ssid), &cd);
        expect(command_sync(on_ssid(CFGI_CD, sid(&devs[0]), ssid), 0));
        return page;
}

static void with_pasid(u32 pasid)
{
        testdev_control(&devs[0], WITH_PASID, pasid);
}

static void without_pasid(void)
{
        testdev_control(&devs[0], 0, 0);
}

static void substreams_work(u32 format, u32 bits, u32 one, u32 other)
{
        struct contexts contexts = contexts_new(format, bits, DSS_TERMINATE);
        u64 first = context_add(&contexts, one), second = context_add(&contexts, other);
        with_pasid(one);
        expect_lands(&devs[0], IOVA, first);
        with_pasid(other);
        expect_lands(&devs[0], IOVA, second);
        expect_no_event();
}

CHECK(linear, "substreams: a linear table, first and last substream")
{
        substreams_work(0, 5, 0, 31);
}

CHECK(leaves_4k, "substreams: two levels with 4 KiB leaves, on both sides of a leaf's end")
{
        substreams_work(1, 10, 63, 64);
}

CHECK(leaves_64k, "substreams: two levels with 64 KiB leaves, on both sides of a leaf's end")
{
        substreams_work(2, 12, 1023, 1024);
}

CHECK(few_in_two_levels, "substreams: two levels for fewer substreams than a leaf holds")
{
        substreams_work(2, 4, 0, 15);
}

CHECK(twenty_bits, "substreams: 20 bits, the last one")
{
        if ((smmu.idr1 >> 6 & 31) < 20)
                return skip("SSIDSIZE is below 20");
        substreams_work(2, 20, 1, 0xfffff);
}

static void expect_substream_event(u32 code, u32 ssid)
{
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of_ssid(code, sid(&devs[0]), ssid), 0, 0, 0);
        expect_no_event();
}

CHECK(ssid_beyond, "substreams: a substream beyond S1CDMax is C_BAD_SUBSTREAMID")
{
        contexts_new(0, 5, DSS_TERMINATE);
        with_pasid(32);
        expect_substream_event(C_BAD_SUBSTREAMID, 32);
}

CHECK(ssid_of_one_context, "substreams: any substream with S1CDMax 0 is C_BAD_SUBSTREAMID")
{
        attach_stage1(&devs[0], 12, 39);
        testdev_enable_pasid(&devs[0]);
        with_pasid(0);
        expect_substream_event(C_BAD_SUBSTREAMID, 0);
}

CHECK(ssid_of_bypass, "substreams: a substream of a bypassed stream is C_BAD_SUBSTREAMID")
{
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_pasid(&devs[0]);
        with_pasid(3);
        expect_substream_event(C_BAD_SUBSTREAMID, 3);
}

CHECK(ssid_of_stage2, "substreams: a substream of a stage-2 stream is C_BAD_SUBSTREAMID")
{
        NEEDS(STAGE2);
        attach_stage2(&devs[0], 12, 40, 1);
        testdev_enable_pasid(&devs[0]);
        with_pasid(3);
        expect_substream_event(C_BAD_SUBSTREAMID, 3);
}

CHECK(ssid_of_abort, "substreams: an aborted stream aborts its substreams silently")
{
        struct ste ste = ste_config(CONFIG_ABORT);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_pasid(&devs[0]);
        with_pasid(3);
        expect_refused(&devs[0], IOVA, take_page());
        expect_no_event();
}

CHECK(first_level_invalid, "substreams: a first-level descriptor with V 0 is C_BAD_SUBSTREAMID")
{
        contexts_new(2, 12, DSS_TERMINATE);
        with_pasid(1024);
        expect_substream_event(C_BAD_SUBSTREAMID, 1024);
}

CHECK(first_level_beyond, "substreams: a first-level L2Ptr beyond the output size is C_BAD_SUBSTREAMID")
{
        struct contexts contexts = contexts_new(2, 12, DSS_TERMINATE);
        *(volatile u64 *)contexts.base = BIT(50) | 1;
        with_pasid(5);
        expect_substream_event(C_BAD_SUBSTREAMID, 5);
}

CHECK(first_level_abort, "substreams: a first level outside memory is F_CD_FETCH with the address")
{
        struct ste ste = ste_stage1(NOWHERE);
        ste.dw[0] |= STE_S1FMT(2) | STE_S1CDMAX(12);
        ste_install(sid(&devs[0]), &ste);
        testdev_enable_pasid(&devs[0]);
        with_pasid(2048);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of_ssid(F_CD_FETCH, sid(&devs[0]), 2048), 0, 0, NOWHERE + 2 * 8);
}

CHECK(leaf_abort, "substreams: a leaf outside memory is F_CD_FETCH with the address")
{
        struct contexts contexts = contexts_new(1, 10, DSS_TERMINATE);
        *(volatile u64 *)contexts.base = NOWHERE | 1;
        with_pasid(5);
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of_ssid(F_CD_FETCH, sid(&devs[0]), 5), 0, 0, NOWHERE + 5 * CD_BYTES);
}

CHECK(dss_terminate, "substreams: S1DSS 0 and no substream is F_STREAM_DISABLED")
{
        struct contexts contexts = contexts_new(0, 5, DSS_TERMINATE);
        context_add(&contexts, 0);
        without_pasid();
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_STREAM_DISABLED, sid(&devs[0])), 0, 0, 0);
}

CHECK(dss_reserved, "substreams: S1DSS 3 acts as 0")
{
        contexts_new(0, 5, 3);
        without_pasid();
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_STREAM_DISABLED, sid(&devs[0])), 0, 0, 0);
}

CHECK(dss_bypass, "substreams: S1DSS 1 bypasses without a substream, and translates with one")
{
        struct contexts contexts = contexts_new(0, 5, DSS_BYPASS);
        u64 page = context_add(&contexts, 4), plain = take_page();
        without_pasid();
        expect_lands(&devs[0], plain, plain);
        with_pasid(4);
        expect_lands(&devs[0], IOVA, page);
        expect_no_event();
}

CHECK(dss_bypass_large, "substreams: an address beyond the input size under S1DSS 1 is F_ADDR_SIZE")
{
        contexts_new(0, 5, DSS_BYPASS);
        without_pasid();
        u64 beyond = BIT(52);
        expect_refused(&devs[0], beyond, take_page());
        expect_event(event_of(F_ADDR_SIZE, sid(&devs[0])), EVENT_CLASS_IN, beyond, 0);
}

CHECK(dss_ssid0, "substreams: S1DSS 2 gives traffic without substream the descriptor of substream 0")
{
        struct contexts contexts = contexts_new(0, 5, DSS_SSID0);
        u64 zero = context_add(&contexts, 0), one = context_add(&contexts, 1);
        without_pasid();
        expect_lands(&devs[0], IOVA, zero);
        with_pasid(1);
        expect_lands(&devs[0], IOVA, one);
}

CHECK(dss_ssid0_taken, "substreams: substream 0 under S1DSS 2 is F_STREAM_DISABLED")
{
        struct contexts contexts = contexts_new(0, 5, DSS_SSID0);
        context_add(&contexts, 0);
        with_pasid(0);
        expect_substream_event(F_STREAM_DISABLED, 0);
}

CHECK(dss_ignored, "substreams: S1DSS means nothing with S1CDMax 0")
{
        struct context context = attach_stage1(&devs[0], 12, 39);
        u64 page = take_page();
        table_map(&context.table, IOVA, page, 3, S1_RW);
        context.ste.dw[1] |= STE_S1DSS(DSS_TERMINATE);
        ste_install(sid(&devs[0]), &context.ste);
        expect_lands(&devs[0], IOVA, page);
        context.ste.dw[1] |= STE_S1DSS(DSS_BYPASS);
        ste_install(sid(&devs[0]), &context.ste);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(dss_change_keeps, "substreams: a change of S1DSS does not disturb substreams")
{
        struct contexts contexts = contexts_new(0, 5, DSS_SSID0);
        context_add(&contexts, 0);
        u64 page = context_add(&contexts, 9);
        with_pasid(9);
        expect_lands(&devs[0], IOVA, page);
        ste_at(sid(&devs[0]))[1] = (contexts.ste.dw[1] & ~STE_S1DSS(3)) | STE_S1DSS(DSS_TERMINATE);
        expect_lands(&devs[0], IOVA, page);
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
        expect_lands(&devs[0], IOVA, page);
        without_pasid();
        expect_refused(&devs[0], IOVA, take_page());
        expect_event(event_of(F_STREAM_DISABLED, sid(&devs[0])), 0, 0, 0);
}

CHECK(fault_has_ssid, "substreams: a fault carries the substream and SSV")
{
        struct contexts contexts = contexts_new(0, 5, DSS_TERMINATE);
        context_add(&contexts, 7);
        with_pasid(7);
        expect_refused(&devs[0], IOVA + PAGE, take_page());
        expect_event(event_of_ssid(F_TRANSLATION, sid(&devs[0]), 7), EVENT_CLASS_IN, IOVA + PAGE, 0);
}

CHECK(fault_privileged, "substreams: a privileged request's fault has PnU")
{
        struct contexts contexts = contexts_new(0, 5, DSS_TERMINATE);
        context_add(&contexts, 7);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 7);
        expect_refused(&devs[0], IOVA + PAGE, take_page());
        expect_event(event_of_ssid(F_TRANSLATION, sid(&devs[0]), 7), EVENT_CLASS_IN | EVENT_PNU,
                     IOVA + PAGE, 0);
}

CHECK(cfgi_cd, "substreams: a descriptor's change counts after CFGI_CD and SYNC")
{
        struct contexts contexts = contexts_new(0, 5, DSS_TERMINATE);
        u64 page = context_add(&contexts, 3);
        with_pasid(3);
        expect_lands(&devs[0], IOVA, page);
        *(volatile u64 *)context_at(&contexts, 3) = 0;
        expect(command_sync(on_ssid(CFGI_CD, sid(&devs[0]), 3), LEAF));
        expect_substream_event(C_BAD_CD, 3);
}

CHECK(cfgi_cd_all, "substreams: CFGI_CD_ALL covers every descriptor of a stream")
{
        struct contexts contexts = contexts_new(0, 5, DSS_TERMINATE);
        for (u32 ssid = 3; ssid < 5; ssid++) {
                u64 page = context_add(&contexts, ssid);
                with_pasid(ssid);
                expect_lands(&devs[0], IOVA, page);
                *(volatile u64 *)context_at(&contexts, ssid) = 0;
        }
        expect(command_sync(on_sid(CFGI_CD_ALL, sid(&devs[0])), 0));
        for (u32 ssid = 3; ssid < 5; ssid++) {
                with_pasid(ssid);
                expect_substream_event(C_BAD_CD, ssid);
        }
}

CHECK(cfgi_ste_covers_cds, "substreams: CFGI_STE covers the descriptors of its stream")
{
        struct contexts contexts = contexts_new(0, 5, DSS_TERMINATE);
        u64 page = context_add(&contexts, 3);
        with_pasid(3);
        expect_lands(&devs[0], IOVA, page);
        *(volatile u64 *)context_at(&contexts, 3) = 0;
        expect(command_sync(on_sid(CFGI_STE, sid(&devs[0])), LEAF));
        expect_substream_event(C_BAD_CD, 3);
}

CHECK(new_leaf, "substreams: a first-level descriptor that becomes valid is found after CFGI_CD with Leaf 0")
{
        struct contexts contexts = contexts_new(2, 12, DSS_TERMINATE);
        with_pasid(2000);
        expect_substream_event(C_BAD_SUBSTREAMID, 2000);
        u64 page = context_add(&contexts, 2000);
        expect_lands(&devs[0], IOVA, page);
}
