package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class GuestRequestsTest {
    private static final long LIMIT_MINUTES = 2;

    private final BlockingQueue<String> executed = new LinkedBlockingQueue<>();
    private final GuestRequests requests =
            new GuestRequests(
                    Map.of("plug", "device_add edu", "unplug", "device_del hot", "odd", "odd"),
                    command -> {
                        executed.add(command);
                        return command.equals("odd") ? "Error: odd\n" : "";
                    });

    @AfterEach
    void close() {
        requests.close();
    }

    private String next() throws InterruptedException {
        return executed.poll(LIMIT_MINUTES, TimeUnit.MINUTES);
    }

    @Test
    void whatFollowsARemovalWaitsUntilTheDeviceHasLeft() throws InterruptedException {
        requests.ask("unplug");
        requests.ask("plug");

        assertThat(next()).isEqualTo("device_del hot");
        assertThat(executed).as("the port is not free yet").isEmpty();
        requests.deleted("another");
        requests.deleted("hot");
        assertThat(next()).isEqualTo("device_add edu");
        assertThat(requests.asked()).containsExactly("unplug", "plug");
        assertThat(requests.errors()).isEmpty();
    }

    @Test
    void aGuestCanAskForNothingElseThanTheRunAllows() throws InterruptedException {
        requests.ask("quit");
        requests.ask("odd");
        requests.ask("plug");

        assertThat(List.of(next(), next())).containsExactly("odd", "device_add edu");
        assertThat(requests.errors())
                .containsExactly("quit: the run has no such request", "Error: odd");
    }

    @Test
    void aGuestThatAsksForEverIsHeardAThousandTimes() {
        for (int i = 0; i < 5_000; i++) {
            requests.ask("quit");
        }

        assertThat(requests.asked()).hasSize(1_000);
        assertThat(requests.errors()).hasSize(1_000);
    }
}
