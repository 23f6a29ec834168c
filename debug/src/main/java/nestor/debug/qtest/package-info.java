/**
 * The qtest text protocol, as QEMU's device tests speak it: a board is driven by register accesses
 * from a socket, no vCPU runs, and time moves when the client says so. All on the thread that reads
 * the socket; interrupts are told on whatever thread raises them.
 */
package nestor.debug.qtest;
