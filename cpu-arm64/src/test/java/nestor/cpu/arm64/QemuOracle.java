package nestor.cpu.arm64;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The second authority on what an instruction does: {@code qemu-aarch64}, QEMU's user-level
 * emulator. One process runs a batch of cases out of a static ELF file made here, without a
 * compiler.
 *
 * <p>The image from {@link #BASE}: a page with the driver; a slot of code per case; a {@link
 * MachineState} record per case. A slot loads its record into the machine, executes the case, saves
 * the machine into the record and goes on to the next slot; the last one writes all records to
 * standard output. Landing pads tell how the case was left. A signal lands in a pad too, with the
 * registers as they were at the faulting instruction. TPIDR_EL0 belongs to the driver.
 */
final class QemuOracle {
    /** Cases per batch. */
    static final int BATCH = 1024;

    static final long BASE = 0x1000_0000L;

    /**
     * Where signal handlers run: no case comes upon it by chance, for the emulator takes an SP in
     * there for a nested signal's.
     */
    private static final long SIGNAL_STACK = 0x2b67_4d31_0000L;

    private static final int SIGNAL_STACK_BYTES = 0x10000;

    private static final int SLOT_BYTES = 256;
    private static final int SLOTS = 0x1000;
    private static final int RECORDS = SLOTS + BATCH * SLOT_BYTES;

    /** Bytes of the image that hold something at the start. */
    static final int IMAGE_BYTES = RECORDS + BATCH * MachineState.RECORD_BYTES;

    private static final int PAD_BACKWARD = 0;
    private static final int ENTRY = 8 * 4;
    private static final int CASE = 12 * 4;
    private static final int PAD_FALL_THROUGH = 16 * 4;
    private static final int PAD_FORWARD = 24 * 4;
    private static final int PAD_SIGNAL = 32 * 4;
    private static final int RECORD_LITERAL = 40 * 4;
    private static final int CASE_LITERAL = 44 * 4;

    private static final int TPIDR_EL0 = sysreg(3, 3, 13, 0, 2);
    private static final int NZCV = sysreg(3, 3, 4, 2, 0);
    private static final int FPCR = sysreg(3, 3, 4, 4, 0);
    private static final int FPSR = sysreg(3, 3, 4, 4, 1);
    private static final int NOP = 0xd503201f;
    private static final int CLREX = 0xd5033f5f;
    private static final int RET = 0xd65f03c0;
    private static final int SVC = 0xd4000001;

    private final Path qemu;
    private final String model;

    private QemuOracle(Path qemu, String model) {
        this.qemu = qemu;
        this.model = model;
    }

    /**
     * An oracle, if this host has the emulator (Debian package qemu-user).
     *
     * @param model of the CPU, as {@code -cpu} takes it: {@code max}, {@code cortex-a57}
     */
    static Optional<QemuOracle> find(String model) {
        return Stream.of(System.getenv("PATH").split(":", -1))
                .map(directory -> Path.of(directory, "qemu-aarch64"))
                .filter(Files::isExecutable)
                .findFirst()
                .map(path -> new QemuOracle(path, model));
    }

    static long instructionVa(int index) {
        return BASE + SLOTS + (long) index * SLOT_BYTES + CASE;
    }

    static long literalVa(int index) {
        return BASE + SLOTS + (long) index * SLOT_BYTES + CASE_LITERAL;
    }

    static long padVa(int index, int exit) {
        return BASE
                + SLOTS
                + (long) index * SLOT_BYTES
                + (exit == MachineState.EXIT_BACKWARD ? PAD_BACKWARD : PAD_FORWARD);
    }

    static long fallThroughVa(int index) {
        return BASE + SLOTS + (long) index * SLOT_BYTES + PAD_FALL_THROUGH;
    }

    static long scratchVa(int index) {
        return BASE + recordOffset(index) + MachineState.SCRATCH_OFFSET;
    }

    static int recordOffset(int index) {
        return RECORDS + index * MachineState.RECORD_BYTES;
    }

