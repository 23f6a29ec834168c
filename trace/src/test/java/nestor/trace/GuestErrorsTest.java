package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GuestErrorsTest {
    private final Recorded output = new Recorded();
    private final GuestErrors errors = new GuestErrors(output);

    private String[] lines() {
        return output.text.isEmpty() ? new String[0] : output.text.toString().split("\\R");
    }

    private void event(int type, int sid, int ssid) {
        errors.take(
                Recorded.event(
                        "smmuv3_record_event",
                        2_000_001_000L,
                        "type",
                        type,
                        "sid",
                        sid,
                        "ssid",
                        ssid));
    }

    @Test
    void aBreachIsToldOnceForEachPlace() {
        event(0x0a, 0x18, 5);
        event(0x0a, 0x18, 5);
        event(0x0a, 0x18, 6);
        event(0x04, 0x18, -1);
        assertThat(lines())
                .containsExactly(
                        "guest error: C_BAD_CD: the CD is illegal of 0x18 pasid 5 (IHI 0070, §7.3.11) at 2.000001",
                        "guest error: C_BAD_CD: the CD is illegal of 0x18 pasid 6 (IHI 0070, §7.3.11) at 2.000001",
                        "guest error: C_BAD_STE: the STE is illegal of 0x18 (IHI 0070, §7.3.5) at 2.000001");
    }

    @Test
    void misuseOfQueuesAndOfConfigurationSpaceNamesItsRule() {
        errors.take(
                Recorded.event(
                        "pci_cfg_misuse",
                        0,
                        "rid",
                        0x18,
                        "rule",
                        "STU is changed",
                        "section",
                        "§10.5.1.3"));
        for (int i = 0; i < 2; i++) {
            errors.take(
                    Recorded.event(
                            "virtqueue_misuse",
                            0,
                            "queue",
                            0x4000L,
                            "rule",
                            "a loop",
                            "section",
                            "§2.7.5"));
        }
        assertThat(lines())
                .containsExactly(
                        "guest error: STU is changed of 0x18 (PCIe, §10.5.1.3) at 0.000000",
                        "guest error: a loop, queue at 0x4000 (virtio, §2.7.5) at 0.000000");
    }

    @Test
    void aTranslationFaultIsNoBreach() {
        event(0x10, 0x18, 5);
        errors.take(Recorded.event("vtd_dmar_fault", 0, "sid", 8, "fault", 0x71, "addr", 0L));
        errors.take(Recorded.event("virtio_iommu_cmd", 0, "request", "Map[]", "status", "OK"));
        assertThat(lines()).isEmpty();
    }

    @Test
    void reservedFieldsOfVtdNameTheirSection() {
        errors.take(Recorded.event("vtd_dmar_fault", 0, "sid", 0x10, "fault", 0x5a, "addr", 0L));
        errors.take(Recorded.event("vtd_inv_qi_stopped", 0, "head", 0L, "error", "RESERVED_FIELD"));
        assertThat(lines())
                .containsExactly(
                        "guest error: fault reason 0x5a: a reserved field of the PASID table entry is set of 0x10 (VT-d, §7.1.3) at 0.000000",
                        "guest error: invalidation queue error RESERVED_FIELD (VT-d, §11.4.9.9) at 0.000000");
    }

    @Test
    void aRefusedRequestIsToldByItsKind() {
        for (int domain = 0; domain < 3; domain++) {
            errors.take(
                    Recorded.event(
                            "virtio_iommu_cmd",
                            0,
                            "request",
                            "Map[domain=" + domain + "]",
                            "status",
                            "INVAL"));
        }
        assertThat(lines())
                .containsExactly(
                        "guest error: request Map ended in INVAL (virtio, §5.13.6) at 0.000000");
    }

    @Test
    void aGuestThatInventsPlacesDoesNotFillTheLog() {
        for (int ssid = 0; ssid < 2 * GuestErrors.MAX_PLACES; ssid++) {
            event(0x0a, 0x18, ssid);
        }
        assertThat(lines()).hasSize(GuestErrors.MAX_PLACES + 1);
    }
}
