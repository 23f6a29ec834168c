/** Character devices: the port between a guest's console and whatever the host wires it to. */
package nestor.vmm.chardev;
