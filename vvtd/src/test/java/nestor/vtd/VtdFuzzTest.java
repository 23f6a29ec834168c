package nestor.vtd;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.function.Consumer;
import nestor.testkit.Choices;

/** Whatever is written to registers, queues, structures and tables, each access has an answer. */
class VtdFuzzTest {
    private static final int MAX_STEPS = 200;

    private static void run(byte[] data, Consumer<HostileGuest> step) {
        HostileGuest guest = new HostileGuest(Choices.of(data));
        for (int i = 0; i < Math.min(MAX_STEPS, data.length / 16); i++) {
            step.accept(guest);
            guest.request();
        }
        guest.assertAlive();
    }

    @FuzzTest(maxDuration = "30m")
    void anyRegisterAccessIsAnswered(byte[] data) {
        run(data, HostileGuest::register);
    }

    @FuzzTest(maxDuration = "30m")
    void anyDescriptorOfEitherWidthIsJudged(byte[] data) {
        run(data, HostileGuest::descriptor);
    }

    @FuzzTest(maxDuration = "30m")
    void anyStructureIsJudged(byte[] data) {
        run(data, HostileGuest::structure);
    }

    @FuzzTest(maxDuration = "30m")
    void anyTableIsWalkedToItsEnd(byte[] data) {
        run(data, HostileGuest::table);
    }

    @FuzzTest(maxDuration = "30m")
    void anyMixtureIsAnswered(byte[] data) {
        run(data, HostileGuest::step);
    }
}
