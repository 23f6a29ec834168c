/** Interrupt wires and messages, as devices see them. */
package nestor.vmm.interrupt;
