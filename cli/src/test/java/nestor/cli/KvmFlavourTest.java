package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KvmFlavourTest {
    @TempDir Path modules;

    private void loaded(String module) throws IOException {
        Files.createDirectory(modules.resolve(module));
    }

    @Test
    void aPvmHostIsRestricted() throws IOException {
        loaded("kvm");
        assertThat(KvmFlavour.of(modules)).isEqualTo(KvmFlavour.UNKNOWN);
        loaded("kvm_pvm");
        assertThat(KvmFlavour.of(modules)).isEqualTo(KvmFlavour.PVM);
        assertThat(KvmFlavour.PVM.title()).startsWith("restricted");
    }

    @Test
    void extensionsAreNamed() throws IOException {
        loaded("kvm_amd");
        assertThat(KvmFlavour.of(modules)).isEqualTo(KvmFlavour.HARDWARE);
    }
}
