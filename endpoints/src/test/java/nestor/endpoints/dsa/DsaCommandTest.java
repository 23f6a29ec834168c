package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.DEDICATED;
import static nestor.endpoints.dsa.DsaBench.P;
import static nestor.endpoints.dsa.DsaBench.RECORDS;
import static nestor.endpoints.dsa.DsaBench.SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.endpoints.dsa.DsaOptions.InterruptHandles;
import nestor.endpoints.dsa.DsaOptions.TranslationServices;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** §4: commands, their states and their errors. */
class DsaCommandTest {
    private static final long A = 0x10_0000;
    private static final int PAGE = DsaOs.PAGE;

    private DsaBench bench = new DsaBench();

    @AfterEach
    void close() {
        bench.close();
    }

    private void replace(DsaBench next) {
        bench.close();
        bench = next;
    }

    /** A move of a page that waits for its source. */
    private long block(int pasid) {
        bench.os.map(pasid, A, 2 * PAGE, DsaOs.READ_WRITE);
        bench.os.pageOut(pasid, A, PAGE);
        long record = bench.record();
        DescriptorBuilder move =
                descriptor(3)
                        .flags(Flags.BLOCK_ON_FAULT)
                        .source(A)
                        .destination(A + PAGE)
                        .size(PAGE)
                        .completion(record);
        bench.post(move);
        bench.loop.runUntilIdle();
        assertThat(bench.os.groups).hasSize(1);
        return record;
    }

