package nestor.vtd;

import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §8.3: several units, each with its own scope. */
class VtdUnitsTest {
    private final Quiescence quiescence = new Quiescence();
    private final VtdHarness one = new VtdHarness(VtdOptions.whole(), quiescence).legacy();
    private final VtdHarness other = new VtdHarness(VtdOptions.whole(), quiescence).legacy();
    private final List<Integer> passed = new ArrayList<>();
    private final VtdUnits units =
            new VtdUnits(
                    List.of(
                            new VtdUnits.Scoped(rid -> rid == VtdHarness.RID, one.unit),
                            new VtdUnits.Scoped(rid -> rid < 0x100, other.unit)),
                    quiescence,
                    (sid, _, _) -> passed.add(sid));

    private Translation read(int rid, long address) {
        return units.translate(
                Requester.withoutPasid(rid), AddressType.UNTRANSLATED, address, Translation.READ);
    }

    @Test
    void aRequesterBelongsToTheFirstScopeThatHoldsIt() {
        VtdHarness.assertRejected(read(VtdHarness.RID, 0x1000));
        assertThat(one.hasFault()).isTrue();
        assertThat(other.hasFault()).isFalse();
        VtdHarness.assertRejected(read(0x20, 0x1000));
        assertThat(other.fault().sid()).isEqualTo(0x20);
        assertThat(units.of(0x20)).contains(other.unit);
    }

    @Test
    void aRequesterOfNoUnitPasses() {
        assertThat(gpa(read(0x100, 0x1000), 0x1000)).isEqualTo(0x1000);
        VtdHarness.assertRejected(read(0x100, 0xfee0_0000L));
        var requester = Requester.withoutPasid(0x100);
        assertThat(units.translate(requester, AddressType.UNTRANSLATED, 0xfee0_0000L, 2))
                .isEqualTo(InterruptRange.MESSAGE);
        assertThat(units.requestTranslation(new AtsRequest(requester, 0x1000, 1, 12, false, false)))
                .isEqualTo(new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));
        assertThat(units.requestPage(new PageRequest(requester, 0x1000, 1, 1, true)))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Test
    void interruptsAreRemappedByTheUnitOfTheirSource() {
        one.write64(0x0b8, VtdHarness.INTERRUPTS | 7);
        one.on(VtdHarness.SIRTP);
        one.on(VtdHarness.IRE);
        units.signal(VtdHarness.RID, 0xfee0_0010L, 0);
        assertThat(one.fault().reason()).isEqualTo(0x22);
        units.signal(0x20, 0xfee0_1000L, 0x31);
        assertThat(other.messages).containsExactly(new VtdHarness.Message(0xfee0_1000L, 0x31));
        units.signal(0x100, 0xfee0_1000L, 0x31);
        assertThat(passed).containsExactly(0x100);
    }

    @Test
    @DisplayName("an invalidation waits for DMA, whichever unit it entered through")
    void unitsShareTheirDmas() {
        one.queue(false);
        long ticket = units.enterDma();
        assertThat(one.isSynchronized()).isFalse();
        units.exitDma(ticket);
        one.loop.runUntilIdle();
        assertThat(one.status()).isEqualTo(2);
    }
}
