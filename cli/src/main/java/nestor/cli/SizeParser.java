package nestor.cli;

import java.math.BigDecimal;
import java.util.Locale;

/** Sizes as QEMU writes them: {@code 512}, {@code 512M}, {@code 1.5G}. */
final class SizeParser {
    private static final String SUFFIXES = "BKMGTPE";

    private SizeParser() {}

    /**
     * Reads a size.
     *
     * @param option names the option in the message
     * @param bareUnit the suffix meant when there is none: {@code M} for memory, {@code B} for
     *     disks
     * @return bytes, 0..2^63-1
     */
    static long parse(String option, String text, char bareUnit) throws CommandException {
        String number = text.strip().toUpperCase(Locale.ROOT);
        char unit = bareUnit;
        if (!number.isEmpty() && SUFFIXES.indexOf(number.charAt(number.length() - 1)) >= 0) {
            unit = number.charAt(number.length() - 1);
            number = number.substring(0, number.length() - 1);
        }
        if (!number.matches("[0-9]{1,19}([.][0-9]{1,19})?")) {
            throw CommandException.usage(
                    "%s: '%s' is not a size; write for example 512M or 1G".formatted(option, text));
        }
        BigDecimal bytes =
                new BigDecimal(number).multiply(new BigDecimal(1L << 10 * SUFFIXES.indexOf(unit)));
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw CommandException.usage("%s: '%s' is too large".formatted(option, text));
        }
        return bytes.longValue();
    }

    /** The shortest exact spelling: {@code 512M}, {@code 1G}, {@code 1000B}. */
    static String format(long bytes) {
        int unit = 0;
        long value = bytes;
        while (value != 0 && value % 1024 == 0 && unit < SUFFIXES.length() - 1) {
            value /= 1024;
            unit++;
        }
        return value + SUFFIXES.substring(unit, unit + 1);
    }
}
