package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.P;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** §5.4, §6.2: every status that a descriptor can be refused with, and SWERROR. */
class DsaStatusTest {
    private static final long A = 0x10_0000;
    private static final int PAGE = DsaOs.PAGE;

    private DsaBench bench = DsaBench.start();

    @BeforeEach
    void map() {
        bench.os.map(P, A, 8 * PAGE, DsaOs.READ_WRITE);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private int status(DescriptorBuilder descriptor) {
        return DsaBench.status(bench.run(descriptor));
    }

    private static DescriptorBuilder move() {
        return descriptor(3).source(A).destination(A + PAGE).size(64);
    }

    @Test
    @DisplayName("§5.3: OPCAP and what is executed are the same")
    void opcodes() {
        long opcap = bench.get64(0x40);
        assertThat(opcap).isEqualTo(0x1_003f_03ffL);
        for (int opcode = 0; opcode < 256; opcode++) {
            boolean known = opcode < 64 && (opcap >>> opcode & 1) != 0;
            int status = status(descriptor(opcode).flags(1));
            assertThat(status == Status.UNSUPPORTED_OPERATION)
                    .describedAs("opcode %x", opcode)
                    .isEqualTo(!known);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0x1, 0x40, 0x80, 0x4000, 0x10000, 0x80000, 0x800000})
    @DisplayName("§5.2: a flag that the operation does not take is told")
    void invalidFlags(int flag) {
        byte[] record = bench.run(move().flags(flag));
        assertThat(DsaBench.status(record)).isEqualTo(Status.INVALID_FLAGS);
        assertThat(DsaBench.specific(record, 16, 4)).isEqualTo(flag);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x2, 0x100, 0x200, 0xe00, 0x1000, 0x2000, 0x8000, 0x20})
    void flagsOfAMove(int flag) {
        assertThat(status(move().flags(flag))).isEqualTo(1);
    }

    @Test
    @DisplayName("§5.2: block on fault is reserved in batch and drain")
    void blockOnFaultOfABatch() {
        assertThat(status(descriptor(1).flags(2).source(A).size(2))).isEqualTo(0x11);
        assertThat(status(descriptor(2).flags(2))).isEqualTo(0x11);
    }

    @ParameterizedTest
    @CsvSource({"0, 0x00100000", "4, 0x1000000000000", "5, 1", "6, 1", "7, 0x8000000000000000"})
    @DisplayName("§5.1: reserved bits are checked")
    void reservedFields(int word, String bits) {
        DescriptorBuilder move = move();
        long value =
                move.block()[word]
                        | Long.parseUnsignedLong(bits.substring(bits.startsWith("0x") ? 2 : 0), 16);
        assertThat(status(move.word(word, value))).isEqualTo(Status.RESERVED_FIELD);
    }

    @Test
    @DisplayName("§5.4: transfer sizes, at the limit and past it")
    void transferSizes() {
        assertThat(status(move().size(0))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(move().size((1 << 21) + 1))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(move().size(0xffff_ffffL))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(move().size(1 << 21))).isEqualTo(Status.PAGE_FAULT);
        assertThat(status(move().source(-63))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(move().source(-64))).isEqualTo(Status.PAGE_FAULT);
    }

    @Test
    @DisplayName("§5.4: batches: count and alignment of the list")
    void batches() {
        assertThat(status(descriptor(1).source(A).size(1))).isEqualTo(Status.DESCRIPTOR_COUNT);
        assertThat(status(descriptor(1).source(A).size(1025))).isEqualTo(Status.DESCRIPTOR_COUNT);
        assertThat(status(descriptor(1).source(A + 32).size(2)))
                .isEqualTo(Status.DESCRIPTOR_LIST_ALIGNMENT);
        assertThat(status(descriptor(1).source(A).size(2))).isEqualTo(Status.SUCCESS);
    }

