/* Shared virtual memory: svm-demo on PASIDs, with its translation cache, and pages that come when they are asked for. */
#include "virtio-iommu/spaces.h"
#include "virtio-iommu/svm.h"

static const char *missing(void)
{
        return lacking(SVM_DEMO | PAGE_REQUESTS);
}

enum { IOVA = 0x200000, MESSAGE_IOVA = 0x5000, PASID = 5, OTHER_PASID = 6, PAGES = 4 };

static struct space space, own;
static u64 msi, pages;

/* A PASID with no pages yet; requests without PASID reach the page for the message, and nothing else. */
static void begin(void)
{
        spaces_begin(&svm);
        own = space_of(&svm, NO_PASID);
        space = space_of(&svm, PASID);
        msi = take_page();
        pages = (u64)take(PAGES * PAGE, PAGE);
        space_map(&own, MESSAGE_IOVA, msi);
        svm_begin(PASID, MESSAGE_IOVA);
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
        svm_start(SVM_WRITE, IOVA + 100, 3 * PAGE, 0, msi);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        expect(svm_written(pages + 100, 3 * PAGE, 0));
        expect_no_event();
}

CHECK(svm_checksum, "svm: a buffer is read, and another checksum noticed")
{
        begin();
        map_all();
        for (u32 i = 0; i < 2 * PAGE; i += 8)
                *(volatile u64 *)(pages + i) = i * 0x9e3779b97f4a7c15ull;
        u32 crc = svm_crc(pages, 2 * PAGE);
        svm_start(SVM_READ, IOVA, 2 * PAGE, crc, msi);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        svm_start(SVM_READ, IOVA, 2 * PAGE, crc ^ 1, msi);
        expect_eq(svm_end(msi), SVM_FAILURE);
}

/* Answers groups of pages until the command ends: each page is mapped if may_map. */
static u32 serve(bool may_map, u32 code)
{
        u64 event[MAX_EVENT_BYTES / 8];
        u32 told = 0;
        while (svm_runs(msi) && event_wait(event)) {
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
                u64 start = counter();
                while (svm_runs(msi) && within(start, 50))
                        ;
        }
        return told;
}

CHECK(svm_faults, "svm: pages that are not there are asked for, mapped, and written")
{
        begin();
        svm_start(SVM_WRITE, IOVA, PAGES * PAGE, 0, msi);
        expect_eq(serve(true, RESPONSE_SUCCESS), PAGES);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        expect(svm_written(pages, PAGES * PAGE, 0));
        expect_no_event();
}

CHECK(svm_refused, "svm: a page that is refused ends the command")
{
        begin();
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        serve(false, RESPONSE_INVALID);
        expect_eq(svm_end(msi), SVM_FAILURE);
        for (u32 i = 0; i < PAGE; i += 8)
                expect_eq(*(volatile u64 *)(pages + i), 0);
}

CHECK(svm_failed, "svm: an answer Failure ends the command, and requests by this function until PRI is enabled anew")
{
        begin();
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        serve(false, RESPONSE_FAILURE);
        expect_eq(svm_end(msi), SVM_FAILURE);
}

CHECK(svm_invalidated, "svm: a page that is taken away and invalidated is asked for again")
{
        begin();
        map_all();
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        u64 old = pages;
        *space_entry(&space, IOVA) = 0;
        struct invalidation what = one_page(&space, IOVA, IOTLB);
        expect_invalidated(what);
        clear(old, PAGE);
        pages = (u64)take(PAGES * PAGE, PAGE);
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        expect_eq(serve(true, RESPONSE_SUCCESS), 1);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        expect(svm_written(pages, PAGE, 0));
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
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        expect_eq(*(volatile u64 *)other, 0);
        svm_use(OTHER_PASID);
        clear(pages, PAGE);
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        expect_eq(svm_end(msi), SVM_SUCCESS);
        expect(svm_written(other, PAGE, 0));
        expect_eq(*(volatile u64 *)(pages + 8), 0);
}

CHECK(svm_unbound, "svm: detaching while the function waits for a page ends its command, and nothing is written")
{
        begin();
        svm_start(SVM_WRITE, IOVA, PAGE, 0, msi);
        u64 event[MAX_EVENT_BYTES / 8];
        expect_eq(event_wait(event), 48);
        expect_eq(svm_runs(msi), true);
        struct table table = table_new(1, 12, 39);
        table_map(&table, MESSAGE_IOVA, msi, 3, S1_RW);
        struct contexts contexts = contexts_new(LINEAR, 0);
        struct cd cd = cd_of(&table, 1);
        cd_store(contexts.base, &cd);
        struct tables tables = tables_of_contexts(&contexts, DSS_SSID0);
        expect_answer(attach_table(99, endpoint(&svm), &tables), OK);
        expect_eq(svm_end(msi), SVM_FAILURE);
        expect_eq(*(volatile u64 *)pages, 0);
}
