package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import nestor.host.Errno;
import nestor.host.LinuxHost;
import nestor.host.kvm.KvmSupport.Kind;
import nestor.iommu.host.HostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KvmSupportTest {
    @ParameterizedTest
    @CsvSource({
        Errno.ENOENT + ", NONE, 'no /dev/kvm'",
        Errno.EACCES + ", DENIED, not for you",
        Errno.ENODEV + ", UNUSABLE, errno 19",
        Errno.ENOTTY + ", UNUSABLE, KVM_CAP_SPLIT_IRQCHIP"
    })
    void aRefusalSaysWhatToDo(int errno, Kind kind, String text) {
        KvmSupport support = KvmSupport.refused(new HostException("KVM_CAP_SPLIT_IRQCHIP", errno));

        assertThat(support.kind()).isEqualTo(kind);
        assertThat(support.text()).contains(text);
        assertThat(support.usable()).isFalse();
    }

    @Test
    void onlyARestrictedKvmRefusesStockKernelsAndSaysWhatToDo() {
        String text = "restricted KVM: emulates guest kernels";

        assertThat(new KvmSupport(Kind.RESTRICTED, text, "").stockRefusal().orElseThrow())
                .startsWith(text)
                .endsWith("; use -accel tcg")
                .doesNotContain("\n");
        for (Kind other : EnumSet.complementOf(EnumSet.of(Kind.RESTRICTED))) {
            assertThat(new KvmSupport(other, text, "").stockRefusal()).isEmpty();
        }
    }

    @Test
    void whatThisHostHasIsMeasured() throws Exception {
        TinyGuest.open(LinuxHost.load()).close();

        KvmSupport support = KvmSupport.ofThisHost();

        assertThat(support.kind()).isIn(Kind.RESTRICTED, Kind.FULL);
        assertThat(support.usable()).isTrue();
    }

    @Test
    void anyFailureOfTheHostIsAnAnswerToo() throws Exception {
        TinyGuest.open(LinuxHost.load()).close();
        for (int before = 0; before < 100; before++) {
            FailingCalls calls = new FailingCalls(TinyGuest.calls(), before);

            KvmSupport support = KvmSupport.measure(new LinuxHost(calls));

            if (!calls.failed()) {
                assertThat(support).isEqualTo(KvmSupport.ofThisHost());
                return;
            }
            assertThat(support.text()).isNotEmpty();
        }
    }
}
