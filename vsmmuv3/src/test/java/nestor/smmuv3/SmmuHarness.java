package nestor.smmuv3;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.paging.AccessTracking;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.pci.AddressType;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.testkit.TablePages;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.time.ManualClock;

/** An SMMU and its driver's side: registers, queues and structures in memory, nothing else. */
final class SmmuHarness {
    static final long MEMORY_BYTES = 6L << 20;
    static final long STREAM_TABLE = 0x1_0000;
    static final long COMMANDS = 0x2_0000;
    static final long EVENTS = 0x3_0000;
    static final long PAGE_REQUESTS = 0x4_0000;
    static final long CONTEXTS = 0x5_0000;
    static final int COMMANDS_LOG2 = 6;
    static final int EVENTS_LOG2 = 2;
    static final int SID = 0x18;
    static final Requester REQUESTER = Requester.withoutPasid(SID);

    private static final int ALL_ON = 0b1111;

    /** An event as the driver reads it. */
    record EventRecord(int number, int sid, long dw0, long dw1, long dw2, long dw3) {}

    final GuestMemory memory;
    final ManualLoop loop = new ManualLoop();
    final ManualClock clock = new ManualClock();
    final Map<Integer, RecordingEndpoint> endpoints = new HashMap<>();
    final List<String> interrupts = new ArrayList<>();
    final SmmuV3 smmu;
    final MmioRegion registers;
    final TablePages stage1Pages;
    final TablePages stage2Pages;
    private int produced;

    /** A function that keeps what it is sent. */
    static final class RecordingEndpoint implements AtsEndpoint {
        final List<InvalidateRequest> invalidations = new ArrayList<>();
        final List<Runnable> completions = new ArrayList<>();
        final List<PageResponse> responses = new ArrayList<>();

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            invalidations.add(request);
            completions.add(complete);
        }

        @Override
        public void pageResponse(PageResponse response) {
            responses.add(response);
        }

