package nestor.cli;

import java.nio.file.Path;
import java.util.Set;
import nestor.control.ListenAddress;

/** The host's side of a console, as {@code -chardev} and {@code -serial} name it. */
sealed interface Chardev {
    /**
     * The terminal or whatever standard input and output are.
     *
     * @param escape Ctrl-A is the escape key and Ctrl-C goes to the guest ({@code mon:stdio},
     *     {@code mux=on})
     */
    record Stdio(boolean escape) implements Chardev {}

    /** Output to a file, which is emptied first; no input. */
    record ToFile(Path path) implements Chardev {}

    /** Nothing. */
    record Null() implements Chardev {}

    /** Whoever connects to a socket. */
    record Socket(ListenAddress address) implements Chardev {}

    /** One that {@code -chardev} made. */
    record Named(String id) implements Chardev {}

    /** Decodes {@code -chardev}; the id has been taken out. */
    static Chardev decode(OptionList list) throws CommandException {
        Chardev chardev =
                switch (list.head()) {
                    case "stdio" -> new Stdio(list.takeSwitch("mux", false));
                    case "null" -> new Null();
                    case "socket" -> new Socket(ListenAddresses.take(list));
                    case "file" ->
                            new ToFile(
                                    MachineOptions.path(
                                            list.option(),
                                            list.take("path")
                                                    .orElseThrow(() ->
                                                            CommandException.usage(
                                                                    list.option()
                                                                            + ": file needs path=FILE"))));
                    default ->
                            throw CommandException.usage(
                                    "%s: unknown backend '%s'; known: stdio, file, socket, null"
                                            .formatted(list.option(), list.head()));
                };
        list.expectEmpty(
                switch (chardev) {
                    case Stdio _ -> Set.of("id", "mux");
                    case ToFile _ -> Set.of("id", "path");
                    case Socket _ -> Set.of("id", "path", "host", "port", "server", "wait");
                    case Null _, Named _ -> Set.of("id");
                });
        return chardev;
    }

    /** Decodes {@code -serial}. */
    static Chardev decodeSerial(String origin, String text) throws CommandException {
        return switch (text) {
            case "mon:stdio" -> new Stdio(true);
            case "stdio" -> new Stdio(false);
            case "null", "none" -> new Null();
            default -> {
                if (text.startsWith("file:") && text.length() > "file:".length()) {
                    yield new ToFile(MachineOptions.path(origin, text.substring("file:".length())));
                }
                if (ListenAddresses.isOne(text)) {
                    yield new Socket(ListenAddresses.decode(origin, text));
                }
                if (text.startsWith("chardev:") && text.length() > "chardev:".length()) {
                    yield new Named(text.substring("chardev:".length()));
                }
                throw CommandException.usage(
                        "%s: unknown destination '%s'; known: mon:stdio, stdio, file:FILE, unix:PATH,server=on,wait=off, tcp:127.0.0.1:PORT,server=on,wait=off, null, chardev:ID"
                                .formatted(origin, text));
            }
        };
    }

    /** As {@code query-chardev} names it. */
    default String filename() {
        return switch (this) {
            case Stdio _ -> "stdio";
            case ToFile(Path path) -> "file:" + path;
            case Null _ -> "null";
            case Socket(ListenAddress address) -> address + ",server=on";
            case Named(String id) -> "chardev:" + id;
        };
    }
}
