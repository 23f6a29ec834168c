/**
 * System calls of Linux, and the files they are made on. Calls go through jnr-ffi, which is loaded
 * when {@link nestor.host.LinuxHost#load} is first called and not before; memory is {@code
 * java.lang.foreign} throughout. Any thread.
 */
package nestor.host;
