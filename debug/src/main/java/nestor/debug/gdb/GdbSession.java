package nestor.debug.gdb;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;
import nestor.machine.MachineControl;
import nestor.machine.MachineControl.RunState;
import nestor.machine.MachineEvent;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugStop;
import org.jspecify.annotations.Nullable;

/** One debugger, from its connection to its leave. */
final class GdbSession {
    private static final String OK = "OK";
    private static final String UNKNOWN = "";
    private static final String MALFORMED = "E01";
    private static final String BAD_ADDRESS = "E14";
    private static final String REFUSED = "E22";
    private static final int MAX_REGISTERS = 1024;

    /** Bits of {@code qqemu.sstepbits}. */
    private static final int STEP_ENABLE = 1;

    private static final int STEP_NO_INTERRUPTS = 2;

    private final MachineControl control;
    private final Packets packets;
    private final UnaryOperator<String> monitor;
    private final GuestView memory;
    private final Traps traps = new Traps();

    /** The debugger waits for a stop reply. Guarded by this. */
    private boolean running;

    /** The vCPU that commands are about. */
    private int selected;

    private int stepBits = STEP_ENABLE | STEP_NO_INTERRUPTS;
    private boolean leaving;
    private boolean killed;

    /**
     * @param monitor what answers {@code monitor} commands
     */
    GdbSession(MachineControl control, Packets packets, UnaryOperator<String> monitor) {
        this.control = control;
        this.packets = packets;
        this.monitor = monitor;
        memory = new GuestView(control.memory());
    }

    /** Stops the machine and serves the debugger until it leaves. */
    void run() throws IOException, InterruptedException {
        control.awaitLaunch();
        control.stop();
        try {
            while (!leaving) {
                String packet = packets.next();
                if (packet.equals(Packets.INTERRUPT)) {
                    control.stop(); // the event is what is answered with
                } else {
                    answer(packet);
                }
            }
        } finally {
            leave();
        }
    }

    private void leave() throws InterruptedException {
        synchronized (this) {
            running = false;
        }
        if (!killed) {
            control.inspect(() -> {
                traps.clear(ports());
                return OK;
            });
            control.cont();
        }
    }

    private void answer(String packet) throws IOException, InterruptedException {
        if (resumes(packet)) {
            resume(packet);
            return;
        }
        Optional<String> reply;
        try {
            reply = Optional.of(packet.startsWith("qRcmd,") ? command(packet) : look(packet));
        } catch (Packets.Malformed e) {
            reply = Optional.of(MALFORMED);
        }
        packets.send(reply.orElse(UNKNOWN));
        if (packet.equals("QStartNoAckMode")) {
            packets.stopAcknowledging();
        }
    }

    private String look(String packet) throws InterruptedException {
        return control.inspect(() -> reply(packet));
    }

    /** What the machine is asked to do is not done while it is held for a look. */
    private String command(String packet) {
        byte[] line = Hex.bytes(packet.substring("qRcmd,".length()));
        String text = monitor.apply(new String(line, StandardCharsets.UTF_8).strip());
        if (!text.isEmpty() && !text.endsWith("\n")) {
            text += "\n";
        }
        int most = Packets.MAX_BYTES / 2;
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return bytes.length == 0 ? OK : Hex.of(Arrays.copyOf(bytes, Math.min(bytes.length, most)));
    }

    private static boolean resumes(String packet) {
        return packet.startsWith("vCont;")
                || packet.equals("c")
                || packet.equals("s")
                || packet.matches("[CS][0-9a-f]{2}");
    }

    private void resume(String packet) throws IOException, InterruptedException {
        String actions = packet.startsWith("vCont;") ? packet.substring(6) : packet;
        synchronized (this) {
            control.inspect(() -> {
                step(actions);
                return OK;
            });
            if (control.state() == RunState.SHUTDOWN) {
                packets.send("W00");
                return;
            }
            running = true;
            control.cont();
        }
    }

