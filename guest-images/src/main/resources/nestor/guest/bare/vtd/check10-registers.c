/* Registers (D51397, 11.4): what is read-only, what waits for a command, handshakes. */
#include "vtd/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { IOVA = 0x10000, IVA = 0, AFLOG = 0x058, PMEN = 0x064 };

CHECK(version, "registers: VER says a major version, and nothing above bit 7")
{
        expect((vtd_read(VER) & 0xf0) != 0);
        expect_eq(vtd_read(VER) >> 8, 0);
}

CHECK(capabilities_fixed, "registers: CAP and ECAP cannot be written")
{
        vtd_write64(CAP, ~vtd->cap);
        vtd_write64(ECAP, ~vtd->ecap);
        vtd_write(VER, 0);
        expect_eq(vtd_read64(CAP), vtd->cap);
        expect_eq(vtd_read64(ECAP), vtd->ecap);
        expect((vtd_read(VER) & 0xf0) != 0);
}

CHECK(capabilities_halves, "registers: 64-bit registers can be read by halves")
{
        expect_eq(vtd_read(CAP), (u32)vtd->cap);
        expect_eq(vtd_read(CAP + 4), (u32)(vtd->cap >> 32));
        expect_eq(vtd_read(ECAP), (u32)vtd->ecap);
        expect_eq(vtd_read(ECAP + 4), (u32)(vtd->ecap >> 32));
}

CHECK(capabilities_agree, "registers: CAP and ECAP: queued invalidation, coherent tables, records and IOTLB registers in the page")
{
        expect_eq(vtd->ecap & 3, 3);
        expect(fault_offset(fault_records()) <= PAGE);
        expect(iotlb_offset() + 16 <= PAGE);
        expect(!(vtd->ecap & BIT(4)) || vtd->ecap & BIT(3));
        expect(!(vtd->ecap & BIT(26)) || (vtd->ecap & BIT(46) && vtd->ecap & BIT(47)));
        expect(!(vtd->ecap & BIT(29)) || vtd->ecap & BIT(2));
}

CHECK(sagaw, "registers: SAGAW has a width within MGAW, and four levels where there is a second stage")
{
        u32 sagaw = vtd->cap >> 8 & 31, mgaw = (vtd->cap >> 16 & 63) + 1;
        expect(mgaw <= 57);
        expect(!(sagaw & BIT(2)) || mgaw >= 48);
        expect(!(sagaw & BIT(3)) || mgaw >= 57);
        expect(!(sagaw & 0x11));
}

CHECK(status_fixed, "registers: GSTS cannot be written")
{
        u32 status = vtd_read(GSTS);
        vtd_write(GSTS, ~status);
        expect_eq(vtd_read(GSTS), status);
}

CHECK(status_after_restart, "registers: after enabling, GSTS shows TES, RTPS and QIES, and no command that stays to be done")
{
        expect_eq(vtd_read(GSTS) & (TE | SRTP | QIE | IRE | CFI | 1u << 27), TE | SRTP | QIE);
}

CHECK(root_waits, "registers: RTADDR does nothing before SRTP")
{
        NEEDS(SECOND);
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        u64 right = vtd_read64(RTADDR);
        vtd_write64(RTADDR, take_page() | (right & TTM_SCALABLE));
        expect(invalidate_wait(INV_CONTEXT(GLOBAL, 0, 0), 0));
        expect(invalidate_wait(INV_IOTLB(GLOBAL, 0), 0));
        expect_lands(&devs[0], IOVA, page);
        expect_no_fault();
}

CHECK(root_flushes, "registers: with ESRTPS, SRTP empties all caches")
{
        NEEDS(SECOND);
        if (!(vtd->cap & BIT(63)))
                return skip("ESRTPS is 0");
        struct table table = attach_second(&devs[0], 4);
        u64 page = take_page(), other = take_page();
        table_map(&table, IOVA, page, 1, SS_RW);
        expect_lands(&devs[0], IOVA, page);
        table_map(&table, IOVA, other, 1, SS_RW);
        expect(vtd_set_root(vtd_read64(RTADDR)));
        expect_lands(&devs[0], IOVA, other);
}

CHECK(root_halves, "registers: RTADDR takes its halves one by one, and has no bits below TTM")
{
        u64 was = vtd_read64(RTADDR);
        vtd_write(RTADDR, 0x12345fff);
        vtd_write(RTADDR + 4, 0x77);
        expect_eq(vtd_read64(RTADDR), 0x7712345c00);
        vtd_write64(RTADDR, was);
}

