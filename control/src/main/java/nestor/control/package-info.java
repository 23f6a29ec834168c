/**
 * How a running machine is controlled from outside: QMP (the QEMU Machine Protocol, as its public
 * specification describes it), HMP (the same commands for people), and what both look at. Commands
 * run on one control thread for each machine; Netty's loops handle bytes only.
 */
package nestor.control;
