package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/** The registers of BAR 0 up to 0xff, as data (§3); the tables behind them are not among them. */
final class DsaRegisters {
    static final int FRAME_BYTES = 0x100;

    /** Offsets of the tables behind the registers, in BAR 0. */
    static final int TABLE_UNIT_BYTES = 0x100;

    static final int GRPCFG = 0x400;
    static final int GRPCFG_BYTES = 64;
    static final int WQCFG = 0x600;
    static final int WQCFG_BYTES = 32;
    static final int MSIXPERM = 0x800;
    static final int MSIXPERM_BYTES = 8;
    static final int MSIX_TABLE = 0x2000;
    static final int MSIX_PBA = 0x3000;

    private static final int VERSION_1_0 = 0x100;

    /** GENCAP. */
    static final class Gencap {
        static final BitField BLOCK_ON_FAULT = bit(0);
        static final BitField OVERLAPPING_COPY = bit(1);
        static final BitField CACHE_CONTROL_MEMORY = bit(2);
        static final BitField CACHE_CONTROL_FLUSH = bit(3);
        static final BitField COMMAND_CAPABILITIES = bit(4);
        static final BitField MAX_TRANSFER_LOG2 = bits(20, 16);
        static final BitField MAX_BATCH_LOG2 = bits(24, 21);
        static final BitField CONFIGURATION = bit(31);
    }

    /** WQCAP. */
    static final class Wqcap {
        static final BitField TOTAL_SIZE = bits(15, 0);
        static final BitField WORK_QUEUES = bits(23, 16);
        static final BitField SHARED = bit(48);
        static final BitField DEDICATED = bit(49);
        static final BitField ATS_DISABLE = bit(50);
        static final BitField PRIORITY = bit(51);
        static final BitField OCCUPANCY = bit(52);
        static final BitField PRS_DISABLE = bit(55);
    }

    /** GRPCAP. */
    static final class Grpcap {
        static final BitField GROUPS = bits(7, 0);
        static final BitField READ_BUFFERS = bits(15, 8);
        static final BitField READ_BUFFER_CONTROL = bit(16);
        static final BitField READ_BUFFER_LIMIT = bit(17);
    }

    /** OFFSETS, in units of {@link #TABLE_UNIT_BYTES}. */
    static final class Offsets {
        static final BitField GRPCFG = bits(15, 0);
        static final BitField WQCFG = bits(31, 16);
        static final BitField MSIXPERM = bits(47, 32);
    }

    /** GENCTRL: which causes interrupt. */
    static final class Genctrl {
        static final BitField SOFTWARE_ERROR = bit(0);
        static final BitField HALT = bit(1);
    }

    /** GENCFG. */
    static final class Gencfg {
        static final BitField READ_BUFFER_LIMIT = bits(7, 0);
        static final BitField USER_INTERRUPTS = bit(12);
    }

    /** GENSTS. */
    static final class Gensts {
        static final BitField STATE = bits(1, 0);
        static final BitField RESET_TYPE = bits(3, 2);
    }

    /** INTCAUSE. */
    static final class Intcause {
        static final BitField SOFTWARE_ERROR = bit(0);
        static final BitField COMMAND = bit(1);
        static final long ALL = 0x8000_003fL;
    }

    /** CMD. */
    static final class Cmd {
        static final BitField OPERAND = bits(19, 0);
        static final BitField CODE = bits(24, 20);
        static final BitField INTERRUPT = bit(31);
        static final long ALL = 0x81ff_ffffL;
    }

    /** CMDSTS. */
    static final class Cmdsts {
        static final BitField ERROR = bits(7, 0);
        static final BitField RESULT = bits(23, 8);
        static final BitField ACTIVE = bit(31);
    }

    /** The first quadword of SWERROR. */
    static final class Swerror {
        static final BitField VALID = bit(0);
        static final BitField OVERFLOW = bit(1);
        static final BitField DESCRIPTOR_VALID = bit(2);
        static final BitField WQ_VALID = bit(3);
        static final BitField BATCH = bit(4);
        static final BitField WRITE = bit(5);
        static final BitField PRIVILEGED = bit(6);
        static final BitField CODE = bits(15, 8);
        static final BitField WQ = bits(23, 16);
        static final BitField OPCODE = bits(39, 32);
        static final BitField PASID = bits(59, 40);

        /** The second quadword. */
        static final BitField BATCH_INDEX = bits(15, 0);

        static final BitField INVALID_FLAGS = bits(63, 32);
    }

