package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.machine.SmmuIdentification;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Registers and what real kernels logged for them. */
final class SmmuFeaturesTest {
    @ParameterizedTest(name = "IDR0 {0} IDR3 {1}, Linux {2}: {3}")
    @CsvSource({
        "0x0d4d349b, 0x534, 6.12.107+deb13-arm64, 0x006887b7",
        "0x084d749b, 0x534, 6.12.107+deb13-arm64, 0x00688ff7",
        "0x084d749b, 0x534, 7.3.4+deb13-arm64, 0x00e88ff7",
    })
    void theFeatureWordIsTheOneThatARealKernelLogged(
            String idr0, String idr3, String release, String word) {
        var id =
                new SmmuIdentification(
                        Long.decode(idr0), 0x018c_6510L, Long.decode(idr3), 0x0080_0075L);

        assertThat(SmmuFeatures.log(id, release))
                .containsExactly(
                        "oas 48-bit (features " + word + ")",
                        "allocated 4096 entries for cmdq",
                        "allocated 4096 entries for evtq",
                        "allocated 4096 entries for priq");
    }

    @Test
    void whatARegisterDoesNotSayIsNotExpected() {
        var all = new SmmuIdentification(0x084d_749bL, 0x018c_6510L, 0x534, 0x0080_0075L);
        var noPri = new SmmuIdentification(0x084c_749bL, 0x018c_6510L, 0x534, 0x0080_0074L);
        var noRange = new SmmuIdentification(0x084d_749bL, 0x018c_6510L, 0x134, 0x0080_0075L);

        assertThat(SmmuFeatures.word(all, "6.12.1") ^ SmmuFeatures.word(noPri, "6.12.1"))
                .isEqualTo(1 << 4);
        assertThat(SmmuFeatures.log(noPri, "6.12.1"))
                .noneMatch(line -> line.endsWith("priq"))
                .first()
                .asString()
                .startsWith("oas 44-bit");
        assertThat(SmmuFeatures.word(all, "6.12.1") ^ SmmuFeatures.word(noRange, "6.12.1"))
                .isEqualTo(1 << 15);
        assertThat(SmmuFeatures.word(all, "7.3.4") ^ SmmuFeatures.word(all, "7.3.4-lab"))
                .isEqualTo(1L << 17);
        assertThat(SmmuFeatures.word(all, "6.12.1") ^ SmmuFeatures.word(all, "7.3.4"))
                .as("S2FWB came with Linux 6.13")
                .isEqualTo(1 << 23);
    }
}
