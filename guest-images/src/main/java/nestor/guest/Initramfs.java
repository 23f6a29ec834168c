package nestor.guest;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/**
 * What is in the guest's first file system: busybox, our scripts, and modules in the order in which
 * to load them.
 */
final class Initramfs {
    // Documentation/admin-guide/devices.txt: 5 char, 1 = /dev/console. The kernel opens it before
    // it starts init.
    private static final int CONSOLE_MAJOR = 5;
    private static final int CONSOLE_MINOR = 1;

    private Initramfs() {}

    /**
     * @param files our own, by path
     * @param modules by name, in load order
     */
    static CpioArchive of(
            byte[] busybox, Map<String, byte[]> files, SequencedMap<String, byte[]> modules) {
        CpioArchive archive = new CpioArchive();
        archive.characterDevice("dev/console", CONSOLE_MAJOR, CONSOLE_MINOR);
        archive.program("bin/busybox", busybox);
        archive.symbolicLink("bin/sh", "busybox");
        files.forEach(archive::program);
        modules.forEach((name, content) -> archive.file("nestor/modules/" + name + ".ko", content));
        archive.file(
                "nestor/modules/load-order",
                modules.sequencedKeySet().stream()
                        .map(name -> name + ".ko\n")
                        .collect(Collectors.joining())
                        .getBytes(StandardCharsets.UTF_8));
        return archive;
    }
}