CHECK(off_passes, "registers: with TE clear requests pass as they are")
{
        u64 page = take_page();
        expect(vtd_disable(TE));
        expect_lands(&devs[0], page, page);
        expect(vtd_enable(TE));
        expect_refused(&devs[0], page, page);
        expect(vtd_read(FSTS) & PPF);
        fault_drop();
}

CHECK(write_buffer, "registers: WBF is done at once where RWBF is 0")
{
        vtd_write(GCMD, vtd->gcmd | 1u << 27);
        expect_eq(vtd_read(GSTS) & 1u << 27, 0);
}

CHECK(advanced_log_absent, "registers: AFLOG, and PMEN where there are no protected ranges, read zero")
{
        if (!(vtd->cap & BIT(3))) {
                vtd_write64(AFLOG, ~0ull);
                expect_eq(vtd_read64(AFLOG), 0);
        }
        if (!(vtd->cap & 0x60)) {
                vtd_write(PMEN, 1u << 31);
                expect_eq(vtd_read(PMEN), 0);
        }
}

static void expect_event_registers(u32 control)
{
        vtd_write(control + 4, 0x12345678);
        vtd_write(control + 8, ~0u);
        vtd_write(control + 12, 0xfedcba98);
        expect_eq(vtd_read(control + 4) & 0xffff, 0x5678);
        expect_eq(vtd_read(control + 8), 0xfffffffc);
        expect_eq(vtd_read(control + 12), 0xfedcba98);
        vtd_write(control, ~0u);
        expect_eq(vtd_read(control), IM);
        vtd_write(control, 0);
        expect_eq(vtd_read(control), 0);
        vtd_write(control, IM);
}

CHECK(event_registers, "registers: FECTL and IECTL: IM is writable, IP is not; the address has no bits 1:0")
{
        expect_event_registers(FECTL);
        expect_event_registers(IECTL);
}

CHECK(request_event_registers, "registers: PECTL likewise")
{
        NEEDS(PRI);
        expect_event_registers(PECTL);
}

CHECK(queue_head_fixed, "registers: IQH cannot be written; with QIE clear it is 0")
{
        expect(queue_wait());
        expect_eq(vtd_read64(IQH), vtd->tail);
        vtd_write64(IQH, 0);
        expect_eq(vtd_read64(IQH), vtd->tail);
        expect(vtd_disable(QIE));
        expect_eq(vtd_read64(IQH), 0);
}

CHECK(queue_late, "registers: descriptors that are in the queue before QIE are served by QIE")
{
        expect(vtd_disable(QIE));
        volatile u32 *word = (u32 *)take_page();
        vtd_write64(IQA, vtd->queue | (vtd->wide ? IQA_WIDE : 0));
        vtd->tail = 0;
        invalidation_put(0, INV_WAIT | WAIT_STATUS(0x1234), (u64)word);
        invalidation_ring(1);
        expect_eq(*word, 0);
        expect(vtd_enable(QIE));
        expect(vtd_wait(IQH, ~0u, descriptor_bytes()));
        expect_eq(*word, 0x1234);
}

CHECK(status_clears, "registers: FSTS keeps what is not written with ones, and ignores ones elsewhere")
{
        invalidate(0, 0);
        expect(vtd_wait(FSTS, IQE, IQE));
        vtd_write(FSTS, ~(u32)IQE);
        expect_eq(vtd_read(FSTS) & 0xff, IQE);
        vtd_write(FSTS, IQE);
}

CHECK(remapping_handshake, "registers: SIRTP, IRE and CFI show in GSTS")
{
        NEEDS(REMAPPING);
        vtd_write64(IRTA, take_page());
        vtd_write(GCMD, vtd->gcmd | SIRTP);
        expect(vtd_wait(GSTS, SIRTP, SIRTP));
        expect(vtd_enable(IRE));
        expect(vtd_enable(CFI));
        expect(vtd_disable(CFI));
        expect(vtd_disable(IRE));
        expect_eq(vtd_read(GSTS) & (TE | QIE), TE | QIE);
}

CHECK(iva_fields, "registers: IVA and IOTLB lie where ECAP.IRO says; IVA keeps address, IH and AM")
{
        vtd_write64(iotlb_offset() + IVA, 0x123456789fff);
        expect_eq(vtd_read64(iotlb_offset() + IVA), 0x12345678907f);
        vtd_write64(iotlb_offset() + IVA, 0);
}
