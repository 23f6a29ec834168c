/* Posted interrupts (D51397, 5.2, 9.10, 9.11). */
#include "vtd/remap.h"

static const char *missing(void)
{
        return lacking(POSTED | REMAPPING | DEMO);
}

enum { SIZE = 7, INDEX = 5, POSTED_VECTOR = 0xa3, NOTIFICATION = 0x63, CONTROL = 4 };

/* Posted descriptor, quadword 4 */
#define ON BIT(0)
#define SN BIT(1)
#define NV(vector) FIELD(vector, 23, 16)
#define NDST_XAPIC(id) FIELD(id, 47, 40)

static volatile u64 *descriptor;

static void begin(u64 control, u64 entry)
{
        descriptor = take(64, 64);
        descriptor[CONTROL] = control | NV(NOTIFICATION) | NDST_XAPIC(board.apic_id);
        u64 at = (u64)descriptor;
        remap_begin(SIZE, false);
        remap_set(INDEX, IRTE_P | IRTE_IM | IRTE_VECTOR(POSTED_VECTOR) | entry | FIELD(at >> 6, 63, 38),
                  FIELD(at >> 32, 63, 32));
}

static bool posted(void)
{
        return descriptor[POSTED_VECTOR / 64] == BIT(POSTED_VECTOR % 64);
}

CHECK(posted_notifies, "posted: the bit of PIR and ON are set, and the notification comes")
{
        begin(0, 0);
        u64 other = interrupts[POSTED_VECTOR];
        expect(message_arrives(remap_address(INDEX, false), 0, NOTIFICATION));
        expect(posted());
        expect_eq(descriptor[CONTROL] & (ON | SN), ON);
        expect_eq(interrupts[POSTED_VECTOR], other);
        expect_no_fault();
}

CHECK(posted_once, "posted: with ON set already no notification comes")
{
        begin(ON, 0);
        expect(message_is_lost(remap_address(INDEX, false), 0, NOTIFICATION));
        expect(posted());
}

CHECK(posted_suppressed, "posted: with SN no notification comes")
{
        begin(SN, 0);
        expect(message_is_lost(remap_address(INDEX, false), 0, NOTIFICATION));
        expect(posted());
        expect_eq(descriptor[CONTROL] & (ON | SN), SN);
}

CHECK(posted_urgent, "posted: URG notifies whatever SN says")
{
        begin(SN, IRTE_URG);
        expect(message_arrives(remap_address(INDEX, false), 0, NOTIFICATION));
        expect(posted());
        expect_eq(descriptor[CONTROL] & ON, ON);
}

CHECK(posted_accumulates, "posted: several vectors gather in PIR")
{
        begin(0, 0);
        u64 at = (u64)descriptor;
        remap_set(INDEX + 1, IRTE_P | IRTE_IM | IRTE_VECTOR(0x21) | FIELD(at >> 6, 63, 38), FIELD(at >> 32, 63, 32));
        expect(message_arrives(remap_address(INDEX, false), 0, NOTIFICATION));
        expect(message_is_lost(remap_address(INDEX + 1, false), 0, NOTIFICATION));
        expect(posted());
        expect_eq(descriptor[0], BIT(0x21));
}

CHECK(posted_source, "posted faults: 26, the source is verified before")
{
        begin(0, 0);
        u64 at = (u64)descriptor;
        remap_set(INDEX, IRTE_P | IRTE_IM | IRTE_VECTOR(POSTED_VECTOR) | FIELD(at >> 6, 63, 38),
                  FIELD(at >> 32, 63, 32) | IRTE_SID(demo_sid() ^ 8) | IRTE_SVT(SVT_SOURCE));
        expect(message_is_lost(remap_address(INDEX, false), 0, NOTIFICATION));
        expect_interrupt_fault(0x26, INDEX);
        expect(!posted());
}

CHECK(posted_nowhere, "posted faults: 27, the descriptor is outside memory")
{
        begin(0, 0);
        remap_set(INDEX, IRTE_P | IRTE_IM | IRTE_VECTOR(POSTED_VECTOR) | FIELD(NOWHERE >> 6, 63, 38),
                  FIELD(NOWHERE >> 32, 63, 32));
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x27, INDEX);
}

CHECK(posted_reserved, "posted faults: 28, reserved bits of the descriptor")
{
        begin(BIT(2), 0);
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x28, INDEX);
        begin(BIT(24), 0);
        message(remap_address(INDEX, false), 0);
        expect_interrupt_fault(0x28, INDEX);
}

CHECK(posted_entry_reserved, "posted faults: 24, reserved bits of an entry in posted format")
{
        static const u64 reserved[] = { BIT(2), BIT(12), BIT(24), BIT(37) };
        for (u32 i = 0; i < COUNT(reserved); i++) {
                begin(0, reserved[i]);
                message(remap_address(INDEX, false), 0);
                expect_interrupt_fault(0x24, INDEX);
        }
}

CHECK(posted_fault_disabled, "posted faults: FPD keeps 27 and 28 out")
{
        begin(BIT(2), IRTE_FPD);
        expect(message_is_lost(remap_address(INDEX, false), 0, NOTIFICATION));
        expect_no_fault();
}
