package nestor.cpu.x86;

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
 * The second authority on what an instruction does: {@code qemu-x86_64}, QEMU's user-level
 * emulator. One process runs a batch of cases out of a static ELF file made here, without a
 * compiler.
 *
 * <p>The image from {@link #BASE}: a page with the driver; a slot of code per case; a {@link
 * MachineState} record per case. A slot loads its record into the machine, executes the case, saves
 * the machine into the record and goes on to the next slot; the last one writes all records to
 * standard output. Landing pads tell how the case was left. A signal lands in a pad too, with the
 * registers as they were at the faulting instruction.
 */
final class QemuOracle {
    /** Cases per batch. */
    static final int BATCH = 512;

    static final long BASE = 0x1000_0000L;

    /** Where signal handlers run: no case comes upon it by chance. */
    private static final long SIGNAL_STACK = 0x2b67_4d31_0000L;

    private static final int SIGNAL_STACK_BYTES = 0x10000;

    private static final int SLOT_BYTES = 512;
    private static final int SLOTS = 0x1000;
    private static final int RECORDS = SLOTS + BATCH * SLOT_BYTES;

    /** Bytes of the image that hold something at the start. */
    static final int IMAGE_BYTES = RECORDS + BATCH * MachineState.RECORD_BYTES;

    private static final int PAD_BACKWARD = 0;
    private static final int ENTRY = 64;
    private static final int CASE = 128;
    private static final int PAD_FALL_THROUGH = CASE + TestCase.MAX_BYTES;
    private static final int PAD_FORWARD = 256;
    private static final int PAD_SIGNAL = 320;
    private static final int RECORD_LITERAL = 384;

    private static final int RESTORE = 0x400;
    private static final int SAVE = 0x500;
    private static final int HANDLER = 0x600;
    private static final int RESTORER = 0x680;
    private static final int FINISH = 0x700;
    private static final int TARGET = 0x800;
    private static final int R15 = 0x808;
    private static final int STACK_T = 0x820;
    private static final int ACTION = 0x840;

    private final Path qemu;
    private final String model;

    private QemuOracle(Path qemu, String model) {
        this.qemu = qemu;
        this.model = model;
    }

    /**
     * An oracle, if this host has the emulator (Debian package qemu-user).
     *
     * @param model of the CPU, as {@code -cpu} takes it
     */
    static Optional<QemuOracle> find(String model) {
        return Stream.of(System.getenv("PATH").split(":", -1))
                .map(directory -> Path.of(directory, "qemu-x86_64"))
                .filter(Files::isExecutable)
                .findFirst()
                .map(path -> new QemuOracle(path, model));
    }

    static long instructionVa(int index) {
        return slotVa(index) + CASE;
    }

    static long padVa(int index, int exit) {
        return slotVa(index)
                + switch (exit) {
                    case MachineState.EXIT_BACKWARD -> PAD_BACKWARD;
                    case MachineState.EXIT_FORWARD -> PAD_FORWARD;
                    default -> PAD_FALL_THROUGH;
                };
    }

