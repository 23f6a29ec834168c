package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class OptionListTest {
    @Test
    void theFirstWordIsTheImpliedKey() throws CommandException {
        OptionList list = OptionList.parse("-device", "virtio-blk-pci,drive=d0,addr=1.0", "driver");

        assertThat(list.head()).isEqualTo("virtio-blk-pci");
        assertThat(list.properties()).isEqualTo(Map.of("drive", "d0", "addr", "1.0"));
    }

    @Test
    void aDoubledCommaIsACommaOfTheValue() throws CommandException {
        OptionList list = OptionList.parse("-drive", "file=a,,b,,,id=x,,", "");

        assertThat(list.properties()).isEqualTo(Map.of("file", "a,b,", "id", "x,"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "with,comma", ",", ",,", "a=b,c=d"})
    void anEscapedValueReadsBack(String value) throws CommandException {
        OptionList list = OptionList.parse("-drive", "id=x,file=" + OptionList.escape(value), "");

        assertThat(list.take("file")).contains(value);
    }

    @Test
    void aKeyAloneMeansOn() throws CommandException {
        assertThat(OptionList.parse("-device", "edu,x-odd", "driver").takeSwitch("x-odd", false))
                .isTrue();
    }

    @Test
    void jsonMeansTheSameAsTheList() throws CommandException {
        OptionList list =
                OptionList.parse(
                        "-device",
                        "{\"driver\":\"edu\",\"id\":\"a,b\",\"n\":7,\"on\":true}",
                        "driver");

        assertThat(list.head()).isEqualTo("edu");
        assertThat(list.properties()).isEqualTo(Map.of("id", "a,b", "n", "7", "on", "on"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a=1,a=2 | -x: 'a' is given twice",
                "a=1,,,b=2,=3 | -x: 'a=1,,,b=2,=3' has an empty property name",
                "a=1, | -x: 'a=1,' has an empty property name",
                "{\"a\":[1]} | -x: 'a' must be a string, a number, true or false",
                "{\"a\":null} | -x: 'a' must be a string, a number, true or false",
            })
    void whatIsWrongIsNamed(String text, String message) {
        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> OptionList.parse("-x", text, ""))
                .withMessage(message);
    }

    @Test
    void brokenJsonIsOneLine() {
        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> OptionList.parse("-device", "{\"driver\":", "driver"))
                .satisfies(e ->
                        assertThat(e.getMessage())
                                .startsWith("-device: not valid JSON")
                                .hasLineCount(1));
    }

    @Test
    void aLeftOverPropertyIsUnknown() throws CommandException {
        OptionList list = OptionList.parse("-drive", "fil=x", "");

        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> list.expectEmpty(Set.of("file")))
                .withMessage("-drive: unknown property 'fil'; known: file");
    }
}
