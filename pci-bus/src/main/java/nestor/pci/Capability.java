package nestor.pci;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * One capability of a function's configuration space, as data: the registers after its header, with
 * offsets from the capability's own start. Placed in the capability list, or in the extended one,
 * when its function is plugged; the values live in the function's configuration space and return to
 * their reset values with it.
 *
 * <p>Side effects run on the thread that makes the configuration access, without any lock held.
 */
public final class Capability {
    /** Vendor-Specific Capability (PCIe Base §7.9.4). */
    public static final int VENDOR_SPECIFIC = 0x09;

    static final int POWER_MANAGEMENT = 0x01;
    static final int MSI = 0x05;
    static final int EXPRESS = 0x10;
    static final int MSIX = 0x11;
    static final int EXTENDED_ACS = 0x0d;
    static final int EXTENDED_ATS = 0x0f;
    static final int EXTENDED_PRI = 0x13;
    static final int EXTENDED_PASID = 0x1b;

    private final int id;
    private final int version;
    private final int sizeBytes;
    private final List<Register> body;
    private final Map<Register, LongConsumer> writes = new HashMap<>();
    private final Map<Register, LongSupplier> reads = new HashMap<>();
    private final Map<Register, Register> placed = new HashMap<>();
    private @Nullable RegisterFile config;

    /**
     * A capability of the list that starts at the Capabilities Pointer.
     *
     * @param id Capability ID
     * @param sizeBytes with the 2-byte header
     * @param body registers at offsets from 2 on
     */
    public Capability(int id, int sizeBytes, List<Register> body) {
        this(id, 0, sizeBytes, body);
    }

    private Capability(int id, int version, int sizeBytes, List<Register> body) {
        this.id = id;
        this.version = version;
        this.sizeBytes = sizeBytes;
        this.body = List.copyOf(body);
    }

    /**
     * An extended capability, in the list at offset 0x100 (PCIe Base §7.6.3).
     *
     * @param id PCI Express Extended Capability ID
     * @param version Capability Version, 1..15
     * @param sizeBytes with the 4-byte header
     * @param body registers at offsets from 4 on
     */
    public static Capability extended(int id, int version, int sizeBytes, List<Register> body) {
        return new Capability(id, version, sizeBytes, body);
    }

    /** Runs {@code effect} with the register's new value after each guest write to it. */
    public Capability onWrite(Register register, LongConsumer effect) {
        writes.put(register, effect);
        return this;
    }

    /** Guest reads of {@code register} take {@code source}'s value. */
    public Capability onRead(Register register, LongSupplier source) {
        reads.put(register, source);
        return this;
    }

    /** The stored value of one of this capability's registers. */
    public long get(Register register) {
        return placedIn().get(placedAs(register));
    }

    /** The device itself sets a register: no masks, no side effect. */
    public void set(Register register, long value) {
        placedIn().set(placedAs(register), value);
    }

    /** The device itself replaces a register by a function of it, atomically. */
    void update(Register register, LongUnaryOperator change) {
        placedIn().update(placedAs(register), change);
    }

    boolean isExtended() {
        return version != 0;
    }

    int sizeBytes() {
        return sizeBytes;
    }

    /** Header and body at {@code base}, the list going on at {@code next} (0: it ends). */
    List<Register> place(int base, int next) {
        List<Register> registers = new ArrayList<>();
        if (isExtended()) {
            long header = id | (long) version << 16 | (long) next << 20;
            registers.add(Register.readOnly("ECAP header", base, 4, header, "§7.6.3"));
        } else {
            registers.add(
                    Register.readOnly("CAP header", base, 2, id | (long) next << 8, "§7.5.1.1.11"));
        }
        for (Register register : body) {
            Register absolute =
                    new Register(
                            register.name(),
                            base + register.offset(),
                            register.sizeBytes(),
                            register.reset(),
                            register.writeMask(),
                            register.w1cMask(),
                            register.section());
            placed.put(register, absolute);
            registers.add(absolute);
        }
        return registers;
    }

    /** Hangs the side effects on the configuration space that holds the placed registers. */
    void bind(RegisterFile file) {
        config = file;
        writes.forEach((register, effect) -> file.onWrite(placedAs(register), effect));
        reads.forEach((register, source) -> file.onRead(placedAs(register), source));
    }

    private RegisterFile placedIn() {
        if (config == null) {
            throw new IllegalStateException("the capability's function is not plugged");
        }
        return config;
    }

    private Register placedAs(Register register) {
        Register absolute = placed.get(register);
        if (absolute == null) {
            throw new IllegalArgumentException("not of this capability: " + register.name());
        }
        return absolute;
    }
}
