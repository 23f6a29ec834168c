package nestor.vmm.vcpu;

import java.util.List;
import java.util.OptionalLong;

/**
 * A vCPU as a debugger sees it. Used by one thread at a time, and only while the vCPU is out of
 * {@link Vcpu#run}; what is set here takes effect when it runs again. Nothing of it can be seen by
 * the guest: breakpoints are not written to its memory, and its own debug registers stay its own.
 */
public interface DebugPort {
    /** Bound on the traps set at one time. */
    int MAX_TRAPS = 1024;

    /** Whose registers these are. */
    enum Architecture {
        /** Arm, AArch64 state. */
        A64,
        /** Intel 64, whatever mode it is in. */
        X86_64
    }

    /** Parts of the register set, as the debuggers' descriptions divide it. */
    enum Group {
        /** General registers, program counter, flags; of x86 also selectors and the x87. */
        CORE,
        /** SIMD registers with their control. */
        VECTOR,
        /** Bases of FS and GS. */
        SEGMENT,
        /** Control registers of the system. */
        SYSTEM
    }

    /**
     * One register.
     *
     * @param name as GDB spells it
     * @param bits 16 to 128
     */
    record Register(String name, int bits, Group group) {
        /** Bytes of its value. */
        public int sizeBytes() {
            return bits / Byte.SIZE;
        }
    }

    /** What a trap waits for. */
    enum TrapKind {
        /** The instruction at the address is about to be executed. */
        EXECUTE,
        /** A store by an instruction of this vCPU; of other vCPUs or devices it is not seen. */
        WRITE,
        /** A load. */
        READ,
        /** Either. */
        ACCESS
    }

    /**
     * A place that stops the vCPU.
     *
     * @param va virtual address, in every address space
     * @param sizeBytes at least 1; of {@link TrapKind#EXECUTE} it does not count
     */
    record Trap(TrapKind kind, long va, long sizeBytes) {}

    /** Whose registers these are. */
    Architecture architecture();

    /** The registers by their number, {@link Group} by group. */
    List<Register> registers();

    /** A register's value, little-endian, in as many bytes as it has. */
    byte[] read(int register);

    /**
     * Sets a register.
     *
     * @return false if it can only be read
     */
    boolean write(int register, byte[] value);

    /** Address of the next instruction. */
    long programCounter();

    /**
     * The guest-physical address that the tables in use map {@code va} to, whatever the permissions
     * are; accessed and dirty bits stay as they are.
     */
    OptionalLong translate(long va);

    /**
     * Sets a trap; setting it again has no effect.
     *
     * @return false if there are {@link #MAX_TRAPS} already
     */
    boolean insert(Trap trap);

    /** Takes a trap away, if it is set. */
    void remove(Trap trap);

    /** Takes all traps away, and a step that has not begun. */
    void clear();

    /**
     * Has the next {@link Vcpu#run} execute one instruction and return {@link DebugStop.Step}.
     *
     * @param interrupts whether an interrupt may be taken first
     */
    void step(boolean interrupts);
}
