package nestor.control.hmp;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.machine.MachineControl;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.Vcpu;

/**
 * {@code x}, {@code xp}, {@code gva2gpa} and {@code info registers}: the guest's memory and the
 * first vCPU's registers, while the machine is stopped, for a moment or longer. Only RAM is read; a
 * device's registers would notice.
 */
final class MemoryDump {
    private static final Pattern ARGUMENT =
            Pattern.compile("(?:/(\\d{0,5})([xduc]?)([bhwg]?)([xduc]?)\\s+)?(\\S+)");

    private static final int MAX_COUNT = 4096;
    private static final int LINE_BYTES = 16;

    /** What a look finds: an answer, or why there is none. */
    private record Answer(String text, boolean failed) {
        String orThrow() throws HmpException {
            if (failed) {
                throw new HmpException(text);
            }
            return text;
        }
    }

    /** How units of memory are printed. */
    private record Format(int count, char style, int sizeBytes) {
        String of(long value) {
            long masked = sizeBytes == Long.BYTES ? value : value & (1L << 8 * sizeBytes) - 1;
            return switch (style) {
                case 'd' -> Long.toString(value << 64 - 8 * sizeBytes >> 64 - 8 * sizeBytes);
                case 'u' -> Long.toUnsignedString(masked);
                case 'c' -> "'" + (masked >= ' ' && masked <= '~' ? (char) masked : '.') + "'";
                default -> "0x%0" + 2 * sizeBytes + "x";
            };
        }
    }

    /** From an address of the command to one of RAM. */
    @FunctionalInterface
    private interface Space {
        OptionalLong gpa(long address);
    }

    private final MachineControl control;

    MemoryDump(MachineControl control) {
        this.control = control;
    }

    String x(String argument) throws HmpException, InterruptedException {
        Matcher parsed = parse("x", argument);
        DebugPort port = port();
        return control.inspect(() -> dump(parsed, port::translate)).orThrow();
    }

    String xp(String argument) throws HmpException, InterruptedException {
        Matcher parsed = parse("xp", argument);
        return control.inspect(() -> dump(parsed, OptionalLong::of)).orThrow();
    }

    String gva2gpa(String argument) throws HmpException, InterruptedException {
        String text = argument.strip();
        if (text.isEmpty()) {
            throw new HmpException("gva2gpa: the address is missing");
        }
        DebugPort port = port();
        return control.inspect(
                        () -> {
                            OptionalLong va = address(text);
                            if (va.isEmpty()) {
                                return wrongAddress(text);
                            }
                            OptionalLong gpa = port.translate(va.getAsLong());
                            return gpa.isPresent()
                                    ? new Answer("gpa: 0x%x%n".formatted(gpa.getAsLong()), false)
                                    : unmapped(va.getAsLong());
                        })
                .orThrow();
    }

    /** Every register but those of SIMD. */
    String registers() throws HmpException, InterruptedException {
        DebugPort port = port();
        return control.inspect(() -> registers(port));
    }

    private static String registers(DebugPort port) {
        StringBuilder text = new StringBuilder("CPU#0\n");
        int column = 0;
        for (int i = 0; i < port.registers().size(); i++) {
            DebugPort.Register register = port.registers().get(i);
            if (register.group() != DebugPort.Group.VECTOR && register.bits() <= Long.SIZE) {
                text.append("%-12s %016x".formatted(register.name(), value(port, i)));
                text.append(++column % 3 == 0 ? "\n" : "   ");
            }
        }
        return text.toString().stripTrailing() + "\n";
    }

    private static long value(DebugPort port, int register) {
        byte[] bytes = port.read(register);
        long value = 0;
        for (int i = Math.min(bytes.length, Long.BYTES) - 1; i >= 0; i--) {
            value = value << 8 | bytes[i] & 0xff;
        }
        return value;
    }

    private DebugPort port() throws HmpException {
        Optional<DebugPort> port = control.vcpus().stream().findFirst().flatMap(Vcpu::debugPort);
        return port.orElseThrow(
                () -> new HmpException("this accelerator does not show its vCPUs; use -accel tcg"));
    }

