/** The monitor for people, in QEMU's spelling where QEMU has the command. Any one thread. */
package nestor.control.hmp;
