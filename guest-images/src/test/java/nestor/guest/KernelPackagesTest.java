package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KernelPackagesTest {

    @Test
    void releasesAreOrdinaryKernelsOldestFirst() {
        List<String> names =
                List.of(
                        "linux-image-7.2.9+deb13-arm64",
                        "linux-image-7.2.12+deb13-arm64",
                        "linux-image-7.2.12+deb13-arm64-16k",
                        "linux-image-7.2.12+deb13-arm64-unsigned",
                        "linux-image-6.12.107+deb13-cloud-arm64",
                        "linux-image-6.12.107+deb13-rt-arm64",
                        "linux-image-6.12.107+deb13-arm64",
                        "linux-image-6.1.0-50-arm64",
                        "linux-image-arm64",
                        "linux-image-amd64");

        assertThat(KernelPackages.releases(names, "arm64"))
                .containsExactly(
                        "6.1.0-50-arm64",
                        "6.12.107+deb13-arm64",
                        "7.2.9+deb13-arm64",
                        "7.2.12+deb13-arm64");
    }

    @Test
    void aPrefixEndsWhereANumberEnds() {
        assertThat(KernelPackages.isPrefix("6.12", "6.12.94+deb13-arm64")).isTrue();
        assertThat(KernelPackages.isPrefix("6.12.94+deb13-arm64", "6.12.94+deb13-arm64")).isTrue();
        assertThat(KernelPackages.isPrefix("6.1", "6.12.94+deb13-arm64")).isFalse();
    }

    @Test
    void aPackageIsReadFromItsStanza() throws Exception {
        DebianPackage read =
                DebianPackage.of(
                        ControlFile.parse(
                                        """
                                        Package: linux-image-7-arm64
                                        Version: 7.2-1
                                        Depends: dracut | initramfs-tools (>= 0.1),
                                         linux-base-7-arm64 (= 7.2-1), kmod:any
                                        Size: 1900
                                        SHA256: %s

                                        Package: another
                                        """
                                                .formatted("ab".repeat(32)))
                                .getFirst());

        assertThat(read.exactly()).isEqualTo("linux-image-7-arm64=7.2-1");
        assertThat(read.depends()).containsExactly("dracut", "linux-base-7-arm64", "kmod");
        assertThat(read.sizeBytes()).isEqualTo(1900);
    }

    @Test
    void aPackageWithoutADigestIsRefused() {
        assertThatThrownBy(
                        () -> DebianPackage.of(Map.of("package", "a", "version", "1", "size", "2")))
                .isInstanceOf(ImageException.class);
    }
}