    @Test
    @DisplayName("§5.4: deltas: sizes, alignments, overlap")
    void deltas() {
        DescriptorBuilder create =
                descriptor(7).source(A).destination(A + PAGE).size(64).word(5, A + 2 * PAGE);
        assertThat(status(create.word(6, 79))).isEqualTo(Status.DELTA_RECORD_SIZE);
        assertThat(status(create.word(6, 80))).isEqualTo(Status.SUCCESS);
        assertThat(status(create.size(60))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(create.size(0x80008))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(create.size(64).word(5, A + 4))).isEqualTo(Status.ADDRESS_ALIGNMENT);
        assertThat(status(create.word(5, A + 56))).isEqualTo(Status.OVERLAPPING_BUFFERS);
        assertThat(status(create.word(5, A + PAGE - 72))).isEqualTo(Status.OVERLAPPING_BUFFERS);

        DescriptorBuilder apply = descriptor(8).source(A).destination(A + PAGE).size(64);
        assertThat(status(apply.word(5, 0))).isEqualTo(Status.DELTA_RECORD_SIZE);
        assertThat(status(apply.word(5, 15))).isEqualTo(Status.DELTA_RECORD_SIZE);
        assertThat(status(apply.word(5, 90))).isEqualTo(Status.DELTA_RECORD_SIZE);
        assertThat(status(apply.word(5, 10).source(A + 4))).isEqualTo(Status.ADDRESS_ALIGNMENT);
        assertThat(status(apply.source(A + PAGE + 8))).isEqualTo(Status.OVERLAPPING_BUFFERS);
    }

    @Test
    @DisplayName("§5.3: deltas: offsets that do not increase, or are out of range")
    void deltaOffsets() {
        bench.os.poke(P, A, new byte[32]);
        bench.os.poke(P, A, new byte[] {3, 0, 1});
        bench.os.poke(P, A + 10, new byte[] {3, 0, 2});
        DescriptorBuilder apply =
                descriptor(8).source(A).destination(A + PAGE).size(64).word(5, 20);
        byte[] record = bench.run(apply);
        assertThat(record[0]).isEqualTo((byte) Status.DELTA_OFFSET_NOT_INCREASING);
        assertThat(DsaBench.completed(record)).isEqualTo(10);
        assertThat(bench.os.peekLong(P, A + PAGE + 24)).isEqualTo(1);
        bench.os.poke(P, A + 10, new byte[] {8, 0, 2});
        assertThat(status(apply)).isEqualTo(Status.DELTA_OFFSET_OUT_OF_RANGE);
        assertThat(bench.os.peekLong(P, A + PAGE + 64)).isZero();
    }

    @Test
    @DisplayName("§5.4: dualcast: alignment and overlap")
    void dualcast() {
        DescriptorBuilder cast = descriptor(9).source(A).destination(A + PAGE).size(64);
        assertThat(status(cast.word(5, A + 2 * PAGE + 1))).isEqualTo(Status.DUALCAST_ALIGNMENT);
        assertThat(status(cast.word(5, A + PAGE))).isEqualTo(Status.OVERLAPPING_BUFFERS);
        assertThat(status(cast.word(5, A))).isEqualTo(Status.OVERLAPPING_BUFFERS);
        assertThat(status(cast.word(5, A + 2 * PAGE).source(A + PAGE + 63)))
                .isEqualTo(Status.OVERLAPPING_BUFFERS);
    }

