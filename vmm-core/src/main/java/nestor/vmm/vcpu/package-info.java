/** The virtual CPU as the machine sees it. Each runs on its own platform thread. */
package nestor.vmm.vcpu;
