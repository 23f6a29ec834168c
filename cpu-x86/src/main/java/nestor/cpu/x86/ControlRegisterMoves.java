package nestor.cpu.x86;

/** MOV to and from control and debug registers (3A §2.5, §17.2). */
final class ControlRegisterMoves {
    private static final long DR6_FIXED = 0xffff_0ff0L;
    private static final long DR6_WRITABLE = 0xe00fL;
    private static final long DR7_FIXED = 0x400L;
    private static final long DR7_WRITABLE = 0xffff_23ffL;

    private ControlRegisterMoves() {}

    /** 0F 20-23; mod is ignored. */
    static Op of(Instruction in) throws Instruction.Truncated {
        in.registerModRm();
        int bytes = in.mode64 ? 8 : 4;
        Operand general = Operand.register(in.rm(), bytes, true);
        boolean debug = (in.opcode & 1) != 0;
        boolean write = (in.opcode & 2) != 0;
        if (debug) {
            return in.reg() < 8 ? new Debug(in.reg(), general, write) : Undefined.OP;
        }
        return switch (in.reg()) {
            case 0, 2, 3, 4, 8 -> new Control(in.reg(), general, write);
            default -> Undefined.OP;
        };
    }

    static void setCr0(X86Cpu cpu, long value) {
        boolean paging = ControlRegister.CR0_PG.isSet(value);
        boolean wasPaging = ControlRegister.CR0_PG.isSet(cpu.cr0);
        boolean wrong =
                value >>> 32 != 0
                        || paging && !ControlRegister.CR0_PE.isSet(value)
                        || ControlRegister.CR0_NW.isSet(value)
                                && !ControlRegister.CR0_CD.isSet(value)
                        || wasPaging && !paging && cpu.mode64
                        || !ControlRegister.CR0_PE.isSet(value); // no real mode
        if (wrong) {
            throw cpu.generalProtection();
        }
        if (paging && !wasPaging) {
            boolean ready =
                    ControlRegister.EFER_LME.isSet(cpu.efer)
                            && ControlRegister.CR4_PAE.isSet(cpu.cr4);
            if (!ready) {
                throw cpu.generalProtection(); // of 32-bit paging there is none
            }
            cpu.efer = ControlRegister.EFER_LMA.setAll(cpu.efer);
        } else if (!paging) {
            cpu.efer = ControlRegister.EFER_LMA.clear(cpu.efer);
        }
        cpu.cr0 = value & ControlRegister.CR0_WRITABLE | ControlRegister.CR0_ET.mask();
        cpu.mmu.controlsChanged();
    }

    private static void setCr3(X86Cpu cpu, long value) {
        if (value >>> cpu.cluster.model.physicalBits() != 0) {
            throw cpu.generalProtection();
        }
        cpu.cr3 = value;
        cpu.mmu.tablesChanged();
    }

    private static void setCr4(X86Cpu cpu, long value) {
        boolean longMode = ControlRegister.EFER_LMA.isSet(cpu.efer);
        long changed = value ^ cpu.cr4;
        boolean wrong =
                (value & ~cpu.cluster.model.cr4Bits()) != 0
                        || longMode && !ControlRegister.CR4_PAE.isSet(value)
                        || longMode && ControlRegister.CR4_LA57.isSet(changed);
        if (wrong) {
            throw cpu.generalProtection();
        }
        cpu.cr4 = value;
        cpu.mmu.controlsChanged();
    }

    private static final class Control extends Op.Last {
        private final int number;
        private final Operand general;
        private final boolean write;

        Control(int number, Operand general, boolean write) {
            this.number = number;
            this.general = general;
            this.write = write;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            if (write) {
                write(cpu, general.readUnsigned(cpu));
            } else {
                general.write(cpu, read(cpu));
            }
        }

        private long read(X86Cpu cpu) {
            return switch (number) {
                case 0 -> cpu.cr0;
                case 2 -> cpu.cr2;
                case 3 -> cpu.cr3;
                case 4 -> cpu.cr4;
                default -> cpu.apic.taskPriority() >>> 4;
            };
        }

        private void write(X86Cpu cpu, long value) {
            switch (number) {
                case 0 -> setCr0(cpu, value);
                case 2 -> cpu.cr2 = value;
                case 3 -> setCr3(cpu, value);
                case 4 -> setCr4(cpu, value);
                default -> {
                    if (value >>> 4 != 0) {
                        throw cpu.generalProtection();
                    }
                    cpu.apic.setTaskPriority((int) value << 4);
                }
            }
        }
    }

    /** The registers hold what is written; breakpoints do not strike. */
    private static final class Debug extends Op {
        private final int number;
        private final Operand general;
        private final boolean write;

        Debug(int number, Operand general, boolean write) {
            this.number = number;
            this.general = general;
            this.write = write;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            boolean alias = number == 4 || number == 5;
            if (alias && ControlRegister.CR4_DE.isSet(cpu.cr4)) {
                throw cpu.raise(Vector.UD);
            }
            if (write) {
                write(cpu, general.readUnsigned(cpu));
            } else {
                general.write(cpu, read(cpu));
            }
        }

        private long read(X86Cpu cpu) {
            return switch (number) {
                case 4, 6 -> cpu.dr6 | DR6_FIXED;
                case 5, 7 -> cpu.dr7 | DR7_FIXED;
                default -> cpu.breakpoints[number];
            };
        }

        private void write(X86Cpu cpu, long value) {
            if (number >= 4 && value >>> 32 != 0) {
                throw cpu.generalProtection();
            }
            switch (number) {
                case 4, 6 -> cpu.dr6 = value & DR6_WRITABLE;
                case 5, 7 -> cpu.dr7 = value & DR7_WRITABLE;
                default -> cpu.breakpoints[number] = value;
            }
        }
    }
}
