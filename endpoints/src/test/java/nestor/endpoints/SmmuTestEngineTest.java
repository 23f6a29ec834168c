package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import nestor.pci.AddressType;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class SmmuTestEngineTest {
    private static final long HALTED = 1;
    private static final long MEMCPY = 2;
    private static final long RAND48 = 3;
    private static final long SUM64 = 4;
    private static final long MISCONFIGURED = 0xffff_fffeL;
    private static final long ERROR = 0xffff_ffffL;
    private static final long MEMORY = 0x42ff_42ffL;
    private static final long PRIVILEGED_PAGE = 0x10000;
    private static final long INTERRUPT_BAR = Board.BAR + 0x10_0000;
    private static final int RAM_BYTES = 1 << 20;

    private final Board board = new Board(RAM_BYTES);
    private final ManualLoop loop = new ManualLoop();
    private final SmmuTestEngine engine = new SmmuTestEngine("engine", loop, PageFaults.PRI);

    @BeforeEach
    void plug() {
        board.plug(engine.function());
        program();
    }

    @AfterEach
    void close() {
        board.close();
    }

    private void program() {
        board.program();
        board.config(0x18, 4, INTERRUPT_BAR);
        for (int vector = 0; vector < 64; vector++) {
            board.mmio.write(INTERRUPT_BAR + vector * 16L, 4, Board.DOORBELL);
            board.mmio.write(INTERRUPT_BAR + vector * 16L + 8, 4, 0x100 + vector);
            board.mmio.write(INTERRUPT_BAR + vector * 16L + 12, 4, 0);
        }
        board.config(board.capability(0x11) + 2, 2, 0x8000);
    }

    private long get(int frame, int offset, int bytes) {
        return board.mmio.read(Board.BAR + frame * 128L + offset, bytes);
    }

    private void set(int frame, int offset, int bytes, long value) {
        board.mmio.write(Board.BAR + frame * 128L + offset, bytes, value);
    }

    private void setPrivileged(int frame, int offset, long value) {
        board.mmio.write(Board.BAR + PRIVILEGED_PAGE + frame * 128L + offset, 4, value);
    }

    private long cmd(int frame) {
        return get(frame, 0, 4);
    }

    /** As the driver does it: arguments, command, read back. */
    private long start(int frame, long cmd, long begin, long last, long destination, long stride) {
        arguments(frame, begin, last, destination, stride);
        set(frame, 0, 4, cmd);
        return cmd(frame);
    }

    private void arguments(int frame, long begin, long last, long destination, long stride) {
        setPrivileged(frame, 0, 1);
        setPrivileged(frame, 0x0c, 0xffff_ffffL);
        set(frame, 0x04, 4, 0);
        set(frame, 0x28, 8, begin);
        set(frame, 0x30, 8, last);
        set(frame, 0x20, 4, MEMORY);
        set(frame, 0x38, 8, stride);
        set(frame, 0x10, 8, 1);
        set(frame, 0x18, 4, frame % 64);
        set(frame, 0x40, 8, destination);
    }

    private long run(int frame, long cmd, long begin, long last, long destination, long stride) {
        long started = start(frame, cmd, begin, last, destination, stride);
        loop.runUntilIdle();
        return started == cmd ? cmd(frame) : started;
    }

    private void randomRam(long seed) throws GuestAccessException {
        java.util.SplittableRandom random = new java.util.SplittableRandom(seed);
        for (long at = Board.RAM; at < Board.RAM + RAM_BYTES; at += 8) {
            board.memory.setLongLe(at, random.nextLong());
        }
    }

    /** RAND48 as its definition reads, byte after byte. */
    private static byte[] expected(int seed, long begin, int count) {
        byte[] bytes = new byte[count];
        long x = 0;
        for (int i = 0; i < count; i++) {
            long address = begin + i;
            if (i == 0 || (address & 4095) == 0) {
                int s = seed ^ (int) (address >>> 32) ^ (int) address;
                x = (Integer.toUnsignedLong(s) << 16) | 0x330e;
            }
            x = (x * 0x5_DEEC_E66DL + 0xb) & 0xffff_ffff_ffffL;
            long draw = (x >>> 17) & 0x7fff_ffff;
            x = (x * 0x5_DEEC_E66DL + 0xb) & 0xffff_ffff_ffffL;
            draw |= x & 0x8000_0000L;
            bytes[i] = (byte) draw;
        }
        return bytes;
    }

    @Test
    @DisplayName("§1: 13b5:ff80, 128 KiB 64-bit BAR 0, 64 MSI-X vectors")
    void identification() {
        assertThat(board.config(0, 4)).isEqualTo(0xff80_13b5L);
        board.config(0x10, 4, 0xffff_ffffL);
        assertThat(board.config(0x10, 4)).isEqualTo(0xfffe_0004L);
        assertThat(board.config(board.capability(0x11) + 2, 2) & 0x7ff).isEqualTo(63);
    }

    @Test
    @DisplayName("§2: frames are idle, non-secure and without substream after reset")
    void freshFrames() {
        for (int frame : new int[] {0, 1, 511}) {
            assertThat(cmd(frame)).isEqualTo(HALTED);
            assertThat(board.mmio.read(Board.BAR + PRIVILEGED_PAGE + frame * 128L, 4)).isEqualTo(1);
        }
        setPrivileged(3, 0, 0xffff_fffeL);
        assertThat(board.mmio.read(Board.BAR + PRIVILEGED_PAGE + 3 * 128L, 4)).isEqualTo(0x301);
    }

    @Test
    @DisplayName("§3 MEMCPY: linear, for every order and unaligned ends")
    void memcpyCopiesTheRange() throws GuestAccessException {
        for (long seed : new long[] {0, 0xffff_ffffL, 7}) {
            for (int[] range : new int[][] {{0, 1}, {5, 4091}, {4090, 20}, {100, 70_000}}) {
                randomRam(seed + range[1]);
                long from = Board.RAM + range[0];
                long to = Board.RAM + 0x8_0003;
                set(0, 0x24, 4, seed);
                byte[] data = board.bytes(from, range[1]);
                byte before = board.memory.getByte(to - 1);
                byte after = board.memory.getByte(to + range[1]);

                assertThat(run(0, MEMCPY, from, from + range[1] - 1, to, 1)).isEqualTo(HALTED);

                assertThat(board.bytes(to, range[1])).isEqualTo(data);
                assertThat(board.memory.getByte(to - 1)).isEqualTo(before);
                assertThat(board.memory.getByte(to + range[1])).isEqualTo(after);
                assertThat(get(0, 0x08, 4)).isEqualTo(get(0, 0x0c, 4)).isPositive();
            }
        }
    }

    @Test
    @DisplayName("§3: a stride moves single words of 8 bytes")
    void strides() throws GuestAccessException {
        for (int stride : new int[] {8, 64, 4104, 1 << 20}) {
            for (long seed : new long[] {0, 0xffff_ffffL, 7}) {
                randomRam(3);
                long from = Board.RAM + 0x103;
                int size = 0x5000;
                long to = Board.RAM + 0x8_0003;
                byte[] expected = board.bytes(to - 3, size + 16);
                byte[] source = board.bytes(from - 3, size + 16);
                for (int at = 0; at + 7 <= ((0x103 + size - 1) | 7) - 0x100; at += stride) {
                    System.arraycopy(source, at, expected, at, 8);
                }
                set(0, 0x24, 4, seed);

                assertThat(run(0, MEMCPY, from, from + size - 1, to, stride)).isEqualTo(HALTED);

                assertThat(board.bytes(to - 3, size + 16)).isEqualTo(expected);
            }
        }
    }

    @Test
    @DisplayName("§3 RAND48: seeded at the first byte and at every 4 KiB")
    void rand48FillsTheRange() throws GuestAccessException {
        for (long seed : new long[] {0, 0xffff_ffffL, 7, 0x8000_0001L}) {
            for (int[] range : new int[][] {{0, 4096}, {5, 10_000}, {4095, 2}}) {
                board.fill(Board.RAM, RAM_BYTES, 0);
                long from = Board.RAM + range[0];
                set(2, 0x24, 4, seed);

                assertThat(run(2, RAND48, from, from + range[1] - 1, 0, 1)).isEqualTo(HALTED);

                assertThat(board.bytes(from, range[1]))
                        .isEqualTo(expected((int) seed, from, range[1]));
                assertThat(board.memory.getByte(from + range[1])).isZero();
            }
        }
    }

    @Test
    @DisplayName("§3 RAND48: with a stride, each byte is the one it is without")
    void rand48WithAStride() throws GuestAccessException {
        board.fill(Board.RAM, RAM_BYTES, 0);
        long from = Board.RAM + 0x18;
        set(2, 0x24, 4, 9);
        assertThat(run(2, RAND48, from, from + 9999, 0, 24)).isEqualTo(HALTED);

        byte[] linear = expected(9, from, 10_000);
        for (int i = 0; i < linear.length; i++) {
            assertThat(board.memory.getByte(from + i)).isEqualTo(i % 24 < 8 ? linear[i] : (byte) 0);
        }
    }

    @Test
    @DisplayName("§3 SUM64: 64-bit words modulo 2^64, for every order and stride")
    void sum64() throws GuestAccessException {
        randomRam(11);
        for (long seed : new long[] {0, 0xffff_ffffL, 7}) {
            for (int stride : new int[] {1, 8, 64}) {
                long sum = 0;
                for (long at = Board.RAM; at < Board.RAM + 0x3008; at += Math.max(stride, 8)) {
                    sum += board.memory.getLongLe(at);
                }
                set(1, 0x24, 4, seed);
                assertThat(run(1, SUM64, Board.RAM, Board.RAM + 0x3007, 0, stride))
                        .isEqualTo(HALTED);
                assertThat(get(1, 0x48, 8)).isEqualTo(sum);
            }
        }
    }

    @Test
    @DisplayName("§3: bad arguments read back as FRAME_MISCONFIGURED at once, without MSI")
    void misconfigured() {
        long ram = Board.RAM;
        assertThat(start(0, 5, ram, ram + 7, ram, 1)).isEqualTo(MISCONFIGURED);
        assertThat(start(0, ERROR, ram, ram + 7, ram, 1)).isEqualTo(MISCONFIGURED);
        assertThat(start(0, MEMCPY, 7, -8, ram, 1)).isEqualTo(MISCONFIGURED);
        assertThat(start(0, RAND48, 0, -1, ram, 1)).isEqualTo(MISCONFIGURED);
        assertThat(start(0, MEMCPY, ram + 8, ram + 7, ram, 1)).isEqualTo(MISCONFIGURED);
        assertThat(start(0, MEMCPY, ram, ram + 4095, -8, 1)).isEqualTo(MISCONFIGURED);
        for (long stride : new long[] {0, 2, 7, 12, -1}) {
            assertThat(start(0, MEMCPY, ram, ram + 7, ram, stride)).isEqualTo(MISCONFIGURED);
        }
        assertThat(start(0, SUM64, ram + 4, ram + 15, 0, 1)).isEqualTo(MISCONFIGURED);
        assertThat(start(0, SUM64, ram, ram + 6, 0, 1)).isEqualTo(MISCONFIGURED);
        loop.runUntilIdle();
        assertThat(board.messages).isEmpty();
    }

    @Test
    @DisplayName("§2: substream, port, message and attributes are checked too")
    void misconfiguredFields() {
        assertThat(startWith(() -> setPrivileged(0, 0x0c, 0x10_0000))).isEqualTo(MISCONFIGURED);
        assertThat(startWith(() -> setPrivileged(0, 0x0c, 0xf_ffff))).isEqualTo(MEMCPY);
        loop.runUntilIdle();
        assertThat(startWith(() -> setPrivileged(0, 0x04, 64))).isEqualTo(MISCONFIGURED);
        setPrivileged(0, 0x04, 0);
        assertThat(startWith(() -> set(0, 0x10, 8, 2))).isEqualTo(MISCONFIGURED);
        assertThat(startWith(() -> set(0, 0x18, 4, 2048))).isEqualTo(MISCONFIGURED);
        int[] illegal = {4, 5, 8, 9, 12, 13};
        for (int code : illegal) {
            long half = 0x4200 | code << 4 | 0xf;
            assertThat(startWith(() -> set(0, 0x20, 4, half << 16 | 0x42ff)))
                    .isEqualTo(MISCONFIGURED);
            assertThat(startWith(() -> set(0, 0x20, 4, 0x42ff_42f0L | code)))
                    .isEqualTo(MISCONFIGURED);
        }
        assertThat(startWith(() -> set(0, 0x20, 4, 0x021c_0210L))).isEqualTo(MEMCPY);
    }

    private long startWith(Runnable change) {
        arguments(0, Board.RAM, Board.RAM + 7, Board.RAM + 64, 1);
        change.run();
        set(0, 0, 4, MEMCPY);
        return cmd(0);
    }

    @Test
    @DisplayName("§2: writing 0 or 1 to cmd halts an idle frame")
    void haltedIsWritten() {
        start(0, 5, 0, 0, 0, 1);
        set(0, 0, 4, 0);
        assertThat(cmd(0)).isEqualTo(HALTED);
        start(0, 5, 0, 0, 0, 1);
        set(0, 0, 4, 1);
        assertThat(cmd(0)).isEqualTo(HALTED);
    }

    @Test
    @DisplayName("§2: cmd takes a single 32-bit access; 64 bits are cmd and uctrl")
    void widthsOfCmd() throws GuestAccessException {
        arguments(0, Board.RAM, Board.RAM + 7, Board.RAM + 64, 1);
        set(0, 0, 1, MEMCPY);
        set(0, 0, 2, MEMCPY);
        set(0, 2, 2, MEMCPY);
        assertThat(cmd(0)).isEqualTo(HALTED);
        loop.runUntilIdle();
        assertThat(board.messages).isEmpty();

        set(0, 0, 8, 0x0007_0000_0000_0000L | MEMCPY);
        assertThat(cmd(0)).isEqualTo(MEMCPY);
        assertThat(get(0, 4, 4)).isEqualTo(0x0007_0000);
        set(1, 0x44, 1, 0xab);
        set(1, 0x46, 2, 0xcdef);
        assertThat(get(1, 0x40, 8)).isEqualTo(0xcdef_00ab_0000_0000L);
        assertThat(get(1, 0x46, 1)).isEqualTo(0xef);
    }

    @Test
    @DisplayName("§3: a running frame ignores writes, others do not")
    void aRunningFrameIgnoresWrites() throws GuestAccessException {
        randomRam(1);
        start(0, MEMCPY, Board.RAM, Board.RAM + 99, Board.RAM + 0x1000, 1);
        set(0, 0x40, 8, 5);
        set(0, 0, 4, HALTED);
        setPrivileged(0, 0x0c, 5);
        set(1, 0x40, 8, 5);

        assertThat(get(0, 0x40, 8)).isEqualTo(Board.RAM + 0x1000);
        assertThat(cmd(0)).isEqualTo(MEMCPY);
        assertThat(get(1, 0x40, 8)).isEqualTo(5);
        loop.runUntilIdle();
        assertThat(board.bytes(Board.RAM + 0x1000, 100)).isEqualTo(board.bytes(Board.RAM, 100));
        set(0, 0x40, 8, 5);
        assertThat(get(0, 0x40, 8)).isEqualTo(5);
    }

    @Test
    @DisplayName("§3: an aborted access ends in ERROR, udata[2] and an MSI")
    void faults() throws GuestAccessException {
        long end = Board.RAM + RAM_BYTES;
        assertThat(run(5, SUM64, end - 4096, end + 4095, 0, 1)).isEqualTo(ERROR);
        assertThat(get(5, 0x50, 8)).isEqualTo(end);
        assertThat(board.messages).containsExactly(0x105);

        assertThat(run(5, MEMCPY, Board.RAM, Board.RAM + 4095, end - 16, 1)).isEqualTo(ERROR);
        assertThat(get(5, 0x50, 8)).isEqualTo(end);
        assertThat(get(5, 0x08, 4)).isEqualTo(3);
        assertThat(get(5, 0x0c, 4)).isEqualTo(2);
        board.config(4, 2, 2);
        assertThat(run(5, RAND48, Board.RAM + 5, Board.RAM + 9, 0, 1)).isEqualTo(ERROR);
        assertThat(get(5, 0x50, 8)).isEqualTo(Board.RAM + 5);
    }

    @Test
    @DisplayName("§3: one MSI at the end, none when msiaddress is 0")
    void messages() {
        run(0, RAND48, Board.RAM, Board.RAM + 7, 0, 1);
        run(9, RAND48, Board.RAM, Board.RAM + 7, 0, 1);
        assertThat(board.messages).containsExactly(0x100, 0x109);

        assertThat(startWith(() -> set(0, 0x10, 8, 0))).isEqualTo(MEMCPY);
        loop.runUntilIdle();
        assertThat(cmd(0)).isEqualTo(HALTED);
        assertThat(board.messages).hasSize(2);
    }

    @Test
    @DisplayName("§3: a message that cannot be sent sets MSI_ABORTED")
    void abortedMessages() {
        assertThat(startWith(() -> set(0, 0x18, 4, 64))).isEqualTo(MEMCPY);
        loop.runUntilIdle();
        assertThat(cmd(0)).isEqualTo(HALTED);
        assertThat(get(0, 4, 4)).isEqualTo(1);
        assertThat(board.messages).isEmpty();
    }

    @Test
    @DisplayName("§3: frames run concurrently")
    void framesProgressTogether() {
        List<Integer> order = new ArrayList<>();
        board.host.iommu(new Watching(order), _ -> true);
        for (int frame = 0; frame < 3; frame++) {
            long at = Board.RAM + frame * 0x5_0000L;
            start(frame, RAND48, at, at + 0x4_ffff, 0, 1);
        }
        loop.runUntilIdle();

        assertThat(order).startsWith(0, 1, 2, 0, 1, 2);
        assertThat(new TreeSet<>(board.messages)).containsExactly(0x100, 0x101, 0x102);
    }

    /** Notes which frame's region is written, one entry for each run of accesses. */
    private record Watching(List<Integer> order) implements TranslationAgent {
        @Override
        public Translation translate(Requester requester, AddressType type, long iova, int access) {
            int frame = (int) ((iova - Board.RAM) / 0x5_0000);
            if (iova != Board.DOORBELL && (order.isEmpty() || order.getLast() != frame)) {
                order.add(frame);
            }
            return new Translation.Mapping(iova & -4096L, 12, iova & -4096L, access);
        }

        @Override
        public long enterDma() {
            return 0;
        }

        @Override
        public void exitDma(long ticket) {}
    }

    @Test
    @DisplayName("the engine's own BAR is no target of its DMA")
    void ownBarIsRefused() {
        assertThat(run(0, RAND48, Board.BAR + 128, Board.BAR + 135, 0, 1)).isEqualTo(ERROR);
        assertThat(cmd(1)).isEqualTo(HALTED);
        assertThat(get(0, 0x50, 8)).isEqualTo(Board.BAR + 128);
    }

    @Test
    @DisplayName("§4 P2P: a peer's 64-bit write starts a frame")
    void aPeerStartsAFrame() throws GuestAccessException {
        ManualLoop peerLoop = new ManualLoop();
        SmmuTestEngine peer = new SmmuTestEngine("peer", peerLoop, PageFaults.PRI);
        board.host.plug(5, 0, peer.function());
        board.mmio.write(0x3f00_0000L + (5 << 15) + 0x10, 4, Board.BAR + 0x20_0000);
        board.mmio.write(0x3f00_0000L + (5 << 15) + 4, 2, 6);
        randomRam(2);
        arguments(7, Board.RAM, Board.RAM + 7, Board.RAM + 64, 1);
        board.memory.setLongLe(Board.RAM + 128, MEMCPY);
        long frame = Board.BAR + 0x20_0000;
        board.mmio.write(frame + 0x28, 8, Board.RAM + 128);
        board.mmio.write(frame + 0x30, 8, Board.RAM + 135);
        board.mmio.write(frame + 0x20, 4, MEMORY);
        board.mmio.write(frame + 0x38, 8, 1);
        board.mmio.write(frame + 0x40, 8, Board.BAR + 7 * 128);
        board.mmio.write(frame, 4, MEMCPY);
        peerLoop.runUntilIdle();
        assertThat(board.mmio.read(frame, 4)).isEqualTo(HALTED);
        loop.runUntilIdle();

        assertThat(cmd(7)).isEqualTo(HALTED);
        assertThat(board.memory.getLongLe(Board.RAM + 64))
                .isEqualTo(board.memory.getLongLe(Board.RAM));
        assertThat(board.messages).containsExactly(0x107);
    }

    @Test
    void aResetEndsWhatRuns() throws GuestAccessException {
        board.fill(Board.RAM, 64, 0);
        start(0, RAND48, Board.RAM, Board.RAM + 7, 0, 1);
        board.host.reset();
        program();
        loop.runUntilIdle();

        assertThat(board.memory.getLongLe(Board.RAM)).isZero();
        assertThat(cmd(0)).isEqualTo(HALTED);
        assertThat(get(0, 0x30, 8)).isZero();
        assertThat(board.messages).isEmpty();
        assertThat(run(0, RAND48, Board.RAM, Board.RAM + 7, 0, 1)).isEqualTo(HALTED);
    }

    @Test
    void theEndOfTheAddressSpaceIsNoOverflow() {
        assertThat(run(0, SUM64, -8, -1, 0, 8)).isEqualTo(ERROR);
        assertThat(get(0, 0x50, 8)).isEqualTo(-8L);
        assertThat(run(0, RAND48, 8, -1, 0, 1)).isEqualTo(ERROR);
        assertThat(get(0, 0x50, 8)).isEqualTo(8);
        set(0, 0x24, 4, 0xffff_ffffL);
        assertThat(run(0, RAND48, 8, -1, 0, 1)).isEqualTo(ERROR);
        assertThat(get(0, 0x50, 8)).isEqualTo(-4096L);
        assertThat(run(0, SUM64, 0, -9, 0, 8L << 59)).isEqualTo(ERROR);
    }

    @Test
    void aTranslationThatIsRefusedIsAnError() {
        board.host.iommu(new Refusing(), _ -> true);
        assertThat(run(0, RAND48, Board.RAM, Board.RAM + 7, 0, 1)).isEqualTo(ERROR);
    }

    private record Refusing() implements TranslationAgent {
        @Override
        public Translation translate(Requester requester, AddressType type, long iova, int access) {
            return new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);
        }

        @Override
        public long enterDma() {
            return 0;
        }

        @Override
        public void exitDma(long ticket) {}
    }

    private TranslatingAgent translated() {
        TranslatingAgent agent = new TranslatingAgent();
        board.host.iommu(agent, _ -> true);
        board.config(board.extendedCapability(0x1b) + 6, 2, 7);
        int pri = board.extendedCapability(0x13);
        board.config(pri + 12, 4, 2);
        board.config(pri + 4, 2, 1);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
        return agent;
    }

    private void answer(TranslatingAgent agent, int code) {
        PageRequest request = agent.pageRequests.removeFirst();
        board.host
                .atsEndpoint(Board.RID)
                .orElseThrow()
                .pageResponse(
                        new PageResponse(
                                Board.RID, request.requester().pasid(), request.prgIndex(), code));
        loop.runUntilIdle();
    }

    @Test
    @DisplayName("§5 ATS: accesses of a PASID are translated once, and then go out translated")
    void atsMode() throws GuestAccessException {
        TranslatingAgent agent = translated();
        for (int page = 0; page < 4; page++) {
            agent.map(0x7_0000_0000L + page * 4096L, Board.RAM + page * 8192L, 3);
        }
        arguments(0, 0x7_0000_0010L, 0x7_0000_2fffL, 0, 1);
        setPrivileged(0, 0x0c, 0x12345);
        set(0, 0, 4, RAND48);
        loop.runUntilIdle();

        assertThat(cmd(0)).isEqualTo(HALTED);
        assertThat(agent.translations).hasSize(3);
        assertThat(agent.translations.getFirst().requester())
                .isEqualTo(new Requester(Board.RID, 0x12345, false));
        assertThat(agent.requests).filteredOn(r -> r.startsWith("UNTRANSLATED")).hasSize(1);
        byte[] linear = expected(0, 0x7_0000_0010L, 0x2ff0);
        assertThat(board.bytes(Board.RAM + 8192, 4096))
                .isEqualTo(java.util.Arrays.copyOfRange(linear, 0xff0, 0x1ff0));
        set(0, 0, 4, RAND48);
        loop.runUntilIdle();
        assertThat(agent.translations).hasSize(3);
    }

    @Test
    @DisplayName("§2 attributes: privileged and instruction are asked for")
    void attributesReachTheTranslation() {
        TranslatingAgent agent = translated();
        agent.map(0x7_0000_0000L, Board.RAM, 7);
        arguments(0, 0x7_0000_0000L, 0x7_0000_0fffL, 0, 1);
        setPrivileged(0, 0x0c, 9);
        set(0, 0x20, 4, 0x42ff_47ffL);
        set(0, 0, 4, SUM64);
        loop.runUntilIdle();

        assertThat(cmd(0)).isEqualTo(HALTED);
        assertThat(agent.translations.getFirst().requester())
                .isEqualTo(new Requester(Board.RID, 9, true));
        assertThat(agent.translations.getFirst().execute()).isTrue();
        assertThat(agent.translations.getFirst().noWrite()).isTrue();
    }

    @Test
    @DisplayName("§5 PRI: a missing page is requested in the frame's own group, and waited for")
    void pageRequestsAreWaitedFor() throws GuestAccessException {
        TranslatingAgent agent = translated();
        agent.map(0x7_0000_0000L, Board.RAM, 3);
        start(5, RAND48, 0x7_0000_0ff0L, 0x7_0000_100fL, 0, 1);
        loop.runUntilIdle();
        assertThat(cmd(5)).isEqualTo(RAND48);
        PageRequest request = agent.pageRequests.getFirst();
        assertThat(request.prgIndex()).isEqualTo(5);
        assertThat(request.last()).isTrue();
        assertThat(request.access()).isEqualTo(2);
        assertThat(request.iova()).isEqualTo(0x7_0000_1000L);
        assertThat(board.messages).isEmpty();

        agent.map(0x7_0000_1000L, Board.RAM + 0x4000, 3);
        answer(agent, PageResponse.SUCCESS);
        assertThat(cmd(5)).isEqualTo(HALTED);
        assertThat(board.messages).containsExactly(0x105);
        assertThat(board.bytes(Board.RAM + 0x4000, 16))
                .isEqualTo(
                        java.util.Arrays.copyOfRange(
                                expected(0, 0x7_0000_0ff0L, 0x20), 0x10, 0x20));
    }

    @Test
    void aPageThatWillNotComeIsAFault() {
        TranslatingAgent agent = translated();
        start(5, SUM64, 0x7_0000_0000L, 0x7_0000_0007L, 0, 1);
        loop.runUntilIdle();
        answer(agent, PageResponse.INVALID_REQUEST);
        assertThat(cmd(5)).isEqualTo(ERROR);
        assertThat(get(5, 0x50, 8)).isEqualTo(0x7_0000_0000L);
        board.config(board.extendedCapability(0x13) + 4, 2, 0);
        assertThat(run(5, SUM64, 0x7_0000_0000L, 0x7_0000_0007L, 0, 1)).isEqualTo(ERROR);
        assertThat(agent.pageRequests).isEmpty();
    }

    @Test
    void framesWithoutCreditWaitForOthers() {
        TranslatingAgent agent = translated();
        for (int frame = 0; frame < 4; frame++) {
            start(
                    frame,
                    SUM64,
                    0x7_0000_0000L + frame * 4096L,
                    0x7_0000_0007L + frame * 4096L,
                    0,
                    1);
        }
        loop.runUntilIdle();
        assertThat(agent.pageRequests).hasSize(2);
        for (int frame = 0; frame < 4; frame++) {
            agent.map(agent.pageRequests.getFirst().iova(), Board.RAM, 3);
            answer(agent, PageResponse.SUCCESS);
        }
        assertThat(agent.pageRequests).isEmpty();
        for (int frame = 0; frame < 4; frame++) {
            assertThat(cmd(frame)).isEqualTo(HALTED);
        }
    }

    @Test
    void aPageThatIsPromisedForEverIsAFaultInTheEnd() {
        TranslatingAgent agent = translated();
        start(5, SUM64, 0x7_0000_0000L, 0x7_0000_0007L, 0, 1);
        loop.runUntilIdle();
        int answers = 0;
        while (!agent.pageRequests.isEmpty()) {
            answer(agent, PageResponse.SUCCESS);
            answers++;
        }
        assertThat(answers).isEqualTo(SmmuTestPages.MAX_FRUITLESS_RESPONSES + 1);
        assertThat(cmd(5)).isEqualTo(ERROR);
    }

    @Test
    void aResetWhileAPageIsAwaited() {
        TranslatingAgent agent = translated();
        start(5, SUM64, 0x7_0000_0000L, 0x7_0000_0007L, 0, 1);
        loop.runUntilIdle();
        board.host.reset();
        program();
        answer(agent, PageResponse.SUCCESS);
        assertThat(cmd(5)).isEqualTo(HALTED);
        assertThat(board.messages).isEmpty();
        translated();
        start(5, SUM64, 0x7_0000_0000L, 0x7_0000_0007L, 0, 1);
        loop.runUntilIdle();
        assertThat(cmd(5)).isEqualTo(SUM64);
    }
}
