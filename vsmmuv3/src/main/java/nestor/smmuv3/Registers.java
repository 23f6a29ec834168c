package nestor.smmuv3;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/** Register pages 0 and 1, in offset order (IHI 0070, §6.2, §6.3). */
final class Registers {
    /** Both pages. */
    static final int BYTES = 0x2_0000;

    private static final int ALL32 = -1;
    private static final long BASE_MASK = bit(62).mask() | bits(51, 5).mask() | bits(4, 0).mask();
    private static final long MSI_ADDRESS_MASK = bits(51, 2).mask();
    private static final long QUEUE_INDEX_MASK = bits(31, 0).mask();

    static final Register CR0 = readWrite("CR0", 0x020, 4, 0b1_1101_1111, "§6.3.9");
    static final Register CR0ACK = readOnly("CR0ACK", 0x024, 4, 0, "§6.3.10");
    static final Register CR1 = readWrite("CR1", 0x028, 4, 0xfff, "§6.3.11");
    static final Register CR2 = readWrite("CR2", 0x02c, 4, 0b111, "§6.3.12");
    static final Register GBPA = readWrite("GBPA", 0x044, 4, 0x801f_3f1f | 1 << 20, "§6.3.14");
    static final Register IRQ_CTRL = readWrite("IRQ_CTRL", 0x050, 4, 0b111, "§6.3.16");
    static final Register IRQ_CTRLACK = readOnly("IRQ_CTRLACK", 0x054, 4, 0, "§6.3.17");
    static final Register GERROR = readOnly("GERROR", 0x060, 4, 0, "§6.3.18");
    static final Register GERRORN = readWrite("GERRORN", 0x064, 4, 0x7fd, "§6.3.19");

    static final Register GERROR_IRQ_CFG0 =
            readWrite("GERROR_IRQ_CFG0", 0x068, 8, MSI_ADDRESS_MASK, "§6.3.20");
    static final Register GERROR_IRQ_CFG1 =
            readWrite("GERROR_IRQ_CFG1", 0x070, 4, ALL32, "§6.3.21");
    static final Register GERROR_IRQ_CFG2 = readWrite("GERROR_IRQ_CFG2", 0x074, 4, 0x3f, "§6.3.22");

    static final Register STRTAB_BASE =
            readWrite("STRTAB_BASE", 0x080, 8, bit(62).mask() | bits(51, 6).mask(), "§6.3.23");
    static final Register STRTAB_BASE_CFG =
            readWrite("STRTAB_BASE_CFG", 0x088, 4, 0x3_07ff, "§6.3.24");

    static final Register CMDQ_BASE = readWrite("CMDQ_BASE", 0x090, 8, BASE_MASK, "§6.3.25");
    static final Register CMDQ_PROD = readWrite("CMDQ_PROD", 0x098, 4, 0xf_ffff, "§6.3.26");
    static final Register CMDQ_CONS = readWrite("CMDQ_CONS", 0x09c, 4, 0x7f0f_ffff, "§6.3.27");

    static final Register EVENTQ_BASE = readWrite("EVENTQ_BASE", 0x0a0, 8, BASE_MASK, "§6.3.28");
    static final Register EVENTQ_IRQ_CFG0 =
            readWrite("EVENTQ_IRQ_CFG0", 0x0b0, 8, MSI_ADDRESS_MASK, "§6.3.31");
    static final Register EVENTQ_IRQ_CFG1 =
            readWrite("EVENTQ_IRQ_CFG1", 0x0b8, 4, ALL32, "§6.3.32");
    static final Register EVENTQ_IRQ_CFG2 = readWrite("EVENTQ_IRQ_CFG2", 0x0bc, 4, 0x3f, "§6.3.33");

    static final Register PRIQ_BASE = readWrite("PRIQ_BASE", 0x0c0, 8, BASE_MASK, "§6.3.34");
    static final Register PRIQ_IRQ_CFG0 =
            readWrite("PRIQ_IRQ_CFG0", 0x0d0, 8, MSI_ADDRESS_MASK, "§6.3.37");
    static final Register PRIQ_IRQ_CFG1 = readWrite("PRIQ_IRQ_CFG1", 0x0d8, 4, ALL32, "§6.3.38");
    static final Register PRIQ_IRQ_CFG2 =
            readWrite("PRIQ_IRQ_CFG2", 0x0dc, 4, 0x8000_003fL, "§6.3.39");

    /** Page 1. */
    static final Register EVENTQ_PROD =
            readWrite("EVENTQ_PROD", 0x1_00a8, 4, QUEUE_INDEX_MASK, "§6.3.29");