    @Test
    @DisplayName("§5.4: CRC and DIF: seed alignment, overlap, block sizes, reserved flags")
    void crcAndDif() {
        assertThat(status(descriptor(0x10).flags(1 << 16).source(A).size(8).word(6, A + 2)))
                .isEqualTo(Status.ADDRESS_ALIGNMENT);
        assertThat(status(descriptor(0x11).source(A).destination(A + 7).size(8)))
                .isEqualTo(Status.OVERLAPPING_BUFFERS);
        assertThat(status(descriptor(0x12).source(A).size(512))).isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(descriptor(0x13).source(A).destination(A + PAGE).size(520)))
                .isEqualTo(Status.TRANSFER_SIZE);
        assertThat(status(descriptor(0x13).source(A).destination(A + 511).size(512)))
                .isEqualTo(Status.OVERLAPPING_BUFFERS);
        assertThat(status(descriptor(0x12).source(A).size(520).word(5, 0x100000)))
                .isEqualTo(Status.RESERVED_FIELD);
        assertThat(
                        status(
                                descriptor(0x15)
                                        .source(A)
                                        .destination(A + PAGE)
                                        .size(520)
                                        .word(5, 0x100)))
                .isEqualTo(Status.RESERVED_FIELD);
    }

    @Test
    @DisplayName("§3.6: an interrupt comes by an entry that the limited portal's client may use")
    void interruptHandles() {
        bench.set(0x800 + 8 * 2, 8 | P << 12);
        bench.set(0x800 + 8 * 3, 8 | P + 1 << 12);
        bench.set(0x800 + 8 * 4, 4);
        assertThat(status(descriptor(0).handle(2))).isEqualTo(1);
        assertThat(bench.board.messages).containsExactly(2);
        assertThat(status(descriptor(0).handle(3))).isEqualTo(Status.INTERRUPT_HANDLE);
        assertThat(status(descriptor(0).handle(4))).isEqualTo(1);
        assertThat(status(descriptor(0).handle(5))).isEqualTo(Status.INTERRUPT_HANDLE);
        assertThat(status(descriptor(0).handle(9))).isEqualTo(Status.INTERRUPT_HANDLE);
        assertThat(bench.board.messages).containsExactly(2, 4);
        long record = bench.record();
        bench.board.mmio.writeBlock(
                DsaBench.PORTALS, descriptor(0).handle(3).completion(record).block());
        bench.settle();
        assertThat(bench.os.peek(P, record, 1)).containsExactly(1);
        assertThat(bench.board.messages).containsExactly(2, 4, 3);
    }

    @Test
    @DisplayName("§5.1: a descriptor of a shared queue may be privileged if the queue may")
    void privilege() {
        long record = bench.record();
        assertThat(bench.enqueue(descriptor(0).pasid(P).privileged().completion(record))).isTrue();
        bench.settle();
        // The refusal is written with that privilege, which maps the same here.
        assertThat(bench.os.peek(P, record, 1)).containsExactly(Status.PRIVILEGE);
    }

    @Test
    @DisplayName("§6: a record is written only if it is asked for, or something is wrong")
    void recordsOnRequest() {
        long record = bench.record();
        bench.post(move().completion(record).withoutFlags(8));
        bench.settle();
        assertThat(bench.os.peek(P, record, 1)).containsExactly(0);
        bench.post(move().size(0).completion(record).withoutFlags(8));
        bench.settle();
        assertThat(bench.os.peek(P, record, 1)).containsExactly(Status.TRANSFER_SIZE);
    }

    @Test
    @DisplayName("§3.3: what no record can tell is told by SWERROR, once, and with an interrupt")
    void softwareErrors() {
        bench.post(move().size(0));
        bench.settle();
        assertThat(bench.board.messages).containsExactly(0);
        assertThat(bench.get(0x98)).isEqualTo(1);
        assertThat(bench.get64(0xc0)).isEqualTo(0x0000_0503_0000_130dL);
        assertThat(bench.get64(0xc8)).isZero();

        bench.post(move().completion(0x123).flags(4));
        bench.settle();
        assertThat(bench.get64(0xc0) & 3).isEqualTo(3);
        assertThat(bench.board.messages).containsExactly(0);

        bench.set64(0xc0, 3);
        assertThat(bench.get64(0xc0) & 3).isZero();
        bench.post(move().completion(0x110));
        bench.settle();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.COMPLETION_ALIGNMENT);
        assertThat(bench.board.messages).hasSize(2);
    }

    @Test
    @DisplayName("§3.3: a record that is requested and has no address")
    void recordWithoutAddress() {
        bench.post(move().flags(8));
        bench.settle();
        assertThat(bench.get64(0xc8)).isEqualTo(8L << 32);
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.INVALID_FLAGS);
    }

    @Test
    @DisplayName("§3.2: an error interrupts only if GENCTRL says so")
    void softwareErrorWithoutInterrupt() {
        bench.set(0x88, 0);
        bench.post(move().size(0));
        bench.settle();
        assertThat(bench.board.messages).isEmpty();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.TRANSFER_SIZE);
    }

    @Test
    @DisplayName("§6.2: a record that cannot be written is an error with its address")
    void recordThatCannotBeWritten() {
        bench.post(move().completion(0x66_0000));
        bench.settle();
        assertThat(bench.get64(0xd0)).isEqualTo(0x66_0000);
        assertThat(bench.get64(0xc0) & 0x20).isNotZero();
        assertThat(bench.takeSoftwareError()).isEqualTo(Status.COMPLETION_ADDRESS);
    }

    @Test
    @DisplayName(
            "§5.3: a comparison that does not end as expected is no success, and goes on record")
    void falsePredicate() {
        DescriptorBuilder compare = descriptor(5).source(A).destination(A + PAGE).size(64);
        assertThat(status(compare.flags(0x80).word(5, 1)))
                .isEqualTo(Status.SUCCESS_FALSE_PREDICATE);
        assertThat(status(compare.word(5, 0))).isEqualTo(Status.SUCCESS);
        assertThat(status(compare.word(5, 2))).isEqualTo(Status.RESERVED_FIELD);
    }
}
