package nestor.vtd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.vtd.VtdHarness.Message;
import org.junit.jupiter.api.Test;

/** VT-d §8.3: several units, each with its own scope and its own everything. */
class VtdUnitsTest {
    private final VtdHarness one = new VtdHarness().legacy();
    private final VtdHarness other = new VtdHarness().legacy();
    private final List<Integer> passed = new ArrayList<>();
    private final VtdUnits units =
            new VtdUnits(
                    List.of(
                            new VtdUnits.Scoped(sid -> sid == VtdHarness.RID, one.unit),
                            new VtdUnits.Scoped(sid -> sid < 0x100, other.unit)),
                    (sid, _, _) -> passed.add(sid));

    @Test
    void interruptsAreRemappedByTheUnitOfTheirSource() {
        one.write64(0x0b8, VtdHarness.INTERRUPTS | 7);
        one.on(VtdHarness.SIRTP);
        one.on(VtdHarness.IRE);
        units.signal(VtdHarness.RID, 0xfee0_0010L, 0);
        assertThat(one.fault().reason()).isEqualTo(0x22);
        units.signal(0x20, 0xfee0_1000L, 0x31);
        assertThat(other.messages).containsExactly(new Message(0xfee0_1000L, 0x31));
        units.signal(0x100, 0xfee0_1000L, 0x31);
        assertThat(passed).containsExactly(0x100);
    }

    @Test
    void faultsAndInvalidationsStayInTheirUnit() {
        one.assertFault(one.read(0x1000), 0x02);
        assertThat(other.hasFault()).isFalse();
        one.queue(false);
        other.queue(false);
        long ticket = other.unit.enterDma();
        assertThat(one.isSynchronized()).isTrue();
        assertThat(other.isSynchronized()).isFalse();
        other.unit.exitDma(ticket);
    }
}
