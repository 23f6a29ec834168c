/**
 * GDB's remote serial protocol ("Debugging with GDB", appendix E) and target descriptions (appendix
 * G), for whole machines: a thread is a vCPU. One debugger at a time. Commands run on the thread
 * that reads its socket, while the machine is stopped; what the machine does is told on another.
 */
package nestor.debug.gdb;
