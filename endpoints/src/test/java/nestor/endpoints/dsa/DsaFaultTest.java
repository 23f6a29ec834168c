package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.DEDICATED;
import static nestor.endpoints.dsa.DsaBench.P;
import static nestor.endpoints.dsa.DsaBench.SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.endpoints.Board;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** §7: translations, page requests, and invalidations that come in between. */
class DsaFaultTest {
    private static final long A = 0x10_0000;
    private static final long B = 0x20_0000;
    private static final long PAGE = DsaOs.PAGE;
    private static final int PAGES = 6;

    private final DsaBench bench = DsaBench.start();

    @AfterEach
    void close() {
        bench.close();
    }

    private void map() {
        bench.os.map(P, A, PAGES * PAGE, DsaOs.READ_WRITE);
        bench.os.map(P, B, PAGES * PAGE, DsaOs.READ_WRITE);
        bench.os.poke(P, A, new byte[] {1, 2, 3, 4});
    }

    private static DescriptorBuilder move() {
        return descriptor(3).source(A).destination(B).size(PAGES * PAGE);
    }

    private static DescriptorBuilder blockingMove() {
        return move().flags(Flags.BLOCK_ON_FAULT);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5})
    @DisplayName("§7.2: a fault of each page of either operand, without block on fault")
    void faultOfEveryPage(int page) {
        map();
        bench.os.pageOut(P, A + page * PAGE, PAGE);
        byte[] read = bench.run(move());
        assertThat(read[0]).isEqualTo((byte) 0x03);
        assertThat(DsaBench.faultAddress(read)).isEqualTo(A + page * PAGE);
        assertThat(DsaBench.completed(read)).isEqualTo(page * PAGE);

        bench.os.touch(P, A + page * PAGE);
        bench.os.pageOut(P, B + page * PAGE, PAGE);
        byte[] write = bench.run(move());
        assertThat(write[0]).isEqualTo((byte) 0x83);
        assertThat(DsaBench.faultAddress(write)).isEqualTo(B + page * PAGE);
        assertThat(DsaBench.completed(write)).isEqualTo(page * PAGE);
        assertThat(bench.os.pageRequests).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5})
    @DisplayName("§7.3: a page that is refused: status 4 and the page, data before it has moved")
    void refusalOfEveryPage(int page) {
        map();
        bench.os.pageOut(P, B + page * PAGE, PAGE);
        bench.os.forcedCode = PageResponse.INVALID_REQUEST;
        byte[] record = bench.run(blockingMove());
        assertThat(record[0]).isEqualTo((byte) 0x84);
        assertThat(DsaBench.faultAddress(record)).isEqualTo(B + page * PAGE);
        assertThat(DsaBench.completed(record)).isEqualTo(page * PAGE);
        assertThat(bench.os.pageRequests).hasSize(1);
    }

    @Test
    @DisplayName("§7.3: pages that lack are requested together, as writes or reads")
    void pagesAreRequestedInGroups() {
        map();
        bench.os.pageOut(P, B, PAGES * PAGE);
        assertThat(bench.run(blockingMove())).startsWith(1);
        assertThat(bench.os.pageRequests).hasSize(PAGES);
        assertThat(bench.os.pageRequests).allMatch(request -> request.access() == 2);
        assertThat(bench.os.pageRequests).allMatch(request -> request.prgIndex() == 0);
    }

    @Test
    @DisplayName("§7.3: a response failure ends the descriptor, and nothing blocks any more")
    void responseFailure() {
        map();
        bench.os.pageOut(P, B, PAGE);
        bench.os.forcedCode = PageResponse.RESPONSE_FAILURE;
        assertThat(bench.run(blockingMove())).startsWith(0x84);
        assertThat(bench.run(blockingMove())).startsWith(0x83);
    }

    @Test
    @DisplayName("§7.3: an agent that promises pages again and again does not keep the device busy")
    void emptyPromises() {
        map();
        bench.os.pageOut(P, B, PAGE);
        bench.os.lies = true;
        assertThat(bench.run(blockingMove())).startsWith(0x84);
        assertThat(bench.os.pageRequests).hasSize(Execution.MAX_FRUITLESS_RESPONSES);
    }

    @Test
    @DisplayName(
            "§7.3: a blocked descriptor holds up neither others, nor commands, nor invalidations")
    void whatABlockedDescriptorDoesNotBlock() {
        map();
        bench.os.pageOut(P, B + PAGE, PAGE);
        long blocked = bench.record();
        bench.post(blockingMove().completion(blocked));
        bench.loop.runUntilIdle();
        assertThat(bench.os.groups).hasSize(1);

        bench.os.pageOut(P, A, PAGE);
        assertThat(bench.os.invalidationsUnderWay).isZero();
        long other = bench.record();
        bench.post(descriptor(0).completion(other));
        bench.loop.runUntilIdle();
        assertThat(bench.os.peek(P, other, 1)).containsExactly(1);
        assertThat(bench.command(12, P + 1)).isZero();
        assertThat(bench.os.peek(P, blocked, 1)).containsExactly(0);

        bench.settle();
        assertThat(bench.os.peek(P, blocked, 1)).containsExactly(1);
    }

    @Test
    @DisplayName("§7.4: pages that move while descriptors run: no access to an old frame")
    void migrationInTheMiddle() throws GuestAccessException {
        map();
        List<Long> order = new ArrayList<>();
        for (int i = 0; i < PAGES; i++) {
            order.add(B + i * PAGE);
        }
        long record = bench.record();
        bench.post(move().completion(record));
        // In the middle of the first access; completes after it.
        bench.os.duringAccess =
                () -> {
                    bench.os.duringAccess = () -> {};
                    for (long at : order) {
                        migrate(at);
                    }
                    assertThat(bench.os.invalidationsUnderWay).isEqualTo(PAGES);
                };
        bench.settle();
        assertThat(bench.os.invalidationsUnderWay).isZero();
        assertThat(bench.os.peek(P, record, 1)).containsExactly(1);
        assertThat(bench.os.peek(P, B, 4)).containsExactly(1, 2, 3, 4);
    }

    private void migrate(long iova) {
        try {
            bench.os.migrate(P, iova);
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }

    @Test
    @DisplayName("§7.4: a process that is gone while its descriptors run: no stale write, an error")
    void deathInTheMiddle() {
        map();
        bench.post(move().completion(bench.record()));
        bench.post(descriptor(4).source(-1).destination(A).size(PAGE).completion(bench.record()));
        bench.os.duringAccess =
                () -> {
                    bench.os.duringAccess = () -> {};
                    bench.os.kill(P);
                };
        bench.settle();
        assertThat(bench.os.invalidationsUnderWay).isZero();
        assertThat(bench.get64(0xc0) & 3).describedAs("two records without a place").isEqualTo(3);
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.COMPLETION_ADDRESS);
    }

    @Test
    @DisplayName("§7.4: a process that is gone while its descriptor is blocked")
    void deathWhileBlocked() {
        map();
        bench.os.pageOut(P, B, PAGE);
        bench.post(blockingMove().completion(bench.record()));
        bench.loop.runUntilIdle();
        bench.os.kill(P);
        bench.issue(11, P);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0xa8)).describedAs("drain waits").isEqualTo(1L << 31);
        bench.settle();
        assertThat(bench.get(0xa8)).isZero();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.COMPLETION_ADDRESS);
    }

    @Test
    @DisplayName("§7.2: a record's page is requested though its descriptor does not block")
    void recordsMayFault() {
        bench.os.map(P, A, PAGE, DsaOs.READ_WRITE);
        bench.os.pageOut(P, A, PAGE);
        bench.post(descriptor(0).completion(A));
        bench.settle();
        assertThat(bench.os.pageRequests).hasSize(1);
        assertThat(bench.os.peek(P, A, 1)).containsExactly(1);
    }

    @Test
    @DisplayName("§3.5: PRS disable: no page is requested, not even a record's")
    void prsDisable() {
        bench.command(7, 1 << DEDICATED);
        bench.queue(DEDICATED, 16, 0, 1 | 8 | 1 << 4 | P << 8 | 1 << 28);
        assertThat(bench.command(6, DEDICATED)).isZero();
        map();
        assertThat(bench.run(blockingMove())).startsWith(Status.INVALID_FLAGS);
        bench.os.pageOut(P, A, PAGE);
        bench.post(descriptor(0).completion(A));
        bench.settle();
        assertThat(bench.os.pageRequests).isEmpty();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.COMPLETION_ADDRESS);
    }

    @Test
    @DisplayName("§3.5: ATS disable: requests are untranslated, with their PASID")
    void atsDisable() {
        bench.command(7, 1 << DEDICATED);
        bench.queue(DEDICATED, 16, 0, 1 | 4 | 1 << 4 | P << 8 | 1 << 28);
        assertThat(bench.command(6, DEDICATED)).isZero();
        map();
        assertThat(bench.run(move())).startsWith(1);
        assertThat(bench.os.translations).isEmpty();
        assertThat(bench.os.untranslated).isNotEmpty().allMatch(r -> r.pasid() == P);
        bench.os.pageOut(P, A + PAGE, PAGE);
        byte[] record = bench.run(move());
        assertThat(record).startsWith(Status.HARDWARE_ERROR);
        assertThat(DsaBench.faultAddress(record)).isEqualTo(A + PAGE);
        assertThat(DsaBench.completed(record)).isEqualTo(PAGE);
    }

    @Test
    @DisplayName("§7.1: ATS that is disabled in the function makes requests untranslated")
    void atsDisabledInTheFunction() {
        map();
        assertThat(bench.run(move())).startsWith(1);
        bench.board.config(bench.board.extendedCapability(0x0f) + 6, 2, 0);
        bench.os.translations.clear();
        assertThat(bench.run(move())).startsWith(1);
        assertThat(bench.os.translations).isEmpty();
    }

    @Test
    @DisplayName("§7.1: a refused Translation Request is an error with its address")
    void refusedTranslation() {
        long record = bench.record();
        bench.os.map(P + 1, A, PAGE, DsaOs.READ_WRITE);
        assertThat(bench.enqueue(move().pasid(P + 2).completion(record))).isTrue();
        bench.settle();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.COMPLETION_ADDRESS);
    }

    @Test
    @DisplayName("§5.1: a shared queue works for the PASID of each descriptor")
    void pasidsOfASharedQueue() {
        for (int pasid = 7; pasid < 10; pasid++) {
            bench.os.map(pasid, A, PAGE, DsaOs.READ_WRITE);
            DescriptorBuilder fill =
                    descriptor(4).source(pasid).destination(A).size(8).completion(A + 32);
            assertThat(bench.enqueue(fill.pasid(pasid))).isTrue();
        }
        bench.settle();
        for (int pasid = 7; pasid < 10; pasid++) {
            assertThat(bench.os.peekLong(pasid, A)).isEqualTo(pasid);
            assertThat(bench.os.peek(pasid, A + 32, 1)).containsExactly(1);
        }
    }

    @Test
    @DisplayName("§5.1: a dedicated queue without PASID works for the function itself")
    void withoutPasid() {
        bench.command(7, 1 << DEDICATED);
        bench.queue(DEDICATED, 16, 0, 1 | 1 << 4);
        assertThat(bench.command(6, DEDICATED)).isZero();
        bench.os.map(Requester.NO_PASID, A, PAGE, DsaOs.READ_WRITE);
        bench.post(descriptor(4).source(77).destination(A).size(8).completion(A + 32));
        bench.settle();
        assertThat(bench.os.peekLong(Requester.NO_PASID, A)).isEqualTo(77);
        assertThat(bench.os.translations).allMatch(request -> !request.requester().hasPasid());
    }

    @Test
    @DisplayName("§6: the status is written last, with what it is of in one access")
    void statusIsLast() {
        List<Integer> statuses = new ArrayList<>();
        long record = bench.record();
        bench.os.duringAccess = () -> statuses.add((int) bench.os.peek(P, record, 1)[0]);
        bench.post(descriptor(5).source(A).destination(B).size(8).completion(record));
        bench.settle();
        assertThat(statuses).containsExactly(0, 0);
        assertThat(bench.os.peek(P, record, 1)).containsExactly(Status.PAGE_FAULT);
        assertThat(bench.os.peekLong(P, record + 8)).isEqualTo(A);
    }

    @Test
    @DisplayName("§5.1: a privileged queue asks in Privileged Mode")
    void privilegedQueue() {
        bench.command(7, 1 << SHARED);
        bench.queue(SHARED, 16, 12, 1 << 4 | 1 << 28 | 1 << 29);
        assertThat(bench.command(6, SHARED)).isZero();
        long record = bench.record();
        assertThat(bench.enqueue(descriptor(0).pasid(P).privileged().completion(record))).isTrue();
        bench.settle();
        assertThat(bench.os.peek(P, record, 1)).containsExactly(1);
        assertThat(bench.os.translations.getLast().requester().privileged()).isTrue();
        assertThat(bench.os.translations.getLast().requester().rid()).isEqualTo(Board.RID);
    }
}
