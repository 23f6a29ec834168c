package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.DEDICATED;
import static nestor.endpoints.dsa.DsaBench.P;
import static nestor.endpoints.dsa.DsaBench.PORTALS;
import static nestor.endpoints.dsa.DsaBench.SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** §5: portals, occupancy, priorities, batch, fence and drain. */
class DsaQueueTest {
    private static final long A = 0x10_0000;
    private static final long PAGE = DsaOs.PAGE;
    private static final long SHARED_PORTALS = PORTALS + SHARED * 0x4000L;

    private final DsaBench bench = DsaBench.start();

    @AfterEach
    void close() {
        bench.close();
    }

    private int statusAt(long record) {
        return bench.os.peek(P, record, 1)[0];
    }

    @Test
    @DisplayName("§5: any 64-byte aligned offset in a portal takes a descriptor")
    void everyOffset() {
        for (int offset : new int[] {0x1000, 0x1040, 0x1fc0, 0x0, 0xfc0}) {
            long record = bench.record();
            bench.board.mmio.writeBlock(PORTALS + offset, descriptor(0).completion(record).block());
            bench.settle();
            assertThat(statusAt(record)).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("§5: partial writes and portals for IMS take nothing, and are told")
    void wrongWrites() {
        bench.board.mmio.write(PORTALS + 0x1000, 8, 0);
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.PORTAL_WRITE);
        bench.board.mmio.write(SHARED_PORTALS + 0x1000, 4, 0);
        assertThat(bench.get64(0xc0) >>> 16 & 0xff).isEqualTo(SHARED);
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.PORTAL_WRITE);
        bench.board.mmio.writeBlock(PORTALS + 0x2000, descriptor(0).block());
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.PORTAL_WRITE);
        assertThat(bench.board.mmio.writeDeferrable(SHARED_PORTALS + 0x3000, descriptor(0).block()))
                .isFalse();
        bench.board.mmio.writeBlock(PORTALS + 2 * 0x4000L, descriptor(0).block());
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.WQ_NOT_ENABLED);
        assertThat(bench.board.mmio.read(PORTALS, 8)).isEqualTo(-1);
    }

    @Test
    @DisplayName("§5: dedicated queues take posted writes, shared ones deferrable writes")
    void modes() {
        assertThat(bench.board.mmio.writeDeferrable(PORTALS + 0x1000, descriptor(0).block()))
                .isFalse();
        assertThat(bench.takeSoftwareError()).isZero();
        bench.board.mmio.writeBlock(SHARED_PORTALS + 0x1000, descriptor(0).block());
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.PORTAL_WRITE);
    }

    @Test
    @DisplayName("§5: a dedicated queue that is full loses what is written, and tells")
    void dedicatedOverflow() {
        for (int i = 0; i < 16; i++) {
            bench.post(descriptor(0));
        }
        assertThat(bench.occupancy(DEDICATED)).isEqualTo(16);
        assertThat(bench.takeSoftwareError()).isZero();
        bench.post(descriptor(0));
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.WQ_OVERFLOW);
        bench.settle();
        assertThat(bench.occupancy(DEDICATED)).isZero();
    }

    @Test
    @DisplayName("§5: limited portals retry from the threshold on, unlimited ones from the size on")
    void thresholds() {
        for (int i = 0; i < 12; i++) {
            assertThat(bench.enqueue(descriptor(0).pasid(P))).isTrue();
        }
        assertThat(bench.enqueue(descriptor(0).pasid(P))).isFalse();
        for (int i = 12; i < 16; i++) {
            assertThat(bench.board.mmio.writeDeferrable(SHARED_PORTALS, descriptor(0).block()))
                    .isTrue();
        }
        assertThat(bench.board.mmio.writeDeferrable(SHARED_PORTALS, descriptor(0).block()))
                .isFalse();
        bench.settle();
        assertThat(bench.enqueue(descriptor(0).pasid(P))).isTrue();
        assertThat(bench.takeSoftwareError()).isZero();
    }

    @Test
    @DisplayName("§5: a queue that is being disabled takes nothing")
    void disabling() {
        bench.os.map(P, A, PAGE, DsaOs.READ_WRITE);
        bench.os.pageOut(P, A, PAGE);
        DescriptorBuilder fill = descriptor(4).destination(A).size(8).flags(2).pasid(P);
        assertThat(bench.enqueue(fill.completion(bench.record()))).isTrue();
        bench.loop.runUntilIdle();
        bench.issue(7, 1 << SHARED);
        bench.loop.runUntilIdle();
        assertThat(bench.queueState(SHARED)).isEqualTo(2);
        assertThat(bench.enqueue(descriptor(0).pasid(P))).isFalse();
        bench.settle();
        assertThat(bench.queueState(SHARED)).isZero();
    }

    @Test
    @DisplayName("§5.5: of queues with descriptors, those with higher priority have more turns")
    void priorities() {
        bench.command(7, 3);
        bench.queue(DEDICATED, 16, 0, 1 | 3 << 4 | P << 8 | 1 << 28);
        bench.command(6, DEDICATED);
        bench.queue(SHARED, 16, 16, 1 << 4 | 1 << 28);
        bench.command(6, SHARED);
        bench.os.map(P, A, PAGE, DsaOs.READ_WRITE);
        for (int i = 0; i < 12; i++) {
            bench.post(descriptor(4).source(1).destination(A + 8L * i).size(8));
            assertThat(
                            bench.enqueue(
                                    descriptor(4)
                                            .source(2)
                                            .destination(A + 8L * i)
                                            .size(8)
                                            .pasid(P)))
                    .isTrue();
        }
        List<Integer> order = new ArrayList<>();
        List<Integer> seen = new ArrayList<>(java.util.Collections.nCopies(12, 0));
        bench.os.duringAccess = () -> note(order, seen);
        bench.settle();
        note(order, seen);
        assertThat(order.subList(0, 12).stream().filter(who -> who == 1).count()).isEqualTo(9);
    }

    /** Who has written since. */
    private void note(List<Integer> order, List<Integer> seen) {
        for (int i = 0; i < seen.size(); i++) {
            int now = bench.os.peek(P, A + 8L * i, 1)[0];
            if (now != seen.get(i)) {
                order.add(now);
                seen.set(i, now);
            }
        }
    }

    @Test
    @DisplayName(
            "§5.5: more blocked descriptors than engines can hold keep the others waiting only")
    void enginesFullOfBlockedDescriptors() {
        bench.os.map(P, A, PAGE, DsaOs.READ_WRITE);
        bench.os.pageOut(P, A, PAGE);
        int room = 2 * Dispatcher.DESCRIPTORS_PER_ENGINE;
        for (int i = 0; i < room; i++) {
            bench.post(descriptor(4).source(i).destination(A + 8L * i).size(8).flags(2));
        }
        bench.loop.runUntilIdle();
        long record = bench.record();
        bench.post(descriptor(0).completion(record));
        bench.loop.runUntilIdle();
        assertThat(bench.occupancy(DEDICATED)).isEqualTo(1);
        assertThat(statusAt(record)).isZero();
        assertThat(bench.command(8, 1 << SHARED)).isZero();
        bench.settle();
        assertThat(statusAt(record)).isEqualTo(1);
    }

    @Test
    @DisplayName("§5.3: a drain completes after all earlier descriptors of its queue")
    void drainDescriptor() {
        bench.os.map(P, A, PAGE, DsaOs.READ_WRITE);
        bench.os.pageOut(P, A, PAGE);
        long fill = bench.record();
        long drain = bench.record();
        long later = bench.record();
        bench.post(descriptor(4).destination(A).size(8).flags(2).completion(fill));
        bench.post(descriptor(2).completion(drain));
        bench.post(descriptor(0).completion(later));
        bench.loop.runUntilIdle();
        assertThat(statusAt(later)).isEqualTo(1);
        assertThat(statusAt(drain)).isZero();
        bench.settle();
        assertThat(statusAt(fill)).isEqualTo(1);
        assertThat(statusAt(drain)).isEqualTo(1);
    }

    @Test
    @DisplayName("§5.3: in a shared queue a drain waits for its own PASID only")
    void drainOfASharedQueue() {
        bench.os.map(P, A, PAGE, DsaOs.READ_WRITE);
        bench.os.pageOut(P, A, PAGE);
        bench.os.map(P + 1, A, PAGE, DsaOs.READ_WRITE);
        bench.enqueue(descriptor(4).destination(A).size(8).flags(2).pasid(P));
        bench.enqueue(descriptor(2).pasid(P + 1).completion(A));
        bench.loop.runUntilIdle();
        assertThat(bench.os.groups).hasSize(1);
        assertThat(bench.os.peek(P + 1, A, 1)).containsExactly(1);
    }

    private long list(DescriptorBuilder... descriptors) {
        long list = A + 8 * PAGE - 128; // crosses a page
        bench.os.map(P, A, 16 * PAGE, DsaOs.READ_WRITE);
        for (int i = 0; i < descriptors.length; i++) {
            bench.os.poke(P, list + 64L * i, descriptors[i].bytes());
        }
        return list;
    }

    private static DescriptorBuilder fill(int slot, long value) {
        return descriptor(4).source(value).destination(A + 8L * slot).size(8);
    }

    @Test
    @DisplayName("§5.3: a batch does all of its descriptors, for the PASID of the batch")
    void batch() {
        long record = bench.record();
        long list =
                list(
                        fill(0, 10).pasid(99),
                        fill(1, 11).completion(record),
                        fill(2, 12),
                        descriptor(3).source(A).destination(A + 24).size(24));
        byte[] batch = bench.run(descriptor(1).source(list).size(4));
        assertThat(batch[0]).isEqualTo((byte) 1);
        assertThat(DsaBench.completed(batch)).isEqualTo(4);
        assertThat(statusAt(record)).isEqualTo(1);
        for (int i = 0; i < 6; i++) {
            assertThat(bench.os.peekLong(P, A + 8L * i)).isEqualTo(10 + i % 3);
        }
    }

    @Test
    @DisplayName("§5.3: a failure makes the batch fail, and stops it at a fence only")
    void failuresAndFences() {
        long list =
                list(
                        fill(0, 10),
                        fill(1, 11).size(0).completion(bench.record()),
                        fill(2, 12),
                        fill(3, 13).flags(Flags.FENCE),
                        fill(4, 14));
        byte[] batch = bench.run(descriptor(1).source(list).size(5));
        assertThat(batch[0]).isEqualTo((byte) Status.BATCH_FAILED);
        assertThat(DsaBench.completed(batch)).isEqualTo(3);
        assertThat(bench.os.peekLong(P, A + 16)).isEqualTo(12);
        assertThat(bench.os.peekLong(P, A + 24)).isZero();
        assertThat(bench.os.peekLong(P, A + 32)).isZero();
    }

    @Test
    @DisplayName("§5.3: no batch and no drain in a batch; a fence there is allowed")
    void whatABatchMayHold() {
        long first = bench.record();
        long second = bench.record();
        long list =
                list(
                        descriptor(0).flags(Flags.FENCE),
                        descriptor(1).source(A).size(2).completion(first),
                        descriptor(2).completion(second));
        assertThat(bench.run(descriptor(1).source(list).size(3))).startsWith(Status.BATCH_FAILED);
        assertThat(statusAt(first)).isEqualTo(Status.UNSUPPORTED_OPERATION);
        assertThat(statusAt(second)).isEqualTo(Status.UNSUPPORTED_OPERATION);
    }

    @Test
    @DisplayName("§3.3: an error in a batch names its index")
    void errorInABatch() {
        long list = list(fill(0, 1), fill(1, 1).size(0));
        bench.run(descriptor(1).source(list).size(2));
        assertThat(bench.get64(0xc0) & 0x10).isNotZero();
        assertThat(bench.get64(0xc8)).isEqualTo(1);
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.TRANSFER_SIZE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    @DisplayName(
            "§5.3: a fault of the list: how many were done, and where; the rest can be submitted")
    void faultOfTheList(int page) {
        long list = list(fill(0, 10), fill(1, 11), fill(2, 12), fill(3, 13));
        long lost = (list & -PAGE) + page * PAGE;
        bench.os.pageOut(P, lost, PAGE);
        byte[] batch = bench.run(descriptor(1).source(list).size(4));
        assertThat(batch[0]).isEqualTo((byte) Status.BATCH_PAGE_FAULT);
        assertThat(DsaBench.completed(batch)).isEqualTo(2 * page);
        assertThat(DsaBench.faultAddress(batch)).isEqualTo(list + 128L * page);
        bench.os.touch(P, lost);
        int left = 4 - 2 * page;
        batch = bench.run(descriptor(1).source(list + 128L * page).size(left));
        assertThat(batch[0]).isEqualTo((byte) 1);
        assertThat(bench.os.peekLong(P, A + 24)).isEqualTo(13);
    }

    @Test
    @DisplayName("§5.3: descriptors of a batch block on faults as others do, and can be aborted")
    void blockingInABatch() {
        long list = list(fill(0, 10).flags(2), fill(512, 11).flags(2), fill(1024, 12));
        bench.os.pageOut(P, A, 2 * PAGE);
        long record = bench.record();
        bench.post(descriptor(1).source(list).size(3).completion(record));
        bench.loop.runUntilIdle();
        assertThat(bench.os.answer()).isTrue();
        bench.loop.runUntilIdle();
        assertThat(bench.os.peekLong(P, A)).isEqualTo(10);
        assertThat(bench.command(9, 1)).isZero();
        bench.settle();
        assertThat(bench.os.peekLong(P, A + PAGE)).isZero();
        assertThat(bench.os.peekLong(P, A + 2 * PAGE)).isZero();
        assertThat(statusAt(record)).isZero();
    }

    @Test
    @DisplayName("§5.3: a list that the guest rewrites meanwhile is read once")
    void theListIsReadOnce() {
        long list = list(fill(0, 10).flags(2), fill(1, 11));
        bench.os.pageOut(P, A, PAGE);
        long record = bench.record();
        bench.post(descriptor(1).source(list).size(2).completion(record));
        bench.loop.runUntilIdle();
        bench.os.poke(P, list + 64, fill(1, 99).bytes());
        bench.settle();
        assertThat(statusAt(record)).isEqualTo(1);
        assertThat(bench.os.peekLong(P, A + 8)).isEqualTo(11);
    }
}
