/**
 * Virtual machines of the x86 kind on {@code /dev/kvm} (Linux, Documentation/virt/kvm/api.rst):
 * local APICs in the kernel, everything else of the machine outside. Each vCPU runs on a thread of
 * its own; all else may be called by any thread.
 */
package nestor.host.kvm;
