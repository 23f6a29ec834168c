package nestor.cpu;

import java.util.List;
import java.util.OptionalLong;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugRegisters;
import org.jspecify.annotations.Nullable;

/** The debugger's side of one software vCPU: its registers, and traps once there are any. */
public final class SoftwareDebugPort implements DebugPort {
    /** What an architecture has to say. */
    public interface Target {
        Architecture architecture();

        /** See {@link DebugPort#programCounter}. */
        long programCounter();

        /** See {@link DebugPort#translate}. */
        OptionalLong translate(long va);

        /** Gives the interpreter traps to look at from now on. */
        DebugUnit attach();

        /** Drops whatever is cached of translations: it knows nothing of a new trap. */
        void forgetCached();
    }

    private final Target target;
    private final DebugRegisters registers;
    private @Nullable DebugUnit unit;

    /** Of a vCPU that nobody debugs yet. */
    public SoftwareDebugPort(Target target, DebugRegisters registers) {
        this.target = target;
        this.registers = registers;
    }

    @Override
    public Architecture architecture() {
        return target.architecture();
    }

    @Override
    public List<Register> registers() {
        return registers.list();
    }

    @Override
    public byte[] read(int register) {
        return registers.read(register);
    }

    @Override
    public boolean write(int register, byte[] value) {
        return registers.write(register, value);
    }

    @Override
    public long programCounter() {
        return target.programCounter();
    }

    @Override
    public OptionalLong translate(long va) {
        return target.translate(va);
    }

    private DebugUnit unit() {
        DebugUnit made = unit;
        if (made == null) {
            made = target.attach();
            unit = made;
        }
        return made;
    }

    @Override
    public boolean insert(Trap trap) {
        boolean inserted = unit().insert(trap);
        target.forgetCached();
        return inserted;
    }

    @Override
    public void remove(Trap trap) {
        if (unit != null) {
            unit.remove(trap);
        }
    }

    @Override
    public void clear() {
        if (unit != null) {
            unit.clear();
        }
    }

    @Override
    public void step(boolean interrupts) {
        unit().step(interrupts);
    }
}
