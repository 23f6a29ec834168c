package nestor.cpu.x86;

/** ENQCMD and ENQCMDS (2A): a command of 64 bytes to a device that may refuse it. */
final class Enqueue extends Op {
    private static final int QUADWORDS = 8;
    private static final long PASID = 0xf_ffffL;
    private static final long PASID_VALID = 1L << 31;
    private static final long WORD = 0xffff_ffffL;

    private static final long RESERVED = 0x7ff0_0000L;

    private final int destination;
    private final long mask;
    private final int segment;
    private final Address source;
    private final boolean supervisor;

    private Enqueue(int destination, long mask, int segment, Address source, boolean supervisor) {
        this.destination = destination;
        this.mask = mask;
        this.segment = segment;
        this.source = source;
        this.supervisor = supervisor;
    }

    /** F2 and F3 0F 38 F8; ModRM has been read. */
    static Op of(Instruction in) {
        return new Enqueue(
                in.reg(),
                in.addressMask,
                Address.baseOf(Segment.ES, in.mode64),
                in.memory(),
                in.repeat == Instruction.REP);
    }

    @Override
    void exec(X86Cpu cpu) {
        if (supervisor) {
            cpu.checkSupervisor();
        }
        long pasid = cpu.msrs.pasid;
        long to = (cpu.x[destination] & mask) + cpu.x[segment];
        boolean wrong = (to & (8 * QUADWORDS - 1)) != 0;
        if (wrong || !supervisor && (pasid & PASID_VALID) == 0) {
            throw cpu.generalProtection();
        }
        long[] command = new long[QUADWORDS];
        for (int i = 0; i < QUADWORDS; i++) {
            command[i] = cpu.load64(source.of(cpu, 8L * i));
        }
        if ((command[0] & (supervisor ? RESERVED : WORD)) != 0) {
            throw cpu.generalProtection();
        }
        command[0] |= supervisor ? 0 : pasid & PASID;
        boolean accepted = cpu.data.storeDeferrable(cpu.mmu.current(), to, command);
        Flags.set(cpu, accepted ? 0 : Flags.ZF);
    }

    @Override
    boolean usesStack() {
        return source.stack;
    }
}
