package nestor.debug.qtest;

import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import nestor.machine.TestDriver;
import nestor.vmm.interrupt.LineWatcher;

/** Answers one line with one line. */
final class QtestCommands {
    /** Bound on one transfer. */
    static final int MAX_BYTES = 1 << 20;

    private static final String OK = "OK";

    /** A line that asks for nothing that can be done. Has no stack trace. */
    private static final class Wrong extends RuntimeException {
        private static final long serialVersionUID = 1;

        Wrong(String message) {
            super(message, null, false, false);
        }
    }

    private final TestDriver driver;
    private final LineWatcher watcher;

    /**
     * @param watcher of an interrupt controller's wires, once the client has asked for them
     */
    QtestCommands(TestDriver driver, LineWatcher watcher) {
        this.driver = driver;
        this.watcher = watcher;
    }

    /** The reply, without the end of the line. */
    String answer(String line) {
        String[] words = line.strip().split(" +");
        try {
            return execute(words);
        } catch (Wrong e) {
            return "FAIL " + e.getMessage();
        }
    }

    private String execute(String[] words) {
        return switch (words[0]) {
            case "outb" -> out(words, 1);
            case "outw" -> out(words, 2);
            case "outl" -> out(words, 4);
            case "inb" -> in(words, 1);
            case "inw" -> in(words, 2);
            case "inl" -> in(words, 4);
            case "writeb" -> write(words, 1);
            case "writew" -> write(words, 2);
            case "writel" -> write(words, 4);
            case "writeq" -> write(words, 8);
            case "readb" -> read(words, 1);
            case "readw" -> read(words, 2);
            case "readl" -> read(words, 4);
            case "readq" -> read(words, 8);
            case "read" -> "OK 0x" + HexFormat.of().formatHex(bytes(words));
            case "b64read" -> "OK " + Base64.getEncoder().encodeToString(bytes(words));
            case "write" -> writeBytes(words, hex(words));
            case "b64write" -> writeBytes(words, base64(words));
            case "memset" -> memset(words);
            case "clock_step" -> step(words);
            case "clock_set" -> clockSet(words);
            case "irq_intercept_in" -> intercept(words);
            case "set_irq_in" -> drive(words);
            case "endianness" -> "OK little";
            case "module_load" -> OK;
            default -> throw new Wrong("Unknown command '%s'".formatted(words[0]));
        };
    }

    private String out(String[] words, int sizeBytes) {
        driver.writePort(port(words), sizeBytes, (int) number(words, 2));
        return OK;
    }

    private String in(String[] words, int sizeBytes) {
        int value = driver.readPort(port(words), sizeBytes);
        return "OK 0x%04x".formatted(value & (-1L >>> (64 - 8 * sizeBytes)));
    }

    private static int port(String[] words) {
        return (int) number(words, 1) & 0xffff;
    }

    private String write(String[] words, int sizeBytes) {
        driver.write(number(words, 1), sizeBytes, number(words, 2));
        return OK;
    }

    private String read(String[] words, int sizeBytes) {
        return "OK 0x%016x".formatted(driver.read(number(words, 1), sizeBytes));
    }

    private byte[] bytes(String[] words) {
        byte[] bytes = new byte[size(words)];
        driver.readBytes(number(words, 1), bytes);
        return bytes;
    }

    private String writeBytes(String[] words, byte[] data) {
        // As many as was said: a short text leaves zeros, a long one is cut.
        driver.writeBytes(number(words, 1), Arrays.copyOf(data, size(words)));
        return OK;
    }

    private static byte[] hex(String[] words) {
        String text = word(words, 3);
        try {
            return HexFormat.of().parseHex(text.startsWith("0x") ? text.substring(2) : text);
        } catch (IllegalArgumentException e) {
            throw new Wrong("'%s' is not hexadecimal".formatted(text));
        }
    }

    private static byte[] base64(String[] words) {
        try {
            return Base64.getDecoder().decode(word(words, 3));
        } catch (IllegalArgumentException e) {
            throw new Wrong("not base64");
        }
    }

    private String memset(String[] words) {
        byte[] bytes = new byte[size(words)];
        Arrays.fill(bytes, (byte) number(words, 3));
        driver.writeBytes(number(words, 1), bytes);
        return OK;
    }

    /** Without a number, to the next timer's deadline. */
    private String step(String[] words) {
        long nanos =
                words.length > 1
                        ? number(words, 1)
                        : driver.deadline().orElse(driver.nanos()) - driver.nanos();
        if (nanos < 0) {
            throw new Wrong("time does not run backwards");
        }
        driver.advance(nanos);
        return time();
    }

    private String clockSet(String[] words) {
        long nanos = number(words, 1) - driver.nanos();
        if (nanos < 0) {
            throw new Wrong("time does not run backwards");
        }
        driver.advance(nanos);
        return time();
    }

    private String time() {
        return "OK " + driver.nanos();
    }

    private String intercept(String[] words) {
        if (!driver.watch(controller(words), watcher)) {
            throw new Wrong("Unknown device");
        }
        return OK;
    }

    private String drive(String[] words) {
        int level = words.length > 4 ? 4 : 3;
        if (!driver.drive(
                controller(words), (int) number(words, level - 1), number(words, level) != 0)) {
            throw new Wrong("Unknown device or line");
        }
        return OK;
    }

    /** The last part of an object's path. */
    private static String controller(String[] words) {
        String path = word(words, 1);
        return path.substring(path.lastIndexOf('/') + 1);
    }

    private static int size(String[] words) {
        long size = number(words, 2);
        if (size <= 0 || size > MAX_BYTES) {
            throw new Wrong("a size of 1 to %d bytes is expected".formatted(MAX_BYTES));
        }
        return (int) size;
    }

    private static String word(String[] words, int index) {
        if (index >= words.length) {
            throw new Wrong("'%s' needs more arguments".formatted(words[0]));
        }
        return words[index];
    }

    /** Decimal, hexadecimal after 0x, or octal after 0, as strtoull has it. */
    private static long number(String[] words, int index) {
        String text = word(words, index);
        try {
            if (text.startsWith("0x") || text.startsWith("0X")) {
                return Long.parseUnsignedLong(text.substring(2), 16);
            }
            if (text.startsWith("-")) {
                return Long.parseLong(text);
            }
            boolean octal = text.length() > 1 && text.startsWith("0");
            return Long.parseUnsignedLong(text, octal ? 8 : 10);
        } catch (NumberFormatException e) {
            throw new Wrong("'%s' is not a number".formatted(text));
        }
    }
}
