package nestor.cpu.x86;

import java.util.Arrays;

/**
 * Segment registers and descriptor tables (3A, chapters 3 and 5) of one processor. Protection is
 * checked where a register is loaded; limits of data segments are not checked at each access, which
 * only code with segments that are not flat, outside 64-bit mode, could tell.
 */
final class SegmentRegisters {
    private static final int TABLE_INDICATOR = 1 << 2;
    private static final int RPL = 3;

    private final X86Cpu cpu;
    private final Descriptor[] registers = new Descriptor[Segment.COUNT];

    /** LDTR. */
    Descriptor ldt = Descriptor.NULL;

    /** TR. */
    Descriptor task = Descriptor.INITIAL_TSS;

    long gdtBase;
    int gdtLimit;
    long idtBase;
    int idtLimit;

    SegmentRegisters(X86Cpu cpu) {
        this.cpu = cpu;
        Arrays.fill(registers, Descriptor.NULL);
    }

    /** Flat 32-bit segments; empty tables. */
    void reset() {
        for (int i = 0; i < Segment.COUNT; i++) {
            set(i, i == Segment.CS ? Descriptor.FLAT_CODE : Descriptor.FLAT_DATA);
        }
        ldt = Descriptor.NULL;
        task = Descriptor.INITIAL_TSS;
        gdtBase = 0;
        gdtLimit = 0;
        idtBase = 0;
        idtLimit = 0;
    }

    /** What a register holds. */
    Descriptor get(int segment) {
        return registers[segment];
    }

    /** Fills a register other than CS without any check. */
    void set(int segment, Descriptor descriptor) {
        registers[segment] = descriptor;
        cpu.x[X86Cpu.SEGMENT_BASES + segment] = descriptor.base();
    }

    /** Fills CS, whose selector's RPL becomes CPL, without any check. */
    void setCode(Descriptor descriptor) {
        set(Segment.CS, descriptor);
        cpu.cpl = descriptor.selector() & RPL;
        cpu.mode64 = ControlRegister.EFER_LMA.isSet(cpu.efer) && descriptor.isLong();
        cpu.mmu.modeChanged();
    }

    static boolean isNull(int selector) {
        return (selector & ~RPL) == 0;
    }

    /** #GP or its like with a selector as error code, to be thrown. */
    X86Exception fault(int vector, int selector) {
        return cpu.raise(vector, selector & ~RPL);
    }

    /** The first 8 bytes of a descriptor; #GP(selector) if it is outside its table. */
    long read(int selector, int faultVector) {
        return cpu.data.load(cpu.mmu.supervisor(), address(selector, 8, faultVector), 8);
    }

    /** The upper half of a 16-byte descriptor. */
    long readUpper(int selector, int faultVector) {
        return cpu.data.load(cpu.mmu.supervisor(), address(selector, 16, faultVector) + 8, 8);
    }

    private long address(int selector, int bytes, int faultVector) {
        boolean local = (selector & TABLE_INDICATOR) != 0;
        long limit = local ? ldt.limit() : gdtLimit;
        int offset = selector & ~7;
        if (local && !ldt.isPresent() || offset + bytes - 1 > limit) {
            throw fault(faultVector, selector);
        }
        return (local ? ldt.base() : gdtBase) + offset;
    }

    /** Marks a descriptor accessed or busy in its table. */
    void update(int selector, long raw, long updated) {
        if (raw != updated) {
            long va = address(selector, 8, Vector.GP);
            cpu.data.store(cpu.mmu.supervisor(), va, 8, updated);
        }
    }

