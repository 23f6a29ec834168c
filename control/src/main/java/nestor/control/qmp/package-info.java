/**
 * The QEMU Machine Protocol: sessions and commands, without sockets. On the control thread, but for
 * events.
 */
package nestor.control.qmp;
