package nestor.cli;

import java.util.Optional;
import java.util.Set;
import nestor.control.ListenAddress;

/** Where a socket listens, as QEMU's users write it. */
final class ListenAddresses {
    private static final String UNIX = "unix:";
    private static final String TCP = "tcp:";

    private ListenAddresses() {}

    /** Whether {@code text} is one. */
    static boolean isOne(String text) {
        return text.startsWith(UNIX) || text.startsWith(TCP);
    }

    /**
     * Decodes {@code unix:PATH,server=on,wait=off} and {@code tcp:[HOST]:PORT,server=on,wait=off}.
     */
    static ListenAddress decode(String option, String text) throws CommandException {
        OptionList list = OptionList.parse(option, text, "address");
        ListenAddress address =
                list.head().startsWith(UNIX)
                        ? unix(option, list.head().substring(UNIX.length()))
                        : tcp(option, list.head().substring(TCP.length()));
        expectServer(list);
        list.expectEmpty(Set.of("server", "wait"));
        return address;
    }

    /** Decodes {@code [HOST:]PORT}; nothing is any free port. */
    static ListenAddress.Loopback port(String option, String text) throws CommandException {
        if (text.isEmpty()) {
            return new ListenAddress.Loopback(0);
        }
        return tcp(option, text);
    }

    /** Takes {@code path=} or {@code host=,port=} and what goes with them out of a list. */
    static ListenAddress take(OptionList list) throws CommandException {
        Optional<String> path = list.take("path");
        Optional<String> port = list.take("port");
        String host = list.take("host").orElse("");
        if (path.isPresent() == port.isPresent()) {
            throw CommandException.usage(
                    list.option() + ": socket needs path=PATH, or host=127.0.0.1,port=PORT");
        }
        expectServer(list);
        return path.isPresent()
                ? unix(list.option(), path.get())
                : tcp(list.option(), host + ":" + port.orElse(""));
    }

    private static void expectServer(OptionList list) throws CommandException {
        if (!list.takeSwitch("server", false)) {
            throw CommandException.usage(
                    list.option() + ": only server=on is supported; clients connect to us");
        }
        // QEMU's older spelling, which scripts still use: server,nowait.
        boolean wait = !list.takeSwitch("nowait", false);
        if (list.takeSwitch("wait", wait)) {
            throw CommandException.usage(
                    list.option() + ": only wait=off is supported; the machine does not wait");
        }
    }

    private static ListenAddress unix(String option, String path) throws CommandException {
        if (path.isEmpty()) {
            throw CommandException.usage(option + ": the socket's path is missing");
        }
        return new ListenAddress.Unix(MachineOptions.path(option, path).toAbsolutePath());
    }

    private static ListenAddress.Loopback tcp(String option, String text) throws CommandException {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? "" : text.substring(0, colon);
        String port = text.substring(colon + 1);
        if (!Set.of("", "127.0.0.1", "localhost").contains(host)) {
            throw CommandException.usage(
                    "%s: host '%s': only this host's 127.0.0.1 is listened at"
                            .formatted(option, host));
        }
        if (!port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 0xffff) {
            throw CommandException.usage("%s: '%s' is not a TCP port".formatted(option, port));
        }
        return new ListenAddress.Loopback(Integer.parseInt(port));
    }
}
