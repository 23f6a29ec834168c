/* Registers: identification, handshakes, locks, and what happens while SMMUEN is 0 (IHI 0070, 6.3). */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return NULL;
}

CHECK(id_translation, "registers: IDR0 says at least one stage, AArch64 tables, coherent walks")
{
        expect(smmu.idr0 & (IDR0_S1P | IDR0_S2P));
        expect_eq(smmu.idr0 >> 3 & 3, 3);
}

CHECK(id_version, "registers: an SMMUv3.1 has HAD with stage 1 and XNX with stage 2")
{
        u32 version = smmu_read(AIDR);
        expect_eq(version >> 4, 0);
        if (version >= 1) {
                expect(!(smmu.idr0 & IDR0_S1P) || smmu.idr3 & IDR3_HAD);
                expect(!(smmu.idr0 & IDR0_S2P) || smmu.idr3 & IDR3_XNX);
        }
        if (version >= 2)
                expect(smmu.idr3 & IDR3_FWB);
}

CHECK(id_dependencies, "registers: features are not advertised without what they need")
{
        u32 ats = smmu.idr0 & IDR0_ATS;
        expect(ats || !(smmu.idr0 & IDR0_PRI));
        expect(ats || !(smmu.idr0 & IDR0_NS1ATS));
        expect(stall_model() != 3);
        if (stall_model() == STALL_NEVER)
                expect_eq(smmu.idr5 >> 16, 0);
        else
                expect(smmu.idr5 >> 16);
}

CHECK(id_read_only, "registers: identification registers ignore writes")
{
        smmu_write(IDR0, ~smmu.idr0);
        smmu_write(IDR5, ~smmu.idr5);
        expect_eq(smmu_read(IDR0), smmu.idr0);
        expect_eq(smmu_read(IDR5), smmu.idr5);
}

CHECK(cr0_acknowledged, "registers: CR0ACK becomes what CR0 was written")
{
        expect(smmu_cr0(CMDQEN));
        expect(smmu_cr0(CMDQEN | EVENTQEN));
        expect(smmu_cr0(CMDQEN | EVENTQEN | ATSCHK | SMMUEN));
        expect(smmu_cr0(0));
}

CHECK(irq_ctrl_acknowledged, "registers: IRQ_CTRLACK becomes what IRQ_CTRL was written")
{
        smmu_write(IRQ_CTRL, IRQ_GERROR | IRQ_EVENTQ);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_GERROR | IRQ_EVENTQ));
        smmu_write(IRQ_CTRL, 0);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, 0));
}

static void expect_locked64(u32 offset)
{
        u64 before = smmu_read64(offset);
        smmu_write64(offset, before ^ 0x100000);
        expect_eq(smmu_read64(offset), before);
}

static void expect_locked(u32 offset, u32 flip)
{
        u32 before = smmu_read(offset);
        smmu_write(offset, before ^ flip);
        expect_eq(smmu_read(offset), before);
}

CHECK(strtab_locked, "registers: STRTAB_BASE and STRTAB_BASE_CFG are locked while SMMUEN is 1")
{
        expect_locked64(STRTAB_BASE);
        expect_locked(STRTAB_BASE_CFG, 1);
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        u64 before = smmu_read64(STRTAB_BASE);
        smmu_write64(STRTAB_BASE, before ^ 0x100000);
        expect_eq(smmu_read64(STRTAB_BASE), before ^ 0x100000);
}

CHECK(cr2_locked, "registers: CR2 is locked while SMMUEN is 1")
{
        expect_locked(CR2, RECINVSID);
}

CHECK(cr1_table_locked, "registers: CR1.TABLE_* are locked while SMMUEN is 1")
{
        expect(smmu_cr0(SMMUEN));
        expect_locked(CR1, 0x440);
}

CHECK(cr1_queue_locked, "registers: CR1.QUEUE_* are locked while a queue is on")
{
        expect(smmu_cr0(EVENTQEN));
        expect_locked(CR1, 0x011);
}