    static final Register EVENTQ_CONS =
            readWrite("EVENTQ_CONS", 0x1_00ac, 4, QUEUE_INDEX_MASK, "§6.3.30");
    static final Register PRIQ_PROD =
            readWrite("PRIQ_PROD", 0x1_00c8, 4, QUEUE_INDEX_MASK, "§6.3.35");
    static final Register PRIQ_CONS =
            readWrite("PRIQ_CONS", 0x1_00cc, 4, QUEUE_INDEX_MASK, "§6.3.36");

    /** SMMU_CR0. */
    static final class Cr0 {
        static final BitField SMMUEN = bit(0);
        static final BitField PRIQEN = bit(1);
        static final BitField EVENTQEN = bit(2);
        static final BitField CMDQEN = bit(3);
        static final BitField ATSCHK = bit(4);

        private Cr0() {}
    }

    /** SMMU_CR1. */
    static final class Cr1 {
        static final BitField QUEUE = bits(5, 0);
        static final BitField TABLE = bits(11, 6);

        private Cr1() {}
    }

    /** SMMU_CR2. */
    static final class Cr2 {
        static final BitField RECINVSID = bit(1);

        private Cr2() {}
    }

    /** SMMU_GBPA. */
    static final class Gbpa {
        static final BitField ABORT = bit(20);
        static final BitField UPDATE = bit(31);

        private Gbpa() {}
    }

    /** SMMU_GERROR. */
    static final class GlobalError {
        static final BitField CMDQ_ERR = bit(0);
        static final BitField EVENTQ_ABT_ERR = bit(2);
        static final BitField PRIQ_ABT_ERR = bit(3);
        static final BitField MSI_CMDQ_ABT_ERR = bit(4);
        static final BitField MSI_EVENTQ_ABT_ERR = bit(5);
        static final BitField MSI_PRIQ_ABT_ERR = bit(6);
        static final BitField MSI_GERROR_ABT_ERR = bit(7);

        private GlobalError() {}
    }

    /** SMMU_IRQ_CTRL. */
    static final class IrqControl {
        static final BitField GERROR = bit(0);
        static final BitField PRIQ = bit(1);
        static final BitField EVENTQ = bit(2);

        private IrqControl() {}
    }

    /** SMMU_STRTAB_BASE, SMMU_STRTAB_BASE_CFG. */
    static final class StreamTableBase {
        static final BitField ADDR = bits(51, 6);
        static final BitField LOG2SIZE = bits(5, 0);
        static final BitField SPLIT = bits(10, 6);
        static final BitField FMT = bits(17, 16);

        private StreamTableBase() {}
    }

    /** A queue's BASE, PROD and CONS. */
    static final class Queue {
        static final BitField ADDR = bits(51, 5);
        static final BitField LOG2SIZE = bits(4, 0);
        static final BitField ERR = bits(30, 24);
        static final BitField OVERFLOW = bit(31);

        private Queue() {}
    }

    private Registers() {}

    /** The map of an SMMU with these options. */
    static List<Register> of(SmmuV3Options options) {
        List<Register> all = new ArrayList<>();
        all.add(readOnly("IDR0", 0x000, 4, options.idr0(), "§6.3.1"));
        all.add(readOnly("IDR1", 0x004, 4, options.idr1(), "§6.3.2"));
        all.add(readOnly("IDR2", 0x008, 4, 0, "§6.3.3"));
        all.add(readOnly("IDR3", 0x00c, 4, options.idr3(), "§6.3.4"));
        all.add(readOnly("IDR4", 0x010, 4, 0, "§6.3.5"));
        all.add(readOnly("IDR5", 0x014, 4, options.idr5(), "§6.3.6"));
        all.add(readOnly("IIDR", 0x018, 4, 0, "§6.3.7"));
        all.add(readOnly("AIDR", 0x01c, 4, 1, "§6.3.8")); // SMMUv3.1
        all.addAll(
                List.of(
                        CR0,
                        CR0ACK,
                        CR1,
                        CR2,
                        GBPA,
                        IRQ_CTRL,
                        IRQ_CTRLACK,
                        GERROR,
                        GERRORN,
                        GERROR_IRQ_CFG0,
                        GERROR_IRQ_CFG1,
                        GERROR_IRQ_CFG2,
                        STRTAB_BASE,
                        STRTAB_BASE_CFG,
                        CMDQ_BASE,
                        CMDQ_PROD,
                        CMDQ_CONS,
                        EVENTQ_BASE,
                        EVENTQ_IRQ_CFG0,
                        EVENTQ_IRQ_CFG1,
                        EVENTQ_IRQ_CFG2,
                        EVENTQ_PROD,
                        EVENTQ_CONS));
        if (options.pri()) {
            all.addAll(
                    List.of(
                            PRIQ_BASE,
                            PRIQ_IRQ_CFG0,
                            PRIQ_IRQ_CFG1,
                            PRIQ_IRQ_CFG2,
                            PRIQ_PROD,
                            PRIQ_CONS));
        }
        return all;
    }
}
