package nestor.cli;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.guest.ImageStore;
import nestor.machine.SmmuIdentification;
import nestor.vmm.register.BitField;

/**
 * What Linux's arm-smmu-v3 driver must log for an SMMU's identification registers (IHI 0070, §6.3.1
 * to §6.3.6), by the numbers of its feature bits.
 */
final class SmmuFeatures {
    private static final BitField S2P = bit(0);
    private static final BitField S1P = bit(1);
    private static final BitField COHACC = bit(4);
    private static final BitField HTTU = bits(7, 6);
    private static final BitField HYP = bit(9);
    private static final BitField ATS = bit(10);
    private static final BitField MSI = bit(13);
    private static final BitField SEV = bit(14);
    private static final BitField PRI = bit(16);
    private static final BitField CD2L = bit(19);
    private static final BitField TTENDIAN = bits(22, 21);
    private static final BitField STALL_MODEL = bits(25, 24);
    private static final BitField ST_LEVEL = bits(28, 27);

    private static final BitField PRIQS = bits(15, 11);
    private static final BitField EVENTQS = bits(20, 16);
    private static final BitField CMDQS = bits(25, 21);
    private static final BitField ATTR_TYPES_OVR = bit(27);

    private static final BitField FWB = bit(8);
    private static final BitField RIL = bit(10);
    private static final BitField BBML = bits(12, 11);

    private static final BitField OAS = bits(2, 0);
    private static final BitField VAX = bits(11, 10);
    private static final int[] OUTPUT_BITS = {32, 36, 40, 42, 44, 48, 52, 56};

    private static final int LITTLE_ENDIAN = 2;
    private static final int BIG_ENDIAN = 3;
    private static final int STALL = 0;
    private static final int STALL_FORCED = 2;

    private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+).*");

    private SmmuFeatures() {}

    /**
     * The driver's feature word.
     *
     * @param release of the kernel, as {@code uname -r} says it
     */
    static long word(SmmuIdentification id, String release) {
        long idr0 = id.idr0();
        int endian = TTENDIAN.getInt(idr0);
        int stall = STALL_MODEL.getInt(idr0);
        int httu = HTTU.getInt(idr0);
        long word = flag(0, ST_LEVEL.getInt(idr0) == 1);
        word |= flag(1, CD2L.isSet(idr0));
        word |= flag(2, endian == 0 || endian == LITTLE_ENDIAN);
        word |= flag(3, endian == 0 || endian == BIG_ENDIAN);
        word |= flag(4, PRI.isSet(idr0));
        word |= flag(5, ATS.isSet(idr0));
        word |= flag(6, SEV.isSet(idr0));
        word |= flag(7, MSI.isSet(idr0));
        word |= flag(8, COHACC.isSet(idr0));
        word |= flag(9, S1P.isSet(idr0));
        word |= flag(10, S2P.isSet(idr0));
        word |= flag(11, stall == STALL || stall == STALL_FORCED);
        word |= flag(12, HYP.isSet(idr0));
        word |= flag(13, stall == STALL_FORCED);
        word |= flag(14, VAX.getInt(id.idr5()) == 1);
        word |= flag(15, RIL.isSet(id.idr3()));
        // Debian's kernels are built without it, the lab's with it.
        word |= flag(17, COHACC.isSet(idr0) && release.endsWith("-" + ImageStore.LAB));
        word |= flag(19, S1P.isSet(idr0) && S2P.isSet(idr0));
        word |= flag(20, ATTR_TYPES_OVR.isSet(id.idr1()));
        word |= flag(21, httu >= 1);
        word |= flag(22, httu >= 2);
        word |= flag(23, FWB.isSet(id.idr3()) && isAtLeast(release, 6, 13));
        return word | flag(24, BBML.getInt(id.idr3()) == 2 && isAtLeast(release, 6, 17));
    }

    /** How lines of the driver's log end; older drivers say more before. */
    static List<String> log(SmmuIdentification id, String release) {
        int outputBits = OUTPUT_BITS[OAS.getInt(id.idr5())];
        List<String> lines = new ArrayList<>();
        lines.add("oas %d-bit (features 0x%08x)".formatted(outputBits, word(id, release)));
        lines.add(queue(CMDQS.getInt(id.idr1()), "cmdq"));
        lines.add(queue(EVENTQS.getInt(id.idr1()), "evtq"));
        if (PRI.isSet(id.idr0())) {
            lines.add(queue(PRIQS.getInt(id.idr1()), "priq"));
        }
        return lines;
    }

    private static String queue(int sizeLog2, String name) {
        return "allocated %d entries for %s".formatted(1 << sizeLog2, name);
    }

    private static long flag(int number, boolean set) {
        return set ? 1L << number : 0;
    }

    private static boolean isAtLeast(String release, int major, int minor) {
        Matcher numbers = RELEASE.matcher(release);
        if (!numbers.matches()) {
            return false;
        }
        int first = Integer.parseInt(numbers.group(1));
        return first > major || first == major && Integer.parseInt(numbers.group(2)) >= minor;
    }
}
