package nestor.vtd;

import static nestor.vtd.VtdHarness.INTERRUPTS;
import static nestor.vtd.VtdHarness.NOWHERE;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.vtd.VtdHarness.Message;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** VT-d chapter 5: interrupt remapping and posting. */
class InterruptRemappingTest {
    private static final long DESCRIPTOR = 0x5_0040;

    private final VtdHarness vtd = new VtdHarness();

    @BeforeEach
    void faultInterrupt() {
        vtd.write32(0x038, 1L << 31);
    }

    /** Extended mode, 256 entries. */
    private void enable(boolean extended) {
        vtd.write64(0x0b8, INTERRUPTS | (extended ? 1 << 11 : 0) | 7);
        vtd.on(VtdHarness.SIRTP);
        vtd.on(VtdHarness.IRE);
    }

    private void entry(int index, long qw0, long qw1) {
        vtd.store(INTERRUPTS + 16L * index, qw0, qw1);
    }

    private void signal(int rid, int handle, boolean shv, int data) {
        long address = 0xfee0_0010L | (handle & 0x7fffL) << 5 | handle >>> 15 << 2;
        vtd.unit.interrupts().signal(rid, shv ? address | 1 << 3 : address, data);
    }

    private void signal(int index) {
        signal(RID, index, false, 0);
    }

    private void assertFault(int reason, int index) {
        var fault = vtd.fault();
        assertThat(fault.reason()).isEqualTo(reason);
        assertThat(fault.sid()).isEqualTo(RID);
        assertThat(fault.low() >>> 48).isEqualTo(index);
        assertThat(vtd.messages).isEmpty();
    }

    @Test
    void withoutRemappingMessagesPass() {
        vtd.unit.interrupts().signal(RID, 0xfee0_1010L, 0x31);
        assertThat(vtd.messages).containsExactly(new Message(0xfee0_1010L, 0x31));
    }

    @Test
    @DisplayName("§9.10: the remapped format, x2APIC destination")
    void aRemappableRequestIsRemapped() {
        enable(true);
        entry(5, 1 | 1 << 3 | 0x41 << 16 | 0x1234_5678L << 32, 0);
        signal(5);
        assertThat(vtd.messages)
                .containsExactly(new Message(0x1234_5600L << 32 | 0xfee7_8008L, 0x4041));
    }

    @Test
    @DisplayName("§9.10: the remapped format, xAPIC destination and every attribute")
    void theXapicDestinationIsInBits15To8() {
        enable(false);
        entry(5, 1 | 1 << 2 | 1 << 4 | 1 << 5 | 0xf << 8 | 0x41 << 16 | 0x2300L << 32, 0);
        signal(5);
        assertThat(vtd.messages).containsExactly(new Message(0xfee2_3004L, 0xc141));
    }

    @Test
    @DisplayName("§5.1.3: handle and subhandle")
    void theIndexIsHandlePlusSubhandle() {
        vtd.write64(0x0b8, INTERRUPTS | 0xf);
        vtd.on(VtdHarness.SIRTP);
        vtd.on(VtdHarness.IRE);
        entry(0x87, 1 | 0x41 << 16, 0);
        signal(RID, 0x85, true, 2);
        assertThat(vtd.messages).hasSize(1);
        signal(RID, 0x87, false, 0xffff);
        assertThat(vtd.messages).hasSize(2);
        vtd.messages.clear();
        signal(RID, 0x8001, true, 0x7ffe);
        assertFault(0x22, 0xffff);
        signal(RID, 0xffff, true, 1);
        assertFault(0x21, 0);
        signal(RID, 5, true, 0x1_0000);
        assertFault(0x20, 5);
    }

    @Test
    void tableFaultsHaveTheirReasons() {
        enable(true);
        signal(0x100);
        assertFault(0x21, 0x100);
        signal(3);
        assertFault(0x22, 3);
        entry(3, 2, 0);
        signal(3);
        assertThat(vtd.hasFault()).describedAs("FPD").isFalse();
        vtd.write64(0x0b8, NOWHERE | 7);
        vtd.on(VtdHarness.SIRTP);
        signal(3);
        assertFault(0x23, 3);
    }

