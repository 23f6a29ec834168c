package nestor.control.hmp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import nestor.control.view.Views;
import nestor.pci.BarKind;
import nestor.pci.FunctionInfo;
import org.junit.jupiter.api.Test;

class HmpTextTest {
    @Test
    void pciFunctionsAreListedAsQemuDoes() {
        FunctionInfo port =
                new FunctionInfo(
                        "rp1",
                        0x08,
                        0x1b36,
                        0x000c,
                        0x060400,
                        0,
                        0,
                        true,
                        List.of(),
                        List.of(),
                        Optional.of(
                                new FunctionInfo.BridgeInfo(
                                        1,
                                        1,
                                        0x1000_0000,
                                        0x101f_ffff,
                                        0x80_0000_0000L,
                                        0x80_001f_ffffL)));
        FunctionInfo disk =
                new FunctionInfo(
                        "disk1",
                        0x100,
                        0x1af4,
                        0x1042,
                        0x010000,
                        0x1af4,
                        0x1100,
                        true,
                        List.of(),
                        List.of(
                                new FunctionInfo.BarInfo(
                                        1, BarKind.MEM32, 0x1000_0000, 0x1000, true),
                                new FunctionInfo.BarInfo(
                                        4, BarKind.MEM64_PREFETCHABLE, 0, 0x4000, false)),
                        Optional.empty());

        assertThat(HmpText.pci(Views.pci(List.of(port, disk))))
                .isEqualTo(
                        """
                          Bus  0, device   1, function 0:
                            PCI bridge: PCI device 1b36:000c
                              BUS 0.
                              secondary bus 1.
                              subordinate bus 1.
                              memory range [0x10000000, 0x101fffff]
                              prefetchable memory range [0x8000000000, 0x80001fffff]
                              id "rp1"
                          Bus  1, device   0, function 0:
                            SCSI controller: PCI device 1af4:1042
                              PCI subsystem 1af4:1100
                              BAR1: 32 bit memory at 0x10000000 [0x10000fff].
                              BAR4: 64 bit prefetchable memory at 0xffffffffffffffff [0x00003ffe].
                              id "disk1"
                        """);
    }
}
