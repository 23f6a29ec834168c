package nestor.endpoints;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsEntry;
import nestor.pci.AtsPort;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * The registers that {@link IommuTestDevice} has beyond the published ones ({@code
 * docs/devices/iommu-testdev.md}, "Extension"): PASID, ATS, page requests, and invalidations that
 * are completed late or never.
 *
 * <p>Commands run on the thread that writes them; messages come on the IOMMU's threads. The lock is
 * a leaf.
 */
final class IommuTestExtension implements AtsEndpoint {
    /** Invalidations that may be held; the next one is completed at once. */
    static final int MAX_HELD = 64;

    private static final String X = "Extension";
    private static final long ALL_32 = 0xffff_ffffL;
    private static final int PIECE_BYTES = 4096;
    private static final long ID_VALUE = 0x4e53_5401L;

    static final Register ID = readOnly("X ID", 0x100, 4, ID_VALUE, X);
    static final Register CONTROL = readWrite("X CONTROL", 0x104, 4, 0x133, X);
    static final Register PASID = readWrite("X PASID", 0x108, 4, (1 << 20) - 1, X);

    static final Register BURST = readWrite("X BURST", 0x10c, 4, ALL_32, X).withReset(PIECE_BYTES);

    static final Register COMMAND = readWrite("X COMMAND", 0x110, 4, ALL_32, X);
    static final Register ACCESS = readWrite("X ACCESS", 0x114, 4, 7, X);
    static final Register PAGE_GROUP = readWrite("X PAGE GROUP", 0x118, 4, 0x1_01ff, X);
    static final Register OUTCOME = readOnly("X OUTCOME", 0x11c, 4, ALL_32, X);
    static final Register ENTRY_COUNT = readOnly("X ENTRY COUNT", 0x120, 4, 0, X);
    static final Register ENTRY_SELECT = readWrite("X ENTRY SELECT", 0x124, 4, 0x1ff, X);
    static final Register ENTRY_LO = readOnly("X ENTRY LO", 0x128, 4, 0, X);
    static final Register ENTRY_HI = readOnly("X ENTRY HI", 0x12c, 4, 0, X);
    static final Register RESPONSE_COUNT = readOnly("X RESPONSE COUNT", 0x130, 4, 0, X);
    static final Register RESPONSE = readOnly("X RESPONSE", 0x134, 4, 0, X);
    static final Register INV_HOLD = readWrite("X INV HOLD", 0x140, 4, 0xffff, X);
    static final Register INV_LOSE = readWrite("X INV LOSE", 0x144, 4, 0xffff, X);
    static final Register INV_RELEASE = readWrite("X INV RELEASE", 0x148, 4, 0xffff, X);
    static final Register INV_HELD = readOnly("X INV HELD", 0x14c, 4, 0, X);
    static final Register INV_COUNT = readOnly("X INV COUNT", 0x150, 4, 0, X);
    static final Register HITS = readOnly("X ATC HITS", 0x160, 4, 0, X);
    static final Register MISSES = readOnly("X ATC MISSES", 0x164, 4, 0, X);
    static final Register PERMISSION_MISSES = readOnly("X ATC PERMISSION MISSES", 0x168, 4, 0, X);
    static final Register STALE_DROPS = readOnly("X ATC STALE DROPS", 0x16c, 4, 0, X);
    static final Register EVICTIONS = readOnly("X ATC EVICTIONS", 0x170, 4, 0, X);

    /** Fields of X CONTROL. */
    private static final class Control {
        static final BitField PASID_VALID = bit(0);
        static final BitField PRIVILEGED = bit(1);
        static final BitField ADDRESS_TYPE = bits(5, 4);
        static final BitField READ = bit(8);

        /** Values of ADDRESS_TYPE; others are untranslated. */
        static final int CACHED = 1;

        static final int TRANSLATED = 2;
    }

