package nestor.vtd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.paging.AccessTracking;
import nestor.paging.VtdSecondStage;
import nestor.paging.X86Paging;
import nestor.pci.AddressType;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.testkit.TablePages;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.time.ManualClock;

/** A unit and its driver's side: registers, queues and structures in memory, nothing else. */
final class VtdHarness {
    static final long MEMORY_BYTES = 7L << 20;
    static final long ROOT = 0x1_0000;
    static final long CONTEXT = 0x1_1000;
    static final long QUEUE = 0x2_0000;
    static final long PAGE_REQUESTS = 0x3_0000;
    static final long INTERRUPTS = 0x4_0000;
    static final long STATUS = 0x5_0000;
    static final long DIRECTORY = 0x6_0000;
    static final long PASIDS = 0x8_0000;

    /** Beyond RAM, within the host address width. */
    static final long NOWHERE = 0x1_0000_0000L;

    static final int RID = 0x18;
    static final int DID = 7;
    static final Requester REQUESTER = Requester.withoutPasid(RID);

    static final long TE = 1L << 31;
    static final long SRTP = 1L << 30;
    static final long QIE = 1L << 26;
    static final long IRE = 1L << 25;
    static final long SIRTP = 1L << 24;
    static final long CFI = 1L << 23;

    static final int FIRST_STAGE = 1;
    static final int SECOND_STAGE = 2;
    static final int NESTED = 3;
    static final int PASS_THROUGH = 4;

    /** A message that the unit sent. */
    record Message(long address, int data) {}

    /** A fault as the driver reads it. */
    record Fault(int reason, int sid, int pasid, long page, long low, long high) {
        boolean hasPasid() {
            return (high & 1L << 31) != 0;
        }

        boolean isRead() {
            return (high & 1L << 62) != 0;
        }

        int addressType() {
            return (int) (high >>> 60 & 3);
        }
    }

    /** A function that keeps what it is sent. */
    static final class RecordingEndpoint implements AtsEndpoint {
        final List<InvalidateRequest> invalidations = new ArrayList<>();
        final List<Runnable> completions = new ArrayList<>();
        final List<PageResponse> responses = new ArrayList<>();
        Runnable onResponse = () -> {};

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            invalidations.add(request);
            completions.add(complete);
        }

        @Override
        public void pageResponse(PageResponse response) {
            responses.add(response);
            onResponse.run();
        }