    final Register genctrl =
            readWrite(
                    "GENCTRL",
                    0x88,
                    4,
                    Genctrl.SOFTWARE_ERROR.mask() | Genctrl.HALT.mask(),
                    "§3.2");
    final Register gencfg =
            readWrite(
                    "GENCFG",
                    0x80,
                    4,
                    Gencfg.READ_BUFFER_LIMIT.mask() | Gencfg.USER_INTERRUPTS.mask(),
                    "§3.2");
    final Register gensts = readOnly("GENSTS", 0x90, 4, 0, "§3.2");
    final Register intcause = new Register("INTCAUSE", 0x98, 4, 0, 0, Intcause.ALL, "§3.2");
    final Register cmd = readWrite("CMD", 0xa0, 4, Cmd.ALL, "§4");
    final Register cmdsts = readOnly("CMDSTS", 0xa8, 4, 0, "§4");
    final Register swerror0 =
            new Register(
                    "SWERROR0",
                    0xc0,
                    8,
                    0,
                    0,
                    Swerror.VALID.mask() | Swerror.OVERFLOW.mask(),
                    "§3.3");
    final Register swerror1 = readOnly("SWERROR1", 0xc8, 8, 0, "§3.3");
    final Register swerror2 = readOnly("SWERROR2", 0xd0, 8, 0, "§3.3");
    final Register swerror3 = readOnly("SWERROR3", 0xd8, 8, 0, "§3.3");

    private final DsaOptions options;

    DsaRegisters(DsaOptions options) {
        this.options = options;
    }

    /** The table, in offset order. */
    List<Register> table() {
        List<Register> table = new ArrayList<>();
        table.add(readOnly("VERSION", 0x00, 4, VERSION_1_0, "§3.1"));
        table.add(readOnly("GENCAP", 0x10, 8, gencap(), "§3.1"));
        table.add(readOnly("WQCAP", 0x20, 8, wqcap(), "§3.1"));
        table.add(readOnly("GRPCAP", 0x30, 8, grpcap(), "§3.1"));
        table.add(readOnly("ENGCAP", 0x38, 8, options.engines(), "§3.1"));
        table.add(readOnly("OPCAP0", 0x40, 8, Opcode.capabilities(), "§3.1"));
        table.add(readOnly("OPCAP1", 0x48, 8, 0, "§3.1"));
        table.add(readOnly("OPCAP2", 0x50, 8, 0, "§3.1"));
        table.add(readOnly("OPCAP3", 0x58, 8, 0, "§3.1"));
        table.add(readOnly("OFFSETS0", 0x60, 8, offsets(), "§3.1"));
        table.add(readOnly("OFFSETS1", 0x68, 8, 0, "§3.1"));
        table.add(gencfg);
        table.add(genctrl);
        table.add(gensts);
        table.add(intcause);
        table.add(cmd);
        table.add(cmdsts);
        table.add(readOnly("CMDCAP", 0xb0, 4, Command.capabilities(options), "§4"));
        table.add(swerror0);
        table.add(swerror1);
        table.add(swerror2);
        table.add(swerror3);
        return table;
    }

    private long gencap() {
        long value = Gencap.OVERLAPPING_COPY.mask();
        value |= options.translation().pri() ? Gencap.BLOCK_ON_FAULT.mask() : 0;
        value |= Gencap.CACHE_CONTROL_MEMORY.mask() | Gencap.CACHE_CONTROL_FLUSH.mask();
        value |= Gencap.COMMAND_CAPABILITIES.mask() | Gencap.CONFIGURATION.mask();
        value = Gencap.MAX_TRANSFER_LOG2.set(value, options.maxTransferLog2());
        return Gencap.MAX_BATCH_LOG2.set(value, options.maxBatchLog2());
    }

    private long wqcap() {
        long value = Wqcap.SHARED.mask() | Wqcap.DEDICATED.mask();
        value |= Wqcap.PRIORITY.mask() | Wqcap.OCCUPANCY.mask();
        value |= options.translation().ats() ? Wqcap.ATS_DISABLE.mask() : 0;
        value |= options.translation().pri() ? Wqcap.PRS_DISABLE.mask() : 0;
        value = Wqcap.TOTAL_SIZE.set(value, options.workQueueEntries());
        return Wqcap.WORK_QUEUES.set(value, options.workQueues());
    }

    private long grpcap() {
        long value = Grpcap.READ_BUFFER_CONTROL.mask() | Grpcap.READ_BUFFER_LIMIT.mask();
        value = Grpcap.GROUPS.set(value, options.groups());
        return Grpcap.READ_BUFFERS.set(value, options.readBuffers());
    }

    private static long offsets() {
        long value = Offsets.GRPCFG.set(0, GRPCFG / TABLE_UNIT_BYTES);
        value = Offsets.WQCFG.set(value, WQCFG / TABLE_UNIT_BYTES);
        return Offsets.MSIXPERM.set(value, MSIXPERM / TABLE_UNIT_BYTES);
    }
}
