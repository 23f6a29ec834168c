package nestor.iommu.oracle;

import java.util.regex.Pattern;

/** Decoded commands as text, with the names of their specification and addresses in hexadecimal. */
public final class CommandText {
    private static final Pattern ADDRESS =
            Pattern.compile(
                    "(iova|first|last|[a-zA-Z]*[aA]ddress|virt[A-Z][a-z]*|phys)=(-?[0-9]+)");

    private CommandText() {}

    /**
     * A command and its operands.
     *
     * @param name in the specification's words
     */
    public static String of(String name, Record command) {
        String text = command.toString();
        return name
                + ADDRESS.matcher(text.substring(text.indexOf('[')))
                        .replaceAll(found ->
                                "%s=0x%x"
                                        .formatted(found.group(1), Long.parseLong(found.group(2))));
    }
}