    /** Has those vCPUs step that are to; the first action that names a vCPU or all counts. */
    private void step(String actions) {
        List<DebugPort> ports = ports();
        for (int cpu = 0; cpu < ports.size(); cpu++) {
            for (String action : actions.split(";", -1)) {
                String[] fields = action.split(":", -1);
                boolean mine = fields.length == 1 || isThread(fields[1], cpu);
                if (mine && fields[0].toLowerCase(Locale.ROOT).startsWith("s")) {
                    ports.get(cpu).step((stepBits & STEP_NO_INTERRUPTS) == 0);
                }
                if (mine) {
                    break;
                }
            }
        }
    }

    private static boolean isThread(String text, int cpu) {
        return text.equals("-1") || text.equals("0") || text.equals("%x".formatted(cpu + 1));
    }

    private String reply(String packet) {
        return switch (packet.isEmpty() ? ' ' : packet.charAt(0)) {
            case '?' -> stopReply(5, "");
            case 'g' -> registers();
            case 'G' -> setRegisters(packet.substring(1));
            case 'p' -> register(packet.substring(1));
            case 'P' -> setRegister(packet.substring(1));
            case 'm' -> read(packet.substring(1));
            case 'M' -> write(packet.substring(1), true);
            case 'X' -> write(packet.substring(1), false);
            case 'Z', 'z' ->
                    traps.change(packet, ports()).map(done -> done ? OK : REFUSED).orElse(UNKNOWN);
            case 'H' -> select(packet);
            case 'T' -> exists(packet.substring(1)) ? OK : REFUSED;
            case 'D' -> detach();
            case 'k' -> kill();
            case 'v' -> packet.equals("vCont?") ? "vCont;c;C;s;S" : UNKNOWN;
            case 'q', 'Q' -> query(packet);
            default -> UNKNOWN;
        };
    }

    private String query(String packet) {
        if (packet.startsWith("qSupported")) {
            return "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+"
                    .formatted(Packets.MAX_BYTES);
        }
        if (packet.startsWith("qXfer:features:read:")) {
            return description(packet.substring("qXfer:features:read:".length()));
        }
        if (packet.startsWith("qThreadExtraInfo,")) {
            return Hex.of(
                    "CPU#%s"
                            .formatted(packet.substring("qThreadExtraInfo,".length()))
                            .getBytes(StandardCharsets.US_ASCII));
        }
        if (packet.startsWith("Qqemu.PhyMemMode:")) {
            memory.setPhysical(packet.endsWith(":1"));
            return OK;
        }
        if (packet.startsWith("Qqemu.sstep=")) {
            stepBits = (int) Hex.number(packet.substring("Qqemu.sstep=".length()));
            return OK;
        }
        return switch (packet) {
            case "QStartNoAckMode" -> OK;
            case "qC" -> "QC%x".formatted(selected + 1);
            case "qAttached" -> "1";
            case "qfThreadInfo" -> threads();
            case "qsThreadInfo" -> "l";
            case "qqemu.PhyMemMode" -> memory.isPhysical() ? "1" : "0";
            case "qqemu.sstepbits" -> "ENABLE=1,NOIRQ=2";
            case "qqemu.sstep" -> "0x%x".formatted(stepBits);
            default -> UNKNOWN;
        };
    }

    private String description(String request) {
        String[] fields = request.split("[:,]", -1);
        if (fields.length != 3 || !fields[0].equals("target.xml")) {
            return "E00";
        }
        String xml = TargetDescription.of(port());
        int from = Hex.number(fields[1], Integer.MAX_VALUE);
        int size = Math.min(Hex.number(fields[2], Integer.MAX_VALUE), Packets.MAX_BYTES / 2);
        if (from >= xml.length()) {
            return "l";
        }
        int to = Math.min(xml.length(), from + size);
        return (to == xml.length() ? "l" : "m") + xml.substring(from, to);
    }

    private List<DebugPort> ports() {
        return control.vcpus().stream().map(vcpu -> vcpu.debugPort().orElseThrow()).toList();
    }

    private DebugPort port() {
        List<DebugPort> ports = ports();
        return ports.get(Math.min(selected, ports.size() - 1));
    }

    private String threads() {
        StringBuilder list = new StringBuilder("m");
        for (int cpu = 1; cpu <= control.vcpus().size(); cpu++) {
            list.append(cpu == 1 ? "" : ",").append("%x".formatted(cpu));
        }
        return list.toString();
    }

