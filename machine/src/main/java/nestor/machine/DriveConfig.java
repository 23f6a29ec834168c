package nestor.machine;

import java.nio.file.Path;

/**
 * A raw disk image on the host ({@code -drive}).
 *
 * @param id what a device's {@code drive=} property names
 * @param file the raw image
 * @param interfaceType {@code none}: some device takes it by id; {@code virtio}: the machine adds a
 *     {@code virtio-blk-pci} for it
 * @param readOnly the guest may not write
 */
public record DriveConfig(String id, Path file, String interfaceType, boolean readOnly) {}