    @ParameterizedTest
    @CsvSource({
        "0x1001, 0", // reserved bits 14:12
        "0x1000001, 0", // 31:24
        "0x61, 0", // delivery mode 3
        "0xc1, 0", // delivery mode 6
        "0x1, 0x100000", // quadword 1
        "0x1, 0xc0000" // SVT 3
    })
    void reservedFieldsAreRefused(String qw0, String qw1) {
        enable(true);
        entry(3, Long.decode(qw0), Long.decode(qw1));
        signal(3);
        assertFault(0x24, 3);
    }

    @Test
    void extendedDestinationsNeedExtendedMode() {
        enable(false);
        entry(3, 1 | 1L << 48, 0);
        signal(3);
        assertFault(0x24, 3);
        entry(3, 1 | 1L << 32, 0);
        signal(3);
        assertFault(0x24, 3);
    }

    @Test
    @DisplayName("§5.1.4, §9.10: SVT and SQ")
    void theSourceIsVerified() {
        enable(true);
        for (int sq = 0; sq < 4; sq++) {
            int[] masks = {0, 4, 6, 7};
            entry(3, 1, 1 << 18 | sq << 16 | RID ^ masks[sq]);
            signal(3);
            assertThat(vtd.messages).describedAs("SQ %d", sq).hasSize(1);
            vtd.messages.clear();
            entry(3, 1, 1 << 18 | sq << 16 | RID ^ 8);
            signal(3);
            assertFault(0x26, 3);
        }
        entry(3, 3, 1 << 18 | RID ^ 8);
        signal(3);
        assertThat(vtd.hasFault()).describedAs("FPD").isFalse();
    }

    @Test
    void aRangeOfBusesIsVerifiedWhicheverByteIsFirst() {
        enable(true);
        for (int sid : new int[] {0x1020, 0x2010}) {
            entry(3, 1, 2 << 18 | sid);
            signal(0x0f00, 3, false, 0);
            signal(0x1000, 3, false, 0);
            signal(0x20ff, 3, false, 0);
            signal(0x2100, 3, false, 0);
            assertThat(vtd.messages).hasSize(2);
            assertThat(vtd.fault().sid()).isEqualTo(0x0f00);
            assertThat(vtd.fault().sid()).isEqualTo(0x2100);
            vtd.messages.clear();
        }
    }

    @Test
    @DisplayName("§5.1.2.1: compatibility format")
    void compatibilityFormatNeedsCfisAndNoExtendedMode() {
        enable(false);
        vtd.unit.interrupts().signal(RID, 0xfee0_1000L, 0x31);
        assertFault(0x25, 0);
        vtd.on(VtdHarness.CFI);
        vtd.unit.interrupts().signal(RID, 0xfee0_1000L, 0x31);
        assertThat(vtd.messages).containsExactly(new Message(0xfee0_1000L, 0x31));
        vtd.messages.clear();
        enable(true);
        vtd.unit.interrupts().signal(RID, 0xfee0_1000L, 0x31);
        assertFault(0x25, 0);
    }

    @Test
    void theTableIsTheLatchedOne() {
        enable(true);
        entry(3, 1 | 0x41 << 16, 0);
        vtd.write64(0x0b8, NOWHERE);
        signal(3);
        assertThat(vtd.messages).hasSize(1);
        vtd.off(VtdHarness.IRE);
        vtd.unit.interrupts().signal(RID, 0xfee0_1010L, 0x31);
        assertThat(vtd.messages).hasSize(2);
    }

    @Test
    void theUnitsOwnInterruptIsNotRemapped() {
        vtd.write32(0x03c, 0x41);
        vtd.write32(0x040, 0xfee0_1000);
        vtd.write32(0x038, 0);
        enable(true);
        signal(3);
        assertThat(vtd.messages).containsExactly(new Message(0xfee0_1000L, 0x41));
    }

    private void posted(int index, int vector, boolean urgent) {
        long urg = urgent ? 1 << 14 : 0;
        entry(index, 1 | urg | 1 << 15 | (long) vector << 16 | DESCRIPTOR << 32, 0);
    }

