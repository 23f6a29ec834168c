package nestor.guest;

import java.nio.file.Path;

/**
 * An unpacked kernel in the cache.
 *
 * @param architecture Debian's name, such as {@code arm64}
 * @param release what {@code uname -r} says in the guest, such as {@code 6.12.107+deb13-arm64}
 * @param key names the packages it came from, by content
 * @param image the bootable file, {@code vmlinuz}
 * @param modules a zip archive of everything under {@code lib/modules/RELEASE}
 */
public record Kernel(String architecture, String release, String key, Path image, Path modules) {}
