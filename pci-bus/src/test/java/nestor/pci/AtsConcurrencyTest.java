package nestor.pci;

import static nestor.pci.AtsBoard.ATS_CONTROL;
import static nestor.pci.AtsBoard.ATS_ENABLE;
import static nestor.pci.AtsBoard.PRI_CONTROL;
import static nestor.pci.AtsBoard.pasid;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An IOMMU's loop, a device's loop and two vCPUs at the same time. */
class AtsConcurrencyTest {
    private static final int ROUNDS = 5_000;
    private static final int INDICES = 16;

    private final AtsBoard at = new AtsBoard().enabled();

    @AfterEach
    void close() {
        at.close();
    }

    private static void together(List<Callable<?>> roles) throws Exception {
        try (ExecutorService pool = Executors.newFixedThreadPool(roles.size())) {
            List<Future<?>> running = new ArrayList<>();
            roles.forEach(role -> running.add(pool.submit(role)));
            for (Future<?> role : running) {
                role.get();
            }
        }
    }

    @Test
    void invalidationsCompleteOnceWhileAtsComesAndGoes() throws Exception {
        var completed = new AtomicIntegerArray(ROUNDS);
        var taken = new ConcurrentLinkedQueue<Runnable>();
        var receiver =
                new AtsEndpoint() {
                    @Override
                    public void invalidate(InvalidateRequest request, Runnable complete) {
                        taken.add(complete);
                    }

                    @Override
                    public void pageResponse(PageResponse response) {}

                    @Override
                    public void disabled() {}
                };
        at.ats.register(1, receiver);
        InvalidateRequest request = new InvalidateRequest(AtsBoard.RID, 1, 0, false, 0, 64);

        together(
                List.of(
                        () -> {
                            for (int i = 0; i < ROUNDS; i++) {
                                int round = i;
                                at.messages()
                                        .invalidate(
                                                request, () -> completed.incrementAndGet(round));
                            }
                            return null;
                        },
                        () -> {
                            for (int i = 0; i < ROUNDS; i++) {
                                Runnable complete = taken.poll();
                                if (complete != null && i % 3 == 0) {
                                    complete.run();
                                }
                            }
                            return null;
                        },
                        () -> {
                            for (int i = 0; i < ROUNDS; i++) {
                                at.write(ATS_CONTROL, 2, i % 2 == 0 ? 0 : ATS_ENABLE);
                                at.ats.register(1, receiver).close();
                            }
                            return null;
                        }));
        at.write(ATS_CONTROL, 2, 0);
        taken.forEach(Runnable::run);

        for (int i = 0; i < ROUNDS; i++) {
            assertThat(completed.get(i)).isEqualTo(1);
        }
    }

    @Test
    void groupsAreAnsweredOnceWhilePriComesAndGoes() throws Exception {
        var open = new AtomicIntegerArray(INDICES);
        var sent = new ConcurrentLinkedQueue<PageRequest>();
        at.agent.taken =
                request -> {
                    open.incrementAndGet(request.prgIndex());
                    sent.add(request);
                    return CompletionStatus.SUCCESSFUL;
                };
        at.ats.register(
                1,
                new AtsEndpoint() {
                    @Override
                    public void invalidate(InvalidateRequest request, Runnable complete) {
                        complete.run();
                    }

                    @Override
                    public void pageResponse(PageResponse response) {
                        open.decrementAndGet(response.prgIndex());
                    }

                    @Override
                    public void disabled() {}
                });

        together(
                List.of(
                        () -> {
                            for (int i = 0; i < ROUNDS; i++) {
                                at.ats.requestPage(
                                        pasid(1), 0, Translation.READ, i % INDICES, true);
                            }
                            return null;
                        },
                        () -> {
                            for (int i = 0; i < ROUNDS; i++) {
                                PageRequest request = sent.poll();
                                if (request != null) {
                                    at.respond(1, request.prgIndex(), i % 64 == 0 ? 15 : 0);
                                }
                            }
                            return null;
                        },
                        () -> {
                            for (int i = 0; i < ROUNDS; i++) {
                                at.write(PRI_CONTROL, 2, i % 4 == 0 ? 2 : i % 2);
                                at.write(AtsBoard.PRI_STATUS, 2, 3);
                            }
                            return null;
                        }));
        at.functionLevelReset();

        for (int i = 0; i < INDICES; i++) {
            assertThat(open.get(i)).as("index %d", i).isZero();
        }
        assertThat(at.read(AtsBoard.PRI_STATUS, 2)).isEqualTo(0x8100);
    }
}
