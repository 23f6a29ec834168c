package nestor.smmuv3.event;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.paging.WalkResult;
import nestor.pci.AtsRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.config.ConfigFault;
import nestor.vmm.register.BitField;

/**
 * A record of the Event queue (IHI 0070, §7.3): four doublewords.
 *
 * @param dw0 event number, SSV, SubstreamID, StreamID
 * @param dw1 what kind of access
 * @param dw2 the input address
 * @param dw3 an address fetched from, or an IPA
 */
public record Event(long dw0, long dw1, long dw2, long dw3) {
    /** Size of a record. */
    public static final int BYTES = 32;

    /** Event numbers (§7.3). */
    public static final int C_BAD_STREAMID = 0x02;

    public static final int F_STE_FETCH = 0x03;
    public static final int C_BAD_STE = 0x04;
    public static final int F_BAD_ATS_TREQ = 0x05;
    public static final int F_STREAM_DISABLED = 0x06;
    public static final int F_TRANSL_FORBIDDEN = 0x07;
    public static final int C_BAD_SUBSTREAMID = 0x08;
    public static final int F_CD_FETCH = 0x09;
    public static final int C_BAD_CD = 0x0a;
    public static final int F_WALK_EABT = 0x0b;
    public static final int F_TRANSLATION = 0x10;
    public static final int F_ADDR_SIZE = 0x11;
    public static final int F_ACCESS = 0x12;
    public static final int F_PERMISSION = 0x13;

    private static final BitField NUMBER = bits(7, 0);
    private static final BitField SSV = bit(11);
    private static final BitField SUBSTREAM_ID = bits(31, 12);
    private static final BitField STREAM_ID = bits(63, 32);

    /** Doubleword 1 of a fault. */
    private static final BitField STAG = bits(15, 0);

    private static final BitField STALL = bit(31);
    private static final BitField PNU = bit(33);

    private static final BitField IND = bit(34);
    private static final BitField RNW = bit(35);
    private static final BitField S2 = bit(39);
    private static final BitField CLASS = bits(41, 40);
    private static final BitField TTRNW = bit(44);

    /** CLASS: what the faulting address was. */
    private static final int CLASS_CD = 0;

    private static final int CLASS_TT = 1;
    private static final int CLASS_IN = 2;

    /** Doubleword 1 of F_BAD_ATS_TREQ. */
    private static final BitField TREQ_SPAN = bits(3, 0);

    private static final BitField TREQ_PRIVILEGED = bit(28);
    private static final BitField TREQ_EXECUTE = bit(29);
    private static final BitField TREQ_WRITE = bit(30);
    private static final BitField TREQ_READ = bit(31);

    private static final BitField ADDRESS_FETCHED = bits(51, 3);
    private static final BitField IPA = bits(51, 12);

    /** The event number. */
    public int number() {
        return NUMBER.getInt(dw0);
    }

    /** StreamID. */
    public int sid() {
        return STREAM_ID.getInt(dw0);
    }

    /** SubstreamID, or {@link Requester#NO_PASID}. */
    public int ssid() {
        return SSV.isSet(dw0) ? SUBSTREAM_ID.getInt(dw0) : Requester.NO_PASID;
    }

    /** Whether it is one of the four faults that CD.A, R and S speak about (§5.5). */
    public boolean isTranslationRelated() {
        return number() >= F_TRANSLATION && number() <= F_PERMISSION;
    }

    /** The record of a transaction that is stalled under {@code stag}. */
    public Event stalled(int stag) {
        return new Event(dw0, STALL.mask() | STAG.set(dw1, stag), dw2, dw3);
    }

    private static long head(int number, int sid, int ssid) {
        long dw0 = STREAM_ID.set(NUMBER.set(0, number), sid);
        return ssid == Requester.NO_PASID ? dw0 : SUBSTREAM_ID.set(dw0, ssid) | SSV.mask();
    }

    /** PnU, InD, RnW of an access. */
    private static long attributes(Requester requester, int access) {
        boolean write = (access & Translation.WRITE) != 0;
        long dw1 = write ? 0 : RNW.mask();
        if (requester.privileged()) {
            dw1 |= PNU.mask();
        }
        if (!write && (access & Translation.EXECUTE) != 0) {
            dw1 |= IND.mask();
        }
        return dw1;
    }

