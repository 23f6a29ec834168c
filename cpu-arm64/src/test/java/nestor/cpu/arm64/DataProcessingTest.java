package nestor.cpu.arm64;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("§C4.1.92, §C4.1.94: data processing does what the oracle does")
class DataProcessingTest {
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "PC-relative addressing,     xxx10000 xxxxxxxx xxxxxxxx xxxxxxxx",
        "Add/subtract (immediate),   xxx10001 0xxxxxxx xxxxxxxx xxxxxxxx",
        "Logical (immediate),        xxx10010 0xxxxxxx xxxxxxxx xxxxxxxx",
        "Logical (immediate) 64,     1xx10010 01xxxxxx xxxxxxxx xxxxxxxx",
        "Move wide,                  xxx10010 1xxxxxxx xxxxxxxx xxxxxxxx",
        "Bitfield 32,                0xx10011 000xxxxx 0xxxxxxx xxxxxxxx",
        "Bitfield 64,                1xx10011 01xxxxxx xxxxxxxx xxxxxxxx",
        "Extract 32,                 00010011 100xxxxx 0xxxxxxx xxxxxxxx",
        "Extract 64,                 10010011 110xxxxx xxxxxxxx xxxxxxxx",
        "Logical (shifted),          xxx01010 xxxxxxxx xxxxxxxx xxxxxxxx",
        "Logical (unshifted),        xxx01010 xxxxxxxx 000000xx xxxxxxxx",
        "MOV and MVN,                x0101010 00xxxxxx 00000011 111xxxxx",
        "Add/subtract (shifted),     xxx01011 xx0xxxxx xxxxxxxx xxxxxxxx",
        "Add/subtract (unshifted),   xxx01011 xx0xxxxx 000000xx xxxxxxxx",
        "Add/subtract (extended),    xxx01011 001xxxxx xxxxxxxx xxxxxxxx",
        "Add/subtract (with carry),  xxx11010 000xxxxx 000000xx xxxxxxxx",
        "Conditional compare,        xx111010 010xxxxx xxxxx0xx xxx0xxxx",
        "Conditional select,         xx011010 100xxxxx xxxx0xxx xxxxxxxx",
        "Division,                   x0011010 110xxxxx 00001xxx xxxxxxxx",
        "Shift (variable),           x0011010 110xxxxx 0010xxxx xxxxxxxx",
        "CRC32,                      x0011010 110xxxxx 010xxxxx xxxxxxxx",
        "Data-processing (1 source), x1011010 11000000 000xxxxx xxxxxxxx",
        "Data-processing (3 source), x0011011 xxxxxxxx xxxxxxxx xxxxxxxx",
        "MADD and MSUB,              x0011011 000xxxxx xxxxxxxx xxxxxxxx",
    })
    void agreesWithTheOracle(String group, String diagram) {
        Differential.compare(group, test -> test.emit(test.word(diagram)));
    }

    @DisplayName("what is unallocated in Armv8.0 with FEAT_CRC32 is UNDEFINED")
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "Data Processing -- Immediate, xxx100xx xxxxxxxx xxxxxxxx xxxxxxxx",
        "Data Processing -- Register,  xxxx101x xxxxxxxx xxxxxxxx xxxxxxxx",
        "1 and 2 sources,              xxx11010 110xxxxx xxxxxxxx xxxxxxxx",
        "With carry and conditional,   xxx11010 xx0xxxxx xxxxxxxx xxxxxxxx",
    })
    void sameWordsAreUndefined(String group, String diagram) {
        Differential.compare(
                group, Differential.oracle("cortex-a57"), test -> test.emit(test.word(diagram)));
    }
}