    /** MOV, POP, LFS and their like to a register other than CS (3A §5.6, §5.7). */
    void load(int segment, int selector) {
        if (isNull(selector)) {
            loadNull(segment, selector);
            return;
        }
        long raw = read(selector, Vector.GP);
        Descriptor descriptor = Descriptor.of(selector, raw);
        int rpl = selector & RPL;
        if (segment == Segment.SS) {
            checkStack(descriptor, selector, cpu.cpl);
        } else {
            boolean reachable =
                    descriptor.isConforming()
                            || Math.max(rpl, cpu.cpl) <= descriptor.dpl();
            if (!descriptor.isReadable() || !reachable) {
                throw fault(Vector.GP, selector);
            }
            if (!descriptor.isPresent()) {
                throw fault(Vector.NP, selector);
            }
        }
        update(selector, raw, Descriptor.accessed(raw));
        set(segment, descriptor);
    }

    private void loadNull(int segment, int selector) {
        boolean allowed = cpu.mode64 && cpu.cpl < 3 && (selector & RPL) == cpu.cpl;
        if (segment == Segment.SS && !allowed) {
            throw cpu.generalProtection();
        }
        set(segment, Descriptor.NULL.selectedBy(selector));
    }

    /** A stack segment for privilege level {@code level}. */
    private void checkStack(Descriptor descriptor, int selector, int level) {
        if (!descriptor.isWritableData()
                || descriptor.dpl() != level
                || (selector & RPL) != level) {
            throw fault(Vector.GP, selector);
        }
        if (!descriptor.isPresent()) {
            throw fault(Vector.SS, selector);
        }
    }

    /** The stack segment that a return to {@code level} loads. */
    Descriptor returnStack(int selector, int level, boolean to64) {
        if (isNull(selector)) {
            if (!to64 || level == 3 || (selector & RPL) != level) {
                throw cpu.generalProtection();
            }
            return Descriptor.NULL.selectedBy(selector);
        }
        long raw = read(selector, Vector.GP);
        Descriptor descriptor = Descriptor.of(selector, raw);
        checkStack(descriptor, selector, level);
        update(selector, raw, Descriptor.accessed(raw));
        return descriptor;
    }

    /** The code segment of a far JMP or CALL: the privilege level stays. */
    Descriptor jumpTarget(int selector) {
        Descriptor descriptor = code(selector);
        boolean reachable =
                descriptor.isConforming()
                        ? descriptor.dpl() <= cpu.cpl
                        : descriptor.dpl() == cpu.cpl && (selector & RPL) <= cpu.cpl;
        if (!reachable) {
            throw fault(Vector.GP, selector);
        }
        return present(descriptor).selectedBy(selector & ~RPL | cpu.cpl);
    }

    /** The code segment of a far RET or IRET: the selector's RPL becomes the level. */
    Descriptor returnTarget(int selector) {
        int level = selector & RPL;
        Descriptor descriptor = code(selector);
        boolean reachable =
                descriptor.isConforming() ? descriptor.dpl() <= level : descriptor.dpl() == level;
        if (level < cpu.cpl || !reachable) {
            throw fault(Vector.GP, selector);
        }
        return present(descriptor);
    }

    /** A code segment's descriptor, not yet known to be present. */
    Descriptor code(int selector) {
        if (isNull(selector)) {
            throw cpu.generalProtection();
        }
        Descriptor descriptor = Descriptor.of(selector, read(selector, Vector.GP));
        boolean both = descriptor.isLong() && descriptor.isDefault32();
        if (!descriptor.isCode() || ControlRegister.EFER_LMA.isSet(cpu.efer) && both) {
            throw fault(Vector.GP, selector);
        }
        return descriptor;
    }

    private Descriptor present(Descriptor descriptor) {
        if (!descriptor.isPresent()) {
            throw fault(Vector.NP, descriptor.selector());
        }
        return descriptor;
    }

    /** After a return to an outer level: data segments of inner ones are gone (3A §5.8.6). */
    void dropInner() {
        for (int segment : new int[] {Segment.ES, Segment.DS, Segment.FS, Segment.GS}) {
            Descriptor descriptor = registers[segment];
            if (descriptor.isPresent()
                    && !descriptor.isConforming()
                    && descriptor.dpl() < cpu.cpl) {
                set(segment, Descriptor.NULL);
            }
        }
    }
}
