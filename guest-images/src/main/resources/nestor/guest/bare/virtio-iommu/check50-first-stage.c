/* First-stage tables of VT-d (revision 4.1, 3.6, 9.6, 9.7): one for requests without PASID, one for each PASID. */
#include "virtio-iommu/spaces.h"

static const char *missing(void)
{
        return lacking(FIRST_STAGE);
}

enum { IOVA = 0x40000 };

static void use_x86(const struct x86 *x86, u64 flags, u32 pasid)
{
        struct tables tables = tables_of_x86(x86, pasid);
        tables.flags = flags;
        testdev_enable_pasid(&devs[0]);
        expect_answer(attach_table(DOMAIN + pasid, endpoint(&devs[0]), &tables), OK);
        testdev_control(&devs[0], pasid ? WITH_PASID : 0, pasid);
}

CHECK(first_pages, "first stage: pages of 4 KiB, 2 MiB and 1 GiB, four levels")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_RW;
        *x86_entry(&x86, BIT(30) * 3, 2) = (page & -BIT(21)) | X86_RW | X86_LARGE;
        *x86_entry(&x86, BIT(40), 3) = (page & -BIT(30)) | X86_RW | X86_LARGE;
        use_x86(&x86, 0, 0);
        expect_lands(&devs[0], IOVA, page);
        expect_lands(&devs[0], BIT(30) * 3 + (page & (BIT(21) - 1)), page);
        expect_lands(&devs[0], BIT(40) + (page & (BIT(30) - 1)), page);
        expect_no_event();
        expect_refused(&devs[0], IOVA + PAGE, page);
        expect_fault(&devs[0], NO_PASID, R_PTE_FETCH, A_WRITE, IOVA + PAGE);
}

CHECK(first_five_levels, "first stage: five levels, addresses of 57 bits")
{
        struct x86 x86 = x86_new(5);
        u64 page = take_page(), high = BIT(55) + IOVA, negative = -BIT(56) + IOVA;
        *x86_entry(&x86, high, 1) = page | X86_RW;
        *x86_entry(&x86, negative, 1) = page | X86_RW;
        use_x86(&x86, 0, 9);
        expect_lands(&devs[0], high, page);
        expect_lands(&devs[0], negative, page);
        expect_no_event();
        expect_refused(&devs[0], BIT(56) + IOVA, page);
        expect_fault(&devs[0], 9, R_PTE_FETCH, A_WRITE, BIT(56) + IOVA);
}

CHECK(first_canonical, "first stage: with four levels, an address that is not canonical is not mapped")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page(), negative = -BIT(47) + IOVA;
        *x86_entry(&x86, negative, 1) = page | X86_RW;
        *x86_entry(&x86, IOVA, 1) = page | X86_RW;
        use_x86(&x86, 0, 0);
        expect_lands(&devs[0], negative, page);
        static const u64 wrong[] = { BIT(47), BIT(48), BIT(63) };
        for (u32 i = 0; i < COUNT(wrong); i++) {
                expect_refused(&devs[0], wrong[i] + IOVA, page);
                expect_fault(&devs[0], NO_PASID, R_PTE_FETCH, A_WRITE, wrong[i] + IOVA);
        }
}

CHECK(first_pasids, "first stage: each PASID has a domain and tables of its own, beside those without")
{
        static const u32 pasids[] = { 0, 1, 2, 0x1234, 0xfffff };
        u64 pages[COUNT(pasids)];
        for (u32 i = 0; i < COUNT(pasids); i++) {
                struct x86 x86 = x86_new(4);
                pages[i] = take_page();
                *x86_entry(&x86, IOVA, 1) = pages[i] | X86_RW;
                use_x86(&x86, 0, pasids[i]);
        }
        for (u32 i = 0; i < COUNT(pasids); i++) {
                testdev_control(&devs[0], pasids[i] ? WITH_PASID : 0, pasids[i]);
                expect_lands(&devs[0], IOVA, pages[i]);
        }
        testdev_control(&devs[0], WITH_PASID, 3);
        expect_refused(&devs[0], IOVA, pages[0]);
        expect_fault(&devs[0], 3, R_DOMAIN, A_WRITE, IOVA);
        expect_answer(detach(DOMAIN + 1, endpoint(&devs[0])), OK);
        testdev_control(&devs[0], WITH_PASID, 1);
        expect_refused(&devs[0], IOVA, pages[1]);
        expect_fault(&devs[0], 1, R_DOMAIN, A_WRITE, IOVA);
        testdev_control(&devs[0], WITH_PASID, 2);
        expect_lands(&devs[0], IOVA, pages[2]);
}

CHECK(first_pasid_zero, "first stage: PASID 0 is not that of requests without one")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_RW;
        use_x86(&x86, 0, 0);
        testdev_control(&devs[0], WITH_PASID, 0);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 0, R_DOMAIN, A_WRITE, IOVA);
}