    private static final BitField PRG_INDEX = bits(8, 0);
    private static final BitField LAST = bit(16);
    private static final BitField RESPONSE_CODE = bits(15, 12);
    private static final BitField RESPONSE_VALID = bit(31);

    /** Values of X OUTCOME. */
    private static final class Outcome {
        static final long DONE = 0;
        static final long UNSUPPORTED_REQUEST = 1;
        static final long COMPLETER_ABORT = 2;
        static final long NOT_PERMITTED = 3;
        static final long NO_CREDIT = 4;
        static final long GROUP_BUSY = 5;
        static final long NO_SUCH_COMMAND = 6;
    }

    private final RegisterFile registers;
    private final PciFunction function;
    private final Atc atc;
    private final DmaPath cached;

    private final Object lock = new Object();
    private List<AtsEntry> entries = List.of();
    private final Queue<Runnable> held = new ArrayDeque<>();

    /**
     * @param registers with those of {@link #table}
     * @param atcOptions of the cache
     */
    IommuTestExtension(RegisterFile registers, PciFunction function, AtcOptions atcOptions) {
        this.registers = registers;
        this.function = function;
        this.atc = Atc.on(function.ats(), atcOptions);
        this.cached = new CachedDma(function, atc);
        function.ats().register(AtsPort.ALL_PASIDS, this);
        registers.onRead(COMMAND, () -> 0);
        registers.onRead(INV_RELEASE, () -> 0);
        registers.onWrite(INV_RELEASE, this::release);
        registers.onRead(ENTRY_COUNT, this::entryCount);
        registers.onRead(ENTRY_LO, () -> selectedEntry() & ALL_32);
        registers.onRead(ENTRY_HI, () -> selectedEntry() >>> 32);
        registers.onRead(INV_HELD, this::heldCount);
        registers.onRead(HITS, () -> atc.statistics().hits());
        registers.onRead(MISSES, () -> atc.statistics().misses());
        registers.onRead(PERMISSION_MISSES, () -> atc.statistics().permissionMisses());
        registers.onRead(STALE_DROPS, () -> atc.statistics().staleDrops());
        registers.onRead(EVICTIONS, () -> atc.statistics().evictions());
    }

    /** The extension's registers, in offset order. */
    static List<Register> table() {
        return List.of(
                ID,
                CONTROL,
                PASID,
                BURST,
                COMMAND,
                ACCESS,
                PAGE_GROUP,
                OUTCOME,
                ENTRY_COUNT,
                ENTRY_SELECT,
                ENTRY_LO,
                ENTRY_HI,
                RESPONSE_COUNT,
                RESPONSE,
                INV_HOLD,
                INV_LOSE,
                INV_RELEASE,
                INV_HELD,
                INV_COUNT,
                HITS,
                MISSES,
                PERMISSION_MISSES,
                STALE_DROPS,
                EVICTIONS);
    }

    /** Whether the armed DMA reads memory instead of writing it. */
    boolean reads() {
        return Control.READ.isSet(registers.get(CONTROL));
    }

    /** Bytes of one request, 1..4096. */
    int burstBytes() {
        long burst = registers.get(BURST);
        return burst == 0 || burst > PIECE_BYTES ? PIECE_BYTES : (int) burst;
    }

    /** One request of the armed DMA, as X CONTROL says. */
    CompletionStatus move(long iova, MemorySegment data) {
        DmaPath path =
                switch (Control.ADDRESS_TYPE.getInt(registers.get(CONTROL))) {
                    case Control.CACHED -> cached;
                    case Control.TRANSLATED -> DmaPath.translated(function);
                    default -> DmaPath.untranslated(function);
                };
        int access = reads() ? Translation.READ : Translation.WRITE;
        return path.move(requester(), iova, data, access);
    }

    private Requester requester() {
        long control = registers.get(CONTROL);
        boolean privileged = Control.PRIVILEGED.isSet(control);
        if (!Control.PASID_VALID.isSet(control)) {
            return function.requester();
        }
        return new Requester(function.rid(), (int) registers.get(PASID), privileged);
    }

