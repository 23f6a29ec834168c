/* PROBE (virtio 1.3, 5.13.6.7, 5.13.6.8), and every property of each proposal byte for byte. */
#include "virtio-iommu/viommu.h"

static const char *missing(void)
{
        return NULL;
}

enum { P_RESV_MEM = 1, P_PAGE_SIZE_MASK, P_INPUT_RANGE, P_OUTPUT_SIZE, P_PASID_SIZE, P_PAGE_TABLE_FMT,
       P_PASID_TABLE_FMT, P_HW_ARM_SMMU3 = 2 };
enum { RESERVED = 0, MSI = 1, OUTPUT_BITS = 48, PASID_BITS = 20, ASID_BITS = 16 };
enum { HW_ACCESS = 1, HW_DIRTY = 2, HPD = 8 };

/* The list as it must be. */
static struct {
        u32 bytes;
        u64 quads[64];
} list;

/* A property begins; length counts without the header of 4 bytes. */
static void begin(u32 type, u32 length)
{
        list.quads[list.bytes / 8] = type | length << 16;
        list.bytes += 8;
}

static void word(u32 value)
{
        list.quads[list.bytes / 8 - 1] |= (u64)value << 32;
}

static void quad(u64 value)
{
        list.quads[list.bytes / 8] = value;
        list.bytes += 8;
}

static void region(u32 subtype, u64 first, u64 last)
{
        begin(P_RESV_MEM, 20);
        word(subtype);
        quad(first);
        quad(last);
}

static void sizes(void)
{
        begin(P_PAGE_SIZE_MASK, 12);
        quad(-viommu.granule);
        begin(P_INPUT_RANGE, 20);
        quad(0);
        quad(viommu.input_end);
        begin(P_OUTPUT_SIZE, 4);
        word(OUTPUT_BITS);
        begin(P_PASID_SIZE, 4);
        word(PASID_BITS);
}

static void arm(u32 type, u32 format, u32 flags)
{
        begin(type, 12);
        word(format | ASID_BITS << 16);
        quad(flags);
}

/* VT-d: MGAW, FS1GP, FS5LP of CAP; C, SRS, PSS, PASID, SMTS, FSTS, SMPWCS of ECAP (11.4.2, 11.4.3). */
static void first_stage(void)
{
        begin(P_PAGE_TABLE_FMT, 20);
        word(FORMAT_FIRST_STAGE);
        quad(FIELD(OUTPUT_BITS - 1, 21, 16) | BIT(56) | BIT(60));
        quad(BIT(0) | BIT(31) | FIELD(PASID_BITS - 1, 39, 35) | BIT(40) | BIT(43) | BIT(47) | BIT(48));
}

/* IDR0, IDR1, IDR3, IDR5 of an SMMUv3 (IHI 0070, 6.3): what the proposal has drivers know. */
static void identification(void)
{
        begin(P_HW_ARM_SMMU3, 52);
        quad(BIT(1) | FIELD(2, 3, 2) | BIT(4) | FIELD(2, 7, 6) | BIT(10) | BIT(12) | BIT(19)
             | FIELD(2, 22, 21) | FIELD(1, 25, 24) | BIT(26));
        quad(16 | FIELD(PASID_BITS, 10, 6));
        quad(0);
        quad(BIT(2));
        quad(0);
        quad(5 | FIELD(7, 6, 4));
}

static void make_list(void)
{
        list.bytes = 0;
        for (u32 i = 0; i < COUNT(list.quads); i++)
                list.quads[i] = 0;
        if (viommu.regions) {
                region(MSI, MSI_FIRST, MSI_LAST);
                region(RESERVED, RESERVED_FIRST, RESERVED_LAST);
        }
        bool nestor = viommu.profile == PROFILE_NESTOR;
        if (viommu.profile == PROFILE_HW)
                identification();
        else if (viommu.profile != PROFILE_NONE)
                sizes();
        if (nestor || viommu.profile == PROFILE_RFC2021) {
                arm(P_PAGE_TABLE_FMT, FORMAT_LPAE, HW_ACCESS | HW_DIRTY | HPD);
                arm(P_PASID_TABLE_FMT, FORMAT_CONTEXTS, 0);
        }
        if (nestor || viommu.profile == PROFILE_RFC2023)
                first_stage();
}

static void expect_list(u32 room)
{
        for (u32 at = 0; at < room; at += 8)
                expect_eq(reply_quads[at / 8], at / 8 < COUNT(list.quads) ? list.quads[at / 8] : 0);
}

CHECK(probe_list, "probe: each property has its bytes, and zeros follow")
{
        make_list();
        for (u32 i = 0; i < COUNT(devs); i++) {
                expect_answer(probe(endpoint(&devs[i])), OK);
                expect_list(viommu.probe_size);
        }
}

CHECK(probe_any_endpoint, "probe: every function behind the IOMMU is told")
{
        NEEDS(ENGINE);
        make_list();
        expect_answer(probe(engine.function.rid), OK);
        expect_list(viommu.probe_size);
}

CHECK(probe_absent, "probe: of an endpoint that is not there nothing is told: NOENT, zeros")
{
        expect_answer(probe(ABSENT_ENDPOINT), NOENT);
        for (u32 at = 0; at < viommu.probe_size; at += 8)
                expect_eq(reply_quads[at / 8], 0);
        expect_answer(probe(0x10000 | endpoint(&devs[0])), NOENT);
        expect_answer(probe(0xffffffff), NOENT);
}

CHECK(probe_short, "probe: room for less than the list is INVAL, and zeros")
{
        make_list();
        for (u32 room = 0; room < list.bytes; room++) {
                struct request request = probe(endpoint(&devs[0]));
                request.writable = room + 4;
                expect_answer(request, INVAL);
                for (u32 at = 0; at < room; at++)
                        expect_eq(reply()[at], 0);
        }
}

CHECK(probe_exact, "probe: room for just the list is enough")
{
        make_list();
        struct request request = probe(endpoint(&devs[0]));
        request.writable = list.bytes + 4;
        expect_answer(request, OK);
        expect_list(list.bytes);
}

CHECK(probe_reserved, "probe: reserved bytes are ignored")
{
        for (u32 at = 8; at < 72; at++) {
                struct request request = probe(endpoint(&devs[0]));
                put8(&request, at, 0xff);
                expect_answer(request, OK);
        }
}

CHECK(probe_attached, "probe: an endpoint that is attached is told the same")
{
        NEEDS(MAPPINGS);
        make_list();
        expect_answer(attach(1, endpoint(&devs[0]), 0), OK);
        expect_answer(probe(endpoint(&devs[0])), OK);
        expect_list(viommu.probe_size);
}

CHECK(probe_not_negotiated, "probe: without the feature there is no such request")
{
        viommu_restart(&(struct start){ .without = F_PROBE });
        expect_answer(probe(endpoint(&devs[0])), NO_STATUS);
}
