package nestor.pci;

import static nestor.pci.AddressType.TRANSLATED;
import static nestor.pci.AddressType.UNTRANSLATED;
import static nestor.pci.AtsBoard.ATS_CONTROL;
import static nestor.pci.AtsBoard.ATS_ENABLE;
import static nestor.pci.AtsBoard.PASID_CONTROL;
import static nestor.pci.AtsBoard.RID;
import static nestor.pci.AtsBoard.bare;
import static nestor.pci.AtsBoard.pasid;
import static nestor.pci.CompletionStatus.COMPLETER_ABORT;
import static nestor.pci.CompletionStatus.SUCCESSFUL;
import static nestor.pci.CompletionStatus.UNSUPPORTED_REQUEST;
import static nestor.pci.TestBoard.RAM;
import static nestor.pci.Translation.READ;
import static nestor.pci.Translation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import nestor.pci.ScriptedAgent.Access;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Memory requests with PASID prefix, and translated ones. */
class PasidDmaTest {
    private final AtsBoard at = new AtsBoard().enabled();
    private final DmaPort dma = at.function.dma();
    private final MemorySegment word = MemorySegment.ofArray(new byte[] {1, 2, 3, 4});

    @AfterEach
    void close() {
        at.close();
    }

    @Test
    @DisplayName("§6.20.2: the IOMMU sees the PASID and the mode, and the device's own object")
    void pasidsReachTheAgent() throws GuestAccessException {
        Requester privileged = new Requester(RID, 0xf_ffff, true);

        assertThat(dma.write(privileged, RAM, word)).isEqualTo(SUCCESSFUL);
        assertThat(dma.read(pasid(0), RAM, word)).isEqualTo(SUCCESSFUL);

        assertThat(at.agent.accesses)
                .containsExactly(
                        new Access(privileged, UNTRANSLATED, RAM, WRITE),
                        new Access(pasid(0), UNTRANSLATED, RAM, READ));
        assertThat(at.agent.accesses.getFirst().requester()).isSameAs(privileged);
        assertThat(at.board.memory.getIntLe(RAM)).isEqualTo(0x0403_0201);
    }

    @Test
    @DisplayName("§2.2.6.2: a function sends its own RID, whatever the requester says")
    void theRidIsTheFunctionsOwn() {
        Requester stale = new Requester(0x4242, 5, true);

        dma.write(stale, RAM, word);
        dma.write(stale, RAM, word);
        dma.write(Requester.withoutPasid(0x4242), RAM, word);

        Requester own = new Requester(RID, 5, true);
        assertThat(at.agent.accesses.stream().map(Access::requester))
                .containsExactly(own, own, bare());
        assertThat(at.agent.accesses.get(1).requester())
                .isSameAs(at.agent.accesses.get(0).requester());
    }

