package nestor.cpu.x86;

/** RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC and CPUID. */
final class ModelSpecific {
    private static final long WORD = 0xffff_ffffL;

    private ModelSpecific() {}

    /** 0F 30-33 and 0F A2. */
    static Op of(Instruction in) {
        return switch (in.opcode) {
            case 0x30 -> new Write();
            case 0x31 -> new TimeStamp(false);
            case 0x32 -> new Read();
            case 0x33 -> new PerformanceCounter();
            default -> new Identify();
        };
    }

    /** RDTSCP. */
    static Op readTimeStampAndProcessor() {
        return new TimeStamp(true);
    }

    private static void setPair(X86Cpu cpu, long value) {
        cpu.x[X86Cpu.RAX] = value & WORD;
        cpu.x[X86Cpu.RDX] = value >>> 32;
    }

    private static final class Read extends Op {
        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            setPair(cpu, cpu.msrs.read((int) cpu.x[X86Cpu.RCX]));
        }
    }

    private static final class Write extends Op.Last {
        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            long value = cpu.x[X86Cpu.RDX] << 32 | cpu.x[X86Cpu.RAX] & WORD;
            cpu.msrs.write((int) cpu.x[X86Cpu.RCX], value);
            cpu.checkInterrupts();
        }
    }

    private static final class TimeStamp extends Op {
        private final boolean processor;

        TimeStamp(boolean processor) {
            this.processor = processor;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (cpu.cpl != 0 && ControlRegister.CR4_TSD.isSet(cpu.cr4)) {
                throw cpu.generalProtection();
            }
            setPair(cpu, cpu.msrs.timeStamp());
            if (processor) {
                cpu.x[X86Cpu.RCX] = cpu.msrs.tscAux;
            }
        }
    }

    /** There are no performance counters. */
    private static final class PerformanceCounter extends Op {
        @Override
        void exec(X86Cpu cpu) {
            throw cpu.generalProtection();
        }
    }

    private static final class Identify extends Op {
        @Override
        void exec(X86Cpu cpu) {
            int leaf = (int) cpu.x[X86Cpu.RAX];
            int subleaf = (int) cpu.x[X86Cpu.RCX];
            Cpuid.Registers found =
                    cpu.cluster
                            .model
                            .cpuid()
                            .read(leaf, subleaf, cpu.apic.id(), cpu.cr4, cpu.msrs.xss);
            cpu.x[X86Cpu.RAX] = found.eax() & WORD;
            cpu.x[X86Cpu.RBX] = found.ebx() & WORD;
            cpu.x[X86Cpu.RCX] = found.ecx() & WORD;
            cpu.x[X86Cpu.RDX] = found.edx() & WORD;
        }
    }
}