    private static Matcher parse(String command, String argument) throws HmpException {
        Matcher parsed = ARGUMENT.matcher(argument.strip());
        if (!parsed.matches()) {
            throw new HmpException(
                    "%s: '/COUNT FORMAT SIZE ADDRESS' is missing, as in '%s /8gx 0x40000000'"
                            .formatted(command, command));
        }
        return parsed;
    }

    private Answer dump(Matcher parsed, Space space) {
        Optional<Format> format = format(parsed);
        if (format.isEmpty()) {
            return new Answer("at most %d units".formatted(MAX_COUNT), true);
        }
        OptionalLong first = address(parsed.group(5));
        return first.isEmpty()
                ? wrongAddress(parsed.group(5))
                : dump(format.get(), first.getAsLong(), space);
    }

    private static Optional<Format> format(Matcher parsed) {
        String count = parsed.group(1);
        int units = count == null || count.isEmpty() ? 1 : Integer.parseInt(count);
        String style = String.valueOf(parsed.group(2)) + parsed.group(4);
        String size = String.valueOf(parsed.group(3));
        char chosen = style.replace("null", "").isEmpty() ? 'x' : style.charAt(0);
        int bytes =
                switch (size) {
                    case "b" -> 1;
                    case "h" -> 2;
                    case "g" -> 8;
                    default -> chosen == 'c' ? 1 : 4;
                };
        return units > MAX_COUNT ? Optional.empty() : Optional.of(new Format(units, chosen, bytes));
    }

    private Answer dump(Format format, long first, Space space) {
        StringBuilder text = new StringBuilder();
        int perLine = LINE_BYTES / format.sizeBytes;
        for (int i = 0; i < format.count; i++) {
            long address = first + (long) i * format.sizeBytes;
            long value;
            try {
                value = read(space, address, format.sizeBytes);
            } catch (GuestAccessException e) {
                return new Answer("there is no RAM at 0x%x".formatted(address), true);
            }
            if (i % perLine == 0) {
                text.append("%s%016x:".formatted(i == 0 ? "" : "\n", address));
            }
            text.append(' ').append(format.of(value).formatted(value));
        }
        return new Answer(text.append('\n').toString(), false);
    }

    /** Byte by byte: a unit may lie across two pages. */
    private long read(Space space, long address, int sizeBytes) throws GuestAccessException {
        long value = 0;
        for (int i = sizeBytes - 1; i >= 0; i--) {
            OptionalLong gpa = space.gpa(address + i);
            if (gpa.isEmpty()) {
                throw new GuestAccessException(address + i);
            }
            value = value << 8 | control.memory().getByte(gpa.getAsLong()) & 0xff;
        }
        return value;
    }

    /** A number, or a register's name behind a dollar sign. */
    private OptionalLong address(String text) {
        if (text.startsWith("$")) {
            return register(text.substring(1).toLowerCase(Locale.ROOT));
        }
        boolean hex = text.startsWith("0x") || text.startsWith("0X");
        try {
            return OptionalLong.of(
                    hex
                            ? Long.parseUnsignedLong(text.substring(2), 16)
                            : Long.parseUnsignedLong(text));
        } catch (NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    private OptionalLong register(String name) {
        Optional<DebugPort> port = control.vcpus().stream().findFirst().flatMap(Vcpu::debugPort);
        if (port.isEmpty()) {
            return OptionalLong.empty();
        }
        for (int i = 0; i < port.get().registers().size(); i++) {
            if (port.get().registers().get(i).name().equals(name)) {
                return OptionalLong.of(value(port.get(), i));
            }
        }
        return name.equals("pc")
                ? OptionalLong.of(port.get().programCounter())
                : OptionalLong.empty();
    }

    private static Answer wrongAddress(String text) {
        return new Answer(
                "'%s' is no address: a number, or a register as $pc"
                        .formatted(text.replaceAll("[^ -~]", "?")),
                true);
    }

    private static Answer unmapped(long va) {
        return new Answer("0x%x is not mapped".formatted(va), true);
    }
}
