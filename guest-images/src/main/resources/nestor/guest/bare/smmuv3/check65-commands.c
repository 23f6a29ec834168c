/* The command queue (IHI 0070, 3.5, 4.7, 7.1): errors and restart, completion, wrapping. */
#include "smmuv3/tables.h"

static const char *missing(void)
{
        return NULL;
}

enum { QUIET_MS = 3 };

#define NOWHERE 0x3000000000ull

CHECK(ill_zero, "commands: opcode 0 is CERROR_ILL, and the queue goes on after it is replaced")
{
        expect_illegal(0, 0);
}

CHECK(ill_unknown, "commands: opcodes nobody defined are CERROR_ILL")
{
        expect_illegal(0x08, 0);
        expect_illegal(0x4f, 0);
        expect_illegal(0xff, ~0ull);
}

CHECK(ill_secure, "commands: SSec 1 on this queue is CERROR_ILL")
{
        expect_illegal(CFGI_STE | BIT(10), LEAF);
}

CHECK(ill_el3, "commands: TLBI_EL3_ALL and TLBI_EL3_VA are CERROR_ILL")
{
        expect_illegal(0x18, 0);
        expect_illegal(0x1a, 0);
}

CHECK(ill_el2, "commands: TLBI_EL2_* without Hyp are CERROR_ILL")
{
        if (smmu.idr0 & 1 << 9)
                return skip("Hyp is there");
        for (u32 opcode = TLBI_EL2_ALL; opcode < TLBI_EL2_ALL + 4; opcode++)
                expect_illegal(opcode, 0);
}

CHECK(ill_secure_tlbi, "commands: the secure TLBI commands are CERROR_ILL")
{
        expect_illegal(0x50, 0);
        expect_illegal(0x58, 0);
        expect_illegal(0x60, 0);
}

CHECK(ill_dpti, "commands: DPTI without DPT is CERROR_ILL")
{
        if (smmu.idr3 & 1 << 15)
                return skip("DPT is there");
        expect_illegal(0x70, 0);
        expect_illegal(0x73, 0);
}

CHECK(ill_sync, "commands: CMD_SYNC with CS 3 is CERROR_ILL")
{
        expect_illegal(SYNC | FIELD(3, 13, 12), 0);
}

CHECK(ill_pri_resp, "commands: CMD_PRI_RESP with Resp 3 is CERROR_ILL")
{
        NEEDS(PRI);
        expect_illegal(on_sid(PRI_RESP, sid(&devs[0])), FIELD(3, 13, 12));
}

CHECK(ill_range, "commands: a range of NUM 0, SCALE 0, TTL 0 with TG is CERROR_ILL")
{
        NEEDS(RANGES);
        u64 reserved = 0x1000 | FIELD(1, 11, 10);
        if (!lacking(STAGE1)) {
                expect_illegal(TLBI_NH_VA, reserved);
                expect_illegal(TLBI_NH_VAA, reserved);
        }
        if (!lacking(STAGE2))
                expect_illegal(TLBI_S2_IPA, reserved);
}

CHECK(ill_stall, "commands: RESUME and STALL_TERM in the terminate model are CERROR_ILL")
{
        if (stall_model() != STALL_NEVER)
                return skip("stalls are there");
        expect_illegal(on_sid(RESUME, sid(&devs[0])), 0);
        expect_illegal(on_sid(STALL_TERM, sid(&devs[0])), 0);
}

CHECK(unknown_stag, "commands: RESUME of a STAG nobody has and STALL_TERM of a calm stream do nothing")
{
        if (stall_model() == STALL_NEVER)
                return skip("there are no stalls");
        command(on_sid(RESUME, sid(&devs[0])) | FIELD(1, 13, 12), 3);
        command(on_sid(RESUME, sid(&devs[0])) | FIELD(2, 13, 12), 0xffff);
        expect(command_sync(on_sid(STALL_TERM, sid(&devs[0])), 0));
        expect_eq(gerror_active(), 0);
}

CHECK(stays_stopped, "commands: while the error is not acknowledged nothing is consumed, whatever PROD does")
{
        u32 at = smmu.commands.index;
        command_put(0, 0xff, 0);
        command_ring(1);
        expect_stopped(at, CERROR_ILL);
        command_put(0, SYNC, 0);
        command_ring(1);
        u64 start = counter();
        while (within(start, QUIET_MS))
                ;
        expect_eq(smmu_read(CMDQ_CONS) & QUEUE_FULL_RANGE, at);
        volatile u64 *entry = (u64 *)(smmu.commands.base + at * 16);
        entry[0] = SYNC;
        gerror_acknowledge();
        expect_consumed();
}

