package nestor.vtd;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/** The register page, in offset order (§11.4). */
final class Registers {
    /** One page. */
    static final int BYTES = 0x1000;

    private static final long IM = bit(31).mask();
    private static final long PAGE = bits(63, 12).mask();
    private static final long MESSAGE_DATA = bits(31, 0).mask();
    private static final long MESSAGE_ADDRESS = bits(31, 2).mask();
    private static final long QUEUE_OFFSET = bits(18, 4).mask();
    private static final long PAGE_REQUEST_OFFSET = bits(18, 5).mask();

    /** Version 6.0, which goes with revision 4.1 of the specification. */
    private static final Register VER = readOnly("VER_REG", 0x000, 4, 0x60, "§11.4.1");

    static final Register GCMD = readWrite("GCMD_REG", 0x018, 4, bits(31, 23).mask(), "§11.4.4.1");
    static final Register GSTS = readOnly("GSTS_REG", 0x01c, 4, 0, "§11.4.4.2");
    static final Register RTADDR =
            readWrite("RTADDR_REG", 0x020, 8, PAGE | bits(11, 10).mask(), "§11.4.5");
    static final Register CCMD =
            readWrite("CCMD_REG", 0x028, 8, bits(63, 61).mask() | bits(33, 0).mask(), "§11.4.6.1");
    static final Register FSTS =
            new Register(
                    "FSTS_REG", 0x034, 4, 0, 0, bit(0).mask() | bits(6, 4).mask(), "§11.4.7.1");

    static final Register FECTL = control("FECTL_REG", 0x038, "§11.4.7.2");
    static final Register FEDATA = data("FEDATA_REG", 0x03c, "§11.4.7.3");
    static final Register FEADDR = address("FEADDR_REG", 0x040, "§11.4.7.4");
    static final Register FEUADDR = data("FEUADDR_REG", 0x044, "§11.4.7.5");

    static final Register IQH = readOnly("IQH_REG", 0x080, 8, 0, "§11.4.9.1");
    static final Register IQT = readWrite("IQT_REG", 0x088, 8, QUEUE_OFFSET, "§11.4.9.2");
    static final Register IQA =
            readWrite("IQA_REG", 0x090, 8, PAGE | bit(11).mask() | bits(2, 0).mask(), "§11.4.9.3");
    static final Register ICS = new Register("ICS_REG", 0x09c, 4, 0, 0, bit(0).mask(), "§11.4.9.4");
    static final Register IECTL = control("IECTL_REG", 0x0a0, "§11.4.9.5");
    static final Register IEDATA = data("IEDATA_REG", 0x0a4, "§11.4.9.6");
    static final Register IEADDR = address("IEADDR_REG", 0x0a8, "§11.4.9.7");
    static final Register IEUADDR = data("IEUADDR_REG", 0x0ac, "§11.4.9.8");
    static final Register IQERCD = readOnly("IQERCD_REG", 0x0b0, 8, 0, "§11.4.9.9");

    static final Register IRTA =
            readWrite("IRTA_REG", 0x0b8, 8, PAGE | bit(11).mask() | bits(3, 0).mask(), "§11.4.10");

    static final Register PQH = readWrite("PQH_REG", 0x0c0, 8, PAGE_REQUEST_OFFSET, "§11.4.11.1");

    /** Software may set it: a driver does, before it gives the queue its memory. */
    static final Register PQT = readWrite("PQT_REG", 0x0c8, 8, PAGE_REQUEST_OFFSET, "§11.4.11.2");

    static final Register PQA =
            readWrite("PQA_REG", 0x0d0, 8, PAGE | bits(2, 0).mask(), "§11.4.11.3");
    static final Register PRS =
            new Register("PRS_REG", 0x0dc, 4, 0, 0, bits(1, 0).mask(), "§11.4.11.4");
    static final Register PECTL = control("PECTL_REG", 0x0e0, "§11.4.11.5");
    static final Register PEDATA = data("PEDATA_REG", 0x0e4, "§11.4.11.6");
    static final Register PEADDR = address("PEADDR_REG", 0x0e8, "§11.4.11.7");
    static final Register PEUADDR = data("PEUADDR_REG", 0x0ec, "§11.4.11.8");

    static final Register IVA =
            readWrite("IVA_REG", VtdOptions.IOTLB_OFFSET, 8, PAGE | bits(6, 0).mask(), "§11.4.8.2");
    static final Register IOTLB =
            readWrite(
                    "IOTLB_REG",
                    VtdOptions.IOTLB_OFFSET + 8,
                    8,
                    bit(63).mask() | bits(61, 60).mask() | bits(49, 32).mask(),
                    "§11.4.8.1");

    /** GCMD_REG and GSTS_REG: commands and their status bits have the same places. */
    static final class Global {
        static final BitField TE = bit(31);
        static final BitField SRTP = bit(30);
        static final BitField QIE = bit(26);
        static final BitField IRE = bit(25);
        static final BitField SIRTP = bit(24);
        static final BitField CFI = bit(23);