CHECK(first_accessed, "first stage: A is set by any access, D by a write")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        u64 *entry = x86_entry(&x86, IOVA, 1);
        *entry = page | X86_RW;
        use_x86(&x86, 0, 0);
        expect_reads(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)entry & (X86_ACCESSED | X86_DIRTY), X86_ACCESSED);
        expect_lands(&devs[0], IOVA, page);
        expect_eq(*(volatile u64 *)entry & (X86_ACCESSED | X86_DIRTY), X86_ACCESSED | X86_DIRTY);
        for (u32 level = 2; level <= 4; level++)
                expect_eq(*(volatile u64 *)x86_entry(&x86, IOVA, level) & X86_ACCESSED, X86_ACCESSED);
}

CHECK(first_read_only, "first stage: without R/W a page is read, and a write is a fault of permission")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_RO;
        use_x86(&x86, 0, 0);
        expect_reads(&devs[0], IOVA, page);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], NO_PASID, R_PERMISSION, A_WRITE, IOVA);
        *x86_entry(&x86, IOVA + PAGE, 1) = page | X86_RW;
        *x86_entry(&x86, IOVA, 2) &= ~X86_WRITE;
        expect_refused(&devs[0], IOVA + PAGE, page);
        expect_fault(&devs[0], NO_PASID, R_PERMISSION, A_WRITE, IOVA + PAGE);
}

CHECK(first_supervisor, "first stage: without U/S a page is not for user requests; SRE admits privileged ones")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_PRESENT | X86_WRITE;
        u32 privileged = lacking(LONG_REASONS) ? 0 : A_PRIVILEGED;
        use_x86(&x86, 0, 5);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 5, R_PERMISSION, A_WRITE, IOVA);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], 5, R_PERMISSION, A_WRITE | privileged, IOVA);
        expect_answer(detach(DOMAIN + 5, endpoint(&devs[0])), OK);
        use_x86(&x86, FLAG_SRE, 5);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_lands(&devs[0], IOVA, page);
}

CHECK(first_write_protect, "first stage: WPE keeps privileged writes from read-only pages")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_PRESENT;
        use_x86(&x86, FLAG_SRE, 5);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_lands(&devs[0], IOVA, page);
        expect_answer(detach(DOMAIN + 5, endpoint(&devs[0])), OK);
        use_x86(&x86, FLAG_SRE | FLAG_WPE, 5);
        testdev_control(&devs[0], WITH_PASID | PRIVILEGED, 5);
        expect_reads(&devs[0], IOVA, page);
        expect_refused(&devs[0], IOVA, page);
        u32 privileged = lacking(LONG_REASONS) ? 0 : A_PRIVILEGED;
        expect_fault(&devs[0], 5, R_PERMISSION, A_WRITE | privileged, IOVA);
}

CHECK(first_walk_abort, "first stage: a table outside memory is an external abort on the walk")
{
        for (u32 level = 2; level <= 4; level++) {
                struct x86 x86 = x86_new(4);
                *x86_entry(&x86, IOVA, level) = BIT(46) | X86_RW;
                use_x86(&x86, 0, 0);
                expect_refused(&devs[0], IOVA, take_page());
                expect_fault(&devs[0], NO_PASID, R_WALK_EABT, A_WRITE, IOVA);
                expect_answer(detach(DOMAIN, endpoint(&devs[0])), OK);
        }
}

CHECK(first_reserved, "first stage: reserved bits in an entry are no mapping")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_RW | BIT(48);
        *x86_entry(&x86, BIT(30) * 3, 2) = (page & -BIT(21)) | X86_RW | X86_LARGE | BIT(13);
        use_x86(&x86, 0, 0);
        expect_refused(&devs[0], IOVA, page);
        expect_fault(&devs[0], NO_PASID, R_PTE_FETCH, A_WRITE, IOVA);
        expect_refused(&devs[0], BIT(30) * 3, page);
        expect_fault(&devs[0], NO_PASID, R_PTE_FETCH, A_WRITE, BIT(30) * 3);
}

CHECK(first_many_pasids, "first stage: more PASIDs of one endpoint than there may be are NOMEM")
{
        struct x86 x86 = x86_new(4);
        u64 page = take_page();
        *x86_entry(&x86, IOVA, 1) = page | X86_RW;
        testdev_enable_pasid(&devs[0]);
        u32 pasid = 0, status;
        do {
                struct tables tables = tables_of_x86(&x86, ++pasid);
                status = answer(attach_table(DOMAIN + pasid, endpoint(&devs[0]), &tables));
        } while (status == OK && pasid < 2000);
        expect_eq(status, NOMEM);
        expect(pasid > 64);
        testdev_control(&devs[0], WITH_PASID, pasid - 1);
        expect_lands(&devs[0], IOVA, page);
        expect_answer(detach(DOMAIN + 1, endpoint(&devs[0])), OK);
        struct tables tables = tables_of_x86(&x86, pasid);
        expect_answer(attach_table(DOMAIN + pasid, endpoint(&devs[0]), &tables), OK);
}