CHECK(not_fixed, "commands: an error that is acknowledged and not fixed comes again")
{
        u32 at = smmu.commands.index;
        command_put(0, 0xff, 0);
        command_ring(1);
        expect_stopped(at, CERROR_ILL);
        gerror_acknowledge();
        expect_stopped(at, CERROR_ILL);
        volatile u64 *entry = (u64 *)(smmu.commands.base + at * 16);
        entry[0] = SYNC;
        gerror_acknowledge();
        expect_consumed();
}

CHECK(prod_back, "commands: a stopped queue may have its PROD moved back to CONS, and goes on empty")
{
        u32 at = smmu.commands.index;
        command_put(0, 0xff, 0);
        command_ring(1);
        expect_stopped(at, CERROR_ILL);
        smmu.commands.index = at;
        smmu_write(CMDQ_PROD, at);
        gerror_acknowledge();
        expect_consumed();
        expect(sync());
}

CHECK(abt, "commands: a queue outside memory is CERROR_ABT, and works again at another base")
{
        expect(smmu_cr0(smmu.cr0 & ~CMDQEN));
        smmu_write64(CMDQ_BASE, NOWHERE | smmu.commands.log2);
        smmu_write(CMDQ_PROD, 0);
        smmu_write(CMDQ_CONS, 0);
        expect(smmu_cr0(smmu.cr0 | CMDQEN));
        smmu_write(CMDQ_PROD, 1);
        expect_stopped(0, CERROR_ABT);
        expect(smmu_cr0(smmu.cr0 & ~CMDQEN));
        smmu_write64(CMDQ_BASE, smmu.commands.base | smmu.commands.log2);
        smmu_write(CMDQ_PROD, 0);
        smmu_write(CMDQ_CONS, 0);
        smmu.commands.index = 0;
        gerror_acknowledge();
        expect(smmu_cr0(smmu.cr0 | CMDQEN));
        expect(sync());
}

static void wraps(u32 log2)
{
        smmu_restart(&(struct shape){ .commands_log2 = log2 });
        for (u32 i = 0; i < 5u << log2; i++)
                command(on_sid(CFGI_STE, i & 63), LEAF);
        expect(sync());
        expect_eq(gerror_active(), 0);
}

CHECK(wrap_smallest, "commands: a queue of two entries wraps")
{
        wraps(1);
}

CHECK(wrap_16, "commands: a queue of 16 entries wraps five times")
{
        wraps(4);
}

CHECK(full, "commands: a queue that is full at once, wrap bit and all, is consumed")
{
        for (u32 i = 0; i < 1u << smmu.commands.log2; i++)
                command_put(i, on_sid(CFGI_STE, i & 63), LEAF);
        command_ring(1u << smmu.commands.log2);
        expect_consumed();
        expect(sync());
}

CHECK(batch, "commands: 64 commands and a SYNC become visible with one PROD write")
{
        for (u32 i = 0; i < 64; i++)
                command_put(i, on_sid(CFGI_CD_ALL, i), 0);
        command_put(64, SYNC, 0);
        command_ring(65);
        expect_consumed();
}

CHECK(off, "commands: with CMDQEN 0 nothing is consumed; with CMDQEN 1 it is, without a PROD write")
{
        expect(smmu_cr0(smmu.cr0 & ~CMDQEN));
        u32 before = smmu_read(CMDQ_CONS);
        command_put(0, SYNC, 0);
        command_ring(1);
        u64 start = counter();
        while (within(start, QUIET_MS))
                ;
        expect_eq(smmu_read(CMDQ_CONS), before);
        expect(smmu_cr0(smmu.cr0 | CMDQEN));
        expect_consumed();
}

CHECK(sync_message, "commands: CMD_SYNC with CS 1 writes its message")
{
        NEEDS(MESSAGES);
        volatile u32 *word = take(64, 64);
        command(SYNC | FIELD(SYNC_IRQ, 13, 12) | (u64)0xcafe1234 << 32, (u64)word);
        u64 start = counter();
        while (*word != 0xcafe1234 && within(start, 1000))
                ;
        expect_eq(*word, 0xcafe1234);
        expect_eq(word[1], 0);
}

