package nestor.pci;

import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.RAM;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A hostile guest on one side of a slot, and hands that plug and pull on the other. */
class HotPlugRandomizedTest {
    private static final int PORT = rid(0, 1, 0);
    private static final int BELOW = rid(4, 0, 0);
    private static final int ROUNDS = 200;
    private static final int STEPS = 200;

    private final Random random = new Random(seed());

    private static long seed() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.err.println("nestor.seed=" + seed);
        return seed;
    }

    /** A board, and who was plugged, asked to leave, pulled, and has left. */
    private final class World implements AutoCloseable {
        final TestBoard board = new TestBoard();
        final RootPort port = board.host.addRootPort("rp", 1);
        final List<PciFunction> plugged = new ArrayList<>();
        final List<PciFunction> left = new ArrayList<>();
        final int express;
        final int power;

        World() {
            board.host.reset();
            board.openPort(PORT, 4, MEM32, MEM64);
            express = board.capability(PORT, 0x10);
            power = board.capability(PORT, 0x01);
        }

        void step() {
            switch (random.nextInt(9)) {
                case 0 -> plug();
                case 1 -> {
                    PciFunction newest = newest();
                    port.unplug(() -> leave(newest));
                }
                case 2 -> {
                    PciFunction newest = newest();
                    port.removeSurprise(() -> leave(newest));
                }
                case 3 -> board.config(PORT, express + 0x18, 2, random.nextInt());
                case 4 -> board.config(PORT, express + random.nextInt(0x24), 4, random.nextInt());
                case 5 -> board.config(PORT, 0x3e, 2, random.nextInt());
                case 6 -> board.config(BELOW, 4, 2, random.nextInt());
                case 7 -> board.config(PORT, power + 4, 2, random.nextInt());
                default -> board.openPort(PORT, 4, MEM32, MEM64);
            }
        }

        private void plug() {
            if (port.isPopulated()) {
                return;
            }
            PciFunction f =
                    PciFunction.builder("f" + plugged.size())
                            .ids(1, 2)
                            .msi()
                            .express()
                            .onReset(() -> {})
                            .build();
            plugged.add(f);
            port.hotPlug(f);
        }

        private PciFunction newest() {
            return plugged.isEmpty() ? port.function() : plugged.getLast();
        }

        private void leave(PciFunction f) {
            assertThat(left).doesNotContain(f);
            left.add(f);
        }

        void check() {
            List<PciFunction> present = new ArrayList<>(plugged);
            present.removeAll(left);
            List<PciFunction> functions = new ArrayList<>(board.host.functions());
            functions.remove(port.function());
            assertThat(functions).isEqualTo(present).hasSizeLessThanOrEqualTo(1);
            MemorySegment data = MemorySegment.ofArray(new byte[8]);
            for (PciFunction f : left) {
                assertThat(f.dma().write(f.requester(), RAM, data))
                        .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
            }
            boolean linkUp = (board.config(PORT, express + 0x12, 2) & 0x2000) != 0;
            boolean poweredOff = (board.config(PORT, express + 0x18, 2) & 0x400) != 0;
            assertThat(linkUp && (poweredOff || present.isEmpty())).isFalse();
        }

        @Override
        public void close() {
            board.close();
        }
    }

    @Test
    void whateverTheGuestWritesEveryDeviceLeavesOnceAndForGood() {
        for (int round = 0; round < ROUNDS; round++) {
            try (World world = new World()) {
                for (int step = 0; step < STEPS; step++) {
                    world.step();
                }
                world.check();
                world.board.host.reset();
                world.check();
            }
        }
    }
}