    /**
     * Runs a command.
     *
     * @param iova first untranslated address
     * @param bytes of the range
     */
    void run(long command, long iova, long bytes) {
        registers.set(
                OUTCOME,
                switch ((int) command) {
                    case 1 -> translate(iova, bytes);
                    case 2 -> requestPage(iova);
                    case 3 -> outcome(function.ats().stopMarker(requester()));
                    default -> Outcome.NO_SUCH_COMMAND;
                });
    }

    private long translate(long iova, long bytes) {
        Requester requester = requester();
        if (requester.hasPasid()) {
            atc.start(requester.pasid());
        }
        int access = (int) registers.get(ACCESS);
        return switch (atc.request(requester, iova, Math.max(bytes, 1), access)) {
            case AtsCompletion.Entries(List<AtsEntry> received) -> {
                keep(received);
                yield Outcome.DONE;
            }
            case AtsCompletion.Failed(CompletionStatus status) -> {
                keep(List.of());
                yield status == CompletionStatus.COMPLETER_ABORT
                        ? Outcome.COMPLETER_ABORT
                        : Outcome.UNSUPPORTED_REQUEST;
            }
        };
    }

    private void keep(List<AtsEntry> received) {
        synchronized (lock) {
            entries = received;
        }
    }

    private long requestPage(long iova) {
        long group = registers.get(PAGE_GROUP);
        return outcome(
                function.ats()
                        .requestPage(
                                requester(),
                                iova,
                                (int) registers.get(ACCESS),
                                PRG_INDEX.getInt(group),
                                LAST.isSet(group)));
    }

    private static long outcome(AtsPort.PageRequestOutcome outcome) {
        return switch (outcome) {
            case SENT -> Outcome.DONE;
            case NOT_PERMITTED -> Outcome.NOT_PERMITTED;
            case NO_CREDIT -> Outcome.NO_CREDIT;
            case GROUP_BUSY -> Outcome.GROUP_BUSY;
        };
    }

    private long entryCount() {
        synchronized (lock) {
            return entries.size();
        }
    }

    private long selectedEntry() {
        int selected = (int) registers.get(ENTRY_SELECT);
        synchronized (lock) {
            return selected < entries.size() ? entries.get(selected).value() : 0;
        }
    }

    private long heldCount() {
        synchronized (lock) {
            return held.size();
        }
    }

    /** The cache has its own registration; this one decides when the function completes. */
    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        registers.update(INV_COUNT, count -> count + 1 & ALL_32);
        if (countDown(INV_LOSE)) {
            return;
        }
        if (countDown(INV_HOLD)) {
            synchronized (lock) {
                if (held.size() < MAX_HELD) {
                    held.add(complete);
                    return;
                }
            }
        }
        complete.run();
    }

    /** Takes one from a register, unless it is zero. */
    private boolean countDown(Register register) {
        synchronized (lock) {
            long left = registers.get(register);
            if (left != 0) {
                registers.set(register, left - 1);
            }
            return left != 0;
        }
    }

    private void release(long count) {
        List<Runnable> completed = new ArrayList<>();
        synchronized (lock) {
            while (completed.size() < count && !held.isEmpty()) {
                completed.add(held.remove());
            }
        }
        completed.forEach(Runnable::run);
    }

    @Override
    public void pageResponse(PageResponse response) {
        long word = RESPONSE_VALID.mask();
        word = RESPONSE_CODE.set(PRG_INDEX.set(word, response.prgIndex()), response.code());
        registers.set(RESPONSE, word);
        registers.update(RESPONSE_COUNT, count -> count + 1 & ALL_32);
    }

    @Override
    public void disabled() {
        release(MAX_HELD);
    }

    /** After the registers are fresh. */
    void reset() {
        atc.reset();
        keep(List.of());
        release(MAX_HELD);
    }
}
