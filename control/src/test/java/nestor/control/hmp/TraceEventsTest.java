package nestor.control.hmp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import nestor.trace.TraceRegistry;
import nestor.trace.Tracing;
import org.junit.jupiter.api.Test;

class TraceEventsTest {
    private final Tracing tracing = new Tracing(TraceRegistry.ofProgram(), List.of(), _ -> {});

    @Test
    void aPointIsSwitchedByItsNameInQemu() throws HmpException {
        try (tracing) {
            assertThat(TraceEvents.change(tracing, "pci_cfg_read on")).isEmpty();
            assertThat(TraceEvents.list(tracing, "pci_cfg_*"))
                    .isEqualToNormalizingNewlines(
                            """
                            pci_cfg_misuse : state 0
                            pci_cfg_read : state 1
                            pci_cfg_write : state 0
                            """);
            assertThat(TraceEvents.change(tracing, "pci_* off")).isEmpty();
            assertThat(TraceEvents.list(tracing, "*")).doesNotContain("state 1");
        }
    }

    @Test
    void whatCannotBeSwitchedIsRefused() {
        assertThatThrownBy(() -> TraceEvents.change(tracing, "nothing on"))
                .hasMessage("there is no trace event 'nothing'");
        assertThatThrownBy(() -> TraceEvents.change(tracing, "pci_cfg_read maybe"))
                .hasMessage("trace-event: give NAME on or NAME off");
        assertThatThrownBy(() -> TraceEvents.list(tracing, "nothing"))
                .isInstanceOf(HmpException.class);
    }
}
