package nestor.guest;

import java.nio.file.Path;

/**
 * One entry of the cache.
 *
 * @param kind {@code kernels}, {@code initramfs}, {@code programs}, {@code runtimes} or {@code
 *     builds}
 * @param name unique within its kind
 * @param path its folder
 * @param sizeBytes the sum of its files
 */
public record CachedImage(String kind, String name, Path path, long sizeBytes) {}
