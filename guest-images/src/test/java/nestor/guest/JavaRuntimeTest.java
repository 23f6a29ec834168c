package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JavaRuntimeTest {
    @ParameterizedTest
    @CsvSource({
        "usr/lib/jvm/java-25-openjdk-arm64/bin/java, java/bin/java",
        "usr/lib/jvm/java-25-openjdk-arm64/lib/server/libjvm.so, java/lib/server/libjvm.so",
        "etc/java-25-openjdk/jvm-arm64.cfg, java/lib/jvm.cfg",
        "etc/java-25-openjdk/security/java.security, java/conf/security/java.security",
        "usr/lib/aarch64-linux-gnu/libc.so.6, lib/libc.so.6",
        "usr/lib/aarch64-linux-gnu/libz.so.1.3.1, lib/libz.so.1",
        "usr/lib/aarch64-linux-gnu/libstdc++.so.6.0.33, lib/libstdc++.so.6",
        "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1, lib/ld-linux-aarch64.so.1"
    })
    void filesOfThePackagesGoWhereTheGuestLooks(String inPackage, String inGuest) {
        assertThat(JavaRuntime.inGuest(inPackage)).contains(inGuest);
    }

    @Test
    void whatHasToDoWithScreensStaysBehind() {
        assertThat(JavaRuntime.inGuest("usr/lib/jvm/java-25-openjdk-arm64/lib/libawt.so"))
                .isEmpty();
        assertThat(JavaRuntime.inGuest("usr/lib/aarch64-linux-gnu/libcrypt.so.1.1.0")).isEmpty();
        assertThat(JavaRuntime.inGuest("usr/share/doc/libc6/copyright")).isEmpty();
    }
}
