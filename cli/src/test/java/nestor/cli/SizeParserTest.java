package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SizeParserTest {
    @ParameterizedTest
    @CsvSource({
        "512, 536870912",
        "512M, 536870912",
        "512m, 536870912",
        "1G, 1073741824",
        "1.5G, 1610612736",
        "64k, 65536",
        "100B, 100",
        "0, 0",
        "7E, 8070450532247928832"
    })
    void aSizeIsANumberWithASuffixAndMebibytesWithoutOne(String text, long bytes)
            throws CommandException {
        assertThat(SizeParser.parse("-m", text, 'M')).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "M",
                "-1",
                "1 G",
                "1GB",
                "0x100",
                "1.G",
                "1e3",
                "∞",
                "12345678901234567890"
            })
    void whatIsNotASizeIsRefusedInTheWordsOfTheUser(String text) {
        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> SizeParser.parse("-m", text, 'M'))
                .withMessage("-m: '" + text + "' is not a size; write for example 512M or 1G");
    }

    @Test
    void aSizeBeyondSixtyThreeBitsIsTooLarge() {
        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> SizeParser.parse("-m", "8E", 'M'))
                .withMessage("-m: '8E' is too large");
    }

    @ParameterizedTest
    @ValueSource(strings = {"512M", "1G", "1000B", "0B", "1536K"})
    void aFormattedSizeReadsBack(String text) throws CommandException {
        assertThat(SizeParser.format(SizeParser.parse("-m", text, 'B'))).isEqualTo(text);
    }
}
