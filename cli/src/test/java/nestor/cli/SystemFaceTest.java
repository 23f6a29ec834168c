package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class SystemFaceTest {
    private static String spell(String architecture, String line) throws CommandException {
        return String.join(" ", SystemFace.spell(architecture, List.of(line.split(" "))));
    }

    @Test
    void optionsOfADeviceTestBecomeThoseOfRun() throws CommandException {
        assertThat(
                        spell(
                                "x86_64",
                                "-qtest unix:/tmp/q.sock -qtest-log /dev/null -display none -audio none"
                                        + " -accel qtest -machine pc-q35-9.2,usb=off -nodefaults"
                                        + " -device intel-iommu -net none"))
                .isEqualTo(
                        "run -qtest unix:/tmp/q.sock -qtest-log /dev/null -machine q35"
                                + " -device intel-iommu -accel qtest -serial null");
    }

    @Test
    void optionsOfAUnitTestKernelBecomeThoseOfRun() throws CommandException {
        assertThat(
                        spell(
                                "x86_64",
                                "-nodefaults -vga none -device isa-debug-exit,iobase=0xf4,iosize=0x4"
                                        + " -serial stdio -machine accel=tcg -kernel k.elf -smp 1"))
                .isEqualTo("run -serial stdio -machine q35 -kernel k.elf -smp 1 -accel tcg");
    }

    @Test
    void machineIsTheArchitecturesOwnAndVersionsAreOne() throws CommandException {
        assertThat(spell("aarch64", "-nographic -kernel Image"))
                .isEqualTo("run -nographic -kernel Image -machine virt");
        assertThat(spell("aarch64", "-M virt-9.2,gic-version=3,iommu=smmuv3 -kernel Image"))
                .startsWith("run -machine virt,iommu=smmuv3 ");
    }

    @Test
    void firstAcceleratorThatWorksHereIsTaken() throws CommandException {
        assertThat(spell("aarch64", "-machine virt,accel=kvm:tcg -kernel Image"))
                .endsWith("-accel tcg -serial null");
        assertThat(spell("aarch64", "-accel hvf -accel tcg,thread=single -kernel Image"))
                .isEqualTo("run -kernel Image -accel tcg -machine virt -serial null");
    }

    @Test
    void whatWouldMatterIsRefusedInOneLine() {
        for (String line :
                List.of(
                        "-display gtk -kernel k",
                        "-bios f -kernel k",
                        "-no-shutdown -kernel k",
                        "-device isa-debug-exit -kernel k",
                        "-accel tcg,tricks=on -kernel k",
                        "-m 512",
                        "-kernel")) {
            assertThatThrownBy(() -> spell("x86_64", line))
                    .isInstanceOf(CommandException.class)
                    .hasMessageStartingWith("nestor-system-x86_64: ")
                    .message()
                    .doesNotContain("\n");
        }
    }

    @Test
    void versionLineIsWhatHarnessesLookFor() throws CommandException {
        assertThat(spell("x86_64", "--version")).isEqualTo(SystemFace.VERSION);
        assertThat(SystemFace.version())
                .matches("QEMU emulator version \\d+\\.\\d+\\.\\d+ .*nestor.*");
    }
}