    private void descriptor(long control) {
        vtd.store(DESCRIPTOR, 0, 0, 0, 0, control, 0, 0, 0);
    }

    @Test
    @DisplayName("§5.2.3, §9.11, §9.12: the posted format")
    void aPostedInterruptNotifiesOnce() {
        enable(true);
        posted(3, 0xc1, false);
        descriptor(0xf2 << 16 | 0x123L << 32);
        signal(3);
        assertThat(vtd.load(DESCRIPTOR + 24)).isEqualTo(2);
        assertThat(vtd.load(DESCRIPTOR + 32)).isEqualTo(0xf2 << 16 | 0x123L << 32 | 1);
        assertThat(vtd.messages).containsExactly(new Message(0x100L << 32 | 0xfee2_3000L, 0x40f2));
        posted(4, 0x41, false);
        signal(4);
        assertThat(vtd.load(DESCRIPTOR + 8)).isEqualTo(2);
        assertThat(vtd.messages).describedAs("ON was set").hasSize(1);
    }

    @Test
    void suppressedNotificationsAreSentIfTheyAreUrgent() {
        enable(false);
        posted(3, 0x41, false);
        posted(4, 0x42, true);
        descriptor(2 | 0xf2 << 16 | 0x2300L << 32);
        signal(3);
        assertThat(vtd.messages).isEmpty();
        assertThat(vtd.load(DESCRIPTOR + 32) & 1).isZero();
        signal(4);
        assertThat(vtd.messages).containsExactly(new Message(0xfee2_3000L, 0x40f2));
        assertThat(vtd.load(DESCRIPTOR + 8)).isEqualTo(6);
    }

    @Test
    void postingFaultsHaveTheirReasons() {
        enable(true);
        posted(3, 0x41, false);
        descriptor(1 << 2);
        signal(3);
        assertFault(0x28, 3);
        assertThat(vtd.load(DESCRIPTOR + 8)).isZero();
        entry(3, 1 | 1 << 15, NOWHERE);
        signal(3);
        assertFault(0x27, 3);
        entry(3, 1 | 1 << 15 | 1 << 2, 0);
        signal(3);
        assertFault(0x24, 3);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 15, 24, 31})
    @DisplayName("§9.12: bits 271:258 and 287:280 of a posted descriptor are reserved")
    void reservedBitsOfAPostedDescriptorAreRefused(int bit) {
        enable(true);
        posted(3, 0x41, false);
        descriptor(1L << bit | 0xf2 << 16);
        signal(3);
        assertFault(0x28, 3);
        assertThat(vtd.messages).isEmpty();
    }

    @Test
    void thePostedFormatNeedsItsCapability() {
        var without = new VtdHarness(VtdOptions.whole().with(VtdProperty.POSTED_INTERRUPTS, 0));
        without.write64(0x0b8, INTERRUPTS | 7);
        without.on(VtdHarness.SIRTP);
        without.on(VtdHarness.IRE);
        without.store(INTERRUPTS, 1 | 1 << 15, 0);
        without.unit.interrupts().signal(RID, 0xfee0_0010L, 0);
        assertThat(without.fault().reason()).isEqualTo(0x24);
    }

    @Test
    void aUnitWithoutRemappingIgnoresItsCommands() {
        var without =
                new VtdHarness(VtdOptions.defaults().with(VtdProperty.INTERRUPT_REMAPPING, 0));
        without.write32(0x018, VtdHarness.IRE | VtdHarness.SIRTP | VtdHarness.CFI);
        without.loop.runUntilIdle();
        assertThat(without.read32(0x01c)).isZero();
        without.unit.interrupts().signal(RID, 0xfee0_0010L, 7);
        assertThat(without.messages).hasSize(1);
    }

    @Test
    void resetMakesTheUnitNew() {
        enable(true);
        entry(3, 1, 1 << 18);
        signal(3);
        vtd.unit.reset();
        assertThat(vtd.read32(0x01c)).isZero();
        assertThat(vtd.hasFault()).isFalse();
        vtd.unit.interrupts().signal(RID, 0xfee0_0010L, 7);
        assertThat(vtd.messages).hasSize(1);
    }
}