    private boolean exists(String thread) {
        long number = Hex.number(thread);
        return number >= 1 && number <= control.vcpus().size();
    }

    private String select(String packet) {
        if (packet.length() < 3) {
            return MALFORMED;
        }
        String thread = packet.substring(2);
        if (packet.charAt(1) == 'c' || thread.equals("0") || thread.equals("-1")) {
            return OK;
        }
        if (!exists(thread)) {
            return REFUSED;
        }
        selected = (int) Hex.number(thread) - 1;
        return OK;
    }

    private String registers() {
        DebugPort port = port();
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < port.registers().size(); i++) {
            all.append(Hex.of(port.read(i)));
        }
        return all.toString();
    }

    /** Those that can only be read stay as they are. */
    private String setRegisters(String hex) {
        DebugPort port = port();
        int at = 0;
        for (int i = 0; i < port.registers().size(); i++) {
            int end = at + 2 * port.registers().get(i).sizeBytes();
            if (end > hex.length()) {
                break;
            }
            port.write(i, Hex.bytes(hex.substring(at, end)));
            at = end;
        }
        return OK;
    }

    private String register(String number) {
        DebugPort port = port();
        int register = Hex.number(number, MAX_REGISTERS);
        return register < port.registers().size() ? Hex.of(port.read(register)) : REFUSED;
    }

    private String setRegister(String text) {
        String[] fields = text.split("=", 2);
        DebugPort port = port();
        int register = Hex.number(fields[0], MAX_REGISTERS);
        if (fields.length != 2 || register >= port.registers().size()) {
            return REFUSED;
        }
        return port.write(register, Hex.bytes(fields[1])) ? OK : REFUSED;
    }

    private String read(String text) {
        String[] fields = text.split(",", 2);
        if (fields.length != 2) {
            return MALFORMED;
        }
        int size = (int) Math.min(Hex.number(fields[1]) & Long.MAX_VALUE, Packets.MAX_BYTES / 2);
        byte[] bytes = memory.read(port(), Hex.number(fields[0]), size);
        return bytes.length == 0 && size > 0 ? BAD_ADDRESS : Hex.of(bytes);
    }

    private String write(String text, boolean inHex) {
        int colon = text.indexOf(':');
        int comma = text.indexOf(',');
        if (comma < 0 || colon < comma) {
            return MALFORMED;
        }
        String data = text.substring(colon + 1);
        byte[] bytes = inHex ? Hex.bytes(data) : data.getBytes(StandardCharsets.ISO_8859_1);
        if (Hex.number(text.substring(comma + 1, colon)) != bytes.length) {
            return MALFORMED;
        }
        return memory.write(port(), Hex.number(text.substring(0, comma)), bytes) ? OK : BAD_ADDRESS;
    }

    private String detach() {
        leaving = true;
        return OK;
    }

    private String kill() {
        leaving = true;
        killed = true;
        control.quit(MachineEvent.Cause.HOST_UI);
        return OK;
    }

    private String stopReply(int signal, String reason) {
        return "T%02xthread:%x;%s".formatted(signal, selected + 1, reason);
    }

    /** What the machine does; on a thread of its own. */
    void told(MachineEvent event) throws IOException, InterruptedException {
        switch (event) {
            case MachineEvent.Debugged(int cpu, DebugStop stop) -> {
                control.stop();
                stopped(5, cpu, stop);
            }
            case MachineEvent.Stop _ -> stopped(2, selected, null);
            case MachineEvent.Shutdown _ -> shutDown();
            default -> {}
        }
    }

    private synchronized void stopped(int signal, int cpu, @Nullable DebugStop stop)
            throws IOException {
        // A stop that the debugger has already answered with a resume is an old one.
        if (running && control.state() != RunState.RUNNING) {
            running = false;
            selected = cpu;
            packets.send(stopReply(signal, stop == null ? "" : traps.reason(stop)));
        }
    }

    private synchronized void shutDown() throws IOException {
        if (running) {
            running = false;
            packets.send("W00");
        }
    }
}
