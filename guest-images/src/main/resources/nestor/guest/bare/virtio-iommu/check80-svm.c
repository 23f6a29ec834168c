/* Shared virtual memory: svm-demo on PASIDs, with its translation cache, and pages that come when they are asked for. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(SVM_DEMO | PAGE_REQUESTS);
}

enum { IOVA = 0x200000, MESSAGE_IOVA = 0x5000, MESSAGE = 0x5153, PASID = 5, OTHER_PASID = 6, PAGES = 4,
       TIMEOUT_MS = 2000 };
enum { SUCCESS = 0, FAILURE = 1, RUNS = 2 };

/* As the owner of address spaces: of it only the function and its PASID capability count. */
static struct testdev svm;
static struct space space, own;
static u64 msi, pages;

/* A PASID with no pages yet; requests without PASID reach the page for the message, and nothing else. */
static void begin(void)
{
        svm.function = demo.function;
        svm.pasid = pci_extended(&demo.function, PCI_PASID);
        spaces_begin(&svm);
        own = space_of(&svm, NO_PASID);
        space = space_of(&svm, PASID);
        msi = take_page();
        pages = (u64)take(PAGES * PAGE, PAGE);
        space_map(&own, MESSAGE_IOVA, msi);
        demo_message(&demo, MESSAGE_IOVA, MESSAGE);
        demo_enable(&demo);
        demo_pasid(&demo, PASID);
}

static void start(u32 command, u64 iova, u64 bytes)
{
        *(volatile u32 *)msi = 0;
        demo_begin(&demo, command, iova, bytes, 0);
}

static bool runs(void)
{
        return *(volatile u32 *)msi != MESSAGE;
}

static u64 end(void)
{
        u64 from = counter();
        while (runs()) {
                if (!within(from, TIMEOUT_MS))
                        return RUNS;
        }
        return demo_result(&demo);
}

static bool is_written(u64 address, u64 bytes)
{
        for (u64 i = 0; i < bytes; i++) {
                if (((volatile u8 *)address)[i] != demo_byte(i))
                        return false;
        }
        return true;
}

static void map_all(void)
{
        for (u32 i = 0; i < PAGES; i++)
                space_map(&space, IOVA + i * PAGE, pages + i * PAGE);
}

CHECK(svm_mapped, "svm: a buffer that is mapped is written by PASID")
{
        begin();
        map_all();
        start(DEMO_WRITE, IOVA + 100, 3 * PAGE);
        expect_eq(end(), SUCCESS);
        expect(is_written(pages + 100, 3 * PAGE));
        expect_no_event();
}

CHECK(svm_checksum, "svm: a buffer is read, and another checksum noticed")
{
        begin();
        map_all();
        for (u32 i = 0; i < 2 * PAGE; i += 8)
                *(volatile u64 *)(pages + i) = i * 0x9e3779b97f4a7c15ull;
        u8 crc = demo_crc((u8 *)pages, 2 * PAGE);
        demo_expect_crc(&demo, crc);
        start(DEMO_READ, IOVA, 2 * PAGE);
        expect_eq(end(), SUCCESS);
        demo_expect_crc(&demo, crc ^ 1);
        start(DEMO_READ, IOVA, 2 * PAGE);
        expect_eq(end(), FAILURE);
}

/* Answers groups of pages until the command ends: each page is mapped if may_map. */
static u32 serve(bool may_map, u32 code)
{
        u64 event[MAX_EVENT_BYTES / 8];
        u32 told = 0;
        while (runs() && event_wait(event)) {
                told++;
                const u32 *words = (u32 *)event;
                bool v1 = viommu.profile == PROFILE_RFC2021, last = v1 ? words[3] & 2 : words[1] & 1 << 4;
                u64 address = v1 ? event[4] : event[2];
                u32 group = words[6];
                if (may_map)
                        space_map(&space, address, pages + (address - IOVA));
                if (last)
                        expect_answer(page_response(endpoint(&svm), PASID, group, code), OK);
                if (code != RESPONSE_SUCCESS)
                        break;
                u64 from = counter();
                while (runs() && within(from, 50))
                        ;
        }
        return told;
}

CHECK(svm_faults, "svm: pages that are not there are asked for, mapped, and written")
{
        begin();
        start(DEMO_WRITE, IOVA, PAGES * PAGE);
        expect_eq(serve(true, RESPONSE_SUCCESS), PAGES);
        expect_eq(end(), SUCCESS);
        expect(is_written(pages, PAGES * PAGE));
        expect_no_event();
}

CHECK(svm_refused, "svm: a page that is refused ends the command")
{
        begin();
        start(DEMO_WRITE, IOVA, PAGE);
        serve(false, RESPONSE_INVALID);
        expect_eq(end(), FAILURE);
        for (u32 i = 0; i < PAGE; i += 8)
                expect_eq(*(volatile u64 *)(pages + i), 0);
}

CHECK(svm_failed, "svm: an answer Failure ends the command, and requests by this function until PRI is enabled anew")
{
        begin();
        start(DEMO_WRITE, IOVA, PAGE);
        serve(false, RESPONSE_FAILURE);
        expect_eq(end(), FAILURE);
}

CHECK(svm_invalidated, "svm: a page that is taken away and invalidated is asked for again")
{
        begin();
        map_all();
        start(DEMO_WRITE, IOVA, PAGE);
        expect_eq(end(), SUCCESS);
        u64 old = pages;
        *space_entry(&space, IOVA) = 0;
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        clear(old, PAGE);
        pages = (u64)take(PAGES * PAGE, PAGE);
        start(DEMO_WRITE, IOVA, PAGE);
        expect_eq(serve(true, RESPONSE_SUCCESS), 1);
        expect_eq(end(), SUCCESS);
        expect(is_written(pages, PAGE));
        for (u32 i = 0; i < PAGE; i += 8)
                expect_eq(*(volatile u64 *)(old + i), 0);
}

CHECK(svm_two_pasids, "svm: the same address of two PASIDs is two places")
{
        begin();
        map_all();
        struct space second = space_of(&svm, OTHER_PASID);
        u64 other = take_page();
        space_map(&second, IOVA, other);
        start(DEMO_WRITE, IOVA, PAGE);
        expect_eq(end(), SUCCESS);
        expect_eq(*(volatile u64 *)other, 0);
        demo_pasid(&demo, OTHER_PASID);
        clear(pages, PAGE);
        start(DEMO_WRITE, IOVA, PAGE);
        expect_eq(end(), SUCCESS);
        expect(is_written(other, PAGE));
        expect_eq(*(volatile u64 *)(pages + 8), 0);
}

CHECK(svm_unbound, "svm: detaching while the function waits for a page ends its command, and nothing is written")
{
        begin();
        start(DEMO_WRITE, IOVA, PAGE);
        u64 event[MAX_EVENT_BYTES / 8];
        expect_eq(event_wait(event), 48);
        expect_eq(runs(), true);
        struct table table = table_new(1, 12, 39);
        table_map(&table, MESSAGE_IOVA, msi, 3, S1_RW);
        struct contexts contexts = contexts_new(LINEAR, 0);
        struct cd cd = cd_of(&table, 1);
        cd_store(contexts.base, &cd);
        struct tables tables = tables_of_contexts(&contexts, DSS_SSID0);
        expect_answer(attach_table(99, endpoint(&svm), &tables), OK);
        expect_eq(end(), FAILURE);
        expect_eq(*(volatile u64 *)pages, 0);
}