    @Test
    @DisplayName("§7.8.9.3: PASID and Privileged Mode need their enables; nothing is sent")
    void untranslatedRequestsNeedTheEnables() {
        at.write(PASID_CONTROL, 2, 1);
        assertThat(dma.write(new Requester(RID, 1, true), RAM, word))
                .isEqualTo(UNSUPPORTED_REQUEST);
        at.write(PASID_CONTROL, 2, 6);
        assertThat(dma.write(pasid(1), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(dma.read(pasid(1), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        at.write(PASID_CONTROL, 2, 7);
        assertThat(dma.write(pasid(1 << 20), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(dma.write(pasid(-2), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);

        assertThat(at.agent.accesses).isEmpty();
        assertThat(dma.write(pasid((1 << 20) - 1), RAM, word)).isEqualTo(SUCCESSFUL);
    }

    @Test
    @DisplayName("§6.20: Privileged Mode is a bit of the prefix: without PASID it is not sent")
    void privilegedModeNeedsAPrefix() {
        dma.write(new Requester(RID, Requester.NO_PASID, true), RAM, word);

        assertThat(at.agent.accesses).containsExactly(new Access(bare(), UNTRANSLATED, RAM, WRITE));
    }

    @Test
    @DisplayName("§10.2.4: a translated request is the agent's to allow, and to translate further")
    void translatedRequestsPassTheAgent() throws GuestAccessException {
        at.agent.translation =
                access -> new Translation.Mapping(access.address(), 12, RAM + 0x1000, 3);

        assertThat(dma.writeTranslated(bare(), 0x7000, word)).isEqualTo(SUCCESSFUL);
        assertThat(dma.readTranslated(bare(), 0x7000, word)).isEqualTo(SUCCESSFUL);

        assertThat(at.agent.accesses)
                .containsExactly(
                        new Access(bare(), TRANSLATED, 0x7000, WRITE),
                        new Access(bare(), TRANSLATED, 0x7000, READ));
        assertThat(at.board.memory.getIntLe(RAM + 0x1000)).isEqualTo(0x0403_0201);
        at.agent.translation = _ -> new Translation.Rejected(COMPLETER_ABORT);
        assertThat(dma.writeTranslated(bare(), 0x7000, word)).isEqualTo(COMPLETER_ABORT);
        assertThat(dma.readTranslated(bare(), 0x7000, word)).isEqualTo(COMPLETER_ABORT);
        assertThat(at.read(TestBoard.STATUS, 2) & 0x1000).isEqualTo(0x1000);
        assertThat(at.agent.inside).isZero();
    }

    @Test
    @DisplayName("§10.2.4: translated requests need ATS Enable and Bus Master")
    void translatedRequestsNeedAts() {
        at.write(ATS_CONTROL, 2, 0);
        assertThat(dma.writeTranslated(bare(), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        at.write(ATS_CONTROL, 2, ATS_ENABLE);
        at.board.command(RID, 0);
        assertThat(dma.readTranslated(bare(), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);

        assertThat(at.agent.accesses).isEmpty();
    }

    @Test
    @DisplayName("§7.8.9.3: translated requests with PASID need an enable of their own")
    void translatedRequestsWithPasidNeedTheirEnable() {
        at.write(PASID_CONTROL, 2, 7);
        assertThat(dma.writeTranslated(pasid(1), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(dma.writeTranslated(bare(), RAM, word)).isEqualTo(SUCCESSFUL);

        at.write(PASID_CONTROL, 2, 9);
        assertThat(dma.writeTranslated(pasid(1), RAM, word)).isEqualTo(SUCCESSFUL);

        assertThat(at.agent.accesses)
                .containsExactly(
                        new Access(bare(), TRANSLATED, RAM, WRITE),
                        new Access(pasid(1), TRANSLATED, RAM, WRITE));
    }

    @Test
    void withoutAnIommuOnlyPlainRequestsMeanSomething() {
        at.board.host.iommu(at.agent, _ -> false);

        assertThat(dma.write(bare(), RAM, word)).isEqualTo(SUCCESSFUL);
        assertThat(dma.write(pasid(1), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(dma.writeTranslated(bare(), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
    }

    @Test
    void pastTheIommuThereAreNoPasidsAndNoTranslatedRequests() {
        DmaPort past = at.function.dmaUntranslated();

        assertThat(past.write(bare(), RAM, word)).isEqualTo(SUCCESSFUL);
        assertThat(past.write(pasid(1), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(past.readTranslated(bare(), RAM, word)).isEqualTo(UNSUPPORTED_REQUEST);
        assertThat(at.agent.accesses).isEmpty();
    }

    @Test
    @DisplayName("§6.1.4: an interrupt message is an untranslated request without PASID")
    void messagesCarryNoPasid() {
        try (TestBoard board = new TestBoard()) {
            ScriptedAgent agent = new ScriptedAgent();
            PciFunction function =
                    PciFunction.builder("m").express().pasid(PasidOptions.ofWidth(4)).msi().build();
            board.host.iommu(agent, _ -> true);
            board.host.plug(2, 0, function);
            board.command(RID, TestBoard.BUS_MASTER);
            int msi = board.capability(RID, 5);
            board.config(RID, msi + 4, 4, TestBoard.DOORBELL);
            board.config(RID, msi + 2, 2, 1);

            function.signalMsi(0);

            assertThat(agent.accesses)
                    .containsExactly(new Access(bare(), UNTRANSLATED, TestBoard.DOORBELL, WRITE));
            assertThat(board.messages)
                    .containsExactly(new TestBoard.Message(RID, TestBoard.DOORBELL, 0));
        }
    }
}
