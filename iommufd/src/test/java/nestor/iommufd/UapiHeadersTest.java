package nestor.iommufd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@link Ioctl} and {@link Uapi} are what a C compiler makes of linux/iommufd.h and linux/vfio.h:
 * those of the host, or of {@code -Dnestor.uapi=DIR} (the folder that has linux/ in it: of
 * linux-libc-dev, or of a kernel tree's headers_install).
 */
class UapiHeadersTest {
    private static final String HEADERS = System.getProperty("nestor.uapi", "");

    /** What no uapi header says: limits inside the kernel, and what is of its test module. */
    private static final String[] NOT_IN_HEADERS = {
        "Ioctl.TEST",
        "HwptAlloc.DATA_SELFTEST",
        "HwInfo.TYPE_SELFTEST",
        "HwptInvalidate.DATA_SELFTEST",
        "HwptInvalidate.MAX_ENTRIES",
        "ViommuAlloc.TYPE_SELFTEST",
        "VeventqAlloc.TYPE_SELFTEST",
        "VeventqAlloc.MAX_DEPTH",
        "Vevent.SELFTEST_BYTES",
        "TestCommand.OP",
        "TestCommand.OUT_ACCESS_FD",
        "TestCommand.CREATE_ACCESS"
    };

    @Test
    void everyConstantHasItsNameInC() {
        Map<String, Long> ours = ours();

        assertThat(ours).containsKeys(NOT_IN_HEADERS);
        ours.keySet().removeAll(java.util.Set.of(NOT_IN_HEADERS));
        assertThat(UapiNames.expressions().keySet())
                .containsExactlyInAnyOrderElementsOf(ours.keySet());
    }

    @Test
    void numbersAndLayoutsAreThoseOfTheHeaders(@TempDir Path folder) throws Exception {
        Path headers = Path.of(HEADERS.isEmpty() ? "/usr/include" : HEADERS);
        Path iommufd = headers.resolve("linux/iommufd.h");
        assumeTrue(Files.exists(iommufd), "no " + iommufd + " (Linux 6.2 and later have it)");
        assumeTrue(
                Files.readString(iommufd).contains("IOMMUFD_CMD_HW_QUEUE_ALLOC"),
                iommufd + " is older than Linux 6.17");

        Map<String, Long> theirs = compiled(folder, UapiNames.expressions());

        Map<String, Long> ours = ours();
        ours.keySet().retainAll(theirs.keySet());
        assertThat(ours).hasSizeGreaterThan(200).isEqualTo(theirs);
    }

    /** Every constant there is, by class and name. */
    private static Map<String, Long> ours() {
        Map<String, Long> constants = new TreeMap<>();
        for (Ioctl ioctl : Ioctl.values()) {
            constants.put("Ioctl." + ioctl, (long) ioctl.number());
            if (ioctl != Ioctl.TEST) {
                constants.put("Ioctl." + ioctl + ".sizeBytes", (long) ioctl.sizeBytes());
            }
        }
        for (Class<?> struct : Uapi.class.getDeclaredClasses()) {
            for (Field field : struct.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers()) && field.getType() == int.class) {
                    String name = struct.getSimpleName() + "." + field.getName();
                    constants.put(name, Integer.toUnsignedLong(valueOf(field)));
                }
            }
        }
        return constants;
    }

    private static int valueOf(Field field) {
        try {
            return field.getInt(null);
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    /** What the expressions come to, by a program that prints them. */
    private static Map<String, Long> compiled(Path folder, Map<String, String> expressions)
            throws Exception {
        String lines =
                expressions.entrySet().stream()
                        .map(e -> "    say(\"%s\", %s);\n".formatted(e.getKey(), e.getValue()))
                        .collect(Collectors.joining());
        Path source =
                Files.writeString(
                        folder.resolve("uapi.c"),
                        """
                        #include <stddef.h>
                        #include <stdio.h>
                        #include <linux/iommufd.h>
                        #include <linux/vfio.h>
                        static void say(const char *name, unsigned long value)
                        {
                            printf("%%s %%lu\\n", name, value);
                        }
                        int main(void)
                        {
                        %s    return 0;
                        }
                        """
                                .formatted(lines));
        Path program = folder.resolve("uapi");
        String[] compiler =
                HEADERS.isEmpty()
                        ? new String[] {"cc", "-o", program.toString(), source.toString()}
                        : new String[] {
                            "cc", "-isystem", HEADERS, "-o", program.toString(), source.toString()
                        };
        run(compiler);
        Map<String, Long> values = new LinkedHashMap<>();
        run(program.toString())
                .lines()
                .map(line -> line.split(" ", -1))
                .forEach(words -> values.put(words[0], Long.parseUnsignedLong(words[1])));
        return values;
    }

    private static String run(String... command) throws Exception {
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            return abort("no C compiler: " + e.getMessage());
        }
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).describedAs(out).isZero();
        return out;
    }
}
