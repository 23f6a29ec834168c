package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

class ImageStoreTest {
    private static final String RELEASE = "6.12.1-arm64";

    @TempDir Path folder;
    private Path machine;
    private ImageStore store;

    @BeforeEach
    void aMachineWhoseMirrorDoesNotAnswer() throws IOException {
        machine = folder.resolve("machine");
        Files.createDirectories(machine.resolve("etc/apt"));
        Files.createDirectories(machine.resolve("usr/share/keyrings"));
        Files.writeString(machine.resolve("usr/share/keyrings/debian-archive-keyring.gpg"), "");
        // Port 1 of the loopback interface: refused at once, on a machine without any network too.
        Files.writeString(
                machine.resolve("etc/apt/sources.list"),
                "deb http://127.0.0.1:1/debian trixie main\n");
        store = new ImageStore(folder.resolve("cache"), machine, Progress.none());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** A package with these files, each with its path as content unless it is a module. */
    private Path deb(String name, String... paths) throws IOException {
        Path data = folder.resolve("data.tar.xz");
        try (OutputStream file = Files.newOutputStream(data);
                TarArchiveOutputStream tar =
                        new TarArchiveOutputStream(new XZOutputStream(file, new LZMA2Options(0)))) {
            for (String path : paths) {
                byte[] content = path.endsWith(".ko") ? ModuleArchiveTest.module("") : bytes(path);
                TarArchiveEntry entry = new TarArchiveEntry("./" + path);
                entry.setSize(content.length);
                tar.putArchiveEntry(entry);
                tar.write(content);
                tar.closeArchiveEntry();
            }
        }
        Path deb = folder.resolve(name + ".deb");
        try (OutputStream file = Files.newOutputStream(deb);
                ArArchiveOutputStream ar = new ArArchiveOutputStream(file)) {
            member(ar, "debian-binary", bytes("2.0\n"));
            member(ar, "control.tar.xz", bytes("not looked at"));
            member(ar, "data.tar.xz", Files.readAllBytes(data));
        }
        return deb;
    }

    private static void member(ArArchiveOutputStream ar, String name, byte[] content)
            throws IOException {
        ar.putArchiveEntry(new ArArchiveEntry(name, content.length));
        ar.write(content);
        ar.closeArchiveEntry();
    }

    private Kernel unpacked(Path... debs) throws Exception {
        Path target = Files.createDirectories(folder.resolve("unpacked"));
        KernelUnpacker.unpack(RELEASE, List.of(debs), target, Progress.none());
        return new Kernel(
                "arm64",
                RELEASE,
                "key",
                target.resolve(KernelUnpacker.IMAGE),
                target.resolve(KernelUnpacker.MODULES));
    }

    /** Puts a busybox into the cache as a fetch does. */
    private void busyboxIsCached() throws Exception {
        CacheDirectory cache = new CacheDirectory(store.folder());
        try (CacheDirectory.Lock lock = cache.lock(() -> {})) {
            lock.add(
                    "programs",
                    "busybox-1",
                    entry -> Files.writeString(entry.resolve("busybox"), "program"));
            lock.add(
                    "selections",
                    "programs-arm64",
                    entry -> Files.writeString(entry.resolve("entry"), "busybox-1"));
        }
    }

    @Test
    void aKernelInOnePackageAndASplitOneUnpackAlike() throws Exception {
        String modules = "usr/lib/modules/" + RELEASE;
        Path whole =
                deb(
                        "whole",
                        "boot/vmlinuz-" + RELEASE,
                        modules + "/kernel/a.ko",
                        "usr/lib/linux-image/x.dtb");
        Path binary = deb("binary", modules + "/vmlinuz");
        Path rest = deb("rest", modules + "/kernel/a.ko", modules + "/dtb/x.dtb");

        Kernel fromOne = unpacked(whole);
        assertThat(fromOne.image()).hasContent("boot/vmlinuz-" + RELEASE);
        byte[] oneZip = Files.readAllBytes(fromOne.modules());
        Files.delete(fromOne.image());

        Kernel fromTwo = unpacked(binary, rest);
        assertThat(fromTwo.image()).hasContent(modules + "/vmlinuz");
        assertThat(fromTwo.modules()).hasBinaryContent(oneZip);
    }

    @Test
    void packagesWithoutAnImageAreRefused() throws Exception {
        Path deb = deb("empty", "usr/share/doc/x");

        assertThatThrownBy(() -> unpacked(deb))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("no vmlinuz");
    }

    @Test
    void anInitramfsIsBuiltOnceFromWhatIsCachedWithoutNetwork() throws Exception {
        busyboxIsCached();
        String drivers = "lib/modules/" + RELEASE + "/kernel/";
        Kernel kernel =
                unpacked(
                        deb(
                                "kernel",
                                "boot/vmlinuz-" + RELEASE,
                                drivers + "virtio-iommu.ko",
                                drivers + "pci-stub.ko",
                                drivers + "virtio_blk.ko",
                                drivers + "virtio-rng.ko"));

        Path built = store.initramfs(kernel, GuestProfile.VIRTIO_IOMMU);
        Path again = store.initramfs(kernel, GuestProfile.VIRTIO_IOMMU);
        Path other = store.initramfs(kernel, GuestProfile.NONE);

        assertThat(again).isEqualTo(built);
        assertThat(other).isNotEqualTo(built);
        assertThat(Files.readString(built, StandardCharsets.ISO_8859_1))
                .contains("virtio_iommu.ko\npci_stub.ko\nvirtio_blk.ko\nvirtio_rng.ko\n");
        assertThat(store.list()).extracting(CachedImage::kind).contains("initramfs", "programs");
    }

    /** As {@link #unpacked} has it, for the other architecture. */
    private Kernel amd64(String... modules) throws Exception {
        String[] paths = new String[modules.length + 1];
        paths[0] = "boot/vmlinuz-" + RELEASE;
        for (int i = 0; i < modules.length; i++) {
            paths[i + 1] = "lib/modules/" + RELEASE + "/kernel/" + modules[i] + ".ko";
        }
        Kernel arm64 = unpacked(deb("amd64", paths));
        return new Kernel("amd64", RELEASE, arm64.key(), arm64.image(), arm64.modules());
    }

    private static final GuestProfile WITH_OWN_MODULE =
            new GuestProfile(
                    "own",
                    List.of("pci_stub", "uio_pci_sva_drain"),
                    List.of(),
                    List.of(),
                    List.of(),
                    "amd64",
                    "stable");

    private void busyboxOfAmd64IsCached() throws Exception {
        busyboxIsCached();
        try (CacheDirectory.Lock lock = new CacheDirectory(store.folder()).lock(() -> {})) {
            lock.add(
                    "selections",
                    "programs-amd64",
                    entry -> Files.writeString(entry.resolve("entry"), "busybox-1"));
        }
    }

    @Test
    void aModuleOfOursThatWasBuiltBeforeIsTakenWithoutNetworkAfterWhatItNeeds() throws Exception {
        busyboxOfAmd64IsCached();
        Kernel kernel = amd64("pci-stub", "uio");
        String built = ModuleBuild.key(kernel, OwnModule.DRAINED_UIO);
        try (CacheDirectory.Lock lock = new CacheDirectory(store.folder()).lock(() -> {})) {
            lock.add(
                    "builds",
                    built,
                    entry ->
                            Files.write(
                                    entry.resolve("uio_pci_sva_drain.ko"),
                                    ModuleArchiveTest.module("uio")));
        }

        Path initramfs = store.initramfs(kernel, WITH_OWN_MODULE);

        assertThat(Files.readString(initramfs, StandardCharsets.ISO_8859_1))
                .contains("pci_stub.ko\nuio.ko\nuio_pci_sva_drain.ko\n");
    }

    @Test
    void aModuleThatTheKernelHasIsNotBuilt() throws Exception {
        busyboxOfAmd64IsCached();
        Kernel kernel = amd64("pci-stub", "uio_pci_sva_drain");

        Path initramfs = store.initramfs(kernel, WITH_OWN_MODULE);

        assertThat(Files.readString(initramfs, StandardCharsets.ISO_8859_1))
                .contains("pci_stub.ko\nuio_pci_sva_drain.ko\n");
        assertThat(store.list()).extracting(CachedImage::kind).doesNotContain("builds");
    }

    @Test
    void aModuleIsBuiltAnewForAnotherKernel() throws Exception {
        Kernel kernel = amd64("uio");
        Kernel other =
                new Kernel("amd64", RELEASE, "another key", kernel.image(), kernel.modules());

        assertThat(ModuleBuild.key(kernel, OwnModule.DRAINED_UIO))
                .startsWith("uio_pci_sva_drain-" + RELEASE + "-")
                .isEqualTo(ModuleBuild.key(kernel, OwnModule.DRAINED_UIO))
                .isNotEqualTo(ModuleBuild.key(other, OwnModule.DRAINED_UIO));
    }

    @Test
    void noNetworkIsOneLineWithAWayOutAndNothingIsCached() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/apt-get")), "no apt-get on this machine");

        assertThatThrownBy(() -> store.kernel("arm64", "stable"))
                .isInstanceOf(ImageException.class)
                .hasMessageStartingWith(
                        "no network: cannot reach the Debian archive at http://127.0.0.1:1/debian")
                .hasMessageContaining("--kernel and --initrd")
                .hasMessageNotContaining("\n");

        assertThat(store.list()).isEmpty();
        try (Stream<Path> left = Files.list(store.folder().resolve("tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void namesWhichCouldLeaveTheCacheAreRefused() {
        for (String release : List.of("../x", "", "-o", "a b", "6.12\n")) {
            assertThatThrownBy(() -> store.kernel("arm64", release))
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining("cannot be a kernel release");
        }
        assertThatThrownBy(() -> store.kernel("../arm64", "stable"))
                .isInstanceOf(ImageException.class);
    }

    @Test
    void clearingLeavesAnEmptyCacheAndTellsItsSize() throws Exception {
        busyboxIsCached();

        assertThat(store.clear()).isGreaterThanOrEqualTo("program".length());
        assertThat(store.list()).isEmpty();
        assertThat(store.clear()).isZero();
    }

    @Test
    void aCacheWhichCannotBeMadeIsOneLine() throws Exception {
        Files.writeString(folder.resolve("file"), "");
        ImageStore unusable =
                new ImageStore(folder.resolve("file/nestor"), machine, Progress.none());

        assertThatThrownBy(() -> unusable.kernel("arm64", "stable"))
                .isInstanceOf(ImageException.class)
                .hasMessageStartingWith("cannot use the image cache");
    }
}
