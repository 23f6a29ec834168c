/** Guest kernels and initramfs images, fetched from Debian and built here, cached by content. */
package nestor.guest;