        private Global() {}
    }

    /** RTADDR_REG. */
    static final class RootTableAddress {
        static final BitField RTA = bits(63, 12);
        static final BitField TTM = bits(11, 10);

        private RootTableAddress() {}
    }

    /** CCMD_REG. */
    static final class ContextCommand {
        static final BitField ICC = bit(63);
        static final BitField CIRG = bits(62, 61);
        static final BitField CAIG = bits(60, 59);
        static final BitField FM = bits(33, 32);
        static final BitField SID = bits(31, 16);
        static final BitField DID = bits(15, 0);

        private ContextCommand() {}
    }

    /** IVA_REG and IOTLB_REG. */
    static final class IotlbInvalidate {
        static final BitField ADDR = bits(63, 12);
        static final BitField AM = bits(5, 0);
        static final BitField IVT = bit(63);
        static final BitField IIRG = bits(61, 60);
        static final BitField IAIG = bits(58, 57);
        static final BitField DID = bits(47, 32);

        private IotlbInvalidate() {}
    }

    /** FSTS_REG. */
    static final class FaultStatus {
        static final BitField PFO = bit(0);
        static final BitField PPF = bit(1);
        static final BitField IQE = bit(4);
        static final BitField ICE = bit(5);
        static final BitField ITE = bit(6);
        static final BitField FRI = bits(15, 8);

        private FaultStatus() {}
    }

    /** FECTL_REG, IECTL_REG, PECTL_REG. */
    static final class EventControl {
        static final BitField IM = bit(31);
        static final BitField IP = bit(30);

        private EventControl() {}
    }

    /** IQA_REG, IQH_REG, IQT_REG, IQERCD_REG and ICS_REG. */
    static final class Queue {
        static final BitField IQA = bits(63, 12);
        static final BitField DW = bit(11);
        static final BitField QS = bits(2, 0);
        static final BitField OFFSET = bits(18, 4);
        static final BitField IQEI = bits(3, 0);
        static final BitField ITESID = bits(47, 32);
        static final BitField ICESID = bits(63, 48);
        static final BitField IWC = bit(0);

        private Queue() {}
    }

    /** IRTA_REG. */
    static final class InterruptTable {
        static final BitField IRTA = bits(63, 12);
        static final BitField EIME = bit(11);
        static final BitField S = bits(3, 0);

        private InterruptTable() {}
    }

    /** PQA_REG and PRS_REG. */
    static final class PageRequests {
        static final BitField PQA = bits(63, 12);
        static final BitField PQS = bits(2, 0);
        static final BitField OFFSET = bits(18, 5);
        static final BitField PPR = bit(0);
        static final BitField PRO = bit(1);

        private PageRequests() {}
    }

    private Registers() {}

    private static Register control(String name, long offset, String section) {
        return readWrite(name, offset, 4, IM, section).withReset(IM);
    }

    private static Register data(String name, long offset, String section) {
        return readWrite(name, offset, 4, MESSAGE_DATA, section);
    }

    private static Register address(String name, long offset, String section) {
        return readWrite(name, offset, 4, MESSAGE_ADDRESS, section);
    }

    /** §11.4.14, quadword 0 of fault recording register {@code n}. */
    static Register faultInformation(int n) {
        return readOnly("FRCD_REG" + n + ".lo", frcd(n), 8, 0, "§11.4.14");
    }

    /** §11.4.14, quadword 1, with F. */
    static Register faultRecord(int n) {
        return new Register(
                "FRCD_REG" + n + ".hi", frcd(n) + 8, 8, 0, 0, bit(63).mask(), "§11.4.14");
    }

    private static long frcd(int n) {
        return VtdOptions.FAULT_RECORDS_OFFSET + 16L * n;
    }

    /** The map of a unit with these options. */
    static List<Register> of(VtdOptions options) {
        List<Register> all = new ArrayList<>();
        all.add(VER);
        all.add(readOnly("CAP_REG", 0x008, 8, options.cap(), "§11.4.2"));
        all.add(readOnly("ECAP_REG", 0x010, 8, options.ecap(), "§11.4.3"));
        all.addAll(List.of(GCMD, GSTS, RTADDR, CCMD, FSTS, FECTL, FEDATA, FEADDR, FEUADDR));
        all.addAll(List.of(IQH, IQT, IQA, ICS, IECTL, IEDATA, IEADDR, IEUADDR, IQERCD));
        if (options.has(VtdProperty.INTERRUPT_REMAPPING)) {
            all.add(IRTA);
        }
        if (options.has(VtdProperty.PRI)) {
            all.addAll(List.of(PQH, PQT, PQA, PRS, PECTL, PEDATA, PEADDR, PEUADDR));
        }
        for (int n = 0; n < VtdOptions.FAULT_RECORDS; n++) {
            all.add(faultInformation(n));
            all.add(faultRecord(n));
        }
        all.add(IVA);
        all.add(IOTLB);
        return all;
    }
}