        @Override
        public void disabled() {}
    }

    final GuestMemory memory;
    final ManualLoop loop = new ManualLoop();
    final ManualClock clock = new ManualClock();
    final Map<Integer, RecordingEndpoint> endpoints = new HashMap<>();
    final List<Message> messages = new ArrayList<>();
    final VtdOptions options;
    final VtdUnit unit;
    final MmioRegion registers;
    final TablePages firstPages;
    final TablePages secondPages;
    private long levels;
    private boolean wide;
    private long tail;

    VtdHarness() {
        this(VtdOptions.whole());
    }

    VtdHarness(VtdOptions options) {
        this(options, MEMORY_BYTES);
    }

    /** With less memory than page tables need: for many short runs. */
    VtdHarness(VtdOptions options, long memoryBytes) {
        this(options, GuestMemory.anonymous(0, memoryBytes));
    }

    VtdHarness(VtdOptions options, GuestMemory memory) {
        this.options = options;
        this.memory = memory;
        this.firstPages = new TablePages(memory, 0x10_0000, 3 << 20);
        this.secondPages = new TablePages(memory, 0x40_0000, 3 << 20);
        this.unit =
                new VtdUnit(
                        options,
                        memory,
                        loop,
                        clock,
                        rid -> Optional.ofNullable(endpoints.get(rid)),
                        (_, gpa, data) -> messages.add(new Message(gpa, data)));
        registers = unit.registers();
    }

    long read32(long offset) {
        return registers.read(offset, 4);
    }

    long read64(long offset) {
        return registers.read(offset, 8);
    }

    void write32(long offset, long value) {
        registers.write(offset, 4, value & 0xffff_ffffL);
    }

    void write64(long offset, long value) {
        registers.write(offset, 8, value);
    }

    /** GCMD as a driver writes it: the levels so far and one change, then waits for the status. */
    void on(long command) {
        write32(0x018, levels | command);
        loop.runUntilIdle();
        assertThat(read32(0x01c) & command).isEqualTo(command);
        levels |= command & (TE | QIE | IRE | CFI);
    }

    void off(long command) {
        levels &= ~command;
        write32(0x018, levels);
        loop.runUntilIdle();
    }

    void rootTable(int mode) {
        write64(0x020, ROOT | (long) mode << 10);
        on(SRTP);
    }

    /** Legacy mode with the root entry of bus 0, and the fault interrupt on. */
    VtdHarness legacy() {
        store(ROOT, CONTEXT | 1, 0);
        faultInterrupt();
        rootTable(0);
        on(TE);
        return this;
    }

    /** Scalable mode with the root entry of bus 0, a directory and a table for the RID. */
    VtdHarness scalable() {
        store(ROOT, CONTEXT | 1, (CONTEXT + 0x1000) | 1);
        faultInterrupt();
        context(DIRECTORY | 0b1_1101 | 7L << 9, 0);
        store(DIRECTORY, PASIDS | 1);
        rootTable(1);
        on(TE);
        return this;
    }

    private void faultInterrupt() {
        write32(0x03c, 0x41);
        write32(0x040, 0xfee0_1000);
        write32(0x044, 0);
        write32(0x038, 0);
    }

    void store(long gpa, long... words) {
        try {
            for (int i = 0; i < words.length; i++) {
                memory.setLongLe(gpa + 8L * i, words[i]);
            }
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    long load(long gpa) {
        try {
            return memory.getLongLe(gpa);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** The legacy-mode context entry of the RID. */
    void legacyContext(long qw0, long qw1) {
        store(CONTEXT + 16L * RID, qw0, qw1);
    }

    /** P, TT, and the second stage of so many levels. */
    void legacyContext(int translationType, PageTables tables, int tableLevels) {
        legacyContext(
                1 | (long) translationType << 2 | tables.root(), tableLevels - 2 | (long) DID << 8);
    }

    /** The scalable-mode context entry of the RID. */
    void context(long qw0, long qw1) {
        store(CONTEXT + 32L * RID, qw0, qw1, 0, 0);
    }

    static long pasidEntry(int pasid) {
        return PASIDS + 64L * (pasid & 63);
    }

    /** A PASID-table entry in the first table. */
    void pasid(int pasid, long qw0, long qw1, long qw2) {
        store(pasidEntry(pasid) + 8, qw1, qw2, 0, 0, 0, 0, 0);
        store(pasidEntry(pasid), qw0);
    }

    void firstStage(int pasid, int did, PageTables tables) {
        int levels5 = ((X86Paging) tables.format()).levels() == 5 ? 1 << 2 : 0;
        pasid(pasid, 1 | FIRST_STAGE << 6 | 2 << 2, did | 1 << 23, tables.root() | levels5);
    }

    void secondStage(int pasid, int did, PageTables tables, boolean accessDirty) {
        long aw = ((VtdSecondStage) tables.format()).levels() - 2L;
        long ad = accessDirty ? 1 << 9 : 0;
        pasid(pasid, 1 | aw << 2 | SECOND_STAGE << 6 | ad | tables.root(), did, 0);
    }

    void nested(int pasid, int did, PageTables first, PageTables second) {
        long aw = ((VtdSecondStage) second.format()).levels() - 2L;
        pasid(pasid, 1 | aw << 2 | NESTED << 6 | second.root(), did, first.root());
    }

    PageTables firstStageTables(int tableLevels) {
        return PageTables.in(
                firstPages,
                root ->
                        new X86Paging(
                                tableLevels,
                                root,
                                48,
                                true,
                                X86Paging.ExecuteDisable.IGNORED,
                                false,
                                false));
    }

    PageTables secondStageTables(int tableLevels) {
        return PageTables.in(
                secondPages,
                root ->
                        new VtdSecondStage(
                                tableLevels, root, 48, 3, false, AccessTracking.IGNORED, false));
    }

    /** Programs the invalidation queue: 4 KiB of narrow, or 8 KiB of wide descriptors. */
    VtdHarness queue(boolean wide) {
        this.wide = wide;
        write64(0x088, 0);
        write64(0x090, QUEUE | (wide ? 1 << 11 | 1 : 0));
        on(QIE);
        return this;
    }

    int descriptorBytes() {
        return wide ? 32 : 16;
    }

    long queueBytes() {
        return wide ? 8192 : 4096;
    }

    /** The unit was reset: nothing is on. */
    void wasReset() {
        levels = 0;
        tail = 0;
    }

    /** Puts one descriptor behind the others, without the doorbell. */
    void put(long qw0, long qw1) {
        put(qw0, qw1, 0, 0);
    }

    void put(long qw0, long qw1, long qw2, long qw3) {
        store(QUEUE + tail, qw0, qw1);
        if (wide) {
            store(QUEUE + tail + 16, qw2, qw3);
        }
        tail = (tail + descriptorBytes()) % queueBytes();
    }

    /** The doorbell. */
    void ring() {
        write32(0x088, tail);
        loop.runUntilIdle();
    }

    /** Puts one descriptor and rings. */
    void submit(long qw0, long qw1) {
        put(qw0, qw1);
        ring();
    }

    long tail() {
        return tail;
    }

    long head() {
        return read64(0x080);
    }

    /** A wait descriptor with a status write, as drivers use it. */
    static final long WAIT = 5 | 1 << 5 | 2L << 32;

    /** Submits a wait and says whether its status was written. */
    boolean isSynchronized() {
        store(STATUS, 1);
        submit(WAIT, STATUS);
        return status() == 2;
    }

    int status() {
        return (int) load(STATUS);
    }

    void pageRequestQueue() {
        write32(0x0e4, 0x42);
        write32(0x0e8, 0xfee0_2000);
        write32(0x0e0, 0);
        write64(0x0c0, 0);
        write64(0x0c8, 0);
        write64(0x0d0, PAGE_REQUESTS);
    }

    /** The oldest page request, which is taken; fails if there is none. */
    long[] pageRequest() {
        long at = read64(0x0c0);
        assertThat(at).describedAs("a page request").isNotEqualTo(read64(0x0c8));
        write64(0x0c0, (at + 32) % 4096);
        long gpa = PAGE_REQUESTS + at;
        return new long[] {load(gpa), load(gpa + 8), load(gpa + 16), load(gpa + 24)};
    }

    boolean hasPageRequest() {
        return read64(0x0c0) != read64(0x0c8);
    }

    /** Takes the oldest record as the driver does; fails if there is none. */
    Fault fault() {
        long status = read32(0x034);
        assertThat(status & 2).describedAs("PPF").isNotZero();
        long at = 0x220 + 16 * (status >>> 8 & 0xff);
        long high = read64(at + 8);
        long low = read64(at);
        assertThat(high).describedAs("F").isNegative();
        write32(at + 12, 1L << 31);
        boolean pasid = (high & 1L << 31) != 0;
        return new Fault(
                (int) (high >>> 32 & 0xff),
                (int) (high & 0xffff),
                pasid ? (int) (high >>> 40 & 0xf_ffff) : Requester.NO_PASID,
                low,
                low,
                high);
    }

    boolean hasFault() {
        return (read32(0x034) & 2) != 0;
    }

    Translation translate(Requester requester, long address, int access) {
        return unit.translate(requester, AddressType.UNTRANSLATED, address, access);
    }

    Translation translated(Requester requester, long address, int access) {
        return unit.translate(requester, AddressType.TRANSLATED, address, access);
    }

    Translation read(long address) {
        return translate(REQUESTER, address, Translation.READ);
    }

    Translation write(long address) {
        return translate(REQUESTER, address, Translation.WRITE);
    }

    static long gpa(Translation translation, long address) {
        assertThat(translation).isInstanceOf(Translation.Mapping.class);
        return ((Translation.Mapping) translation).gpa(address);
    }

    static void assertRejected(Translation translation) {
        assertThat(translation).isInstanceOf(Translation.Rejected.class);
    }

    /** That the request is refused and recorded with {@code reason}. */
    Fault assertFault(Translation translation, int reason) {
        assertRejected(translation);
        Fault fault = fault();
        assertThat(fault.reason()).isEqualTo(reason);
        assertThat(hasFault()).describedAs("one record").isFalse();
        return fault;
    }
}
