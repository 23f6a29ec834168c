package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every wrong input: one line that names the option, exit code 2, nothing on standard output. */
final class WrongInputTest {
    @TempDir private Path folder;

    static Stream<Arguments> wrong() {
        return Stream.of(
                wrong("run -bogus", "unknown option '-bogus'; see nestor run --help"),
                wrong("-bogus", "unknown option '-bogus'; see nestor run --help"),
                wrong("-sX", "unknown option '-sX'; see nestor run --help"),
                wrong("bogus", "unknown command 'bogus'; see nestor --help"),
                wrong("run extra", "unknown argument 'extra'; see nestor run --help"),
                wrong(
                        "test --preset smmuv3 --run none",
                        "--run: the preset has no run 'none'; known: strict, backports, lazy,"
                                + " passthrough, translated, ats, hotplug, hotplug-ats, torn, units,"
                                + " reboot"),
                wrong(
                        "test --catalogue CVE-0",
                        "--catalogue: unknown defect 'CVE-0'; known: idxd-remove, idxd-workqueue,"
                                + " sva-without-pri, prs-without-pds, atc-lost-in-group"),
                wrong(
                        "test --catalogue idxd-remove --kernel-release stable",
                        "--kernel-release: --catalogue brings a guest of its own"),
                wrong(
                        "test --catalogue idxd-remove --run fix",
                        "--run: the preset has no run 'fix'; known: affected, fixed"),
                wrong("test --catalogue idxd-remove --suite bare", "--catalogue: not with --suite"),
                wrong(
                        "test --catalogue idxd-remove --exec true",
                        "--exec: --catalogue brings commands of its own"),
                wrong(
                        "test --suite bare --chaos cache=none",
                        "--chaos: --suite bare has devices of its own"),
                wrong(
                        "test --chaos devtlb=slw",
                        "--chaos 'devtlb=slw': unknown key; did you mean devtlb=slow?"),
                wrong("test --chaos cache=none,seed=x", "--chaos: seed='x' is not a number"),
                wrong(
                        "-kernel DIR/file -device arm-smmuv3,chaos=cache=greedy+cache=none",
                        "-device arm-smmuv3: chaos='cache=greedy+cache=none': excludes cache=greedy"),
                wrong(
                        "run --oracle=window=0",
                        "--oracle: window=0: must be 1 to 3600000 milliseconds"),
                wrong(
                        "test --oracle=file=x",
                        "--oracle: unknown property 'file'; known: json, window"),
                wrong("run --oracle=loud", "--oracle loud: must be window=MS,json=FILE or nothing"),
                wrong("test --suite bare --oracle", "--oracle: not with --suite"),
                wrong("-m 1", "-m: 1 is too little memory; give at least 64M"),
                wrong("-m x", "-m: 'x' is not a size; write for example 512M or 1G"),
                wrong("-smp 2", "-smp: 2 virtual CPUs are not supported; give 1"),
                wrong("-object id=i0", "-object id=i0: the type is missing"),
                wrong("-smp two", "-smp: 'two' is not a number"),
                wrong("-smp 1,cores=1", "-smp: unknown property 'cores'; known: cpus"),
                wrong("-cpu host", "-cpu: unknown model 'host'; known: max"),
                wrong(
                        "-accel kvm -gdb unix:DIR/g",
                        "-gdb: a debugger needs the software CPU; use -accel tcg"),
                wrong("-accel kvm -s", "-s: a debugger needs the software CPU; use -accel tcg"),
                wrong("-accel kvm -qtest stdio", "-qtest: needs -accel qtest"),
                wrong("-accel xen", "-accel: unknown accelerator 'xen'; known: tcg, kvm, qtest"),
                wrong(
                        "-accel kvm -cpu neoverse-n1",
                        "-cpu: unknown model 'neoverse-n1'; known: max, host"),
                wrong(
                        "-accel kvm -kernel DIR/file",
                        "-accel kvm: the arm64 CPU of -machine virt is a software one; use -accel tcg"),
                wrong(
                        "-kernel DIR/file -device intel-iommu",
                        "-device intel-iommu: -machine virt has no VT-d; use arm-smmuv3, or -machine q35"),
                wrong(
                        "-M q35 -kernel DIR/file -device arm-smmuv3",
                        "-device arm-smmuv3: -machine q35 has no Arm SMMU; use intel-iommu, or -machine virt"),
                wrong(
                        "-M q35 -kernel DIR/file -device svm-demo,stall=on",
                        "-device svm-demo: stall='on': only an Arm SMMU stalls"),
                wrong(
                        "-M q35 -kernel DIR/file -device intel-iommu,fsts=on",
                        "-device intel-iommu: fsts needs scalable-mode"),
                wrong(
                        "-M q35 -kernel DIR/file -device intel-iommu,aw-bits=40",
                        "-device intel-iommu: aw-bits is 39, 48 or 57, not 40"),
                wrong(
                        "-M q35 -kernel DIR/file -device intel-iommu,fsts=on,x-flts=on",
                        "-device intel-iommu: x-flts='on': the same as fsts"),
                wrong(
                        "-M q35 -kernel DIR/file -device intel-iommu -device intel-iommu",
                        "-device intel-iommu: there is one already; give each a primary-bus"),
                wrong(
                        "-M q35 -kernel DIR/file -device intel-iommu,primary-bus=x",
                        "-device intel-iommu: primary-bus='x': no such root bus; known: pcie.0"),
                wrong(
                        "-M q35 -kernel DIR/file",
                        "-kernel DIR/file: not an x86-64 kernel (an ELF file or a bzImage)"),
                wrong(
                        "--preset amd-vi",
                        "--preset: unknown preset 'amd-vi'; known: virtio-iommu,"
                                + " virtio-iommu-sva, smmuv3, smmuv3-sva, vtd, vtd-dsa, vtd-sva, none"),
                wrong(
                        "-M virt --preset vtd",
                        "-machine virt: the preset vtd is a machine of type q35"),
                wrong("-kernel DIR/Image", "-kernel: DIR/Image: no such file"),
                wrong("-kernel DIR", "-kernel: DIR: is a directory"),
                wrong("-kernel DIR/file -initrd DIR/rd", "-initrd: DIR/rd: no such file"),
                wrong("-initrd DIR/file", "-initrd needs -kernel FILE"),
                wrong(
                        "-kernel DIR/file --kernel-release stable",
                        "-kernel and --kernel-release exclude each other"),
                wrong("-drive file=DIR/d", "-drive: DIR/d: no such file"),
                wrong("-drive id=x", "-drive: file=FILE is missing"),
                wrong(
                        "-drive file=DIR/file,cache=none",
                        "-drive: unknown property 'cache'; known: file, format, if, id, readonly"),
                wrong(
                        "-drive file=DIR/file,format=qcow2",
                        "-drive: unknown format 'qcow2'; known: raw"),
                wrong(
                        "-drive file=DIR/file,if=ide",
                        "-drive: unknown interface 'ide'; known: none, virtio"),
                wrong(
                        "-drive file=DIR/file,readonly=maybe",
                        "-drive readonly: 'maybe' is not on or off"),
                wrong(
                        "-device ,id=x",
                        "-device: ',id=x' names no driver; '-device help' lists them"),
                wrong(
                        "-device nope,help",
                        "-device: unknown driver 'nope'; '-device help' lists them"),
                wrong("-chardev stdio", "-chardev: id=ID is missing"),
                wrong(
                        "-chardev udp,id=x",
                        "-chardev: unknown backend 'udp'; known: stdio, file, socket, null"),
                wrong(
                        "-chardev socket,id=x",
                        "-chardev: socket needs path=PATH, or host=127.0.0.1,port=PORT"),
                wrong(
                        "-chardev socket,id=x,path=y",
                        "-chardev: only server=on is supported; clients connect to us"),
                wrong(
                        "-qmp unix:x,server=on",
                        "-qmp: only wait=off is supported; the machine does not wait"),
                wrong(
                        "-qmp tcp:0.0.0.0:4444,server=on,wait=off",
                        "-qmp: host '0.0.0.0': only this host's 127.0.0.1 is listened at"),
                wrong(
                        "--ui=0.0.0.0:8080",
                        "--ui: host '0.0.0.0': only this host's 127.0.0.1 is listened at"),
                wrong("--ui=70000", "--ui: '70000' is not a TCP port"),
                wrong("-monitor tcp::x,server=on,wait=off", "-monitor: 'x' is not a TCP port"),
                wrong(
                        "-monitor vc",
                        "-monitor: unknown destination 'vc'; known: stdio, unix:PATH,server=on,wait=off,"
                                + " tcp:127.0.0.1:PORT,server=on,wait=off, none"),
                wrong("-mon x", "-mon: there is no -chardev socket with id=x"),
                wrong("-mon x,mode=json", "-mon: unknown mode 'json'; known: control, readline"),
                wrong("-name a/b", "-name: 'a/b': letters, digits, '.', '_' and '-', 32 at most"),
                wrong(
                        "-monitor stdio -serial stdio",
                        "-serial: standard input and output can serve only one console; use file: or null for"
                                + " the other"),
                wrong("-chardev file,id=x", "-chardev: file needs path=FILE"),
                wrong("-chardev null,id=x,path=y", "-chardev: unknown property 'path'; known: id"),
                wrong("-serial chardev:x", "-serial: there is no -chardev with id=x"),
                wrong(
                        "-serial stdio -chardev stdio,id=x",
                        "-serial: standard input and output can serve only one console; use file: or null for"
                                + " the other"),
                wrong(
                        "-serial vc",
                        "-serial: unknown destination 'vc'; known: mon:stdio, stdio, file:FILE, unix:PATH,server=on,wait=off, tcp:127.0.0.1:PORT,server=on,wait=off, null, chardev:ID"),
                wrong(
                        "test --format xml",
                        "--format: unknown format 'xml'; known: ktap, json, junit"),
                wrong(
                        "test -serial null",
                        "-serial: 'test' keeps the console in a file; use -v to see it"),
                wrong("-c DIR/none.yaml", "--config DIR/none.yaml: no such file or directory"),
                wrong(
                        "bench boot --against kvm",
                        "--against: unknown opponent 'kvm'; known: qemu"));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void isOneLineNamingTheOptionAndExitCodeTwo(String line, String message) throws IOException {
        Files.writeString(folder.resolve("file"), "x");
        String[] words = line.replace("DIR", folder.toString()).split(" ");

        Typed typed = Typed.nestor(words);

        assertThat(typed.err())
                .isEqualTo("nestor: " + message.replace("DIR", folder.toString()) + "\n");
        assertThat(typed.exitCode()).isEqualTo(ExitCode.USAGE);
        assertThat(typed.out()).isEmpty();
    }

    @Test
    void aMissingValueIsNamed() {
        Typed typed = Typed.nestor("run", "-kernel");

        assertThat(typed.err()).startsWith("nestor: missing required parameter").hasLineCount(1);
        assertThat(typed.exitCode()).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void withoutQemuTheBenchmarkIsSkipped() {
        Typed typed = Typed.nestor("bench", "boot");

        assertThat(typed.exitCode()).isEqualTo(ExitCode.SKIPPED);
        assertThat(typed.err())
                .isEqualTo(
                        "nestor: skipped: no qemu-system-aarch64; install it with: apt-get install qemu-system-arm\n");
    }

    private static Arguments wrong(String line, String message) {
        return arguments(line, message);
    }
}
