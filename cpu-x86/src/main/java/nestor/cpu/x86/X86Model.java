package nestor.cpu.x86;

/**
 * What a processor is, as software finds out: configured data, the same for all of a machine.
 * Immutable.
 */
public final class X86Model {
    private static final long CR4_BITS =
            ControlRegister.CR4_TSD.mask()
                    | ControlRegister.CR4_PSE.mask()
                    | ControlRegister.CR4_PAE.mask()
                    | ControlRegister.CR4_MCE.mask()
                    | ControlRegister.CR4_PGE.mask()
                    | ControlRegister.CR4_OSFXSR.mask()
                    | ControlRegister.CR4_OSXMMEXCPT.mask()
                    | ControlRegister.CR4_UMIP.mask()
                    | ControlRegister.CR4_FSGSBASE.mask()
                    | ControlRegister.CR4_SMEP.mask()
                    | ControlRegister.CR4_SMAP.mask();

    private final int physicalBits;
    private final Cpuid cpuid;

    /**
     * A model.
     *
     * @param physicalBits MAXPHYADDR, 36..52
     * @param cpus how many processors the machine has
     */
    public X86Model(int physicalBits, int cpus) {
        this.physicalBits = physicalBits;
        cpuid = new Cpuid(physicalBits, cpus);
    }

    int physicalBits() {
        return physicalBits;
    }

    Cpuid cpuid() {
        return cpuid;
    }

    /** Bits of CR4 that are not reserved. */
    long cr4Bits() {
        return CR4_BITS;
    }
}