    /** The memory of a batch before it runs, from {@link #BASE}. */
    static byte[] image(List<TestCase> cases) {
        byte[] bytes = new byte[IMAGE_BYTES];
        ByteBuffer image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int restore = 0x400;
        int save = 0x600;
        int handler = 0x800;
        int finish = 0x900;
        image.position(0);
        start(image, handler);
        image.position(restore);
        restore(image);
        image.position(save);
        save(image);
        image.position(handler);
        handler(image);
        image.position(finish);
        finish(image, cases.size());
        for (int i = 0; i < cases.size(); i++) {
            int slot = SLOTS + i * SLOT_BYTES;
            int next = i + 1 < cases.size() ? slot + SLOT_BYTES + ENTRY : finish;
            slot(image, slot, cases.get(i), next, restore, save);
            long record = BASE + recordOffset(i);
            image.putLong(slot + RECORD_LITERAL, record);
            image.putLong(slot + CASE_LITERAL, 0xfedc_ba98_7654_3210L + i);
            image.putLong(slot + CASE_LITERAL + 8, 0x0f1e_2d3c_84a5_9687L - i);
            cases.get(i).before.write(image, recordOffset(i));
        }
        return bytes;
    }

    /** Runs a batch of at most {@link #BATCH} cases; the states afterwards, in order. */
    List<MachineState> run(List<TestCase> cases) {
        try {
            ByteBuffer records = execute(image(cases), cases.size());
            return Stream.iterate(0, i -> i < cases.size(), i -> i + 1)
                    .map(i -> MachineState.read(records, i * MachineState.RECORD_BYTES))
                    .toList();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException("the oracle did not run", e);
        }
    }

    private ByteBuffer execute(byte[] image, int cases) throws IOException, InterruptedException {
        Path file = Files.createTempFile("nestor-oracle-", ".elf");
        try {
            try (var out = Files.newOutputStream(file)) {
                out.write(elfHeader());
                out.write(image);
            }
            Process process =
                    new ProcessBuilder(qemu.toString(), "-cpu", model, executable(file)).start();
            process.getOutputStream().close();
            ByteArrayOutputStream complaints = new ByteArrayOutputStream();
            Thread drain = Thread.ofPlatform().start(() -> drain(process, complaints));
            byte[] records = process.getInputStream().readAllBytes();
            int status = process.waitFor();
            drain.join();
            if (status != 0 || records.length != cases * MachineState.RECORD_BYTES) {
                throw new IllegalStateException(
                        "status %d after %d bytes: %s"
                                .formatted(
                                        status,
                                        records.length,
                                        complaints.toString(StandardCharsets.UTF_8)));
            }
            return ByteBuffer.wrap(records).order(ByteOrder.LITTLE_ENDIAN);
        } finally {
            Files.delete(file);
        }
    }

    private static String executable(Path file) throws IOException {
        if (!file.toFile().setExecutable(true)) {
            throw new IOException("cannot make the image executable");
        }
        return file.toString();
    }

