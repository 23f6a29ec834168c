/**
 * Guest kernels and initramfs images, fetched from Debian and built here, cached by content.
 *
 * <p>Documents: deb(5), deb822(5), sources.list(5), apt.conf(5); the kernel's {@code
 * Documentation/driver-api/early-userspace/buffer-format.rst} (cpio "newc") and {@code
 * Documentation/dev-tools/ktap.rst} (what the guest prints). The guest's side is in the resources
 * under {@code initramfs/}: {@code init}, and one file per check.
 *
 * <p>Called by the command line before a machine starts, on its main thread; nothing here runs
 * while a guest runs.
 */
package nestor.guest;