    private static long slotVa(int index) {
        return BASE + SLOTS + (long) index * SLOT_BYTES;
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
        start(image);
        restore(image);
        save(image);
        handler(image);
        finish(image, cases.size());
        for (int i = 0; i < cases.size(); i++) {
            int slot = SLOTS + i * SLOT_BYTES;
            slot(image, slot, cases.get(i), i + 1 < cases.size() ? slot + SLOT_BYTES + ENTRY : FINISH);
            image.putLong(slot + RECORD_LITERAL, BASE + recordOffset(i));
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

    /** One page: the ELF header (ELFCLASS64, EM_X86_64), a PT_LOAD of the image. */
    private static byte[] elfHeader() {
        ByteBuffer header = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
        header.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16);
        header.putShort((short) 2).putShort((short) 62).putInt(1);
        header.putLong(BASE).putLong(64).putLong(0).putInt(0);
        header.putShort((short) 64).putShort((short) 56).putShort((short) 1);
        header.putShort((short) 64).putShort((short) 0).putShort((short) 0);
        header.putInt(1).putInt(7).putLong(0x1000).putLong(BASE).putLong(BASE);
        header.putLong(IMAGE_BYTES).putLong(IMAGE_BYTES).putLong(0x1000);
        return header.array();
    }

    /** Installs the signal stack and the handler, then enters the first slot. */
    private static void start(ByteBuffer code) {
        code.putLong(STACK_T, SIGNAL_STACK).putLong(STACK_T + 16, SIGNAL_STACK_BYTES);
        long flags = 0x4c00_0004L; // SA_NODEFER | SA_ONSTACK | SA_RESTORER | SA_SIGINFO
        code.putLong(ACTION, BASE + HANDLER).putLong(ACTION + 8, flags);
        code.putLong(ACTION + 16, BASE + RESTORER);
        code.position(0);
        put(code, 0x48, 0xbf).putLong(SIGNAL_STACK); // MOV RDI
        put(code, 0xbe).putInt(SIGNAL_STACK_BYTES); // MOV ESI
        put(code, 0xba).putInt(3); // MOV EDX: PROT_READ, WRITE
        put(code, 0x41, 0xba).putInt(0x32); // MOV R10D: MAP_FIXED, ANONYMOUS, PRIVATE
        put(code, 0x49, 0xc7, 0xc0).putInt(-1); // MOV R8
        put(code, 0x45, 0x31, 0xc9); // XOR R9D, R9D
        systemCall(code, 9); // mmap
        put(code, 0xbf).putInt((int) BASE + STACK_T);
        put(code, 0x31, 0xf6); // XOR ESI, ESI
        systemCall(code, 131); // sigaltstack
        for (int signal : new int[] {4, 5, 7, 8, 11}) {
            put(code, 0xbf).putInt(signal);
            put(code, 0xbe).putInt((int) BASE + ACTION);
            put(code, 0x31, 0xd2); // XOR EDX, EDX
            put(code, 0x41, 0xba).putInt(8);
            systemCall(code, 13); // rt_sigaction
        }
        jump(code, SLOTS + ENTRY);
    }

    /** Loads all from the record at R15 and goes to the address in R14. */
    private static void restore(ByteBuffer code) {
        code.position(RESTORE);
        put(code, 0x4c, 0x89, 0x35).putInt(TARGET - code.position() - 4); // MOV [target], R14
        put(code, 0x49, 0x0f, 0xae, 0x8f).putInt(MachineState.FX_OFFSET); // FXRSTOR64
        put(code, 0x49, 0x8d, 0xa7).putInt(MachineState.FLAGS_OFFSET); // LEA RSP, [R15+…]
        put(code, 0x9d); // POPFQ
        for (int i = 0; i < 16; i++) {
            put(code, 0x49 | i >> 3 << 2, 0x8b, 0x87 | (i & 7) << 3).putInt(8 * i);
        }
        put(code, 0xff, 0x25).putInt(TARGET - code.position() - 4); // JMP [target]
    }

    /** Saves all but R14 to the record at R15 and goes on at R14; the case's R15 is in a cell. */
    private static void save(ByteBuffer code) {
        code.position(SAVE);
        for (int i = 0; i < 14; i++) {
            put(code, 0x49 | i >> 3 << 2, 0x89, 0x87 | (i & 7) << 3).putInt(8 * i);
        }
        put(code, 0x48, 0x8b, 0x05).putInt(R15 - code.position() - 4); // MOV RAX, [cell]
        put(code, 0x49, 0x89, 0x87).putInt(8 * 15);
        put(code, 0x49, 0x8d, 0xa7).putInt(MachineState.FLAGS_OFFSET + 8); // LEA RSP
        put(code, 0x9c); // PUSHFQ
        put(code, 0x49, 0x0f, 0xae, 0x87).putInt(MachineState.FX_OFFSET); // FXSAVE64
        put(code, 0xfc, 0x41, 0xff, 0xe6); // CLD; JMP R14
    }

    /**
     * {@code handler(signal, info, context)}: notes the signal, resumes at the slot's signal pad.
     */
    private static void handler(ByteBuffer code) {
        int contextRip = 168; // ucontext.uc_mcontext.gregs[REG_RIP]
        code.position(HANDLER);
        put(code, 0x48, 0x8b, 0x82).putInt(contextRip); // MOV RAX, [RDX+…]
        put(code, 0x48, 0x25).putInt(-SLOT_BYTES); // AND RAX
        put(code, 0x48, 0x8b, 0x88).putInt(RECORD_LITERAL); // MOV RCX, [RAX+…]
        put(code, 0x48, 0x81, 0xc7).putInt(MachineState.EXIT_SIGNAL); // ADD RDI
        put(code, 0x48, 0x89, 0xb9).putInt(MachineState.EXIT_OFFSET); // MOV [RCX+…], RDI
        put(code, 0x48, 0x05).putInt(PAD_SIGNAL); // ADD RAX
        put(code, 0x48, 0x89, 0x82).putInt(contextRip); // MOV [RDX+…], RAX
        put(code, 0xc3);
        code.position(RESTORER);
        systemCall(code, 15); // rt_sigreturn
    }

    /** Writes the records to standard output and exits. */
    private static void finish(ByteBuffer code, int cases) {
        code.position(FINISH);
        put(code, 0xbe).putInt((int) BASE + RECORDS);
        put(code, 0xba).putInt(cases * MachineState.RECORD_BYTES);
        int loop = code.position();
        put(code, 0xbf).putInt(1);
        systemCall(code, 1); // write
        put(code, 0x48, 0x01, 0xc6, 0x48, 0x29, 0xc2); // ADD RSI, RAX; SUB RDX, RAX
        put(code, 0x75, loop - (code.position() + 2)); // JNZ
        put(code, 0x31, 0xff); // XOR EDI, EDI
        systemCall(code, 231); // exit_group
    }

    private static void slot(ByteBuffer code, int slot, TestCase test, int next) {
        code.position(slot + PAD_BACKWARD);
        pad(code, slot, MachineState.EXIT_BACKWARD, next);
        code.position(slot + ENTRY);
        put(code, 0x4c, 0x8b, 0x3d).putInt(slot + RECORD_LITERAL - code.position() - 4);
        put(code, 0x4c, 0x8d, 0x35).putInt(slot + CASE - code.position() - 4);
        jump(code, RESTORE);
        for (int i = 0; i < TestCase.MAX_BYTES; i++) {
            code.put(slot + CASE + i, i < test.length ? test.code[i] : (byte) 0x90);
        }
        code.position(slot + PAD_FALL_THROUGH);
        pad(code, slot, MachineState.EXIT_FALL_THROUGH, next);
        code.position(slot + PAD_FORWARD);
        pad(code, slot, MachineState.EXIT_FORWARD, next);
        code.position(slot + PAD_SIGNAL);
        pad(code, slot, MachineState.EXIT_SIGNAL, next);
    }

    private static void pad(ByteBuffer code, int slot, int exit, int next) {
        put(code, 0x4c, 0x89, 0x3d).putInt(R15 - code.position() - 4); // MOV [cell], R15
        put(code, 0x4c, 0x8b, 0x3d).putInt(slot + RECORD_LITERAL - code.position() - 4);
        put(code, 0x4d, 0x89, 0xb7).putInt(8 * 14); // MOV [R15+…], R14
        if (exit != MachineState.EXIT_SIGNAL) {
            put(code, 0x49, 0xc7, 0x87).putInt(MachineState.EXIT_OFFSET).putInt(exit);
        }
        put(code, 0x4c, 0x8d, 0x35).putInt(next - code.position() - 4); // LEA R14, [next]
        jump(code, SAVE);
    }

    private static void systemCall(ByteBuffer code, int number) {
        put(code, 0xb8).putInt(number);
        put(code, 0x0f, 0x05);
    }

    private static void jump(ByteBuffer code, int target) {
        put(code, 0xe9).putInt(target - code.position() - 4);
    }

    private static ByteBuffer put(ByteBuffer code, int... bytes) {
        for (int octet : bytes) {
            code.put((byte) octet);
        }
        return code;
    }
}
