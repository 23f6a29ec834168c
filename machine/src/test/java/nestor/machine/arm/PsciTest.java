package nestor.machine.arm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PsciTest {
    private final List<String> calls = new ArrayList<>();
    private final boolean[] on = {true, false};
    private final Psci psci =
            new Psci(
                    new Psci.Power() {
                        @Override
                        public int cpuAt(long mpidr) {
                            return mpidr == 0 || mpidr == 1 ? (int) mpidr : -1;
                        }

                        @Override
                        public boolean isOn(int cpu) {
                            return on[cpu];
                        }

                        @Override
                        public void turnOn(int cpu, long entry, long context) {
                            calls.add("on %d %x %x".formatted(cpu, entry, context));
                        }

                        @Override
                        public void turnOff(int cpu) {
                            calls.add("off " + cpu);
                        }

                        @Override
                        public boolean isRam(long gpa) {
                            return gpa == 0x4000_0000L;
                        }

                        @Override
                        public void powerOff(int cpu) {
                            calls.add("power-off");
                        }

                        @Override
                        public void reset(int cpu) {
                            calls.add("reset");
                        }
                    });

    private long call(long function, long... args) {
        long[] three = java.util.Arrays.copyOf(args, 3);
        return psci.callsOf(0).call(function, three[0], three[1], three[2]);
    }

    @Test
    void versions() {
        assertThat(call(0x8400_0000L)).isEqualTo(0x1_0001);
        assertThat(call(0x8000_0000L)).isEqualTo(0x1_0001);
        assertThat(call(0x8400_0006L)).isEqualTo(2);
    }

    @Test
    @DisplayName("DEN 0022 §5.6: CPU_ON and its errors")
    void cpuOn() {
        assertThat(call(0xc400_0003L, 1, 0x4000_0000L, 0x1234)).isZero();
        assertThat(call(0xc400_0003L, 2, 0x4000_0000L, 0)).isEqualTo(-2);
        assertThat(call(0xc400_0003L, 0, 0x4000_0000L, 0)).isEqualTo(-4);
        assertThat(call(0xc400_0003L, 1, 0x1000, 0)).isEqualTo(-9);
        assertThat(calls).containsExactly("on 1 40000000 1234");
    }

    @Test
    @DisplayName("DEN 0028 §2.1: a 32-bit call has 32-bit arguments")
    void narrowCallsCutTheirArguments() {
        assertThat(call(0x8400_0003L, 1L << 32 | 1, 7L << 32 | 0x4000_0000L, 0)).isZero();
        assertThat(calls).containsExactly("on 1 40000000 0");
    }

    @Test
    void affinityInfo() {
        assertThat(call(0xc400_0004L, 0, 0)).isZero();
        assertThat(call(0xc400_0004L, 1, 0)).isEqualTo(1);
        assertThat(call(0xc400_0004L, 5, 0)).isEqualTo(-2);
        assertThat(call(0xc400_0004L, 0, 1)).isEqualTo(-2);
    }

    @Test
    void powerCalls() {
        call(0x8400_0008L);
        call(0x8400_0009L);
        call(0x8400_0002L);
        assertThat(calls).containsExactly("power-off", "reset", "off 0");
    }

    @ParameterizedTest
    @ValueSource(longs = {0x8400_0000L, 0x8400_0008L, 0x8400_0009L, 0xc400_0003L, 0x8000_0000L})
    void featuresTellWhatWorks(long function) {
        assertThat(call(0x8400_000aL, function)).isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {0x8400_0007L, 0x8400_0050L, 0xc400_0012L, 0, 0xffff_ffffL, 0x8400_0100L})
    void everythingElseIsNotSupported(long function) {
        assertThat(call(0x8400_000aL, function)).isEqualTo(-1);
        assertThat(call(function)).isEqualTo(-1);
        assertThat(call(0x8000_0001L, function)).isEqualTo(-1);
    }
}
