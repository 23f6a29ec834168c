package nestor.machine.virt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Read back by the device tree compiler, an authority of its own; skipped without it. */
class VirtDeviceTreeTest {
    private static final List<VirtDeviceTree.RootBus> PLAIN =
            List.of(new VirtDeviceTree.RootBus(0, 255, VirtDeviceTree.NO_SMMU));
    private static final List<VirtDeviceTree.RootBus> WITH_SMMU =
            List.of(new VirtDeviceTree.RootBus(0, 255, 0));

    private static final Path DTC = Path.of("/usr/bin/dtc");

    @TempDir Path folder;

    private String decompiled(VirtDeviceTree tree) throws IOException, InterruptedException {
        assumeThat(DTC).exists();
        Path blob = folder.resolve("virt.dtb");
        VirtDeviceTree.Chosen chosen = new VirtDeviceTree.Chosen("quiet", 0x4600_0000L, 0x1234);
        Files.write(blob, tree.flatten(chosen, new byte[] {1, 2, 3, 4}));
        Process dtc =
                new ProcessBuilder(DTC.toString(), "-q", "-I", "dtb", "-O", "dts", blob.toString())
                        .start();
        String text = new String(dtc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(dtc.waitFor()).isZero();
        return text.replaceAll("\\s+", " ");
    }

    @Test
    void hasWhatALinuxKernelLooksFor() throws IOException, InterruptedException {
        String tree =
                decompiled(
                        new VirtDeviceTree(512L << 20, 2, PLAIN, OptionalInt.empty(), List.of()));
        assertThat(tree)
                .contains("compatible = \"linux,dummy-virt\"")
                .contains("memory@40000000")
                .contains("reg = <0x00 0x40000000 0x00 0x20000000>")
                .contains("bootargs = \"quiet\"")
                .contains("stdout-path = \"/pl011@9000000\"")
                .contains("linux,initrd-start = <0x00 0x46000000>")
                .contains("linux,initrd-end = <0x00 0x46001234>")
                .contains("rng-seed = <0x1020304>")
                .contains(
                        "cpu@1 { device_type = \"cpu\"; compatible = \"arm,armv8\"; reg = <0x01>;")
                .contains("method = \"hvc\"")
                .contains(
                        "interrupts = <0x01 0x0d 0x04 0x01 0x0e 0x04 0x01 0x0b 0x04 0x01 0x0a 0x04>")
                .contains("reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00 0x40000>")
                .contains("its@8080000")
                .contains("pcie@4010000000")
                .contains("msi-map = <0x00 0x02 0x00 0x10000>")
                .doesNotContain("iommu-map")
                .doesNotContain("kaslr-seed");
    }

    @Test
    void iommuMapLeavesOutTheIommuItself() throws IOException, InterruptedException {
        String tree =
                decompiled(
                        new VirtDeviceTree(512L << 20, 1, PLAIN, OptionalInt.of(0x18), List.of()));
        assertThat(tree)
                .contains("iommu-map = <0x00 0x04 0x00 0x18 0x19 0x04 0x19 0xffe7>")
                .contains("iommu@3,0 { compatible = \"pci1af4,1057\";")
                .contains("reg = <0x1800 0x00 0x00 0x00 0x00>")
                .contains("#iommu-cells = <0x01>");
    }

    @Test
    void anSmmuIsInFrontOfEveryFunction() throws IOException, InterruptedException {
        String tree =
                decompiled(
                        new VirtDeviceTree(
                                512L << 20, 1, WITH_SMMU, OptionalInt.empty(), List.of(0x18)));
        assertThat(tree)
                .contains("smmuv3@9050000 { compatible = \"arm,smmu-v3\";")
                .contains("reg = <0x00 0x9050000 0x00 0x20000>")
                .contains(
                        "interrupts = <0x00 0x4a 0x01 0x00 0x4b 0x01 0x00 0x4c 0x01 0x00 0x4d 0x01>")
                .contains("interrupt-names = \"eventq\\0priq\\0cmdq-sync\\0gerror\"")
                .contains("iommu-map = <0x00 0x08 0x00 0x10000>")
                .contains("msi-parent = <0x02 0x10000>")
                .contains("ats-supported")
                .contains("dev@3,0 { reg = <0x1800 0x00 0x00 0x00 0x00>; dma-can-stall;");
    }

    @Test
    void eachRootBusHasItsOwnWindowsAndSmmu() throws IOException, InterruptedException {
        String tree =
                decompiled(
                        new VirtDeviceTree(
                                512L << 20,
                                1,
                                List.of(
                                        new VirtDeviceTree.RootBus(0, 63, 0),
                                        new VirtDeviceTree.RootBus(64, 255, 1)),
                                OptionalInt.empty(),
                                List.of(0x4008)));
        assertThat(tree)
                .contains("smmuv3@9070000 { compatible = \"arm,smmu-v3\";")
                .contains("msi-parent = <0x02 0x10001>")
                .contains("bus-range = <0x00 0x3f>")
                .contains("linux,pci-domain = <0x01>")
                .contains("bus-range = <0x40 0xff>")
                .contains("reg = <0x40 0x14000000 0x00 0xc000000>")
                .contains("iommu-map = <0x00 0x08 0x00 0x4000>")
                .contains("iommu-map = <0x4000 0x09 0x4000 0xc000>")
                .contains("msi-map = <0x4000 0x02 0x4000 0xc000>")
                .contains("dev@1,0 { reg = <0x400800 0x00 0x00 0x00 0x00>; dma-can-stall;");
    }
}