        @Override
        public void disabled() {}
    }

    SmmuHarness() {
        this(SmmuV3Options.whole());
    }

    SmmuHarness(SmmuV3Options options) {
        this(options, GuestMemory.anonymous(0, MEMORY_BYTES));
    }

    /** In this memory of {@link #MEMORY_BYTES}. */
    SmmuHarness(SmmuV3Options options, GuestMemory memory) {
        this(options, memory, MEMORY_BYTES, 0x10_0000, 0x40_0000);
    }

    /** One whose memory is quickly made: 1 MiB. */
    static SmmuHarness small() {
        return small(SmmuV3Options.whole());
    }

    static SmmuHarness small(SmmuV3Options options) {
        return new SmmuHarness(
                options, GuestMemory.anonymous(0, 1 << 20), 1 << 20, 0x8_0000, 0xc_0000);
    }

    private SmmuHarness(
            SmmuV3Options options,
            GuestMemory memory,
            long memoryBytes,
            long stage1At,
            long stage2At) {
        this.memory = memory;
        stage1Pages =
                new TablePages(memory, stage1At, (int) Math.min(2 << 20, stage2At - stage1At));
        stage2Pages =
                new TablePages(memory, stage2At, (int) Math.min(2 << 20, memoryBytes - stage2At));
        smmu =
                new SmmuV3(
                        options,
                        memory,
                        loop,
                        clock,
                        rid -> Optional.ofNullable(endpoints.get(rid)),
                        new SmmuV3.Wires(
                                wire("eventq"), wire("priq"), wire("sync"), wire("gerror")),
                        this::message);
        registers = smmu.registers();
    }

    private IrqLine wire(String name) {
        return asserted -> {
            if (asserted) {
                interrupts.add(name);
            }
        };
    }

    private boolean message(long address, int data) {
        try {
            memory.setIntLe(address, data);
            return true;
        } catch (GuestAccessException e) {
            return false;
        }
    }

    /** As a driver brings the SMMU up (IHI 0070, §6.3.9), with a linear stream table. */
    SmmuHarness enabled() {
        write64(0x080, STREAM_TABLE);
        write32(0x088, 8);
        write64(0x090, COMMANDS | COMMANDS_LOG2);
        write64(0x0a0, EVENTS | EVENTS_LOG2);
        write64(0x0c0, PAGE_REQUESTS | EVENTS_LOG2);
        write32(0x050, 0b111);
        control(ALL_ON);
        return this;
    }

    /** The SMMU was reset: its queues begin anew. */
    void wasReset() {
        produced = 0;
    }

    /** SMMU_CR0, and waits for the acknowledgement. */
    void control(int value) {
        write32(0x020, value);
        loop.runUntilIdle();
    }

    long read32(long offset) {
        return registers.read(offset, 4);
    }

    void write32(long offset, long value) {
        registers.write(offset, 4, value);
    }

    void write64(long offset, long value) {
        registers.write(offset, 8, value);
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

    void fill(long gpa, byte[] bytes) {
        try {
            memory.copyIn(MemorySegment.ofArray(bytes), gpa);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Writes a stream table entry of the linear table. */
    void ste(int sid, long dw0, long dw1, long dw2, long dw3) {
        store(STREAM_TABLE + 64L * sid, dw0, dw1, dw2, dw3);
    }

    /** Config 5 with one context descriptor, or 2^cdMax of them in a linear table. */
    void stage1Stream(int sid, int cdMax, int dss) {
        ste(sid, 1 | 5 << 1 | CONTEXTS | (long) cdMax << 59, dss | 1L << 28, 0, 0);
    }

    /** Stage-1 tables of 4 KiB pages and 39 bits. */
    PageTables stage1Tables(AccessTracking tracking) {
        return PageTables.in(
                stage1Pages,
                root ->
                        new VmsaV8Stage1(
                                new VmsaV8Geometry(12, 39, 48, false),
                                root,
                                false,
                                false,
                                false,
                                false,
                                tracking));
    }

    PageTables stage1Tables() {
        return stage1Tables(AccessTracking.SOFTWARE);
    }

    /** Stage-2 tables of 4 KiB pages and 39 bits. */
    PageTables stage2Tables() {
        return PageTables.in(
                stage2Pages,
                root ->
                        new VmsaV8Stage2(
                                new VmsaV8Geometry(12, 39, 48, false),
                                root,
                                1,
                                AccessTracking.SOFTWARE,
                                false,
                                false,
                                true));
    }

    /** Doubleword 0 of a context descriptor as Linux writes it, for 39 bits below. */
    static long cdWord0(int asid) {
        return 25
                | 1L << 30
                | 1L << 31
                | 5L << 32
                | 1L << 41
                | 1L << 45
                | 1L << 46
                | 1L << 47
                | (long) asid << 48;
    }

    /** Writes a context descriptor; {@code more} is ORed into doubleword 0. */
    void cd(int index, int asid, long root, long more) {
        store(CONTEXTS + 64L * index, cdWord0(asid) | more, root, 0, 0xff);
    }

    /** Doublewords 2 and 3 of a stage-2 entry, 39 bits of 4 KiB pages, recording. */
    void stage2Stream(int sid, int config, int vmid, long root) {
        long dw2 = vmid | 25L << 32 | 1L << 38 | 5L << 48 | 1L << 51 | 1L << 58;
        ste(sid, 1 | (long) config << 1 | CONTEXTS, 0, dw2, root);
    }

    /** Puts commands into the queue and moves PROD. */
    void submit(long... words) {
        for (int i = 0; i < words.length; i += 2) {
            int slot = produced & (1 << COMMANDS_LOG2) - 1;
            store(COMMANDS + 16L * slot, words[i], words[i + 1]);
            produced = produced + 1 & (2 << COMMANDS_LOG2) - 1;
        }
        write32(0x098, produced);
        loop.runUntilIdle();
    }

    /** Whether every command was consumed. */
    boolean isIdle() {
        return (read32(0x09c) & (2 << COMMANDS_LOG2) - 1) == produced;
    }

    int commandError() {
        return (int) (read32(0x09c) >>> 24 & 0x7f);
    }

    static final long SYNC = 0x46;
    static final long CFGI_ALL = 0x04;
    static final long TLBI_NSNH_ALL = 0x30;

    /** CMD_CFGI_ALL, CMD_TLBI_NSNH_ALL and CMD_SYNC. */
    void invalidateAll() {
        submit(CFGI_ALL, 31, TLBI_NSNH_ALL, 0, SYNC, 0);
        assertThat(isIdle()).isTrue();
    }

    /** Takes the oldest event; fails if there is none. */
    EventRecord event() {
        long cons = read32(0x1_00ac);
        assertThat(cons & 7).describedAs("an event").isNotEqualTo(read32(0x1_00a8) & 7);
        long gpa = EVENTS + 32 * (cons & (1 << EVENTS_LOG2) - 1);
        write32(0x1_00ac, cons & 1L << 31 | cons + 1 & 7);
        long dw0 = load(gpa);
        return new EventRecord(
                (int) dw0 & 0xff,
                (int) (dw0 >>> 32),
                dw0,
                load(gpa + 8),
                load(gpa + 16),
                load(gpa + 24));
    }

    boolean hasEvent() {
        return (read32(0x1_00ac) & 7) != (read32(0x1_00a8) & 7);
    }

    Translation translate(Requester requester, long iova, int access) {
        return smmu.translate(requester, AddressType.UNTRANSLATED, iova, access);
    }

    Translation read(long iova) {
        return translate(REQUESTER, iova, Translation.READ);
    }

    Translation write(long iova) {
        return translate(REQUESTER, iova, Translation.WRITE);
    }

    static long gpa(Translation translation, long iova) {
        assertThat(translation).isInstanceOf(Translation.Mapping.class);
        return ((Translation.Mapping) translation).gpa(iova);
    }

    static void assertAborted(Translation translation) {
        assertThat(translation).isInstanceOf(Translation.Rejected.class);
    }
}
