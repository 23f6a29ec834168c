package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import nestor.endpoints.dsa.DsaOptions;
import nestor.endpoints.dsa.DsaOptions.InterruptHandles;
import nestor.endpoints.dsa.DsaOptions.TranslationServices;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The properties of a DSA, at their limits and past them. */
class DsaPropertiesTest {
    private static DsaOptions read(String... properties) throws ConfigException {
        Map<String, String> given = new LinkedHashMap<>();
        for (String property : properties) {
            String[] pair = property.split("=", 2);
            given.put(pair[0], pair[1]);
        }
        return DsaProperties.read(DeviceOptions.of(new DeviceConfig("dsa", given)));
    }

    @Test
    void theDefaultsAreThoseOfTheDevice() throws ConfigException {
        assertThat(read()).isEqualTo(DsaOptions.DEFAULT);
    }

    @Test
    void everyPropertyHasItsEffect() throws ConfigException {
        DsaOptions options =
                read(
                        "wqs=16",
                        "wq-entries=4096",
                        "groups=8",
                        "engines=7",
                        "read-buffers=255",
                        "max-transfer=0x80000000",
                        "max-batch=32768",
                        "atc-entries=0",
                        "pri=off",
                        "interrupt-handles=on");
        assertThat(options)
                .isEqualTo(
                        new DsaOptions(
                                16,
                                4096,
                                8,
                                7,
                                255,
                                31,
                                15,
                                0,
                                TranslationServices.ATS,
                                InterruptHandles.REQUESTED));
        assertThat(read("ats=off", "pri=off").translation()).isEqualTo(TranslationServices.NONE);
    }

    @ParameterizedTest
    @CsvSource({
        "wqs=0, must be 1 to 16",
        "wqs=17, must be 1 to 16",
        "wq-entries=4097, must be 1 to 4096",
        "groups=9, must be 1 to 8",
        "engines=0, must be 1 to 8",
        "read-buffers=256, must be 1 to 255",
        "max-transfer=2048, must be a power of two",
        "max-transfer=6000, must be a power of two",
        "max-transfer=0xffffffffffffffff, must be a power of two",
        "max-batch=1, must be a power of two",
        "max-batch=65536, must be a power of two",
        "atc-entries=9, must be 0 to 8",
        "ats=off, must be off with ats=off",
        "queues=1, unknown property"
    })
    void whatIsWrongIsNamed(String property, String message) {
        assertThatThrownBy(() -> read(property))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("-device dsa")
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }
}