    private static void drain(Process process, ByteArrayOutputStream complaints) {
        try (InputStream error = process.getErrorStream()) {
            error.transferTo(complaints);
        } catch (IOException e) {
            complaints.writeBytes(e.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    /**
     * One page: the ELF header (ELFCLASS64, EM_AARCH64), a PT_LOAD of the image, one of the stack.
     */
    private static byte[] elfHeader() {
        ByteBuffer header = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
        header.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16);
        header.putShort((short) 2).putShort((short) 183).putInt(1);
        header.putLong(BASE).putLong(64).putLong(0).putInt(0);
        header.putShort((short) 64).putShort((short) 56).putShort((short) 1);
        header.putShort((short) 64).putShort((short) 0).putShort((short) 0);
        header.putInt(1).putInt(7).putLong(0x1000).putLong(BASE).putLong(BASE);
        header.putLong(IMAGE_BYTES).putLong(IMAGE_BYTES).putLong(0x1000);
        return header.array();
    }

    /** Installs the signal stack and the handler, then enters the first slot. */
    private static void start(ByteBuffer code, int handler) {
        int stackT = 0x200; // struct stack_t, then struct sigaction, in the driver's page
        int action = 0x220;
        code.putLong(stackT, SIGNAL_STACK).putLong(stackT + 16, SIGNAL_STACK_BYTES);
        long flags = 0x4800_0004L; // SA_NODEFER | SA_ONSTACK | SA_SIGINFO
        code.putLong(action, BASE + handler).putLong(action + 8, flags);
        moveConstant(code, 0, SIGNAL_STACK);
        moveConstant(code, 1, SIGNAL_STACK_BYTES);
        code.putInt(movz(2, 3)).putInt(movz(3, 0x32)); // PROT_READ, WRITE; MAP_FIXED, ANONYMOUS
        code.putInt(0x92800004).putInt(movz(5, 0)); // MOVN X4: no file
        code.putInt(movz(8, 222)).putInt(SVC); // mmap
        moveAddress(code, 0, stackT);
        code.putInt(movz(1, 0)).putInt(movz(8, 132)).putInt(SVC); // sigaltstack
        for (int signal : new int[] {MachineState.SIGILL, 5, MachineState.SIGBUS, 8, 11}) {
            code.putInt(movz(0, signal));
            moveAddress(code, 1, action);
            code.putInt(movz(2, 0)).putInt(movz(3, 8)).putInt(movz(8, 134)).putInt(SVC);
        }
        code.putInt(branch(SLOTS + ENTRY - code.position()));
    }

    /** Loads all but X0 and X30 from the record at X0. */
    private static void restore(ByteBuffer code) {
        code.putInt(ldr(1, 0, MachineState.NZCV_OFFSET)).putInt(msr(NZCV, 1));
        code.putInt(ldr(1, 0, MachineState.FPCR_OFFSET)).putInt(msr(FPCR, 1));
        code.putInt(ldr(1, 0, MachineState.FPSR_OFFSET)).putInt(msr(FPSR, 1));
        code.putInt(addImmediate(1, 0, MachineState.V_OFFSET));
        for (int i = 0; i < 32; i += 2) {
            code.putInt(0xad400000 | i << 15 | (i + 1) << 10 | 1 << 5 | i); // LDP Qi, Qi+1, [X1]
        }
        code.putInt(ldr(1, 0, MachineState.SP_OFFSET)).putInt(addImmediate(31, 1, 0));
        code.putInt(CLREX);
        for (int i = 1; i < 30; i++) {
            code.putInt(ldr(i, 0, 8 * i));
        }
        code.putInt(RET);
    }

    /** Saves all but X30 to the record at X0; the case's X0 is in TPIDR_EL0. */
    private static void save(ByteBuffer code) {
        for (int i = 1; i < 30; i++) {
            code.putInt(str(i, 0, 8 * i));
        }
        code.putInt(mrs(1, TPIDR_EL0)).putInt(str(1, 0, 0));
        code.putInt(mrs(1, NZCV)).putInt(str(1, 0, MachineState.NZCV_OFFSET));
        code.putInt(mrs(1, FPCR)).putInt(str(1, 0, MachineState.FPCR_OFFSET));
        code.putInt(mrs(1, FPSR)).putInt(str(1, 0, MachineState.FPSR_OFFSET));
        code.putInt(addImmediate(1, 31, 0)).putInt(str(1, 0, MachineState.SP_OFFSET));
        code.putInt(addImmediate(1, 0, MachineState.V_OFFSET));
        for (int i = 0; i < 32; i += 2) {
            code.putInt(0xad000000 | i << 15 | (i + 1) << 10 | 1 << 5 | i); // STP Qi, Qi+1, [X1]
        }
        code.putInt(RET);
    }

    /**
     * {@code handler(signal, info, context)}: notes the signal, resumes at the slot's signal pad.
     */
    private static void handler(ByteBuffer code) {
        int contextPc = 440; // ucontext.uc_mcontext.pc
        code.putInt(ldr(3, 2, contextPc));
        code.putInt(0x92780000 | 55 << 10 | 3 << 5 | 3); // AND X3, X3, #-SLOT_BYTES
        code.putInt(ldr(4, 3, RECORD_LITERAL));
        code.putInt(addImmediate(0, 0, MachineState.EXIT_SIGNAL));
        code.putInt(str(0, 4, MachineState.EXIT_OFFSET));
        code.putInt(addImmediate(3, 3, PAD_SIGNAL));
        code.putInt(str(3, 2, contextPc));
        code.putInt(RET);
    }

    /** Writes the records to standard output and exits. */
    private static void finish(ByteBuffer code, int cases) {
        moveAddress(code, 1, RECORDS);
        moveConstant(code, 2, (long) cases * MachineState.RECORD_BYTES);
        int loop = code.position();
        code.putInt(movz(0, 1)).putInt(movz(8, 64)).putInt(SVC); // write
        code.putInt(0x8b000021).putInt(0xcb000042); // ADD X1, X1, X0; SUB X2, X2, X0
        code.putInt(0xb5000002 | ((loop - code.position()) >> 2 & 0x7ffff) << 5); // CBNZ X2, loop
        code.putInt(movz(0, 0)).putInt(movz(8, 94)).putInt(SVC); // exit_group
    }

    private static void slot(
            ByteBuffer code, int slot, TestCase test, int next, int restore, int save) {
        code.position(slot + PAD_BACKWARD);
        pad(code, slot, MachineState.EXIT_BACKWARD, next, save);
        code.position(slot + ENTRY);
        code.putInt(ldrLiteral(0, slot + RECORD_LITERAL - code.position()));
        code.putInt(branchLink(restore - code.position()));
        code.putInt(ldr(30, 0, 240)).putInt(ldr(0, 0, 0));
        for (int i = 0; i < TestCase.MAX_INSTRUCTIONS; i++) {
            code.putInt(i < test.length ? test.instructions[i] : NOP);
        }
        pad(code, slot, MachineState.EXIT_FALL_THROUGH, next, save);
        code.position(slot + PAD_FORWARD);
        pad(code, slot, MachineState.EXIT_FORWARD, next, save);
        code.position(slot + PAD_SIGNAL);
        pad(code, slot, MachineState.EXIT_SIGNAL, next, save);
    }

    private static void pad(ByteBuffer code, int slot, int exit, int next, int save) {
        code.putInt(msr(TPIDR_EL0, 0));
        code.putInt(ldrLiteral(0, slot + RECORD_LITERAL - code.position()));
        code.putInt(str(30, 0, 240));
        if (exit != MachineState.EXIT_SIGNAL) {
            code.putInt(movz(30, exit)).putInt(str(30, 0, MachineState.EXIT_OFFSET));
        }
        code.putInt(branchLink(save - code.position()));
        code.putInt(branch(next - code.position()));
    }

    private static void moveAddress(ByteBuffer code, int d, int offset) {
        moveConstant(code, d, BASE + offset);
    }

    private static void moveConstant(ByteBuffer code, int d, long value) {
        code.putInt(movz(d, (int) value & 0xffff));
        code.putInt(0xf2a00000 | (int) (value >>> 16 & 0xffff) << 5 | d); // MOVK, LSL #16
        code.putInt(0xf2c00000 | (int) (value >>> 32 & 0xffff) << 5 | d); // MOVK, LSL #32
    }

    private static int movz(int d, int immediate) {
        return 0xd2800000 | immediate << 5 | d;
    }

    private static int addImmediate(int d, int n, int immediate) {
        return 0x91000000 | immediate << 10 | n << 5 | d;
    }

    private static int ldr(int t, int n, int offset) {
        return 0xf9400000 | offset / 8 << 10 | n << 5 | t;
    }

    private static int str(int t, int n, int offset) {
        return 0xf9000000 | offset / 8 << 10 | n << 5 | t;
    }

    private static int ldrLiteral(int t, int delta) {
        return 0x58000000 | (delta >> 2 & 0x7ffff) << 5 | t;
    }

    private static int branch(int delta) {
        return 0x14000000 | delta >> 2 & 0x3ffffff;
    }

    private static int branchLink(int delta) {
        return 0x94000000 | delta >> 2 & 0x3ffffff;
    }

    private static int sysreg(int op0, int op1, int crn, int crm, int op2) {
        return op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
    }

    private static int msr(int register, int t) {
        return 0xd5000000 | register | t;
    }

    private static int mrs(int t, int register) {
        return 0xd5200000 | register | t;
    }
}