    private int statusAt(long record) {
        return bench.os.peek(P, record, 1)[0];
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 13, 14, 15, 31})
    @DisplayName("§4: a command that CMDCAP does not name is an invalid command")
    void unknownCommands(int code) {
        assertThat(bench.get(0xb0)).isEqualTo(0x1ffe);
        assertThat(bench.command(code, 0)).isEqualTo(CommandError.INVALID_COMMAND);
    }

    @Test
    @DisplayName("§4: a command that is written while another is active is dropped")
    void oneCommandAtATime() {
        replace(DsaBench.start());
        block(P);
        bench.issue(8, 1 << DEDICATED);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0xa8)).isEqualTo(1L << 31);
        bench.issue(5, 0);
        bench.settle();
        assertThat(bench.get(0xa8)).isZero();
        assertThat(bench.get(0x90) & 3).isEqualTo(1);
        assertThat(bench.board.messages).containsExactly(0);
    }

    @Test
    @DisplayName("§4: without bit 31 there is no interrupt, and no cause")
    void noInterruptUnlessAskedFor() {
        bench.set(0xa0, 5L << 20);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0xa8)).isZero();
        assertThat(bench.get(0x98)).isZero();
        assertThat(bench.board.messages).isEmpty();
    }

    @Test
    @DisplayName("§4.1: Enable Device twice")
    void theDeviceIsEnabledOnce() {
        assertThat(bench.command(1, 0)).isZero();
        assertThat(bench.get(0x90) & 3).isEqualTo(1);
        assertThat(bench.command(1, 0)).isEqualTo(CommandError.DEVICE_NOT_DISABLED);
        assertThat(bench.command(2, 0)).isZero();
        assertThat(bench.get(0x90) & 3).isZero();
        assertThat(bench.command(2, 0)).isEqualTo(CommandError.DISABLE_NOT_ENABLED);
    }

    @Test
    @DisplayName("§4.1: Enable Device needs bus mastering")
    void busMastering() {
        bench.board.config(4, 2, 2);
        bench.set(0xa0, 1L << 20);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0xa8)).isEqualTo(CommandError.BUS_MASTER_DISABLED);
    }

    @Test
    @DisplayName("§4.1: the sizes of all work queues together, at the limit and past it")
    void sumOfSizes() {
        bench.queue(0, 32, 0, 0);
        bench.queue(1, 33, 0, 0);
        assertThat(bench.command(1, 0)).isEqualTo(CommandError.WQ_SIZES);
        bench.queue(1, 32, 0, 0);
        assertThat(bench.command(1, 0)).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "0x1,  1, 0x3, 2, 0x15",
        "0x100, 1, 0, 0, 0x15",
        "0x1, 3, 0x2, 2, 0x16",
        "0x1, 16, 0, 0, 0x16",
        "0x1, 0, 0, 0, 0x17",
        "0x1, 1, 0x2, 2, 0",
        "0, 1, 0, 0, 0"
    })
    @DisplayName("§4.1: groups share nothing, have nothing foreign, and engines for their queues")
    void groups(String queues, int engines, String otherQueues, int otherEngines, String error) {
        bench.group(0, Long.decode(queues), engines);
        bench.group(3, Long.decode(otherQueues), otherEngines);
        assertThat(bench.command(1, 0)).isEqualTo(Long.decode(error));
    }

    @ParameterizedTest
    @CsvSource({"8, 7, 0x18", "8, 33, 0x18", "33, 33, 0x18", "16, 16, 0", "17, 17, 0x18"})
    @DisplayName("§4.1: read buffers: reserved at most allowed, and all reserved at most 32")
    void readBuffers(int reserved, int allowed, String error) {
        for (int group = 0; group < 2; group++) {
            bench.set(0x400 + 64L * group + 0x28, (long) reserved << 8 | (long) allowed << 20);
        }
        assertThat(bench.command(1, 0)).isEqualTo(Long.decode(error));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0x10000011, 0x22", // no entries
        "65, 0, 0x10000011, 0x22",
        "64, 0, 0x10000011, 0",
        "16, 0, 0x10000001, 0x23", // no priority
        "16, 0, 0x10000010, 0x24", // shared without threshold
        "16, 17, 0x10000010, 0x24",
        "16, 16, 0x10000010, 0",
        "16, 0, 0x1000001b, 0x25", // blocks on faults without page requests
        "16, 0, 0x10000013, 0",
        "16, 8, 0x00000010, 0x26", // shared without PASID
        "16, 0, 0x00000011, 0",
        "16, 0, 0x30000011, 0"
    })
    @DisplayName("§4.2: what Enable WQ says about WQCFG")
    void enableWq(int size, int threshold, String flags, String error) {
        bench.group(0, 1, 1);
        assertThat(bench.command(6, 0)).isEqualTo(CommandError.DEVICE_NOT_ENABLED);
        assertThat(bench.command(1, 0)).isZero();
        bench.queue(0, size, threshold, Integer.decode(flags));
        assertThat(bench.command(6, 0)).isEqualTo(Long.decode(error));
        assertThat(bench.queueState(0)).isEqualTo(Long.decode(error) == 0 ? 1 : 0);
    }

    @ParameterizedTest
    @CsvSource({"22, 0, 0x28", "0, 11, 0x27", "21, 10, 0"})
    @DisplayName("§4.2: limits of transfers and batches are those of GENCAP at most")
    void limits(int transferLog2, int batchLog2, String error) {
        bench.group(0, 1, 1);
        bench.command(1, 0);
        bench.queue(0, 16, 0, 0x10000011);
        bench.set(0x600 + 12, transferLog2 | batchLog2 << 5);
        assertThat(bench.command(6, 0)).isEqualTo(Long.decode(error));
    }

    @Test
    @DisplayName("§4.2: PASID and Privileged Mode must be enabled in the function")
    void pasidOfTheFunction() {
        bench.group(0, 1, 1);
        bench.command(1, 0);
        bench.queue(0, 16, 0, 0x30000011);
        bench.board.config(bench.board.extendedCapability(0x1b) + 6, 2, 1);
        assertThat(bench.command(6, 0)).isEqualTo(CommandError.WQ_PASID);
        bench.board.config(bench.board.extendedCapability(0x1b) + 6, 2, 0);
        bench.queue(0, 16, 0, 0x10000011);
        assertThat(bench.command(6, 0)).isEqualTo(CommandError.WQ_PASID);
    }

    @Test
    @DisplayName("§4.2: block on fault of a device without PRI")
    void blockOnFaultWithoutPri() {
        replace(new DsaBench(DsaOptions.DEFAULT.withTranslation(TranslationServices.ATS)));
        bench.group(0, 1, 1);
        bench.command(1, 0);
        bench.queue(0, 16, 0, 0x10000013);
        assertThat(bench.command(6, 0)).isEqualTo(CommandError.WQ_BLOCK_ON_FAULT);
    }

    @Test
    @DisplayName("§4.2: a queue that is not there, enabled already, or in no group")
    void whichQueue() {
        replace(DsaBench.start());
        assertThat(bench.command(6, 8)).isEqualTo(CommandError.INVALID_WQ);
        assertThat(bench.command(6, 0xfffff)).isEqualTo(CommandError.INVALID_WQ);
        assertThat(bench.command(6, DEDICATED)).isEqualTo(CommandError.WQ_NOT_DISABLED);
        bench.queue(2, 1, 0, 0x10000011);
        assertThat(bench.command(6, 2)).isEqualTo(CommandError.INVALID_WQ);
    }

    @ParameterizedTest
    @ValueSource(ints = {7, 8, 9, 10})
    @DisplayName("§4.3: masks of queues: one that is not there, and a device that is not enabled")
    void masks(int code) {
        assertThat(bench.command(code, 1)).isEqualTo(CommandError.NOT_ENABLED);
        replace(DsaBench.start());
        assertThat(bench.command(code, 0x100)).isEqualTo(CommandError.INVALID_WQ);
        assertThat(bench.command(code, 0x10001)).isEqualTo(CommandError.INVALID_WQ);
        assertThat(bench.command(code, 0x3)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 11, 12})
    void drainAndAbortNeedAnEnabledDevice(int code) {
        assertThat(bench.command(code, 1)).isEqualTo(CommandError.NOT_ENABLED);
    }

    @Test
    @DisplayName("§3.5: WQCFG is read-only while its queue is enabled, and survives Disable WQ")
    void wqcfg() {
        replace(DsaBench.start());
        long flags = bench.get(0x608);
        bench.set(0x608, 0);
        assertThat(bench.get(0x608)).isEqualTo(flags);
        assertThat(bench.command(7, 1)).isZero();
        assertThat(bench.queueState(DEDICATED)).isZero();
        assertThat(bench.get(0x608)).isEqualTo(flags);
        bench.set(0x608, -1);
        assertThat(bench.get(0x608)).isEqualTo(0x3fff_ffffL);
        assertThat(bench.command(10, 3)).isZero();
        assertThat(bench.get(0x608)).isZero();
        assertThat(bench.get(0x600)).isZero();
        assertThat(bench.queueState(SHARED)).isZero();
    }

    @Test
    @DisplayName("§3.4: GRPCFG is read-only unless the device is disabled")
    void grpcfg() {
        replace(DsaBench.start());
        bench.set64(0x400, 0);
        assertThat(bench.get64(0x400)).isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"2, 0", "3, 0", "7, 1", "8, 1", "11, 5"})
    @DisplayName("§4.3: drains end when the descriptors before them have, not before")
    void drains(int code, int operand) {
        replace(DsaBench.start());
        long record = block(P);
        bench.issue(code, operand);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0xa8)).isEqualTo(1L << 31);
        assertThat(bench.get(0x90) & 3).isEqualTo(code == 2 ? 2 : 1);
        bench.settle();
        assertThat(bench.get(0xa8)).isZero();
        assertThat(statusAt(record)).isEqualTo(1);
        assertThat(bench.board.messages).containsExactly(0);
        assertThat(bench.queueState(DEDICATED)).isEqualTo(code == 2 || code == 7 ? 0 : 1);
    }

    @Test
    @DisplayName(
            "§4.3: a drain does not wait for what is submitted after it, or is of another PASID")
    void drainsOnlyItsOwn() {
        replace(DsaBench.start());
        block(P);
        assertThat(bench.command(8, 1 << SHARED)).isZero();
        assertThat(bench.command(11, P + 1)).isZero();
        assertThat(bench.os.groups).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"4, 0", "5, 0", "9, 1", "10, 1", "12, 5"})
    @DisplayName("§4.3: after an abort or reset is acknowledged there is no record and no write")
    void aborts(int code, int operand) {
        replace(DsaBench.start());
        long record = block(P);
        long queued = bench.record();
        bench.post(descriptor(4).source(-1).destination(A + PAGE).size(8).completion(queued));
        assertThat(bench.command(code, operand)).isZero();
        bench.settle();
        assertThat(statusAt(record)).isZero();
        assertThat(statusAt(queued)).isZero();
        assertThat(bench.os.peekLong(P, A + PAGE)).isZero();
        assertThat(bench.board.messages).containsExactly(0);
        assertThat(bench.takeSoftwareError()).isZero();
    }

    @Test
    @DisplayName("§4.3: Abort PASID leaves the descriptors of others alone")
    void abortOfAnotherPasid() {
        replace(DsaBench.start());
        long record = block(P);
        assertThat(bench.command(12, P + 1)).isZero();
        bench.settle();
        assertThat(statusAt(record)).isEqualTo(1);
    }

    @Test
    @DisplayName("§4.1: Reset Device clears groups, queues, GENCFG and GENCTRL")
    void resetDevice() {
        replace(DsaBench.start());
        bench.set(0x80, 0x1008);
        assertThat(bench.command(5, 0)).isZero();
        assertThat(bench.get(0x80)).isZero();
        assertThat(bench.get(0x88)).isZero();
        assertThat(bench.get(0x90)).isZero();
        assertThat(bench.get64(0x400)).isZero();
        assertThat(bench.get(0x608)).isZero();
        bench.configure();
        assertThat(bench.run(descriptor(0))).startsWith(1);
    }

    @Test
    @DisplayName("PCIe §6.6.2: after FLR no record, no write, and a device as fresh")
    void flr() {
        replace(DsaBench.start());
        long record = block(P);
        int express = bench.board.capability(0x10);
        bench.board.config(express + 8, 2, 0x8000);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0x90)).isEqualTo(0xffff_ffffL); // memory space is off
        bench.program(DsaOptions.DEFAULT);
        bench.settle();
        assertThat(bench.get(0x90)).isEqualTo(1 << 2);
        assertThat(bench.get(0x608)).isZero();
        assertThat(bench.takeSoftwareError()).isZero();
        assertThat(statusAt(record)).isZero();
        bench.configure();
        assertThat(bench.run(descriptor(0))).startsWith(1);
    }

    @Test
    @DisplayName("PCIe §6.6.2: a command that FLR meets never ends, nor changes what comes after")
    void flrDuringACommand() {
        replace(DsaBench.start());
        block(P);
        bench.issue(2, 0);
        bench.loop.runUntilIdle();
        bench.board.config(bench.board.capability(0x10) + 8, 2, 0x8000);
        bench.program(DsaOptions.DEFAULT);
        bench.configure();
        bench.settle();
        assertThat(bench.get(0x90) & 3).isEqualTo(1);
        assertThat(bench.queueState(DEDICATED)).isEqualTo(1);
        assertThat(bench.board.messages).isEmpty();
    }

    @Test
    @DisplayName("§4.4: interrupt handles: index, IMS, exhaustion, release")
    void interruptHandles() {
        replace(new DsaBench(DsaOptions.DEFAULT.withInterruptHandles(InterruptHandles.REQUESTED)));
        assertThat(bench.get(0xb0)).isEqualTo(0x7ffe);
        assertThat(bench.command(13, 9)).isEqualTo(CommandError.INTERRUPT_INDEX);
        assertThat(bench.command(13, 0x10001)).isEqualTo(CommandError.INTERRUPT_INDEX);
        for (int handle = 0; handle < 64; handle++) {
            assertThat(bench.command(13, 8)).isEqualTo((long) handle << 8);
        }
        assertThat(bench.command(13, 8)).isEqualTo(CommandError.NO_INTERRUPT_HANDLE);
        assertThat(bench.command(14, 7)).isZero();
        assertThat(bench.command(14, 7)).isEqualTo(CommandError.INTERRUPT_INDEX);
        assertThat(bench.command(14, 0xffff)).isEqualTo(CommandError.INTERRUPT_INDEX);
        assertThat(bench.command(13, 1)).isEqualTo(7 << 8);
    }

    @Test
    @DisplayName("§4.4: a descriptor interrupts by a handle, not by an index")
    void interruptByHandle() {
        replace(
                DsaBench.start(
                        DsaOptions.DEFAULT.withInterruptHandles(InterruptHandles.REQUESTED)));
        bench.set(0x800 + 8 * 3, 4);
        assertThat(bench.run(descriptor(0).handle(0))).startsWith(Status.INTERRUPT_HANDLE);
        assertThat(bench.command(13, 3)).isZero();
        bench.board.messages.clear();
        assertThat(bench.run(descriptor(0).handle(0))).startsWith(1);
        assertThat(bench.board.messages).containsExactly(3);
    }

    @Test
    @DisplayName("§4.1: Disable Device drains, and leaves the configuration")
    void disableDevice() {
        replace(DsaBench.start());
        long flags = bench.get(0x608);
        assertThat(bench.command(2, 0)).isZero();
        assertThat(bench.queueState(DEDICATED)).isZero();
        assertThat(bench.get(0x608)).isEqualTo(flags);
        bench.post(descriptor(0).completion(RECORDS));
        bench.settle();
        assertThat(statusAt(RECORDS)).isZero();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.WQ_NOT_ENABLED);
    }
}
