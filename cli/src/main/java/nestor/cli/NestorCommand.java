package nestor.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** {@code nestor} itself: the list of commands. */
@Command(
        name = "nestor",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        sortOptions = false,
        description = {
            "",
            "A virtual machine monitor whose heart is the path device, IOMMU, memory."
                    + " It boots unmodified Linux kernels on its own CPU; no KVM and no root needed.",
            ""
        },
        synopsisHeading = "Usage: ",
        customSynopsis = {
            "nestor COMMAND [OPTIONS]",
            "       nestor OPTIONS    (as 'nestor run', in QEMU's spelling)"
        },
        commandListHeading = "%nCommands:%n",
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            " 0:The guest shut down cleanly; all checks passed",
            " 1:The virtual machine or the host failed; a check failed",
            " 2:A wrong option, configuration or file",
            " 3:The guest's kernel panicked",
            " 4:Skipped: this machine lacks what the command needs",
            " 5:Time limit reached (124 under 'test')",
            " 6:--oracle found a stale translation",
            "70:A bug in Nestor",
            "128+n:Ended by signal n"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  nestor test                      boot Debian behind virtio-iommu and check it",
            "  nestor run                       the same machine, with a shell",
            "  nestor run --preset none         without an IOMMU",
            "  nestor -M virt -m 1G -kernel Image -initrd rd.gz \\",
            "      -append console=ttyAMA0 -device virtio-iommu-pci \\",
            "      -drive file=disk.img,if=none,id=d0,readonly=on \\",
            "      -device virtio-blk-pci,drive=d0,iommu_platform=on",
            "  nestor doctor                    what this machine has and lacks",
            "",
            "Data goes to standard output, messages to standard error."
        })
final class NestorCommand {
    private final Host host;

    NestorCommand(Host host) {
        this.host = host;
    }

    @Option(
            names = {"-q", "--quiet"},
            scope = ScopeType.INHERIT,
            description = "Print errors only.")
    void quiet(boolean given) {
        if (given) {
            host.log().level(Log.Level.QUIET);
        }
    }

    @Option(
            names = {"-v", "--verbose"},
            scope = ScopeType.INHERIT,
            description = "Print details.")
    void verbose(boolean given) {
        if (given) {
            host.log().level(Log.Level.VERBOSE);
        }
    }
}
