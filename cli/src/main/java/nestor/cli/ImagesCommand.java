package nestor.cli;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nestor.cli.terminal.Terminal;
import nestor.guest.CachedImage;
import nestor.guest.GuestProfile;
import nestor.guest.ImageException;
import nestor.guest.ImageStore;
import nestor.guest.Kernel;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code nestor images}: the cache of guest kernels. */
@Command(
        name = "images",
        mixinStandardHelpOptions = true,
        description = "List, fetch, build and remove guest kernels.")
final class ImagesCommand {
    private static final String LAB_ARCHITECTURE = "arm64";

    private final Host host;

    ImagesCommand(Host host) {
        this.host = host;
    }

    @Command(
            name = "list",
            mixinStandardHelpOptions = true,
            description = "List what is in the cache: kind, name, size in bytes, folder.")
    int list() throws ImageException {
        List<CachedImage> images = open().list();
        for (CachedImage image : images) {
            host.out()
                    .printf(
                            "%s\t%s\t%d\t%s\n",
                            image.kind(), image.name(), image.sizeBytes(), image.path());
        }
        if (images.isEmpty()) {
            host.log().info("the cache is empty; 'nestor images fetch' fills it");
        }
        return ExitCode.OK;
    }

    @Command(
            name = "fetch",
            mixinStandardHelpOptions = true,
            abbreviateSynopsis = true,
            description = "Fetch a Debian kernel, build the initramfs, and print their paths.")
    int fetch(
            @Option(
                            names = "--kernel-release",
                            paramLabel = "RELEASE",
                            description =
                                    "stable, backports or a version. Default: what each guest is for.")
                    @Nullable String release,
            @Option(
                            names = "--refresh",
                            description = "Ask Debian again which kernels are the newest.")
                    boolean refresh,
            @Option(
                            names = "--preset",
                            paramLabel = "NAME",
                            description = "Only the kernel and initramfs of this preset.")
                    @Nullable String preset,
            @Option(
                            names = "--architecture",
                            paramLabel = "NAME",
                            defaultValue = "arm64",
                            description =
                                    "Of the guests: arm64 or amd64. Default: ${DEFAULT-VALUE}, or the preset's.")
                    String architecture)
            throws ImageException, CommandException {
        ImageStore store = open();
        List<GuestProfile> profiles =
                preset == null
                        ? profiles(architecture, release)
                        : List.of(Preset.of("--preset", preset).profile());
        if (refresh) {
            store.refresh();
        }
        Map<String, Kernel> kernels = new HashMap<>();
        for (GuestProfile profile : profiles) {
            String wanted = release == null ? profile.kernelRelease() : release;
            Kernel kernel = kernels.get(wanted);
            if (kernel == null) {
                kernel = store.kernel(profile.architecture(), wanted);
                kernels.put(wanted, kernel);
                host.out().printf("kernel\t%s\t%s\n", kernel.release(), kernel.image());
            }
            host.out()
                    .printf(
                            "initramfs\t%s\t%s\n",
                            profile.name(), store.initramfs(kernel, profile));
        }
        return ExitCode.OK;
    }

    /** Those that run on a kernel; without its release, on any of Debian's. */
    private static List<GuestProfile> profiles(String architecture, @Nullable String release)
            throws CommandException {
        boolean lab = ImageStore.LAB.equals(release);
        List<GuestProfile> profiles =
                GuestProfile.all().stream()
                        .filter(profile -> profile.architecture().equals(architecture))
                        .filter(profile -> profile.kernelRelease().equals(ImageStore.LAB) == lab)
                        .toList();
        if (profiles.isEmpty()) {
            throw CommandException.usage(
                    "--architecture: no guest is for '%s'%s; known: arm64, amd64"
                            .formatted(
                                    architecture,
                                    release == null ? "" : " and kernel release " + release));
        }
        return profiles;
    }

    @Command(
            name = "build",
            mixinStandardHelpOptions = true,
            abbreviateSynopsis = true,
            description = {
                "Build a kernel on this machine, and print its path.",
                "",
                "lab-arm64 is made of Debian's newest kernel source, with what Debian's kernels leave out: shared"
                        + " virtual addressing, IOMMUFD and the tests. It takes some minutes, and 2 GB of the cache's"
                        + " disk until it is built."
            })
    int build(
            @Parameters(paramLabel = "KERNEL", description = "What to build: lab-arm64.")
                    String kernel)
            throws ImageException, CommandException {
        if (!kernel.equals(ImageStore.LAB + "-" + LAB_ARCHITECTURE)) {
            throw CommandException.usage(
                    "images build: unknown kernel '%s'; known: lab-arm64".formatted(kernel));
        }
        Kernel built = open().kernel(LAB_ARCHITECTURE, ImageStore.LAB);
        host.out().printf("kernel\t%s\t%s\n", built.release(), built.image());
        return ExitCode.OK;
    }

    @Command(
            name = "clear",
            mixinStandardHelpOptions = true,
            description = "Remove everything from the cache.")
    int clear() throws ImageException {
        host.log().info("%.1f MB removed".formatted(open().clear() / 1e6));
        return ExitCode.OK;
    }

    private ImageStore open() {
        return ImageStore.open(new ProgressBar(host.log(), new Terminal()));
    }
}
