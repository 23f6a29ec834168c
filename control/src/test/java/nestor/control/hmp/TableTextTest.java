package nestor.control.hmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import nestor.control.Json;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

class TableTextTest {
    private static JsonNode json(String text) {
        return Json.read(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void eachRunIsALineAndACutSaysWhereToGoOn() {
        JsonNode view =
                json(
                        """
                        {'mapped': [
                          {'first': '0xfffff000', 'last': '0xffffffff', 'access': 'rw-',
                           'output': '0x8090000', 'pieces': 1},
                          {'first': '0xffff800000000000', 'last': '0xffff800000002fff',
                           'access': 'r--', 'output': '0x1000', 'pieces': 3}],
                         'cut': '0xffff800000010000'}
                        """);
        assertThat(TableText.pageTable((ObjectNode) view))
                .isEqualTo(
                        """
                        00000000fffff000-00000000ffffffff rw- -> 0x8090000
                        ffff800000000000-ffff800000002fff r-- -> 0x1000, in 3 pieces
                        ... cut: more from 0xffff800000010000 on
                        """);
    }

    @Test
    void whereNothingIsMappedTheReasonIsTold() {
        JsonNode view =
                json(
                        """
                        {'mapped': [], 'nothing': {'fault': 'C_BAD_STE',
                         'section': 'IHI 0070, §7.3', 'detail': ''}}
                        """);
        assertThat(TableText.pageTable((ObjectNode) view))
                .isEqualTo(
                        "nothing is mapped: the first address ends in C_BAD_STE (IHI 0070, §7.3)\n");
    }

    @Test
    void aPasidIsALineWithWhereItLeads() {
        JsonNode view =
                json(
                        """
                        [{'function': '00:03.0', 'pasids': [
                          {'pasid': 1, 'entry': {'name': 'CD', 'gpa': '0x43b1c040',
                           'fields': {'T0SZ': '0x10', 'V': '0x1', 'ASID': '0x7', 'TTB0': '0x9000'},
                           'errors': ['R']}}], 'cut': 300},
                         {'function': '00:04.0', 'pasids': []}]
                        """);
        assertThat(TableText.pasids((ArrayNode) view))
                .isEqualTo(
                        """
                        00:03.0:
                          pasid 1: CD at 0x43b1c040 V=0x1 ASID=0x7 TTB0=0x9000 ! R
                          ... cut: more from 300 on
                        00:04.0: no PASIDs
                        """);
    }
}