    /** §7.3.3 to §7.3.11, and the stage-2 fault of a CD fetch (§7.3.13 to §7.3.16). */
    public static Event config(ConfigFault fault, Requester requester, long iova, int access) {
        int sid = requester.rid();
        int ssid = requester.pasid();
        return switch (fault.kind()) {
            case C_BAD_STREAMID -> plain(C_BAD_STREAMID, requester);
            case F_STE_FETCH ->
                    new Event(head(F_STE_FETCH, sid, ssid), 0, 0, fetched(fault.fetchAddress()));
            case C_BAD_STE -> plain(C_BAD_STE, requester);
            case C_BAD_SUBSTREAMID -> plain(C_BAD_SUBSTREAMID, requester);
            case F_STREAM_DISABLED -> plain(F_STREAM_DISABLED, requester);
            case F_CD_FETCH ->
                    new Event(head(F_CD_FETCH, sid, ssid), 0, 0, fetched(fault.fetchAddress()));
            case C_BAD_CD -> plain(C_BAD_CD, requester);
            case STAGE2_OF_CD_FETCH -> {
                WalkResult.Fault stage2 = fault.stage2();
                if (stage2 == null) {
                    throw new IllegalStateException("a stage-2 fault without its fault");
                }
                long dw1 = CLASS.set(attributes(requester, access) | S2.mask(), CLASS_CD);
                int number = number(stage2.kind());
                long dw3 =
                        number == F_WALK_EABT
                                ? fetched(stage2.descriptor())
                                : IPA.getInPlace(stage2.ipa());
                yield new Event(head(number, sid, ssid), dw1, iova, dw3);
            }
        };
    }

    private static Event plain(int number, Requester requester) {
        return new Event(head(number, requester.rid(), requester.pasid()), 0, 0, 0);
    }

    private static long fetched(long address) {
        return ADDRESS_FETCHED.getInPlace(address);
    }

    /** §7.3.12 to §7.3.16: a walk that ended in {@code fault}. */
    public static Event walk(WalkResult.Fault fault, Requester requester, long iova, int access) {
        int number = number(fault.kind());
        long dw1 = attributes(requester, access);
        // An abort on a stage-1 descriptor is of CLASS TT; on one of stage 2, of what it
        // translates.
        boolean ownTable = number == F_WALK_EABT && fault.stage() == 1;
        boolean table = fault.subject() != WalkResult.Subject.ACCESS || ownTable;
        dw1 = CLASS.set(dw1, table ? CLASS_TT : CLASS_IN);
        if (fault.stage() == 2) {
            dw1 |= S2.mask();
        }
        if (fault.subject() == WalkResult.Subject.TABLE_READ) {
            dw1 |= TTRNW.mask();
        }
        long dw3 = 0;
        if (number == F_WALK_EABT) {
            dw3 = fetched(fault.descriptor());
        } else if (fault.stage() == 2) {
            dw3 = IPA.getInPlace(fault.ipa());
        }
        return new Event(head(number, requester.rid(), requester.pasid()), dw1, iova, dw3);
    }

    /** The event number of a fault. */
    public static int number(WalkResult.Kind kind) {
        return switch (kind) {
            case INPUT_RANGE, TRANSLATION, RESERVED -> F_TRANSLATION;
            case ADDRESS_SIZE -> F_ADDR_SIZE;
            case ACCESS_FLAG -> F_ACCESS;
            case PERMISSION -> F_PERMISSION;
            case EXTERNAL_ABORT, UPDATE_FAILED -> F_WALK_EABT;
        };
    }

    /** What the specification calls an event number of a transaction that fails. */
    public static String name(int number) {
        return switch (number) {
            case C_BAD_STREAMID -> "C_BAD_STREAMID";
            case F_STE_FETCH -> "F_STE_FETCH";
            case C_BAD_STE -> "C_BAD_STE";
            case F_BAD_ATS_TREQ -> "F_BAD_ATS_TREQ";
            case F_STREAM_DISABLED -> "F_STREAM_DISABLED";
            case F_TRANSL_FORBIDDEN -> "F_TRANSL_FORBIDDEN";
            case C_BAD_SUBSTREAMID -> "C_BAD_SUBSTREAMID";
            case F_CD_FETCH -> "F_CD_FETCH";
            case C_BAD_CD -> "C_BAD_CD";
            case F_WALK_EABT -> "F_WALK_EABT";
            case F_TRANSLATION -> "F_TRANSLATION";
            case F_ADDR_SIZE -> "F_ADDR_SIZE";
            case F_ACCESS -> "F_ACCESS";
            case F_PERMISSION -> "F_PERMISSION";
            default -> "event 0x%02x".formatted(number);
        };
    }

    /** §7.3.6 F_BAD_ATS_TREQ. */
    public static Event badAtsRequest(AtsRequest request) {
        long dw1 = TREQ_SPAN.set(0, Math.min(request.translations(), 15));
        dw1 |= TREQ_READ.mask();
        dw1 |= request.noWrite() ? 0 : TREQ_WRITE.mask();
        dw1 |= request.execute() ? TREQ_EXECUTE.mask() : 0;
        dw1 |= request.requester().privileged() ? TREQ_PRIVILEGED.mask() : 0;
        Requester requester = request.requester();
        return new Event(
                head(F_BAD_ATS_TREQ, requester.rid(), requester.pasid()),
                dw1,
                request.address() & -1L << 12,
                0);
    }

    /** §7.3.8 F_TRANSL_FORBIDDEN. */
    public static Event translationForbidden(Requester requester, long address, int access) {
        long dw1 = (access & Translation.WRITE) != 0 ? 0 : RNW.mask();
        return new Event(
                head(F_TRANSL_FORBIDDEN, requester.rid(), requester.pasid()), dw1, address, 0);
    }
}