CHECK(queue_bases_locked, "registers: queue bases are locked while their queues are on")
{
        expect_locked64(CMDQ_BASE);
        expect_locked64(EVENTQ_BASE);
        expect_locked64(PRIQ_BASE);
}

CHECK(queue_indices_locked, "registers: CMDQ_CONS, EVENTQ_PROD and PRIQ_PROD are locked while their queues are on")
{
        expect_locked(CMDQ_CONS, 1);
        expect_locked(EVENTQ_PROD, 1);
        expect_locked(PRIQ_PROD, 1);
}

CHECK(message_configuration_locked, "registers: interrupt messages are locked while the interrupt is enabled")
{
        NEEDS(MESSAGES);
        u32 all = IRQ_GERROR | IRQ_EVENTQ | (lacking(PRI) ? 0 : IRQ_PRIQ);
        smmu_write(IRQ_CTRL, all);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, all));
        expect_locked64(GERROR_IRQ);
        expect_locked64(EVENTQ_IRQ);
        if (!lacking(PRI))
                expect_locked64(PRIQ_IRQ);
        expect_locked(EVENTQ_IRQ + 8, 1);
}

CHECK(halves, "registers: a 64-bit register takes two 32-bit writes")
{
        expect(smmu_cr0(0));
        smmu_write(STRTAB_BASE, 0x89abc000);
        smmu_write(STRTAB_BASE + 4, 0x12);
        expect_eq(smmu_read64(STRTAB_BASE), 0x1289abc000);
}

CHECK(gerror_read_only, "registers: GERROR is the SMMU's to write")
{
        u32 before = smmu_read(GERROR);
        smmu_write(GERROR, before ^ CMDQ_ERR);
        expect_eq(smmu_read(GERROR), before);
}

CHECK(gbpa_needs_update, "registers: a GBPA write without UPDATE changes nothing")
{
        u32 before = smmu_read(GBPA);
        smmu_write(GBPA, before ^ GBPA_ABORT);
        expect_eq(smmu_read(GBPA), before);
}

CHECK(gbpa_update, "registers: GBPA.UPDATE is 0 once the write has taken effect")
{
        smmu_write(GBPA, GBPA_UPDATE | GBPA_ABORT);
        expect(smmu_wait(GBPA, GBPA_UPDATE, 0));
        expect_eq(smmu_read(GBPA) & GBPA_ABORT, GBPA_ABORT);
}

CHECK(off_bypass, "bypass: SMMUEN 0 and GBPA.ABORT 0 lets DMA through untranslated")
{
        u64 page = take_page();
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        expect_lands(&devs[0], page, page);
        expect_reads(&devs[0], page, page);
}

CHECK(off_abort, "bypass: SMMUEN 0 and GBPA.ABORT 1 refuses DMA without an event")
{
        u64 page = take_page();
        expect(smmu_cr0(smmu.cr0 & ~SMMUEN));
        smmu_write(GBPA, GBPA_UPDATE | GBPA_ABORT);
        expect(smmu_wait(GBPA, GBPA_UPDATE, 0));
        expect_refused(&devs[0], page, page);
        expect_unreadable(&devs[0], page, page);
        expect_no_event();
}

CHECK(on_ignores_gbpa, "bypass: GBPA says nothing while SMMUEN is 1")
{
        u64 page = take_page();
        struct ste ste = ste_config(CONFIG_BYPASS);
        ste_install(sid(&devs[0]), &ste);
        smmu_write(GBPA, GBPA_UPDATE | GBPA_ABORT);
        expect(smmu_wait(GBPA, GBPA_UPDATE, 0));
        expect_lands(&devs[0], page, page);
}

CHECK(off_records_nothing, "bypass: with SMMUEN 0 an absent stream table is nobody's business")
{
        u64 page = take_page();
        expect(smmu_cr0(CMDQEN | EVENTQEN));
        smmu_write64(STRTAB_BASE, 0);
        expect_lands(&devs[0], page, page);
        expect_no_event();
}