CHECK(sync_message_own_slot, "commands: a message into the SYNC's own slot, as Linux polls it")
{
        NEEDS(MESSAGES);
        volatile u32 *slot = (u32 *)(smmu.commands.base + smmu.commands.index * 16);
        command(SYNC | FIELD(SYNC_IRQ, 13, 12), (u64)slot);
        u64 start = counter();
        while (*slot && within(start, 1000))
                ;
        expect_eq(*slot, 0);
        expect(sync());
}

CHECK(sync_message_aborts, "commands: a SYNC's message to nowhere is MSI_CMDQ_ABT, and the queue goes on")
{
        NEEDS(MESSAGES);
        command(SYNC | FIELD(SYNC_IRQ, 13, 12), NOWHERE);
        expect(sync());
        expect_eq(gerror_active(), MSI_CMDQ_ABT);
        gerror_acknowledge();
        expect_eq(gerror_active(), 0);
}

CHECK(sync_wire, "commands: CMD_SYNC with CS 1 pulses the wire")
{
        u32 intid = board.smmu_spi + 2;
        spi_clear(intid);
        expect_eq(spi_pending(intid), false);
        command(SYNC | FIELD(SYNC_IRQ, 13, 12), 0);
        expect(sync());
        expect_eq(spi_pending(intid), true);
        spi_clear(intid);
}

CHECK(sync_polled, "commands: CMD_SYNC with CS 0 pulses nothing")
{
        u32 intid = board.smmu_spi + 2;
        spi_clear(intid);
        expect(sync());
        expect_eq(spi_pending(intid), false);
}

CHECK(sync_event, "commands: CMD_SYNC with CS 2 is consumed")
{
        command(SYNC | FIELD(SYNC_SEV, 13, 12), 0);
        expect(sync());
}

CHECK(prefetch, "commands: prefetches of anything are harmless")
{
        command(on_sid(PREFETCH_CONFIG, sid(&devs[0])), 0);
        command(on_sid(PREFETCH_CONFIG, ~0u), 0);
        command(on_ssid(PREFETCH_ADDR, sid(&devs[0]), 0xfffff), ~0ull);
        expect(sync());
        expect_no_event();
}

CHECK(ids_beyond, "commands: stream and substream IDs beyond the tables are no error")
{
        command(on_sid(CFGI_STE, 0xffffffff), LEAF);
        command(on_sid(CFGI_STE_RANGE, 0x80000000), 3);
        command(on_ssid(CFGI_CD, 0xfffffffe, 0xfffff), LEAF);
        command(on_sid(CFGI_CD_ALL, 0x12345678), 0);
        if (!lacking(ATS))
                command(on_sid(ATC_INV, 0xffffffff), 52);
        expect(sync());
        expect_eq(gerror_active(), 0);
}

CHECK(gerror_wire, "commands: CMDQ_ERR interrupts once, by wire")
{
        u32 intid = board.smmu_spi + 3;
        spi_clear(intid);
        smmu_write(IRQ_CTRL, IRQ_GERROR);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_GERROR));
        expect_illegal(0xff, 0);
        expect_eq(spi_pending(intid), true);
        spi_clear(intid);
        expect(sync());
        expect_eq(spi_pending(intid), false);
}

CHECK(gerror_quiet, "commands: with IRQ_CTRL.GERROR 0 an error is shown and does not interrupt")
{
        u32 intid = board.smmu_spi + 3;
        spi_clear(intid);
        expect_illegal(0xff, 0);
        expect_eq(spi_pending(intid), false);
}

CHECK(gerror_message, "commands: CMDQ_ERR interrupts by message")
{
        NEEDS(MESSAGES);
        volatile u32 *word = take(64, 64);
        smmu_write64(GERROR_IRQ, (u64)word);
        smmu_write(GERROR_IRQ + 8, 0xabcd);
        smmu_write(IRQ_CTRL, IRQ_GERROR);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_GERROR));
        expect_illegal(0xff, 0);
        expect_eq(*word, 0xabcd);
}

CHECK(gerror_message_aborts, "commands: GERROR's own message to nowhere is MSI_GERROR_ABT")
{
        NEEDS(MESSAGES);
        smmu_write64(GERROR_IRQ, NOWHERE);
        smmu_write(IRQ_CTRL, IRQ_GERROR);
        expect(smmu_wait(IRQ_CTRLACK, ~0u, IRQ_GERROR));
        command_put(0, 0xff, 0);
        command_ring(1);
        expect(smmu_wait(GERROR, MSI_GERROR_ABT, ~smmu_read(GERRORN) & MSI_GERROR_ABT));
        expect_eq(gerror_active(), CMDQ_ERR | MSI_GERROR_ABT);
}
